import type { Consent } from "../../../model/config/clusterConfig.ts";
import type { CapacitySettings, HostFacts, ServerFacts } from "../../../model/hostFacts.ts";
import type { Answer, Declared, DeclaredNode, Outcome } from "../../../model/preflight/index.ts";

export const MiB = 1024 ** 2;
/** Where the WAL of the cluster ends. */
export const end = 160 * MiB;

const capacity: CapacitySettings = {
  max_connections: 100,
  max_worker_processes: 8,
  max_wal_senders: 16,
  max_prepared_transactions: 0,
  max_locks_per_transaction: 64,
  max_replication_slots: 16,
};

export const node = (name: string, change: Partial<DeclaredNode> = {}): DeclaredNode => ({
  name,
  state: "active",
  source: "streaming",
  standby: "hot",
  synchronous: false,
  ...change,
});

/** Three nodes; node-a is declared the primary unless `change` says otherwise. */
export const declared = (
  change: Partial<Declared> = {},
  nodes: Readonly<Record<string, Partial<DeclaredNode>>> = {},
): Declared => ({
  primary: "node-a",
  clusterId: "cluster-1",
  archive: "s3:443/bucket/",
  commitsWait: true,
  nodes: ["node-a", "node-b", "node-c"].map((name) => node(name, nodes[name])),
  members: ["node-a", "node-b", "node-c"],
  retired: [],
  accept: null,
  limits: { maxLagBytes: 16 * MiB, maxTransactionAgeSeconds: 60 },
  ...change,
});

/** The operator accepts what can't be known, and no more unless `change` says so. */
export const consent = (change: number, more: Partial<Consent> = {}): Consent => ({
  change,
  lossBytes: 0,
  lossUnknown: true,
  behind: false,
  ...more,
});

export const recorded = (change: Partial<Outcome> = {}): Outcome => ({
  intent: "",
  fresh: false,
  systemIdentifier: "700",
  epoch: 1,
  kind: "none",
  from: "node-a",
  leaderEpoch: 1,
  leaderSince: change.leaderEpoch ?? 1,
  to: "node-a",
  join: null,
  atRisk: null,
  synchronous: null,
  released: [],
  ...change,
});

const server: ServerFacts = {
  major: 17,
  settings: capacity,
  slots: [],
  senders: [],
  awaited: null,
  weakCommits: false,
  backups: 0,
  primary: null,
  standby: null,
};

type PrimaryFacts = NonNullable<ServerFacts["primary"]>;
type StandbyFacts = NonNullable<ServerFacts["standby"]>;

export const empty: HostFacts = {
  clusterId: "cluster-1",
  handover: "inactive",
  data: { state: "empty", systemIdentifier: "", timeline: 0, controlState: "" },
  postgres: { unit: "inactive", inRecovery: null },
  token: null,
  verdict: "",
  joined: 0,
  changedBy: "",
  kept: [],
  disk: { totalBytes: 100 * 1024 * MiB, freeBytes: 50 * 1024 * MiB },
  archive: { ready: 0 },
  archiveKnown: "s3:443/bucket/",
  wal: { timeline: 0, checkpointBytes: 0, endBytes: null, forkedAtBytes: null, heardSeconds: null, bytesPerHour: null },
  rewindable: false,
  backup: false,
  failedBackups: [],
  drills: { last: null, proven: null },
  warm: null,
  sql: null,
};

const withData: HostFacts = {
  ...empty,
  joined: 1,
  data: { state: "cluster", systemIdentifier: "700", timeline: 1, controlState: "in production" },
  wal: {
    timeline: 1,
    checkpointBytes: end - MiB,
    endBytes: null,
    forkedAtBytes: null,
    heardSeconds: 12,
    bytesPerHour: null,
  },
  rewindable: true,
};

export const token = (to: string, epoch = 1, state = "taken", from = "") => ({ epoch, from, to, state });

export const sender = (name: string, bytes = end) => ({
  name,
  state: "streaming",
  sync: "async",
  flushedBytes: bytes,
  replayedBytes: bytes,
});

export const slot = (name: string, change: Partial<ServerFacts["slots"][number]> = {}) => ({
  name,
  type: "physical",
  database: null,
  temporary: false,
  failover: false,
  synced: false,
  ...change,
});

/** A primary that node-b and node-c stream from. */
export function primary(
  change: Partial<HostFacts> = {},
  sql: Partial<ServerFacts> = {},
  facts: Partial<PrimaryFacts> = {},
): HostFacts {
  const own: PrimaryFacts = {
    currentBytes: end,
    synchronousStandbyNames: "",
    failingWal: null,
    oldestTransaction: null,
    preparedTransactions: 0,
    ...facts,
  };
  const slots = [slot("understudy_node_b"), slot("understudy_node_c")];
  return {
    ...withData,
    postgres: { unit: "active", inRecovery: false },
    token: token("node-a"),
    sql: { ...server, slots, senders: [sender("node-b"), sender("node-c")], ...sql, primary: own },
    ...change,
  };
}

export function standby(
  change: Partial<HostFacts> = {},
  sql: Partial<ServerFacts> = {},
  facts: Partial<StandbyFacts> = {},
): HostFacts {
  const own: StandbyFacts = {
    receivedBytes: end,
    replayedBytes: end,
    replayPaused: false,
    delaySeconds: 0,
    receiver: { status: "streaming", host: "10.0.0.11", timeline: 1, latestEndBytes: end, heardSeconds: 2 },
    ...facts,
  };
  return {
    ...withData,
    data: { ...withData.data, controlState: "in archive recovery" },
    postgres: { unit: "active", inRecovery: true },
    token: token("node-a"),
    sql: { ...server, ...sql, standby: own },
    ...change,
  };
}

/** A server that does not run. */
export const stopped = (facts: HostFacts, controlState = "shut down"): HostFacts => ({
  ...facts,
  data: { ...facts.data, controlState },
  postgres: { unit: "inactive", inRecovery: null },
  wal: { ...facts.wal, endBytes: end },
  sql: null,
});

/** A standby that takes no SQL. */
export const warm = (facts: HostFacts): HostFacts => ({
  ...facts,
  postgres: { unit: "active", inRecovery: null },
  wal: { ...facts.wal, endBytes: end },
  warm: { settings: capacity, slots: [], delaySeconds: 0, replayedBytes: 0 },
  sql: null,
});

export const found = (name: string, facts: HostFacts): Answer => ({ node: name, reachable: true, facts });
export const silent = (name: string): Answer => ({ node: name, reachable: false, reason: "cannot be reached by SSH" });

/** Facts by node; null: it does not answer. */
export function answers(nodes: Readonly<Record<string, HostFacts | null>>): Answer[] {
  return Object.entries(nodes).map(([name, facts]) => (facts === null ? silent(name) : found(name, facts)));
}

export const well = { "node-a": primary(), "node-b": standby(), "node-c": standby() };
