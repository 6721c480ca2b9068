import * as z from "zod";
import { printable } from "./text.ts";

/**
 * What a host says about itself: the outcome of `scripts/host/facts.sh`, for preflight and status. Positions in the WAL are
 * bytes from its beginning.
 */
export interface HostFacts {
  /** Id of the cluster that the data volume belongs to; "" where the volume carries no mark. */
  readonly clusterId: string;
  /** State of the unit in which a handover waits: `active`, `inactive`, … */
  readonly handover: string;
  readonly data: {
    /** `cluster`, `empty` or `missing-volume`. */
    readonly state: string;
    readonly systemIdentifier: string;
    /** Timeline of the latest checkpoint; 0 without data. */
    readonly timeline: number;
    readonly controlState: string;
  };
  readonly postgres: {
    /** State of the systemd unit: `active`, `inactive`, `failed`, `activating`, … */
    readonly unit: string;
    /** null: PostgreSQL does not run, or takes no SQL (warm standby). */
    readonly inRecovery: boolean | null;
  };
  readonly token: Token | null;
  /** What the boot guard let PostgreSQL start as: `lead`, `promote`, `standby`, `wait` or `stay`; "": it has not been started since the boot. */
  readonly verdict: string;
  /** Number of the change of primary whose leader its data follow, or are; 0: none. */
  readonly joined: number;
  /** Id of the update that made it the primary by the change by which it leads; "": none, or it does not lead. */
  readonly changedBy: string;
  /** WAL that is in no archive, and data directories that were set aside; `bytes` null: they are not counted in a second. */
  readonly kept: readonly { readonly path: string; readonly bytes: number | null }[];
  readonly disk: { readonly totalBytes: number; readonly freeBytes: number };
  /** Segments that wait to be archived. */
  readonly archive: { readonly ready: number };
  /** The archive in which it has looked for changes of primary so far, `host:port/bucket/prefix`; "": in none. */
  readonly archiveKnown: string;
  /** Only where there is a pooler. */
  readonly pooler?: PoolerFacts | undefined;
  readonly wal: {
    /** The timeline that it is on, or follows; 0 without data. */
    readonly timeline: number;
    /** Where the latest checkpoint is; where it was shut down cleanly, this is its last record. */
    readonly checkpointBytes: number;
    /** Where the WAL on disk ends, of a server that takes no SQL or has received nothing since it was started; else null. */
    readonly endBytes: number | null;
    /** Where its timeline left the one before; null on the first. */
    readonly forkedAtBytes: number | null;
    /** Since a file of WAL was last written. */
    readonly heardSeconds: number | null;
    /** How much WAL comes in an hour, by the files of the last hour; null without data. */
    readonly bytesPerHour: number | null;
  };
  /** Whether pg_rewind can work on it: data checksums, or wal_log_hints. */
  readonly rewindable: boolean;
  /** Whether a pgBackRest backup runs on it. */
  readonly backup: boolean;
  /** Scheduled backups whose last run on it failed; `endedAt` in seconds since 1970. */
  readonly failedBackups: readonly { readonly type: string; readonly endedAt: number; readonly why: string }[];
  /** Restore drills that were made on it. */
  readonly drills: {
    readonly last: Drill | null;
    /** The last one that proved a restore. */
    readonly proven: Drill | null;
  };
  /** Of a server that runs and takes no SQL. */
  readonly warm: {
    readonly settings: CapacitySettings;
    readonly slots: readonly string[];
    /** `recovery_min_apply_delay`. */
    readonly delaySeconds: number;
    /** Up to where it has replayed at least: the segment that it replays now is not counted. */
    readonly replayedBytes: number;
  } | null;
  /** null: PostgreSQL does not run, or takes no SQL. */
  readonly sql: ServerFacts | null;
}

/** What came of a restore drill. */
export interface Drill {
  readonly ok: boolean;
  /** Seconds since 1970. */
  readonly endedAt: number;
  readonly seconds: number;
  /** Label of the backup; "": it did not get that far. */
  readonly backup: string;
  /** Up to where it was recovered. */
  readonly lsn: string;
  /** When the last transaction was committed that it recovered; "": there was none. */
  readonly recoveredTo: string;
  /** What was looked at, in words. */
  readonly checks: string;
  /** Of one that failed. */
  readonly why: string;
}

/** What PostgreSQL says. */
export interface ServerFacts {
  readonly major: number;
  readonly settings: CapacitySettings;
  readonly slots: readonly SlotFacts[];
  readonly senders: readonly SenderFacts[];
  /**
   * By which change of primary, and by which name preflight knows it, commits have waited for a synchronous standby since before this server got
   * the WAL that says so; null: nothing says so.
   */
  readonly awaited: { readonly epoch: number; readonly id: string } | null;
  /** Whether a role or a database has a synchronous_commit by which commits don't wait. */
  readonly weakCommits: boolean;
  /** Base backups, pgBackRest's included, that are taken from it now. */
  readonly backups: number;
  /** null in recovery. */
  readonly primary: {
    readonly currentBytes: number;
    readonly synchronousStandbyNames: string;
    /** The segment that could not be archived, where nothing was archived since. */
    readonly failingWal: string | null;
    readonly oldestTransaction: { readonly seconds: number; readonly pid: number; readonly user: string | null } | null;
    readonly preparedTransactions: number;
  } | null;
  /** null on a primary. */
  readonly standby: {
    readonly receivedBytes: number | null;
    readonly replayedBytes: number | null;
    readonly replayPaused: boolean;
    readonly delaySeconds: number;
    readonly receiver: {
      readonly status: string;
      readonly host: string | null;
      readonly timeline: number | null;
      /** Up to where its sender had WAL, when it last said so. */
      readonly latestEndBytes: number | null;
      /** Since its sender last said anything. */
      readonly heardSeconds: number | null;
    } | null;
  } | null;
}

/** Settings that a standby must not have less of than its primary, and `max_replication_slots`. */
export type CapacitySettings = Readonly<Record<(typeof capacitySettings)[number], number>>;

export const floorSettings = [
  "max_connections",
  "max_worker_processes",
  "max_wal_senders",
  "max_prepared_transactions",
  "max_locks_per_transaction",
] as const;
const capacitySettings = [...floorSettings, "max_replication_slots"] as const;

export interface SlotFacts {
  readonly name: string;
  readonly type: string;
  readonly database: string | null;
  readonly temporary: boolean;
  /** Meant to survive a change of primary (17 on). */
  readonly failover: boolean;
  /** On a standby: in step with the primary's slot of that name (17 on). */
  readonly synced: boolean;
}

/** A row of pg_stat_replication. */
export interface SenderFacts {
  readonly name: string;
  readonly state: string;
  readonly sync: string | null;
  readonly flushedBytes: number | null;
  readonly replayedBytes: number | null;
}

export interface PoolerFacts {
  /** States of the systemd units, by their names. */
  readonly units: Readonly<Record<string, string>>;
  readonly paused: boolean;
  /** The node that clients of the primary are led to; "": none. */
  readonly route: string;
}

/** Who leads, or is about to, as far as the host knows: see docs/decisions/handover.md. */
export interface Token {
  readonly epoch: number;
  readonly from: string;
  readonly to: string;
  /** `armed`, `candidate`, `taken`, `leads`, `revoked` or `yielding`. */
  readonly state: string;
}

// A host is not believed more than it can know: whoever is `postgres` there may have had a part in what it says.
/** Characters of one text, entries of one list, characters of what PostgreSQL says. */
const longest = 1000;
export const most = 10_000;
const longestAnswer = 4_000_000;
export const text = z.string().transform((value) => printable(value.slice(0, longest)));
export const number = z.number().min(-Number.MAX_SAFE_INTEGER).max(Number.MAX_SAFE_INTEGER);
/** Number of a change of primary: as the hosts have it, nine digits. */
export const epoch = z.number().int().min(0).max(999_999_999);

const settings = z.object(
  Object.fromEntries(capacitySettings.map((name) => [name, number])) as Record<
    (typeof capacitySettings)[number],
    z.ZodNumber
  >,
);

const sql = z.object({
  major: number,
  settings,
  slots: z
    .array(
      z.object({
        name: text,
        type: text,
        database: text.nullable(),
        temporary: z.boolean(),
        failover: z.boolean(),
        synced: z.boolean(),
      }),
    )
    .max(most),
  senders: z
    .array(
      z.object({
        name: text,
        state: text,
        sync: text.nullable(),
        flushedBytes: number.nullable(),
        replayedBytes: number.nullable(),
      }),
    )
    .max(most),
  awaited: z.object({ epoch: number, id: text }).nullable(),
  weakCommits: z.boolean(),
  backups: number,
  primary: z
    .object({
      currentBytes: number,
      synchronousStandbyNames: text,
      failingWal: text.nullable(),
      oldestTransaction: z.object({ seconds: number, pid: number, user: text.nullable() }).nullable(),
      preparedTransactions: number,
    })
    .nullable(),
  standby: z
    .object({
      receivedBytes: number.nullable(),
      replayedBytes: number.nullable(),
      replayPaused: z.boolean(),
      delaySeconds: number,
      receiver: z
        .object({
          status: text,
          host: text.nullable(),
          timeline: number.nullable(),
          latestEndBytes: number.nullable(),
          heardSeconds: number.nullable(),
        })
        .nullable(),
    })
    .nullable(),
});

export const drill: z.ZodType<Drill> = z.object({
  ok: z.boolean(),
  endedAt: number.min(0).max(253_402_300_799),
  seconds: number,
  backup: text,
  lsn: text,
  recoveredTo: text,
  checks: text,
  why: text,
});

const schema = z.object({
  clusterId: text,
  handover: text,
  data: z.object({
    state: text,
    systemIdentifier: text,
    timeline: number,
    controlState: text,
  }),
  postgres: z.object({ unit: text, inRecovery: z.boolean().nullable() }),
  token: z.object({ epoch, from: text, to: text, state: text }).nullable(),
  verdict: text,
  joined: epoch,
  changedBy: text,
  kept: z.array(z.object({ path: text, bytes: number.nullable() })).max(most),
  disk: z.object({ totalBytes: number, freeBytes: number }),
  archive: z.object({ ready: number }),
  archiveKnown: text,
  pooler: z.object({ units: z.record(z.string(), text), paused: z.boolean(), route: text }).optional(),
  wal: z.object({
    timeline: number,
    checkpointBytes: number,
    endBytes: number.nullable(),
    forkedAtBytes: number.nullable(),
    heardSeconds: number.nullable(),
    bytesPerHour: number.nullable().default(null),
  }),
  rewindable: z.boolean(),
  backup: z.boolean(),
  failedBackups: z
    .array(z.object({ type: text, endedAt: number, why: text }))
    .max(most)
    .default([]),
  // A host of an earlier version knows of none.
  drills: z
    .object({ last: drill.nullable().catch(null), proven: drill.nullable().catch(null) })
    .default({ last: null, proven: null }),
  warm: z.object({ settings, slots: z.array(text).max(most), delaySeconds: number, replayedBytes: number }).nullable(),
  // As text, "" where nobody does: whatever answers on the server's socket says it.
  sql: z
    .string()
    .max(longestAnswer)
    .transform((value) => (value === "" ? null : parseJson(value)))
    .pipe(sql.nullable()),
});

/** Parses what `understudy facts` printed; undefined where it is something else. */
export function parseHostFacts(text: string): HostFacts | undefined {
  return schema.safeParse(parseJson(text)).data;
}

/** undefined: no JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
