import type { RestorePlan } from "../archive/restorePlan.ts";
import type { RestoreConfig } from "../config/clusterConfig.ts";
import { hostFiles, restoreCommand, restoreDirectory, unfinishedRestore } from "../paths.ts";
import { header, quoteValue, renderSettings } from "./conf.ts";

export interface RecoveryConfInput {
  readonly restore: Pick<RestoreConfig, "target" | "inclusive">;
  readonly plan: Pick<RestorePlan, "timeline">;
  readonly dataDirectory: string;
  readonly major: number;
}

/**
 * What the server runs with that recovers a restored backup. Nobody reaches it but `postgres` on its host: it archives nothing, follows nobody, and
 * serves no TCP. The same for all majors from 13 on.
 */
export function renderRecoveryConf(input: RecoveryConfInput): string {
  const settings = {
    ...targetOf(input.restore),
    archive_mode: "off",
    autovacuum: "off",
    data_directory: unfinishedRestore(input.dataDirectory, input.major),
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
    // The one that the plan was made for: another one may come meanwhile.
    recovery_target_timeline: String(input.plan.timeline),
    restore_command: `${restoreCommand} ${restoreDirectory} %f "%p"`,
    synchronous_standby_names: "",
    unix_socket_directories: restoreDirectory,
  };
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
