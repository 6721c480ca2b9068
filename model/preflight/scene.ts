import * as z from "zod";
import type { Consent, HandoverLimits, NodeState } from "../config/clusterConfig.ts";
import { keyPath } from "../config/problems.ts";
import { epoch, type HostFacts, most, number, text } from "../hostFacts.ts";
import { type Leadership, laterLeader, leaderSince, leadershipOf, type Witness } from "./whoLeads.ts";

/** A node as preflight found it: its facts, or why there are none. */
export type Answer =
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
  /** Which archive: `host:port/bucket/prefix`; undefined: a preview can't tell yet. */
  readonly archive?: string | undefined;
  /** All nodes, whatever their state; fenced ones are not asked. */
  readonly nodes: readonly DeclaredNode[];
  /** Whoever was ever declared and is not retired; and who is: names. */
  readonly members: readonly string[];
  readonly retired: readonly string[];
  /** null: nothing. */
  readonly accept: Consent | null;
  readonly limits: HandoverLimits;
  /** Whether a commit waits for a synchronous standby by default (`settings.synchronous_commit`). */
  readonly commitsWait: boolean;
  /** Guard of the user's: the number of the last change of primary that the config knows. */
  readonly epoch?: number | undefined;
  /** What an earlier preflight of this stack has found; undefined: there was none. */
  readonly recorded?: Recorded | undefined;
}

/** What of an outcome a later preflight goes by. */
export type Recorded = Pick<Outcome, "systemIdentifier" | "epoch" | "synchronous"> & {
  readonly [Key in "kind" | "join" | "intent" | "from" | "to" | "leaderEpoch" | "leaderSince"]?:
    | Outcome[Key]
    | undefined;
};

/**
 * none: the declared primary leads, or a new cluster is made. switchover: the one that leads hands over. failover: it is fenced,
 * and another node takes over. adopt: somebody promoted the declared primary by hand. return: it handed over to a node that is
 * fenced, and takes its role back.
 */
export type Kind = z.infer<typeof kind>;

export const kind = z.enum(["none", "switchover", "failover", "adopt", "return"]);

/** The outcome of the step: what it leaves for the steps after it and for the next preflight. */
export interface Outcome {
  /** Id of the update that found this; "" in a preview. */
  readonly intent: string;
  /** No node has data, and none ever had: the declared primary may be made from nothing. */
  readonly fresh: boolean;
  readonly systemIdentifier: string;
  /** The highest number of a change of primary that any node knows. */
  readonly epoch: number;
  readonly kind: Kind;
  /** Who leads, or led last; "" where nobody is known to. */
  readonly from: string;
  /** By which change, or an earlier one than this; 0: not known. */
  readonly leaderEpoch: number;
  /** By which change, whatever tries to take over have counted since. */
  readonly leaderSince: number;
  /** The declared primary. */
  readonly to: string;
  /** The change by which `from` leads, where the declared primary has to join it before it can take over; null: it has. */
  readonly join: Joining | null;
  readonly atRisk: AtRisk | null;
  /**
   * Nobody else than the standbys `names` is waited for by commits; `id` is written to the data once they are, and is another one whenever they
   * may not have been. null: nobody has to be waited for, or commits don't wait.
   */
  readonly synchronous: { readonly id: string; readonly names: readonly string[] } | null;
  /** Standbys that commits wait for now, and must not any more before the update goes on. */
  readonly released: readonly string[];
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

export const atRisk: z.ZodType<AtRisk> = z.object({
  known: z.boolean(),
  bytes: number,
  lastHeardSeconds: number.nullable(),
  why: text,
});

const joining = z.object({ epoch, from: text });
const synchronous = z.object({ id: text, names: z.array(text).max(most) });

export const preflightOutcome: z.ZodType<Outcome> = z.object({
  intent: text,
  fresh: z.boolean(),
  systemIdentifier: text,
  epoch,
  kind,
  from: text,
  leaderEpoch: epoch,
  leaderSince: epoch,
  to: text,
  join: joining.nullable(),
  atRisk: atRisk.nullable(),
  synchronous: synchronous.nullable(),
  released: z.array(text).max(most),
});

/** Of an outcome in the stack's state: older versions did not have all of it. */
export const recordedOutcome = z.object({
  systemIdentifier: text,
  epoch,
  kind: kind.optional(),
  intent: text.optional(),
  from: text.optional(),
  to: text.optional(),
  leaderEpoch: epoch.optional(),
  leaderSince: epoch.optional(),
  join: joining.nullable().default(null),
  // An earlier version knew from which position on.
  synchronous: synchronous.nullable().catch(null).default(null),
});

export interface Reason {
  readonly what: string;
  readonly hint: string;
  /** Whether it may pass by itself within seconds: worth a second look. */
  readonly passing?: boolean;
}

/** Everything that the rules look at. */
export interface Scene {
  readonly declared: Declared;
  /** Nodes that take part and answered. */
  readonly known: readonly NodeFacts[];
  /** Absent nodes that answered. */
  readonly absent: readonly NodeFacts[];
  readonly unreachable: readonly { readonly node: string; readonly reason: string }[];
  readonly withData: readonly NodeFacts[];
  /** Nodes that take writes. */
  readonly writers: readonly string[];
  readonly leadership: Leadership;
  /** The change by which the leader leads, whatever tries to take over from it have counted since. */
  readonly leaderSince: number;
  /** Undefined: nobody had to ask the archive, or it does not answer. */
  readonly witnesses: readonly Witness[] | undefined;
  readonly fresh: boolean;
}

/** What was found out besides. */
export interface Further {
  /** Absent nodes that answered. */
  readonly absent?: readonly NodeFacts[];
  /** Undefined: nobody had to ask the archive, or it does not answer. */
  readonly witnesses?: readonly Witness[] | undefined;
}

export function sceneOf(
  declared: Declared,
  answers: readonly Answer[],
  { absent = [], witnesses }: Further = {},
): Scene {
  const known = answers.flatMap((answer) => (answer.reachable ? [{ ...answer.facts, node: answer.node }] : []));
  const withData = known.filter(({ data }) => data.state === "cluster");
  const asked = [...known, ...absent];
  const byTokens = leadershipOf(asked);
  const counting = (witnesses ?? []).filter(({ node }) => !declared.retired.includes(node));
  const later = laterLeader(asked, byTokens, declared.recorded, counting);
  const leadership = later
    ? {
        ...byTokens,
        ...{ leader: later.node, leaderEpoch: later.epoch, isExact: true, leaderFrom: "" },
        epoch: Math.max(byTokens.epoch, later.epoch),
      }
    : byTokens;
  return {
    declared,
    known,
    absent,
    unreachable: answers.flatMap((answer) => (answer.reachable ? [] : [answer])),
    withData,
    writers: asked.filter(({ postgres }) => postgres.inRecovery === false).map(({ node }) => node),
    leadership,
    leaderSince: leaderSince(leadership, asked, declared.recorded),
    witnesses,
    fresh: withData.length === 0 && !declared.recorded?.systemIdentifier,
  };
}

/** What a node that takes part, or is absent, has answered. */
export function factsOf({ known, absent }: Scene, node: string | undefined): NodeFacts | undefined {
  return [...known, ...absent].find((facts) => facts.node === node);
}

export function declaredNode({ declared }: Scene, name: string): DeclaredNode | undefined {
  return declared.nodes.find((node) => node.name === name);
}

/** " of 2026-03-01 03:12:45 UTC": when the change by which a node leads was begun; "": not known. */
export function ofWhen(scene: Scene, leader: string, epoch: number): string {
  const { recorded } = scene.declared;
  const witness = scene.witnesses?.find((each) => each.node === leader && each.epoch === epoch);
  const begun = recorded?.to === leader && recorded.kind !== "none" ? recorded.intent : undefined;
  // Ids of updates begin with the time at which they were made.
  const stamp = factsOf(scene, leader)?.changedBy || begun || (witness && new Date(witness.time * 1000).toISOString());
  const [, day, time] = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)/.exec(stamp ?? "") ?? [];
  return day === undefined ? "" : ` of ${day} ${time} UTC`;
}

/** Whether another one led last, and the node has not followed it since: all that was committed after that is not on it. */
export function isLeftBehind({ leadership }: Scene, { node, joined, token, verdict }: NodeFacts): boolean {
  const { leader, leaderEpoch } = leadership;
  if (leader === undefined || leader === node || joined >= leaderEpoch) return false;
  const promises = ["armed", "candidate", "revoked"].includes(token?.state ?? "");
  // One that has heard of it, and does not start before it has joined.
  return (promises ? token?.from : token?.to) !== leader || verdict === "stay";
}

/** Up to where a node has WAL, in bytes. */
export function receivedBytes({ sql, wal }: NodeFacts): number {
  if (sql?.primary) return sql.primary.currentBytes;
  if (sql?.standby) {
    return Math.max(sql.standby.receivedBytes ?? wal.endBytes ?? 0, sql.standby.replayedBytes ?? 0);
  }
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
