/** What must hold at each step. */
import { type Change, type Entry, isLater, type Member } from "../../model/leadership/index.ts";
import { type Commit, entriesOf, type Host, hostOf, tokenOf, trace, violated, type World } from "./world.ts";

export const isWritable = ({ power, pg }: Host): boolean => power.isAlive && (pg.state === "primary" || pg.orphan);

/** Never two that take writes, but for who was promoted by hand. */
export function checkWriters(world: World): void {
  const writers = world.hosts.filter((host) => isWritable(host) && host.pg.byHand !== "promotion");
  if (writers.length > 1) violated(world, `two take writes: ${writers.map(({ name }) => name).join(" and ")}`);
}

/** It is durable on this host, and the client has been told. */
export function acknowledges(world: World, host: Host, tag: string): void {
  const { entry, overrides } = tokenOf(host);
  world.acked.set(tag, { tag, by: host.member, change: { entry, overrides } });
}

/** A node begins to take writes: what was acknowledged before is there, or its loss was consented to in an entry that led past it. */
export function becameWritable(world: World, host: Host): void {
  checkWriters(world);
  if (host.pg.byHand === "promotion") return;
  const there = new Set(host.disk.data?.log.map(({ tag }) => tag));
  const token = tokenOf(host);
  const lost = [...world.acked.values()].filter(({ tag }) => !there.has(tag));
  if (lost.length === 0) return;
  const entries = entriesOf(world);
  for (const commit of lost) {
    if (token.overrides === 0 && !isConsented(world, entries, commit, token))
      violated(
        world,
        `${host.name} takes writes by entry ${token.entry} without ${commit.tag}, which was acknowledged under entry ${commit.change.entry}`,
      );
    world.acked.delete(commit.tag);
  }
  trace(world, host.name, "has led past", lost.length, "commits");
}

/**
 * What a node says is so. It may have begun to take writes meanwhile, or have ceased: what counts is what did so all the time. Of what somebody
 * else started or promoted it hears a little later; but it stands down, and promises, only where it has looked.
 */
export function checksReply(world: World, host: Host): (kind: string, reply: unknown) => void {
  const { pg, power } = host;
  const took = isWritable(host);
  return (kind, reply) => {
    if (!took || host.pg !== pg || host.power !== power || !isWritable(host)) return;
    const said = reply as { kind: string; answer?: { serving: boolean } };
    if ((kind === "standDown" || kind === "promise") && said.kind === "done")
      violated(world, `${host.name} stands down, and takes writes`);
    if (said.answer?.serving === false && pg.byHand === null)
      violated(world, `${host.name} says that it takes no writes, and does`);
  };
}

/** Somebody starts it without the signal: then its agent has let it go ahead. */
export function checksStart(world: World, host: Host, phase: string): void {
  if (phase !== "starting" && phase !== "serving")
    violated(world, `${host.name} is started, and its agent has not let it`);
}

/**
 * By the author of a claim that knew of the change under which it was acknowledged, or that had a leader fenced that held it: its own one, or one that
 * has it from that one.
 */
function isConsented(world: World, entries: readonly Entry[], { change, by, tag }: Commit, to: Change): boolean {
  const holds = (member: Member): boolean => {
    const host = hostOf(world, member);
    const isThere = host?.disk.data?.log.some((record) => record.tag === tag) ?? false;
    return member === by || (isThere && host !== undefined && tokenOf(host).leader === member);
  };
  return entries.some(
    ({ kind, consent, number, base, over }) =>
      kind === "claim" &&
      consent !== null &&
      number <= to.entry &&
      number > change.entry &&
      (!isLater(change, base) || over.some((each) => (world.fencedSince.get(each) ?? 0) >= number && holds(each))),
  );
}
