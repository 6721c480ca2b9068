import type { RestorePlan } from "../archive/restorePlan.ts";
import type { RestoreConfig } from "../config/clusterConfig.ts";
import {
  drillDirectory,
  drilledData,
  hostFiles,
  restoreCommand,
  restoreDirectory,
  unfinishedRestore,
} from "../paths.ts";
import { header, quoteValue, renderSettings } from "./conf.ts";

export interface RecoveryConfInput {
  readonly restore: Pick<RestoreConfig, "target" | "inclusive">;
  readonly plan: Pick<RestorePlan, "timeline">;
  readonly dataDirectory: string;
  readonly major: number;
}

/** What the server runs with that recovers a restored backup for a new cluster. */
export function renderRecoveryConf(input: RecoveryConfInput): string {
  return render({
    ...targetOf(input.restore),
    ...alone(unfinishedRestore(input.dataDirectory, input.major), restoreDirectory),
    // The one that the plan was made for: another one may come meanwhile.
    recovery_target_timeline: String(input.plan.timeline),
  });
}

/**
 * What the server runs with that recovers the last backup in a restore drill, but for the timeline, which the host knows at that time. It takes little of what the node's own
 * server has: memory, writes that wait for the disk, and nothing that extensions do by themselves.
 */
export function renderDrillConf(dataDirectory: string): string {
  return render({
    ...alone(drilledData(dataDirectory), drillDirectory),
    // Its data are thrown away.
    fsync: "off",
    full_page_writes: "off",
    // Queries run as the owner of their database: who gets to the socket is postgres.
    hba_file: `${drillDirectory}/hba.conf`,
    huge_pages: "off",
    max_wal_size: "512MB",
    max_worker_processes: "0",
    shared_buffers: "128MB",
    // Steps look for processes of the node's own server by what their titles say that they do.
    update_process_title: "off",
    wal_keep_size: "0",
  });
}

/** Nobody reaches it but `postgres` on its host: it archives nothing, follows nobody, and serves no TCP. The same for all majors from 13 on. */
function alone(data: string, directory: string): Readonly<Record<string, string>> {
  return {
    archive_mode: "off",
    autovacuum: "off",
    data_directory: data,
    // So it starts whatever the source had of connections and the like.
    hot_standby: "off",
    listen_addresses: "",
    // Transactions that the source had prepared need room, whatever this cluster has for them.
    max_prepared_transactions: "1000",
    // Subscriptions would go on where the source's do.
    max_logical_replication_workers: "0",
    primary_conninfo: "",
    primary_slot_name: "",
    recovery_min_apply_delay: "0",
    recovery_target_action: "promote",
    restore_command: `${restoreCommand} ${directory} %f "%p"`,
    synchronous_standby_names: "",
    unix_socket_directories: directory,
  };
}

function render(settings: Readonly<Record<string, string>>): string {
  return `${header}include ${quoteValue(hostFiles.postgresqlConf)}\n${renderSettings(settings)}`;
}

function targetOf({ target, inclusive }: RecoveryConfInput["restore"]): Readonly<Record<string, string>> {
  switch (target.kind) {
    case "latest":
      return {};
    case "backup":
      return { recovery_target: "immediate" };
    case "time":
    case "lsn":
    case "xid":
      return {
        [`recovery_target_${target.kind}`]: target.kind === "time" ? postgresTime(target.value) : target.value,
        recovery_target_inclusive: inclusive ? "on" : "off",
      };
    case "name":
      return { recovery_target_name: target.value };
    default:
      return target satisfies never;
  }
}

/** As PostgreSQL reads it whatever its `timezone` and `DateStyle` are. */
function postgresTime(moment: string): string {
  return moment.replace(/(\d)T/, "$1 ").replace(/ ?(?:Z|UTC)$/, "+00");
}
