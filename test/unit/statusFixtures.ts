import type { HostFacts } from "../../model/hostFacts.ts";
import { type Lsn, lsnDistance } from "../../model/lsn.ts";
import type {
  Backup,
  DeclaredNode,
  NodeObservation,
  Observation,
  Reading,
  Sender,
  Slot,
  SqlFacts,
} from "../../model/status/observation.ts";

export const MiB = 1024 ** 2;
export const GiB = 1024 ** 3;
export const at = new Date("2026-03-01T03:12:45.678Z");
export const secondsAgo = (seconds: number) => new Date(at.getTime() - seconds * 1000);

export const read = <T>(value: T): Reading<T> => ({ kind: "read", value });
export const skipped: Reading<never> = { kind: "skipped" };
export const failed = (what: string, hint = "see that the host runs"): Reading<never> => ({
  kind: "failed",
  what,
  hint,
});

export const declared = (name: string, change: Partial<DeclaredNode> = {}): DeclaredNode => ({
  name,
  state: "active",
  role: name === "node-a" ? "primary" : "standby",
  source: "streaming",
  standby: "hot",
  synchronous: false,
  slot: `understudy_${name.replaceAll("-", "_")}`,
  pending: [],
  ...change,
});

export const host = (change: Partial<HostFacts> = {}): HostFacts => ({
  clusterId: "c1",
  handover: "inactive",
  data: { state: "cluster", systemIdentifier: "7300000000000000001", timeline: 3, controlState: "in production" },
  postgres: { unit: "active", inRecovery: false },
  token: null,
  verdict: "",
  joined: 0,
  changedBy: "",
  kept: [],
  disk: { totalBytes: 100 * GiB, freeBytes: 71 * GiB },
  archive: { ready: 0 },
  archiveKnown: "s3:443/bucket/",
  wal: { timeline: 3, checkpointBytes: 0, endBytes: null, forkedAtBytes: null, heardSeconds: null, bytesPerHour: null },
  rewindable: true,
  backup: false,
  failedBackups: [],
  drills: { last: null, proven: null },
  warm: null,
  sql: null,
  ...change,
});

const server: SqlFacts = {
  inRecovery: false,
  serverVersion: "17.6",
  major: 17,
  systemIdentifier: "7300000000000000001",
  timeline: 3,
  walSegmentBytes: 16 * MiB,
  currentLsn: "2/A8001F40",
  receiveLsn: null,
  replayLsn: null,
  replayAgeSeconds: null,
  replayPaused: false,
  applyDelaySeconds: 0,
  receiver: null,
  senders: [],
  slots: [],
  archiver: {
    mode: "on",
    lastArchivedWal: "0000000300000002000000A7",
    lastArchivedAt: secondsAgo(12),
    lastFailedWal: null,
    lastFailedAt: null,
    archivedCount: 679,
    failedCount: 0,
    backlog: 0,
  },
  maxSlotWalKeepBytes: 4 * GiB,
  synchronousStandbyNames: "",
};

export const primary = (change: Partial<SqlFacts> = {}): SqlFacts => ({ ...server, ...change });

export const standby = (change: Partial<SqlFacts> = {}): SqlFacts => ({
  ...server,
  inRecovery: true,
  currentLsn: null,
  receiveLsn: "2/A8001F40",
  replayLsn: "2/A8001F40",
  replayAgeSeconds: 40,
  receiver: { status: "streaming" },
  archiver: { ...server.archiver, lastArchivedWal: null, lastArchivedAt: null, archivedCount: 0 },
  ...change,
});

export const sender = (node: string, change: Partial<Sender> = {}): Sender => ({
  slot: declared(node).slot,
  applicationName: node,
  state: "streaming",
  syncState: "async",
  replayLsn: "2/A8001F40",
  replayLagSeconds: null,
  ...change,
});

export const slot = (node: string, change: Partial<Slot> = {}): Slot => ({
  name: declared(node).slot,
  type: "physical",
  active: true,
  walStatus: "reserved",
  retainedBytes: 0,
  safeBytes: 4 * GiB,
  ...change,
});

export const backup = (change: Partial<Backup> = {}): Backup => ({
  label: "20260228-160000F",
  type: "full",
  finishedAt: secondsAgo(11 * 3600),
  error: false,
  ...change,
});

export const recovering = (change: Partial<HostFacts> = {}): HostFacts =>
  host({
    data: { ...host().data, controlState: "in archive recovery" },
    postgres: { unit: "active", inRecovery: true },
    ...change,
  });

/** A standby that takes no SQL: all that is known of it comes from its host. */
export const warm = ({
  replayed = "2/A8000000",
  received = "2/A8001F40",
  delaySeconds = 0,
  heardSeconds = 0,
}: {
  readonly replayed?: Lsn;
  readonly received?: Lsn;
  readonly delaySeconds?: number;
  readonly heardSeconds?: number;
}): HostFacts => {
  const facts = recovering();
  const settings = {
    max_connections: 100,
    max_worker_processes: 8,
    max_wal_senders: 10,
    max_prepared_transactions: 0,
    max_locks_per_transaction: 64,
    max_replication_slots: 10,
  };
  return {
    ...facts,
    postgres: { unit: "active", inRecovery: null },
    wal: { ...facts.wal, endBytes: lsnDistance(received, "0/0"), heardSeconds },
    warm: { settings, slots: [], delaySeconds, replayedBytes: lsnDistance(replayed, "0/0") },
  };
};

export const notAccepting = (node: string): Reading<never> =>
  failed(`PostgreSQL is not accepting connections yet (${node}:5432)`);

/** A primary and two standbys, all well; `nodes` replaces nodes by name. */
export function observation(change: Partial<Observation> = {}, nodes: Record<string, Partial<NodeObservation>> = {}) {
  const followers = ["node-b", "node-c"];
  const usual: Record<string, NodeObservation> = {
    "node-a": {
      declared: declared("node-a"),
      sql: read(
        primary({ senders: followers.map((name) => sender(name)), slots: followers.map((name) => slot(name)) }),
      ),
      host: read(host()),
    },
    "node-b": { declared: declared("node-b"), sql: read(standby()), host: read(recovering()) },
    "node-c": { declared: declared("node-c"), sql: read(standby()), host: read(recovering()) },
  };
  const whole: Observation = {
    clusterName: "understudy-dev",
    postgresVersion: 17,
    primary: "node-a",
    bastionPending: [],
    accept: null,
    drillMaxAgeSeconds: null,
    at,
    nodes: Object.entries(usual).map(([name, node]) => ({ ...node, ...nodes[name] })),
    backups: read([backup()]),
    schedules: [],
    ...change,
  };
  return whole;
}

const fourth = (node: Partial<NodeObservation>): NodeObservation => ({
  declared: declared("node-d"),
  sql: skipped,
  host: skipped,
  ...node,
});

/** Situations that the table is drawn for; also what a person looks at. */
export const situations = {
  well: observation(),
  "hosts-pending": observation(
    { bastionPending: ["ami"] },
    {
      "node-a": { declared: declared("node-a", { pending: ["ami", "instanceType"] }) },
      "node-b": { declared: declared("node-b", { pending: ["ami", "instanceType", "user data"] }) },
    },
  ),
  "switched-by-hand": observation(
    {},
    {
      "node-a": {
        sql: failed("nothing listens (10.0.0.11:5432)"),
        host: read(
          host({
            postgres: { unit: "failed", inRecovery: null },
            data: { ...host().data, controlState: "in production" },
          }),
        ),
      },
      "node-b": {
        sql: read(
          primary({
            timeline: 4,
            currentLsn: "2/A8003000",
            slots: [slot("node-c", { active: false, retainedBytes: 16 * MiB })],
          }),
        ),
        host: read(host({ postgres: { unit: "active", inRecovery: false } })),
      },
      "node-c": { sql: read(standby({ receiver: null })) },
    },
  ),
  "two-primaries": observation({}, { "node-c": { sql: read(primary({ timeline: 4, currentLsn: "2/A9000110" })) } }),
  trouble: observation(
    {
      backups: read([backup({ finishedAt: secondsAgo(31 * 3600) })]),
      nodes: [
        {
          declared: declared("node-a"),
          sql: read(
            primary({
              senders: [sender("node-b", { replayLsn: "2/8C001F40", replayLagSeconds: 48 })],
              slots: [
                slot("node-b", { retainedBytes: 448 * MiB }),
                slot("node-c", {
                  active: false,
                  walStatus: "extended",
                  retainedBytes: 3.4 * GiB,
                  safeBytes: 0.6 * GiB,
                }),
              ],
              archiver: {
                ...server.archiver,
                lastArchivedAt: secondsAgo(900),
                lastFailedWal: "0000000300000002000000A8",
                lastFailedAt: secondsAgo(7),
                failedCount: 61,
                backlog: 14,
              },
            }),
          ),
          host: read(host({ disk: { totalBytes: 100 * GiB, freeBytes: 14.9 * GiB } })),
        },
        {
          declared: declared("node-b"),
          sql: read(standby({ replayLsn: "2/8C001F40", replayAgeSeconds: 48 })),
          host: read(recovering()),
        },
        {
          declared: declared("node-c"),
          sql: failed("no answer on 10.0.0.13:5432 within 5 s"),
          host: failed(
            "cannot be reached by SSH: no answer within 5 s (root@10.0.0.13:22)",
            "see that the host runs and that network and firewall let SSH through to it",
          ),
        },
        fourth({ declared: declared("node-d", { state: "fenced" }), sql: failed("nothing listens (10.0.0.14:5432)") }),
      ],
    },
    {},
  ),
  "warm-and-archive": observation({
    nodes: [
      {
        declared: declared("node-a"),
        sql: read(
          primary({
            senders: [sender("node-b", { syncState: "quorum" })],
            slots: [slot("node-b"), slot("node-c", { active: false, walStatus: null, retainedBytes: null })],
            synchronousStandbyNames: "ANY 1 (node-b)",
          }),
        ),
        host: read(host()),
      },
      {
        declared: declared("node-b", { standby: "warm", synchronous: true }),
        sql: failed("PostgreSQL is not accepting connections yet (10.0.0.12:5432)"),
        host: read(recovering({ postgres: { unit: "active", inRecovery: null } })),
      },
      {
        declared: declared("node-c", { source: "archive" }),
        sql: read(
          standby({ receiver: null, receiveLsn: "2/A8000000", replayLsn: "2/A8000000", replayAgeSeconds: 4000 }),
        ),
        host: read(recovering()),
      },
      fourth({ declared: declared("node-d", { state: "absent" }) }),
    ],
  }),
  "warm-by-shipping": observation({
    nodes: [
      {
        declared: declared("node-a"),
        sql: read(primary({ senders: [sender("node-b")], slots: [slot("node-b")] })),
        host: read(host()),
      },
      {
        declared: declared("node-b", { standby: "warm" }),
        sql: notAccepting("node-b"),
        host: read(warm({ heardSeconds: 2 })),
      },
      {
        declared: declared("node-c", { standby: "warm", source: "archive" }),
        sql: notAccepting("node-c"),
        host: read(warm({ replayed: "2/A7000000", heardSeconds: 240 })),
      },
    ],
  }),
  "nobody-answers": observation({
    nodes: ["node-a", "node-b"].map((name) => ({
      declared: declared(name),
      sql: failed(`no answer on ${name}:5432 within 5 s`),
      host: failed(`cannot be reached by SSH: no route to the host (root@${name}:22)`),
    })),
    backups: failed("cannot be reached by SSH: no route to the host (root@node-a:22)"),
  }),
} as const satisfies Record<string, Observation>;
