import type { HostFacts } from "../hostFacts.ts";
import { type Lsn, lsnDistance, lsnOf } from "../lsn.ts";
import { isSlotOf } from "../names.ts";
import { type Leadership, leadershipOf } from "../preflight/whoLeads.ts";
import {
  type DeclaredNode,
  type NodeObservation,
  type Observation,
  readValue,
  type Sender,
  type Slot,
  type SqlFacts,
} from "./observation.ts";

/** none: PostgreSQL does not run. unknown: nobody could be asked. */
export type RealRole = "primary" | "standby" | "none" | "unknown";

/** What a node is doing, in one or two words for a column. */
export type Activity =
  | "writable"
  | "streaming"
  | "catching up"
  | "from archive"
  | "not streaming"
  | "paused"
  | "no SQL"
  | "starting"
  | "stopped"
  | "failed"
  | "no data"
  | "no volume"
  | "no answer"
  | "fenced"
  | "absent";

/** A node with everything about it put together, from whichever side it is known. */
export interface NodeSummary {
  readonly declared: DeclaredNode;
  readonly role: RealRole;
  readonly activity: Activity;
  readonly timeline: number | undefined;
  /** Where a primary writes, or a standby has replayed. */
  readonly lsn: Lsn | undefined;
  /** Behind the primary's WAL: in replay. */
  readonly lagBytes: number | undefined;
  readonly lagSeconds: number | undefined;
  /** Behind the primary's WAL: in what was received. Differs from `lagBytes` where replay is delayed or paused. */
  readonly receiveLagBytes: number | undefined;
  /** `async`, `sync`, `quorum` or `potential`, as the primary says. */
  readonly sync: string | undefined;
  /** The node's slot on the primary; undefined: not known, or the node has none. */
  readonly slot: Slot | undefined;
  /** Segments of this node that wait to be archived. */
  readonly backlog: number | undefined;
  readonly disk: { readonly totalBytes: number; readonly freeBytes: number } | undefined;
}

export interface ClusterSummary {
  readonly nodes: readonly NodeSummary[];
  /** What the others are measured against: the declared primary if it is one, else whoever is furthest. */
  readonly primary: { readonly name: string; readonly sql: SqlFacts } | undefined;
  /** Who leads as the nodes' tokens say. */
  readonly leadership: Leadership;
}

/** Puts together what is known of each node; judges nothing. */
export function summarize(observation: Observation): ClusterSummary {
  const primary = findPrimary(observation);
  const known = observation.nodes.flatMap(({ declared, host }) => {
    const facts = readValue(host);
    return facts ? [{ ...facts, node: declared.name }] : [];
  });
  return {
    primary,
    leadership: leadershipOf(known),
    nodes: observation.nodes.map((node) => summarizeNode(node, primary)),
  };
}

function findPrimary(observation: Observation): ClusterSummary["primary"] {
  return observation.nodes
    .flatMap(({ declared, sql }) => {
      const facts = readValue(sql);
      return facts && !facts.inRecovery ? [{ name: declared.name, sql: facts }] : [];
    })
    .sort(
      (a, b) =>
        Number(b.name === observation.primary) - Number(a.name === observation.primary) ||
        b.sql.timeline - a.sql.timeline,
    )[0];
}

function summarizeNode(node: NodeObservation, primary: ClusterSummary["primary"]): NodeSummary {
  const { declared } = node;
  const sql = readValue(node.sql);
  const host = readValue(node.host);
  const isPrimary = primary?.name === declared.name;
  const sender = isPrimary
    ? undefined
    : primary?.sql.senders.find(({ slot, applicationName }) => {
        return slot === null ? applicationName === declared.name : isSlotOf(declared.name, slot);
      });
  const role = realRole(node, sender);
  const warm = host?.warm ? host : undefined;
  const lag =
    isPrimary || role === "primary" ? undefined : lagOf({ sql, sender, warm }, primary?.sql.currentLsn ?? undefined);
  return {
    declared,
    role,
    activity: activityOf(node, role, sender),
    timeline: sql?.timeline ?? (host && host.wal.timeline > 0 ? host.wal.timeline : undefined),
    lsn: sql?.currentLsn ?? sql?.replayLsn ?? sender?.replayLsn ?? replayedBy(warm),
    lagBytes: lag?.bytes,
    lagSeconds: lag?.seconds,
    receiveLagBytes: lag?.receiveBytes,
    sync: sender?.syncState,
    slot: isPrimary ? undefined : primary?.sql.slots.find(({ name }) => isSlotOf(declared.name, name)),
    backlog: sql?.archiver.backlog ?? host?.archive.ready,
    disk: host?.disk,
  };
}

function realRole({ declared, sql, host }: NodeObservation, sender: Sender | undefined): RealRole {
  const facts = readValue(sql);
  if (facts !== undefined) return facts.inRecovery ? "standby" : "primary";
  const known = readValue(host);
  if (known?.postgres.inRecovery != null) return known.postgres.inRecovery ? "standby" : "primary";
  if (sender !== undefined) return "standby";
  if (known === undefined) return "unknown";
  if (!runs(known.postgres.unit)) return "none";
  // A warm standby answers no SQL: its control file says what it does.
  return declared.standby === "warm" && known.data.controlState === "in archive recovery" ? "standby" : "unknown";
}

function activityOf({ declared, sql, host }: NodeObservation, role: RealRole, sender: Sender | undefined): Activity {
  if (role === "primary") return "writable";
  const facts = readValue(sql);
  const known = readValue(host);
  if (facts === undefined && sender === undefined) {
    if (declared.state !== "active") return declared.state;
    if (known === undefined) return "no answer";
    if (!runs(known.postgres.unit)) return stoppedActivity(known.postgres.unit, known.data.state);
    if (role === "unknown" || declared.standby === "hot") return "no SQL";
  }
  if (facts?.replayPaused) return "paused";
  if (facts === undefined ? sender?.state === "streaming" : facts.receiver?.status === "streaming") {
    return sender?.state === "catchup" ? "catching up" : "streaming";
  }
  if (sender?.state === "catchup") return "catching up";
  return declared.source === "archive" ? "from archive" : "not streaming";
}

function stoppedActivity(unit: string, data: string): Activity {
  if (data === "empty") return "no data";
  if (data === "missing-volume") return "no volume";
  if (unit === "activating") return "starting";
  return unit === "failed" ? "failed" : "stopped";
}

function runs(unit: string): boolean {
  return unit === "active" || unit === "reloading" || unit === "deactivating";
}

/** What the host of a warm standby says. Its primary knows better where it sends WAL to it. */
function replayedBy(host: HostFacts | undefined): Lsn | undefined {
  return host?.warm ? lsnOf(host.warm.replayedBytes) : undefined;
}

function receivedBy(host: HostFacts | undefined): Lsn | undefined {
  return host && host.wal.endBytes !== null ? lsnOf(host.wal.endBytes) : undefined;
}

interface Witnesses {
  readonly sql: SqlFacts | undefined;
  readonly sender: Sender | undefined;
  readonly warm: HostFacts | undefined;
}

function lagOf({ sql, sender, warm }: Witnesses, end: Lsn | undefined) {
  const behind = (...positions: (Lsn | null | undefined)[]) => {
    const distances = positions.flatMap((lsn) => (lsn && end ? [Math.max(0, lsnDistance(end, lsn))] : []));
    return distances.length === 0 ? undefined : Math.min(...distances);
  };
  // Two witnesses, asked at different moments: what either has seen replayed is replayed.
  const bytes = behind(sql?.replayLsn, sender?.replayLsn, replayedBy(warm));
  const receiveBytes = behind(sql?.receiveLsn, sql?.replayLsn, sender?.replayLsn, receivedBy(warm));
  const caughtUp = sql?.receiver?.status === "streaming" && sql.receiveLsn === sql.replayLsn;
  const seconds =
    bytes === 0 || caughtUp
      ? 0
      : (sql?.replayAgeSeconds ?? sender?.replayLagSeconds ?? warm?.wal.heardSeconds ?? undefined);
  return { bytes, receiveBytes, seconds };
}
