import { formatBytes } from "../status/format.ts";
import { clusterReasons } from "./clusterReasons.ts";
import { unusedConsent } from "./consent.ts";
import { type Decision, decide } from "./decision.ts";
import { atRisk, lossReasons, nothingAtRisk } from "./loss.ts";
import {
  type Answer,
  type AtRisk,
  type Declared,
  type Further,
  factsOf,
  type Outcome,
  type Reason,
  type Scene,
  sceneOf,
} from "./scene.ts";
import { releasedStandbys, synchronousRecord } from "./synchronous.ts";
import { adoptionReasons, failoverReasons, slotsLeftBehind, switchoverReasons } from "./targetRules.ts";

export interface Verdict {
  /** What stands against going on. Empty: nothing. */
  readonly reasons: readonly Reason[];
  /** What a person should know, though it stands against nothing. */
  readonly warnings: readonly string[];
  readonly outcome: Outcome;
  /** What the update would do about the primary, in one line. */
  readonly summary: string;
}

/**
 * Whether the declared world may be made of the real one. Nothing has been changed when this is asked; a reason to refuse is
 * a difference that nobody declared, or something that a change of primary would break.
 */
export function judge(declared: Declared, answers: readonly Answer[], further?: Further): Verdict {
  const scene = sceneOf(declared, answers, further);
  const decision = decide(scene);
  const { risk, reasons, warnings } = decision.applies
    ? judgeChange(scene, decision)
    : { risk: null, reasons: [], warnings: [] };
  const { kind, from, join } = decision;
  return {
    reasons: [...clusterReasons(scene), ...decision.reasons, ...reasons],
    warnings: [
      ...(kind === "none" ? silentNodes(scene) : []),
      ...warnings,
      ...(decision.applies ? unusedConsent(scene, kind) : []),
    ],
    outcome: {
      intent: declared.intent ?? "",
      fresh: scene.fresh,
      systemIdentifier: scene.withData[0]?.data.systemIdentifier ?? "",
      epoch: scene.leadership.epoch,
      kind,
      from,
      leaderEpoch: scene.leadership.leaderEpoch,
      leaderSince: scene.leaderSince,
      to: declared.primary,
      join,
      atRisk: risk,
      synchronous: synchronousRecord(scene, kind),
      released: releasedStandbys(scene),
    },
    summary: summarize(scene, decision, risk),
  };
}

interface Change {
  readonly risk: AtRisk | null;
  readonly reasons: readonly Reason[];
  readonly warnings: readonly string[];
}

function judgeChange(scene: Scene, { kind, from, join }: Decision): Change {
  const target = factsOf(scene, scene.declared.primary);
  if (!target || kind === "none") return { risk: null, reasons: [], warnings: [] };
  switch (kind) {
    case "switchover": {
      const leader = factsOf(scene, from);
      if (!leader) throw new Error("a switchover from a node that was not asked");
      const reasons = switchoverReasons(scene, leader, target, join !== null);
      return { risk: nothingAtRisk, reasons, warnings: slotsLeftBehind(leader) };
    }
    case "failover": {
      const risk = atRisk(scene, target, from);
      return {
        risk,
        reasons: [...failoverReasons(scene, target), ...lossReasons(scene, target.node, risk)],
        warnings: [],
      };
    }
    case "adopt":
    case "return": {
      const risk = atRisk(scene, target, kind === "adopt" ? from : (target.token?.to ?? ""));
      return {
        risk,
        reasons: [...adoptionReasons(scene, target), ...lossReasons(scene, target.node, risk)],
        warnings: [],
      };
    }
    default:
      return kind satisfies never;
  }
}

function silentNodes({ unreachable, declared }: Scene): string[] {
  return unreachable
    .filter(({ node }) => node !== declared.primary)
    .map(({ node, reason }) => `${node} cannot be asked: ${reason}`);
}

function summarize(scene: Scene, { kind, from, join }: Decision, risk: AtRisk | null): string {
  const { declared, leadership, fresh } = scene;
  const to = declared.primary;
  if (fresh) return `a new cluster: ${to} becomes its primary`;
  if (kind === "none") return `${to} is the primary and stays it (epoch ${leadership.epoch})`;
  const change = from === "" || from === to ? `${kind} of ${to}` : `${kind} ${from} → ${to}`;
  const parts = [
    `${change}, epoch ${leadership.epoch + 1}, at risk: ${risk === null ? "nothing" : describeRisk(risk)}`,
  ];
  if (join) parts.push(`${to} joins ${from} first`);
  const current = factsOf(scene, from)?.sql?.primary?.currentBytes;
  const replayed = factsOf(scene, from)?.sql?.senders.find(({ name }) => name === to)?.replayedBytes;
  if (kind === "switchover" && current !== undefined && replayed != null) {
    parts.push(`${to} is ${formatBytes(Math.max(0, current - replayed))} behind`);
  }
  return parts.join("; ");
}

function describeRisk({ known, bytes, why }: AtRisk): string {
  if (known) return bytes === 0 ? "nothing" : `${formatBytes(bytes)} of WAL`;
  return `${bytes === 0 ? "" : `at least ${formatBytes(bytes)} of WAL, and `}what can't be known (${why})`;
}

/** The message that a person reads. */
export function formatRefusal(reasons: readonly Reason[]): string {
  return [
    "preflight refuses; no role was touched",
    ...reasons.map(({ what, hint }) => `  ${what}\n    HINT: ${hint}`),
  ].join("\n");
}
