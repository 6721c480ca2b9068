import type { HandoverLimits, NodeState } from "../config/clusterConfig.ts";
import { keyPath } from "../config/problems.ts";
import type { HostFacts } from "../hostFacts.ts";
import { type Leadership, leadershipOf } from "./leadership.ts";

/** A node as preflight found it: its facts, or why there are none. */
export type Finding =
  | { readonly node: string; readonly reachable: true; readonly facts: HostFacts }
  | { readonly node: string; readonly reachable: false; readonly reason: string };

/** What a host says about itself, with the name of its node. */
export interface NodeFacts extends HostFacts {
  readonly node: string;
}

export interface DeclaredNode {
  readonly name: string;
  readonly state: NodeState;
  readonly source: "streaming" | "archive";
  readonly standby: "hot" | "warm";
  readonly synchronous: boolean;
  readonly delay?: string | undefined;
}

export interface Declared {
  /** Id of the update that asks; undefined in a preview. */
  readonly intent?: string | undefined;
  readonly primary: string;
  readonly clusterId: string;
  /** All nodes, whatever their state; only active ones are asked. */
  readonly nodes: readonly DeclaredNode[];
  readonly limits: Omit<HandoverLimits, "maxLossBytes"> & {
    /** null: not set. */
    readonly maxLossBytes: number | null;
  };
  /** Guard of the user's: the number of the last change of primary that the config knows. */
  readonly epoch?: number | undefined;
  /** What an earlier preflight of this stack has found; undefined: there was none. */
  readonly recorded?: Recorded | undefined;
}

/** What of an outcome a later preflight goes by. */
export type Recorded = Pick<Outcome, "systemIdentifier" | "epoch" | "synchronous"> &
  Partial<Pick<Outcome, "kind" | "join" | "intent">>;

/**
 * none: the declared primary leads, or a new cluster is made. switchover: the one that leads hands over. failover: it is fenced,
 * and another node takes over. adopt: somebody promoted the declared primary by hand. return: it handed over to a node that is
 * fenced, and takes its role back.
 */
export type Kind = "none" | "switchover" | "failover" | "adopt" | "return";

/** The outcome of the step: what it leaves for the steps behind it and for the next preflight. */
export interface Outcome {
  /** Id of the update that found this; "" in a preview. */
  readonly intent: string;
  /** No node has data, and none ever had: the declared primary may be made from nothing. */
  readonly fresh: boolean;
  readonly systemIdentifier: string;
  /** The highest number of a change of primary that any node knows. */
  readonly epoch: number;
  readonly kind: Kind;
  /** Who leads by the tokens; "" where nobody does. */
  readonly from: string;
  /** The change by which `from` leads, where the declared primary has to join it before it can take over; null: it has. */
  readonly join: Joining | null;
  readonly atRisk: AtRisk | null;
  /** The synchronous standbys that commits are known to wait for, and from which position in the WAL on. */
  readonly synchronous: { readonly names: readonly string[]; readonly sinceBytes: number } | null;
}

/** A change of primary that a node has not followed yet. */
export interface Joining {
  readonly epoch: number;
  /** Who led before; "": nobody. */
  readonly from: string;
}

/** What may be lost by a change of primary. */
export interface AtRisk {
  /** Whether it can be known: then it is `bytes`, else at least that. */
  readonly known: boolean;
  /** WAL. */
  readonly bytes: number;
  /** Since the old primary was last heard of; null: not known, or of no interest. */
  readonly lastHeardSeconds: number | null;
  /** In words. */
  readonly why: string;
}

export interface Reason {
  readonly what: string;
  readonly hint: string;
  /** Whether it may pass by itself within seconds: worth a second look. */
  readonly passing?: boolean;
}

/** Everything that the rules look at. */
export interface Scene {
  readonly declared: Declared;
  /** Nodes that answered. */
  readonly known: readonly NodeFacts[];
  readonly unreachable: readonly { readonly node: string; readonly reason: string }[];
  readonly withData: readonly NodeFacts[];
  /** Nodes that take writes. */
  readonly writers: readonly string[];
  readonly leadership: Leadership;
  readonly fresh: boolean;
}

export function sceneOf(declared: Declared, findings: readonly Finding[]): Scene {
  const known = findings.flatMap((finding) => (finding.reachable ? [{ ...finding.facts, node: finding.node }] : []));
  const withData = known.filter(({ data }) => data.state === "cluster");
  return {
    declared,
    known,
    unreachable: findings.flatMap((finding) => (finding.reachable ? [] : [finding])),
    withData,
    writers: known.filter(({ postgres }) => postgres.inRecovery === false).map(({ node }) => node),
    leadership: leadershipOf(known),
    fresh: withData.length === 0 && !declared.recorded?.systemIdentifier,
  };
}

export function factsOf({ known }: Scene, node: string | undefined): NodeFacts | undefined {
  return known.find((facts) => facts.node === node);
}

export function declaredNode({ declared }: Scene, name: string): DeclaredNode | undefined {
  return declared.nodes.find((node) => node.name === name);
}

/** Up to where a node has WAL, in bytes. */
export function receivedBytes({ sql, wal }: NodeFacts): number {
  if (sql?.primary) return sql.primary.currentBytes;
  if (sql?.standby) return Math.max(sql.standby.receivedBytes ?? 0, sql.standby.replayedBytes ?? 0);
  return wal.endBytes ?? wal.checkpointBytes;
}

/** Standbys that will stream from `primary`. */
export function followersOf({ declared }: Scene, primary: string): readonly DeclaredNode[] {
  return declared.nodes.filter(
    ({ name, state, source }) => name !== primary && state === "active" && source === "streaming",
  );
}

/** `pulumi config set --path 'nodes.node-a.state' fenced`. */
export function setState(node: string, state: NodeState): string {
  return `pulumi config set --path '${keyPath("nodes", node)}.state' ${state}`;
}

export function declareFailover(from: string, to: string): string {
  return `${setState(from, "fenced")} && pulumi config set primary ${to}`;
}
