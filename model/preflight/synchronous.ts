import type { Kind, NodeFacts, Outcome, Scene } from "./scene.ts";
import { declaredNode, factsOf, receivedBytes } from "./scene.ts";

/**
 * Why nothing is lost where `target` takes over from `from`; undefined: something may be.
 *
 * With `ANY 1` of n, an acknowledged commit is on one of the n: whoever is the furthest ahead of all n has every one of them. Goes by what an
 * earlier preflight knows of whom commits waited for, because a declaration that came with the failover proves nothing; that they did wait, by
 * the very change by which `from` led, stands in the target's own data.
 */
export function waitedFor(scene: Scene, target: NodeFacts, from: string): string | undefined {
  const { declared, leadership } = scene;
  const synchronous = declared.recorded?.synchronous;
  const { awaited, weakCommits } = target.sql ?? {};
  if (!synchronous || !declared.commitsWait || weakCommits !== false || target.sql?.primary) return undefined;
  if (leadership.leader !== from || awaited?.epoch !== leadership.leaderEpoch || awaited.id !== synchronous.id) {
    return undefined;
  }
  const standbys = synchronous.names.filter((name) => name !== from);
  if (standbys.some((name) => !declaredNode(scene, name)?.synchronous) || !standbys.includes(target.node)) {
    return undefined;
  }
  const has = receivedBytes(target);
  const furthest = standbys
    .map((name) => scene.withData.find(({ node }) => node === name))
    .every((facts) => facts !== undefined && facts.wal.timeline <= target.wal.timeline && receivedBytes(facts) <= has);
  if (!furthest) return undefined;
  return `a commit waits for ${standbys.join(" or ")}, and ${target.node} has all that ${standbys.length > 1 ? "any of them has" : "it was sent"}`;
}

/** What later steps are to write down of whom commits wait for. Stays the same for as long as they have waited without a break. */
export function synchronousRecord(scene: Scene, kind: Kind): Outcome["synchronous"] {
  const { declared, leadership } = scene;
  const names = declared.nodes
    .filter(({ state, synchronous }) => state === "active" && synchronous)
    .map(({ name }) => name)
    .sort();
  if (names.length === 0 || !declared.commitsWait) return null;
  const earlier = declared.recorded?.synchronous ?? null;
  if (earlier !== null && names.every((name) => earlier.names.includes(name))) {
    // What it proves of the old primary is needed until another one leads.
    if (kind === "failover") return earlier;
    const waits = awaitedBy(factsOf(scene, leadership.leader));
    const broken = releasedStandbys(scene).length > 0 || waits?.length === 0;
    if (earlier.names.length === names.length && !broken) return earlier;
  }
  const position = factsOf(scene, leadership.leader)?.sql?.primary?.currentBytes ?? 0;
  return { id: `${declared.intent ?? ""}/${position}`, names };
}

/**
 * Those that commits of the leader wait for although they are not to, or although they are away for long: one whose data do not follow the
 * leader is copied or rewound first.
 */
export function releasedStandbys(scene: Scene): readonly string[] {
  const { leader, leaderEpoch } = scene.leadership;
  return (awaitedBy(factsOf(scene, leader)) ?? []).filter((name) => {
    const node = declaredNode(scene, name);
    if (node?.state !== "active" || !node.synchronous) return true;
    const facts = factsOf(scene, name);
    return facts !== undefined && (facts.data.state !== "cluster" || facts.joined < leaderEpoch);
  });
}

/** Names in `synchronous_standby_names`; undefined: it is no primary that takes SQL. */
function awaitedBy(leader: NodeFacts | undefined): readonly string[] | undefined {
  const names = leader?.sql?.primary?.synchronousStandbyNames;
  return names === undefined ? undefined : [...names.matchAll(/"([^"]+)"/g)].map(([, name]) => name as string);
}
