/** How bad it is. Exit codes of `npm run status` follow from it: see {@link exitCodeOf}. */
export type Level = "ok" | "warning" | "critical";

/** How much a finding weighs. A notice is nothing that is wrong: it changes neither the level nor the exit code. */
export type FindingLevel = "notice" | Exclude<Level, "ok">;

/** Where a figure turns into a warning, and where into an alarm. */
export interface Threshold {
  readonly unit: "bytes" | "seconds" | "segments" | "percent" | "hours";
  /** Whether large or small figures are bad. The bound itself is already bad. */
  readonly badWhen: "above" | "below";
  readonly warning: number;
  /** Undefined: it is never more than a warning. */
  readonly critical?: number;
  readonly reason: string;
}

const MiB = 1024 ** 2;
const GiB = 1024 ** 3;

/** All the figures that `assess` goes by. */
export const thresholds = {
  lagBytes: {
    unit: "bytes",
    badWhen: "above",
    warning: 64 * MiB,
    critical: GiB,
    reason: "four segments take a second or so to replay; 1 GiB makes a promotion wait, and is lost in a forced one",
  },
  lagSeconds: {
    unit: "seconds",
    badWhen: "above",
    warning: 30,
    critical: 300,
    reason: "readers of a hot standby see data this old; five minutes is no hiccup any more",
  },
  archiveLagSeconds: {
    unit: "seconds",
    badWhen: "above",
    warning: 900,
    critical: 3600,
    reason: "log shipping runs a segment or an archive_timeout behind by design",
  },
  slotFill: {
    unit: "percent",
    badWhen: "above",
    warning: 50,
    critical: 80,
    reason:
      "retained WAL as a share of max_slot_wal_keep_size (of the free disk, where that is unlimited): at 100 % the standby is cut off",
  },
  archiveBacklog: {
    unit: "segments",
    badWhen: "above",
    warning: 10,
    critical: 100,
    reason:
      "160 MiB is more than a short outage of the bucket; 1.6 GiB delays every stop, and so every change of primary",
  },
  backupAge: {
    unit: "hours",
    badWhen: "above",
    warning: 26,
    reason: "a daily backup, and two hours for it to run late; where a schedule is known, that decides",
  },
  backupLate: {
    unit: "hours",
    badWhen: "above",
    warning: 2,
    reason: "a scheduled backup starts within a minute; a large one takes its hours, and the first of them are no miss",
  },
  hoursLeft: {
    unit: "hours",
    badWhen: "below",
    warning: 24,
    critical: 4,
    reason:
      "what somebody keeps of WAL fills the disk, or cuts a standby off: a day is time to act by day, four hours are not",
  },
  diskFree: {
    unit: "percent",
    badWhen: "below",
    warning: 20,
    critical: 10,
    reason: "PostgreSQL stops when it can't write WAL, and a copy of pg_rewind or a catch-up needs room",
  },
} as const satisfies Record<string, Threshold>;

/** What `value` amounts to. */
export function levelOf(threshold: Threshold, value: number): Level {
  const reaches = (bound: number | undefined) =>
    bound !== undefined && (threshold.badWhen === "above" ? value >= bound : value < bound);
  if (reaches(threshold.critical)) return "critical";
  return reaches(threshold.warning) ? "warning" : "ok";
}

const severity = { ok: 0, notice: 0, warning: 1, critical: 2 } as const satisfies Record<Level | FindingLevel, number>;

/** The exit code that goes with a level: 0, 1 or 2. */
export function exitCodeOf(level: Level | FindingLevel): 0 | 1 | 2 {
  return severity[level];
}

/** The worst of them; `ok` where there are none, or notices only. */
export function worstOf(levels: readonly (Level | FindingLevel)[]): Level {
  if (levels.includes("critical")) return "critical";
  return levels.includes("warning") ? "warning" : "ok";
}
