import type { NodeConfig } from "../config/clusterConfig.ts";
import { majors, type PostgresMajor } from "../majors.ts";
import { replicationRole, slotName } from "../names.ts";
import { hostFiles } from "../paths.ts";
import { header, renderSettings } from "./conf.ts";
import { restoreCommand } from "./pgbackrest.ts";

export interface StandbyConfInput {
  readonly major: PostgresMajor;
  /** The standby itself: name, source, delay. */
  readonly node: NodeConfig;
  /** Cluster name: the pgBackRest stanza. */
  readonly stanza: string;
  /** Where the primary is, for the other nodes. */
  readonly primary: { readonly address: string; readonly port: number };
}

/**
 * `/etc/understudy/standby.conf` of a node that follows `primary`. A primary has an empty one.
 *
 * From 13 on everything in it but `hot_standby` takes effect by a reload, `primary_conninfo` and the slot's name included.
 */
export function renderStandbyConf(input: StandbyConfInput): string {
  const { node, stanza, primary } = input;
  const settings: Record<string, string> = {
    hot_standby: node.standby === "hot" ? "on" : "off",
    recovery_min_apply_delay: node.delay ?? "0",
    recovery_target_timeline: "latest",
    restore_command: restoreCommand(stanza),
  };
  switch (node.source) {
    case "streaming":
      settings.primary_conninfo = primaryConninfo(input.major, node.name, primary);
      settings.primary_slot_name = slotName(node.name);
      break;
    case "archive":
      // Set, not left out: postgresql.auto.conf of a copy may not know of it.
      settings.primary_conninfo = "";
      settings.primary_slot_name = "";
      break;
    default:
      node.source satisfies never;
  }
  return header + renderSettings(settings);
}

/** The connection string of the WAL receiver. `application_name` is what `synchronous_standby_names` knows it by. */
export function primaryConninfo(
  major: PostgresMajor,
  node: string,
  primary: { readonly address: string; readonly port: number },
): string {
  const words: Record<string, string> = {
    application_name: node,
    channel_binding: "require",
    connect_timeout: "5",
    host: primary.address,
    keepalives_count: "3",
    keepalives_idle: "10",
    keepalives_interval: "5",
    passfile: hostFiles.pgpass,
    port: String(primary.port),
    sslmode: "verify-full",
    sslrootcert: hostFiles.caCertificate,
    // A peer that is gone without a word: seen after this long, in milliseconds.
    tcp_user_timeout: "25000",
    user: replicationRole,
  };
  // From 17 on, a name here lets slots of logical decoding follow as well.
  if (majors[major].conninfoNamesDatabase) words.dbname = "postgres";
  return Object.keys(words)
    .sort()
    .map((word) => `${word}=${quoteWord(words[word] as string)}`)
    .join(" ");
}

function quoteWord(value: string): string {
  return /^[A-Za-z0-9_./:-]+$/.test(value) ? value : `'${value.replace(/[\\']/g, "\\$&")}'`;
}
