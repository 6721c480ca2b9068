import * as z from "zod";

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
  /** Only where there is a pooler. */
  readonly pooler?: PoolerFacts | undefined;
  readonly wal: {
    /** The timeline that it is on, or follows; 0 without data. */
    readonly timeline: number;
    /** Where the latest checkpoint is; where it was shut down cleanly, this is its last record. */
    readonly checkpointBytes: number;
    /** Where the WAL of a server that takes no SQL ends; null with SQL, and without data. */
    readonly endBytes: number | null;
    /** Where its timeline left the one before; null on the first. */
    readonly forkedAtBytes: number | null;
    /** Since a file of WAL was last written. */
    readonly heardSeconds: number | null;
  };
  /** Whether pg_rewind can work on it: data checksums, or wal_log_hints. */
  readonly rewindable: boolean;
  /** Whether a pgBackRest backup runs on it. */
  readonly backup: boolean;
  /** Of a server that runs and takes no SQL. */
  readonly warm: { readonly settings: CapacitySettings; readonly slots: readonly string[] } | null;
  /** null: PostgreSQL does not run, or takes no SQL. */
  readonly sql: ServerFacts | null;
}

/** What PostgreSQL says. */
export interface ServerFacts {
  readonly major: number;
  readonly settings: CapacitySettings;
  readonly slots: readonly SlotFacts[];
  readonly senders: readonly SenderFacts[];
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

const settings = z.object(
  Object.fromEntries(capacitySettings.map((name) => [name, z.number()])) as Record<
    (typeof capacitySettings)[number],
    z.ZodNumber
  >,
);

const sql = z.object({
  major: z.number(),
  settings,
  slots: z.array(
    z.object({
      name: z.string(),
      type: z.string(),
      database: z.string().nullable(),
      temporary: z.boolean(),
      failover: z.boolean(),
      synced: z.boolean(),
    }),
  ),
  senders: z.array(
    z.object({
      name: z.string(),
      state: z.string(),
      sync: z.string().nullable(),
      flushedBytes: z.number().nullable(),
      replayedBytes: z.number().nullable(),
    }),
  ),
  backups: z.number(),
  primary: z
    .object({
      currentBytes: z.number(),
      synchronousStandbyNames: z.string(),
      failingWal: z.string().nullable(),
      oldestTransaction: z.object({ seconds: z.number(), pid: z.number(), user: z.string().nullable() }).nullable(),
      preparedTransactions: z.number(),
    })
    .nullable(),
  standby: z
    .object({
      receivedBytes: z.number().nullable(),
      replayedBytes: z.number().nullable(),
      replayPaused: z.boolean(),
      delaySeconds: z.number(),
      receiver: z
        .object({
          status: z.string(),
          host: z.string().nullable(),
          timeline: z.number().nullable(),
          latestEndBytes: z.number().nullable(),
          heardSeconds: z.number().nullable(),
        })
        .nullable(),
    })
    .nullable(),
});

const schema = z.object({
  clusterId: z.string(),
  handover: z.string(),
  data: z.object({
    state: z.string(),
    systemIdentifier: z.string(),
    timeline: z.number(),
    controlState: z.string(),
  }),
  postgres: z.object({ unit: z.string(), inRecovery: z.boolean().nullable() }),
  token: z.object({ epoch: z.number(), from: z.string(), to: z.string(), state: z.string() }).nullable(),
  verdict: z.string(),
  joined: z.number(),
  changedBy: z.string(),
  kept: z.array(z.object({ path: z.string(), bytes: z.number().nullable() })),
  disk: z.object({ totalBytes: z.number(), freeBytes: z.number() }),
  archive: z.object({ ready: z.number() }),
  pooler: z.object({ units: z.record(z.string(), z.string()), paused: z.boolean(), route: z.string() }).optional(),
  wal: z.object({
    timeline: z.number(),
    checkpointBytes: z.number(),
    endBytes: z.number().nullable(),
    forkedAtBytes: z.number().nullable(),
    heardSeconds: z.number().nullable(),
  }),
  rewindable: z.boolean(),
  backup: z.boolean(),
  warm: z.object({ settings, slots: z.array(z.string()) }).nullable(),
  sql: sql.nullable(),
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
