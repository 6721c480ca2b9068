/**
 * One run: a cluster is made, everything goes wrong for a while, then nothing does, and at most two updates have to bring about what is declared. The
 * seed decides all of it.
 */
import { membersOf, notEligible } from "../../model/leadership/index.ts";
import { beginFaults, mayComeBack } from "./faults.ts";
import { type Hosts, hostsOf, type StartAgent } from "./hosts.ts";
import { checkWriters, isWritable } from "./invariants.ts";
import { call, type Declared, update } from "./operator.ts";
import { newData, traffic } from "./postgres.ts";
import { playScenes, type SceneName } from "./scenes.ts";
import { entriesOf, type Host, makeWorld, tokenOf, trace, violated, type World } from "./world.ts";

export interface Outcome {
  readonly seed: number;
  readonly steps: number;
  /** Changes of primary that were taken, and updates that were run, in all. */
  readonly entries: number;
  readonly updates: number;
  readonly violation: string | null;
  readonly trace: readonly string[];
}

export interface Length {
  /** How many steps things go wrong. */
  readonly steps: number;
  /** No walks, and no other scene. */
  readonly scene?: SceneName | undefined;
  readonly keepsTrace?: boolean;
}

export async function run(
  seed: number,
  { steps: faulty, keepsTrace = false, scene }: Length,
  start: StartAgent,
): Promise<Outcome> {
  const world = makeWorld(seed, keepsTrace);
  const hosts = hostsOf(world, start);
  const driver = { steps: 0, updates: 0 };
  const goes = async (until: () => boolean, most: number): Promise<boolean> => {
    const end = driver.steps + most;
    while (!until()) {
      if (world.violation || driver.steps >= end) return false;
      if (await world.loop.step()) driver.steps++;
      checkWriters(world);
    }
    return true;
  };
  beginTraffic(world);
  await makesCluster(world, hosts, goes);
  const begun = driver.steps;
  world.isCalm = false;
  const isWalk = world.random.chance(0.35) && scene === undefined;
  const faults = isWalk ? beginFaults(world, hosts) : playScenes(world, hosts, scene);
  const most = isWalk ? faulty : faulty / 2;
  await goes(() => driver.steps - begun >= most || world.isEnough, Number.POSITIVE_INFINITY);
  if (!world.violation) await endsWell(world, hosts, goes, faults.end);
  const entries = entriesOf(world).length;
  return {
    seed,
    steps: driver.steps,
    entries,
    updates: faults.updates(),
    violation: world.violation,
    trace: world.trace,
  };
}

export interface Many extends Omit<Outcome, "seed"> {
  readonly seeds: number;
  readonly last: number;
}

/** One seed after the other, until so many steps have run, or one of them finds something. */
export async function runMany(first: number, most: number, length: Length, start: StartAgent): Promise<Many> {
  const sum = { steps: 0, entries: 0, updates: 0, seeds: 0, last: first };
  while (true) {
    const outcome = await run(first + sum.seeds, length, start);
    sum.last = outcome.seed;
    sum.seeds++;
    sum.steps += outcome.steps;
    sum.entries += outcome.entries;
    sum.updates += outcome.updates;
    const { violation, trace: told } = outcome;
    if (violation !== null || sum.steps >= most) return { ...sum, violation, trace: told };
  }
}

type Goes = (until: () => boolean, most: number) => Promise<boolean>;
const MOST_STEPS = 60_000;

function beginTraffic(world: World): void {
  const goesOn = (): void => {
    traffic(world);
    world.loop.after(world.random.between(50, 500), goesOn);
  };
  goesOn();
}

/** What somebody else does, in the simulated time: what came of it, or why not. */
async function done(world: World, goes: Goes, what: Promise<unknown>): Promise<string | null> {
  let outcome: string | null | undefined;
  what.then(
    () => {
      outcome = null;
    },
    (error: Error) => {
      outcome = error.message;
    },
  );
  if (!(await goes(() => outcome !== undefined, MOST_STEPS))) return world.violation ?? "it does not come to an end";
  return outcome ?? null;
}

const waits = (world: World, goes: Goes, ms: number): Promise<boolean> => {
  const end = world.loop.now() + ms;
  return goes(() => world.loop.now() >= end, MOST_STEPS);
};

async function makesCluster(world: World, hosts: Hosts, goes: Goes): Promise<void> {
  const [first, second] = world.hosts as [Host, Host, Host];
  first.disk.data = newData();
  for (const host of world.hosts) hosts.startsAgent(host);
  await waits(world, goes, 5000);
  // The third one is a member, or is not yet.
  const members = [first.member, second.member, ...world.hosts.slice(2).map(({ member }) => member)].sort();
  const intent = "00";
  const steps = async (): Promise<void> => {
    for (const host of world.hosts) await call(world, host, "announce", { intent });
    await call(world, first, "initialize", { intent, ledger: "0b6f8a52-3f3c-4a8e-9a53-0a7c1d8c2b11", members });
    for (const host of world.hosts)
      if (host !== first) await call(world, host, "follow", { intent, leader: first.member });
  };
  const failed = await done(world, goes, steps());
  if (failed !== null) violated(world, `no cluster comes to be: ${failed}`);
}

// --- faults stop

/** Nothing goes wrong any more: one host is dead perhaps, and any other is declared the primary. At most two updates, and then the dead one comes back. */
async function endsWell(world: World, hosts: Hosts, goes: Goes, endFaults: () => void): Promise<void> {
  const { random } = world;
  endFaults();
  trace(world, "--- faults stop");
  mayComeBack(world);
  const present = world.hosts.filter(({ isRetired }) => !isRetired);
  const gone = present.filter(({ power }) => !power.isAlive);
  const dead = random.chance(0.5) ? random.pick(gone.length > 0 && random.chance(0.7) ? gone : present) : undefined;
  const off = present.filter((host) => host === dead || host.isKeptOff);
  for (const host of off) hosts.powerOff(host);
  for (const host of present) if (!off.includes(host)) hosts.powerOn(host);
  // Until whatever was begun has come to its end: armings, stops, late messages and creates.
  await waits(world, goes, 140_000);
  if (off.length === 0) servesByItself(world);
  const targets = present.filter((host) => !off.includes(host));
  if (targets.length === 0) return;
  const target = random.pick(targets);
  if (!isPossible(world, target)) return trace(world, target.name, "is no possible primary");
  const retired = world.hosts.filter(({ isRetired }) => isRetired).map(({ name }) => name);
  const declared: Declared = {
    primary: target.name,
    fenced: off.map(({ name }) => name),
    absent: [],
    retired,
    consent: null,
  };
  const first = await done(world, goes, update(world, hosts, declared));
  if (first !== null) {
    trace(world, "--- the first update says:", first);
    await waits(world, goes, 130_000);
    const second = await done(world, goes, update(world, hosts, { ...declared, consent: { lossUnknown: true } }));
    if (second !== null)
      return violated(world, `two updates do not make ${target.name} the primary: ${first}; ${second}`);
  }
  const again = (): Promise<void> => update(world, hosts, declared);
  await isAsDeclared(world, goes, target, targets, again);
  if (world.violation || off.length === 0) return;
  trace(world, "--- the dead come back");
  for (const host of off) Object.assign(host, { isKeptOff: false });
  for (const host of off) hosts.powerOn(host);
  await waits(world, goes, 60_000);
  const takesBack = (): Promise<void> => update(world, hosts, { ...declared, fenced: [] });
  const third = await done(world, goes, takesBack());
  if (third !== null) return violated(world, `an update does not take back who was dead: ${third}`);
  await isAsDeclared(world, goes, target, present, takesBack);
}

/** All are there again: somebody serves, and no update was needed. */
function servesByItself(world: World): void {
  // A disk that went back, who was destroyed, and an override leave what an update has to decide.
  if (world.restores > 0 || world.overrides > 0 || world.destroyed.length > 0) return;
  if (!world.hosts.some(isWritable)) violated(world, "nothing goes wrong any more, and nobody takes writes by itself");
}

/** A target has to be a member that has followed a leader as one; where somebody serves, an update makes up for that. */
function isPossible(world: World, target: Host): boolean {
  const end = entriesOf(world).at(-1);
  if (!end || !membersOf(end).includes(target.member)) return false;
  const isServed = world.hosts.some((host) => isWritable(host) && tokenOf(host).leader === host.member);
  const token = tokenOf(target);
  // Who has never followed does not know whom to ask.
  if (token.entry === 0) return false;
  return isServed || (token.members.includes(target.member) && !notEligible(target.member, token, end));
}

/** `again`: the same update. */
async function isAsDeclared(
  world: World,
  goes: Goes,
  target: Host,
  present: readonly Host[],
  again: () => Promise<void>,
): Promise<void> {
  if (world.violation) return;
  const follows = (host: Host): boolean =>
    host.pg.state === "recovery" && tokenOf(host).entry === tokenOf(target).entry && isCaughtUp(host, target);
  const isSo = (): boolean => isWritable(target) && present.every((host) => host === target || follows(host));
  const end = world.loop.now() + 30_000;
  await goes(() => isSo() || world.loop.now() > end, MOST_STEPS);
  if (world.violation) return;
  if (isSo()) return staysSo(world, goes, present, again);
  const says = present.map(
    (host) => `${host.name} ${host.pg.state} ${tokenOf(host).entry} ${host.disk.data?.log.length}`,
  );
  violated(world, `${target.name} is the primary, and it is not as declared: ${says.join(", ")}`);
}

/** It is so for good: nobody starts PostgreSQL anew, copies data again and again, or logs the same again and again; nor does the same update once more. */
async function staysSo(world: World, goes: Goes, present: readonly Host[], again: () => Promise<void>): Promise<void> {
  await waits(world, goes, 15_000);
  const before = present.map(({ starts }) => starts);
  const events = present.map((host) => host.events);
  await waits(world, goes, 25_000);
  for (const [at, host] of present.entries())
    if (host.events - (events[at] as number) > 10) violated(world, `${host.name} is as declared, and goes on logging`);
  const failed = await done(world, goes, again());
  if (failed !== null) return violated(world, `an update that has nothing to do fails: ${failed}`);
  for (const [at, { name, starts }] of present.entries())
    if (starts !== before[at]) violated(world, `${name} is as declared, and is started anew`);
}

/** Within what traffic writes at a time. */
const isCaughtUp = (host: Host, target: Host): boolean => {
  const mine = host.disk.data?.log ?? [];
  const theirs = target.disk.data?.log ?? [];
  return mine.length > theirs.length - 20 && mine.at(-1)?.tag === theirs[mine.length - 1]?.tag;
};
