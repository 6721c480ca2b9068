import type { NodeState } from "../config/clusterConfig.ts";
import type { HostFacts } from "../hostFacts.ts";
import type { Lsn } from "../lsn.ts";

/**
 * Everything that was read in one look at the cluster, and what is declared about it. The judgement (`assess`) and all
 * output are functions of this value.
 */
export interface Observation {
  readonly clusterName: string;
  readonly postgresVersion: number;
  /** The node that is declared to be the primary. */
  readonly primary: string;
  /** What the bastion still lacks of what was declared in the last update; empty: nothing, or there is none. */
  readonly bastionPending: readonly string[];
  /** The change of primary that a consent in the config is for; null: there is none. */
  readonly accept: number | null;
  /** How old the last proven restore may be; null: as old as it is. */
  readonly drillMaxAgeSeconds: number | null;
  /** When it was read. */
  readonly at: Date;
  readonly nodes: readonly NodeObservation[];
  /** The archive's own account of its backups, oldest first. */
  readonly backups: Reading<readonly Backup[]>;
  /** The kinds of backup that are scheduled; empty: none, or not known. */
  readonly schedules: readonly Schedule[];
}

/** What one look gave: a value, or why there is none. */
export type Reading<T> =
  | { readonly kind: "read"; readonly value: T }
  | { readonly kind: "failed"; readonly what: string; readonly hint: string }
  /** Nobody could ask: there is no host, or it is not known. */
  | { readonly kind: "skipped" };

export interface DeclaredNode {
  readonly name: string;
  readonly state: NodeState;
  readonly role: "primary" | "standby";
  readonly source: "streaming" | "archive";
  readonly standby: "hot" | "warm";
  readonly synchronous: boolean;
  /** The physical slot that this node streams over while it is a standby. */
  readonly slot: string;
  /** What its host still lacks of what was declared in the last update; empty: nothing, or the target changes hosts at once. */
  readonly pending: readonly string[];
}

export interface NodeObservation {
  readonly declared: DeclaredNode;
  /** What PostgreSQL says, through SQL. */
  readonly sql: Reading<SqlFacts>;
  /** What the host says, through SSH. */
  readonly host: Reading<HostFacts>;
}

export interface SqlFacts {
  readonly inRecovery: boolean;
  readonly serverVersion: string;
  readonly major: number;
  readonly systemIdentifier: string;
  readonly timeline: number;
  readonly walSegmentBytes: number;
  /** Where a primary writes; null on a standby. */
  readonly currentLsn: Lsn | null;
  /** Up to where a standby has received; null on a primary, and where nothing was ever streamed. */
  readonly receiveLsn: Lsn | null;
  /** Up to where a standby has replayed; null on a primary. */
  readonly replayLsn: Lsn | null;
  /** Age of the last transaction that a standby replayed. */
  readonly replayAgeSeconds: number | null;
  readonly replayPaused: boolean;
  /** `recovery_min_apply_delay`: how far it stays behind on purpose. */
  readonly applyDelaySeconds: number;
  /** The WAL receiver, if one runs. */
  readonly receiver: { readonly status: string } | null;
  readonly senders: readonly Sender[];
  readonly slots: readonly Slot[];
  readonly archiver: Archiver;
  /** `max_slot_wal_keep_size`; null: no limit. */
  readonly maxSlotWalKeepBytes: number | null;
  readonly synchronousStandbyNames: string;
}

/** One row of `pg_stat_replication`. */
export interface Sender {
  readonly slot: string | null;
  readonly applicationName: string;
  readonly state: string;
  readonly syncState: string;
  readonly replayLsn: Lsn | null;
  readonly replayLagSeconds: number | null;
}

/** One row of `pg_replication_slots`. */
export interface Slot {
  readonly name: string;
  readonly type: "physical" | "logical";
  readonly active: boolean;
  /** `reserved`, `extended`, `unreserved` or `lost`; null: the slot never held any WAL. */
  readonly walStatus: string | null;
  readonly retainedBytes: number | null;
  /** How much may still be written before the slot is in danger; null: no limit, or lost. */
  readonly safeBytes: number | null;
}

export interface Archiver {
  /** `archive_mode`. */
  readonly mode: string;
  readonly lastArchivedWal: string | null;
  readonly lastArchivedAt: Date | null;
  readonly lastFailedWal: string | null;
  readonly lastFailedAt: Date | null;
  readonly archivedCount: number;
  readonly failedCount: number;
  /** Segments that wait to be archived; null: may not be read. */
  readonly backlog: number | null;
}

/** One backup in the archive. */
export interface Backup {
  readonly label: string;
  /** `full`, `diff` or `incr`. */
  readonly type: string;
  readonly finishedAt: Date;
  readonly error: boolean;
}

/** A kind of backup that is scheduled. */
export interface Schedule {
  /** `full`, `diff` or `incr`. */
  readonly type: string;
  /** systemd's calendar expression. */
  readonly calendar: string;
  /** When the first one after the last backup of this kind, or of a higher one, was or is due; null: not known, or never. */
  readonly due: Date | null;
}

/** What was read, or undefined. */
export function readValue<T>(reading: Reading<T>): T | undefined {
  return reading.kind === "read" ? reading.value : undefined;
}
