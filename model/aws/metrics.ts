import { type Threshold, thresholds } from "../status/thresholds.ts";

/** What nodes send to CloudWatch once a minute, and what of it is an alarm. Figures are those that status warns at. */

/** What CloudWatch takes as a unit, as far as there is use for it. */
export type MetricUnit = "Percent" | "Bytes" | "Count" | "Seconds";

export interface Metric {
  readonly unit: MetricUnit;
  /**
   * Whom it is about. `node`: with the dimension `Node`, sent by the node itself. `follower`: with that dimension, sent by whoever leads on behalf
   * of everybody who streams from it, and of itself. `cluster`: without a dimension, sent by whoever leads.
   */
  readonly about: "node" | "follower" | "cluster";
  readonly badWhen: Threshold["badWhen"];
  /** In `unit`; where it is reached for {@link heldMinutes}, there is an alarm. */
  readonly threshold: number;
  /** Name of the alarm, without the node's. */
  readonly alarm: string;
  /** What an alarm means, in words. That nothing came is one, too. */
  readonly means: string;
}

/** How long something has to last before it is an alarm: a change of primary, or one lost datum, is none. */
export const heldMinutes = 5;
/** How often nodes send. CloudWatch's periods are whole minutes. */
export const everySeconds = 60;

const hour = 3600;

/** By CloudWatch's name of the metric. `scripts/host/metrics` measures them. */
export const metrics = {
  DiskFree: {
    unit: "Percent",
    about: "node",
    badWhen: "below",
    threshold: thresholds.diskFree.warning,
    alarm: "disk",
    means: "its data volume is filling up, or is not mounted",
  },
  ReplicationLag: {
    unit: "Bytes",
    about: "follower",
    badWhen: "above",
    threshold: thresholds.lagBytes.warning,
    alarm: "lag",
    means: "it is far behind the primary, or does not stream from it",
  },
  WalRetained: {
    unit: "Percent",
    about: "cluster",
    badWhen: "above",
    threshold: thresholds.slotFill.warning,
    alarm: "wal-retained",
    means: "a slot retains much of the WAL that it may: whoever reads from it is gone or slow",
  },
  ArchiveFailing: {
    unit: "Count",
    about: "cluster",
    badWhen: "above",
    threshold: 1,
    alarm: "archive-failing",
    means: "WAL does not reach the archive",
  },
  ArchiveBacklog: {
    unit: "Count",
    about: "cluster",
    badWhen: "above",
    threshold: thresholds.archiveBacklog.warning,
    alarm: "archive-backlog",
    means: "WAL waits to be archived",
  },
  BackupAge: {
    unit: "Seconds",
    about: "cluster",
    badWhen: "above",
    threshold: thresholds.backupAge.warning * hour,
    alarm: "backup-age",
    means: "the last backup is too old, or there is none",
  },
} as const satisfies Record<string, Metric>;

export type MetricName = keyof typeof metrics;

/** One for each cluster: a node's role lets it write into no other. */
export function metricsNamespace(clusterName: string): string {
  return `Understudy/${clusterName}`;
}
