import { formatBytes, formatSeconds } from "../status/format.ts";
import { acceptCommand, consentOf, withoutConsent } from "./consent.ts";
import type { AtRisk, NodeFacts, Reason, Scene } from "./scene.ts";
import { factsOf, isLeftBehind, ofWhen, receivedBytes } from "./scene.ts";
import { waitedFor } from "./synchronous.ts";

/** A planned change: the target takes over only when it has everything. */
export const nothingAtRisk: AtRisk = {
  known: true,
  bytes: 0,
  lastHeardSeconds: null,
  why: "the target takes over only when it holds all that was written",
};

/** What is lost where `target` becomes the primary and the one that led is off, or stays behind. */
export function atRisk(scene: Scene, target: NodeFacts, from: string): AtRisk {
  if (isLeftBehind(scene, target)) {
    const { leader = "", leaderEpoch } = scene.leadership;
    const change = `change ${leaderEpoch}${ofWhen(scene, leader, leaderEpoch)}`;
    const why = `${leader} led last, by ${change}, and ${target.node} has not joined it since: nothing says what it acknowledged`;
    return { known: false, bytes: 0, lastHeardSeconds: null, why };
  }
  const safe = cleanShutdown(scene, target, from) ?? waitedFor(scene, target, from);
  if (safe !== undefined) return { known: true, bytes: 0, lastHeardSeconds: lastHeard(scene), why: safe };
  const others = scene.withData.filter(({ node }) => node !== target.node);
  // A node that was promoted by hand left the others where its timeline begins.
  const has = target.sql?.primary ? (target.wal.forkedAtBytes ?? 0) : receivedBytes(target);
  const seen = others.map((facts) => Math.max(receivedBytes(facts), facts.sql?.standby?.receiver?.latestEndBytes ?? 0));
  const own = target.sql?.standby?.receiver?.latestEndBytes ?? 0;
  const heard = lastHeard(scene);
  const since = heard === null ? "" : `, which was last heard from ${formatSeconds(heard)} ago`;
  return {
    known: false,
    bytes: Math.max(0, Math.max(own, ...seen) - has),
    lastHeardSeconds: heard,
    why: `nothing says what else was committed on ${from || "the old primary"}${since}`,
  };
}

/** The end of a clean shutdown is in the hands of the target. */
function cleanShutdown(scene: Scene, target: NodeFacts, from: string): string | undefined {
  const leader = factsOf(scene, from);
  if (leader?.data.controlState !== "shut down" || leader.node === target.node) return undefined;
  const has = target.sql?.primary ? (target.wal.forkedAtBytes ?? 0) : receivedBytes(target);
  return has > leader.wal.checkpointBytes
    ? `${from} was shut down cleanly, and ${target.node} has all of its WAL`
    : undefined;
}

function lastHeard({ withData, leadership }: Scene): number | null {
  const seconds = withData
    .filter(({ node }) => node !== leadership.leader)
    .flatMap(({ sql, wal }) => [sql?.standby?.receiver?.heardSeconds, sql?.primary ? null : wal.heardSeconds])
    .filter((value): value is number => value !== null && value !== undefined);
  return seconds.length === 0 ? null : Math.max(0, Math.min(...seconds));
}

/** A loss that goes beyond what config accepts. */
export function lossReasons(scene: Scene, to: string, risk: AtRisk): readonly Reason[] {
  const consent = consentOf(scene);
  if (risk.bytes <= (consent?.lossBytes ?? 0) && (risk.known || consent?.lossUnknown)) return [];
  const least = risk.bytes > 0 ? `${risk.known ? "" : "at least "}${formatBytes(risk.bytes)} of WAL` : "";
  const what = risk.known
    ? `${to} would lose ${least}`
    : least === ""
      ? `what ${to} would lose can't be known: ${risk.why}`
      : `${to} would lose ${least}, and it can't be known what else: ${risk.why}`;
  const accepted =
    consent && `accept.lossBytes is ${formatBytes(consent.lossBytes)}, accept.lossUnknown ${consent.lossUnknown}`;
  const needed = { ...(risk.bytes > 0 ? { lossBytes: risk.bytes } : {}), ...(risk.known ? {} : { lossUnknown: true }) };
  return [
    {
      what: `${what}; ${accepted ?? withoutConsent(scene)}`,
      hint: `Bring the old primary back, or accept the loss: ${acceptCommand(scene, needed)}`,
    },
  ];
}
