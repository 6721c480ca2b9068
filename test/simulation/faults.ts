/**
 * What goes wrong, and who does it. Which faults there are at all, and how often, differs from run to run: where everything goes wrong at once,
 * little else happens.
 */
import type { Hosts } from "./hosts.ts";
import { isWritable } from "./invariants.ts";
import { call, type Declared, update } from "./operator.ts";
import { copyOfData, crashes, promotesByHand, starts, stopsCleanly } from "./postgres.ts";
import { type Host, moments, newMember, noServer, tokenOf, trace, type World } from "./world.ts";

export interface Faults {
  readonly end: () => void;
  readonly updates: () => number;
}

type Fault = (world: World, hosts: Hosts, host: Host) => void;

const faults: Record<string, Fault> = {
  agentDies: (world, hosts, host) => {
    if (!host.agentLife.isAlive) return;
    trace(world, host.name, "agent dies");
    hosts.killsAgent(host);
    world.loop.after(world.random.between(50, 10_000), () => hosts.startsAgent(host));
  },
  powerFails: (world, hosts, host) => {
    hosts.powerOff(host);
    if (world.random.chance(0.7))
      world.loop.after(world.random.between(500, 60_000), () => comesBack(world, hosts, host));
  },
  powerComesBack: (world, hosts, host) => comesBack(world, hosts, host),
  postgresDies: (world, _, host) => {
    const leaves = world.random.chance(0.3);
    trace(world, host.name, "PostgreSQL dies", leaves ? "and leaves a backend" : "");
    crashes(host, leaves);
  },
  somebodyStarts: (world, _, host) => startsByHand(world, host),
  somebodyPromotes: (world, _, host) => {
    if (!host.power.isAlive || tokenOf(host).leader === host.member) return;
    trace(world, host.name, "pg_ctl promote, by hand");
    promotesByHand(world, host);
    world.loop.after(world.random.between(1000, 60_000), () => stopsByHand(world, host));
  },
  somebodyStops: (world, _, host) => {
    if (!host.power.isAlive) return;
    trace(world, host.name, "pg_ctl stop, by hand");
    try {
      stopsCleanly(world, host);
    } catch {}
  },
  networkIsCut: (world, _, host) => {
    const { random } = world;
    const cut = (set: Set<string>): void => {
      for (const other of world.hosts) {
        if (other === host || random.chance(0.3)) continue;
        if (random.chance(0.8)) set.add(`${host.name}>${other.name}`);
        if (random.chance(0.8)) set.add(`${other.name}>${host.name}`);
      }
    };
    if (random.chance(0.8)) cut(world.cutAgents);
    if (random.chance(0.6)) cut(world.cutWal);
    trace(world, "network: cut", [...world.cutAgents], [...world.cutWal]);
    world.loop.after(random.between(1000, 60_000), () => heals(world));
  },
  archiveIsAway: (world) => {
    world.archive.isAway = world.random.chance(0.6);
    world.archive.isSlow = !world.archive.isAway;
    trace(world, "archive:", world.archive.isAway ? "away" : "slow");
    world.loop.after(world.random.between(1000, 60_000), () => archiveComesBack(world));
  },
  archiveIsFar: (world, _, host) => {
    host.archive = world.random.chance(0.5) ? "slow" : "away";
    trace(world, host.name, "the archive is", host.archive);
    world.loop.after(world.random.between(1000, 60_000), () => {
      host.archive = "near";
    });
  },
  hostIsSlow: (world, _, host) => {
    const { random } = world;
    if (random.chance(0.6)) host.slowness = random.between(2, 100);
    if (random.chance(0.6)) host.slowDisk = random.between(2, 100);
    trace(world, host.name, "is slow:", host.slowness, host.slowDisk);
    world.loop.after(random.between(1000, 60_000), () => {
      Object.assign(host, { slowness: 1, slowDisk: 1 });
    });
  },
  clockJumps: (world, _, host) => {
    host.clock.offset += world.random.between(0, 200_000);
    trace(world, host.name, "clock jumps");
  },
  diskGoesBack,
};

/** The first time there is a snapshot, the second time the disk goes back to it. */
export function diskGoesBack(world: World, hosts: Hosts, host: Host): void {
  if (world.restores > 0) return;
  if (!host.snapshot) {
    if (world.hosts.some(({ snapshot }) => snapshot)) return;
    trace(world, host.name, "snapshot");
    const { files, data } = host.disk;
    const copied = data && copyOfData(data);
    if (copied) copied.log.length = Math.max(1, copied.synced);
    host.snapshot = { files: new Map(files), data: copied };
    return;
  }
  hosts.powerOff(host);
  restores(world, host);
  world.loop.after(world.random.between(500, 20_000), () => comesBack(world, hosts, host));
}

/** With what is configured, which may be old. */
export function startsByHand(world: World, host: Host): void {
  if (!host.power.isAlive || host.pg.state !== "down") return;
  trace(world, host.name, "pg_ctl start, by hand");
  try {
    starts(world, host, host.pg.upstream, "start");
  } catch {}
}

function comesBack({ isCalm }: World, hosts: Hosts, host: Host): void {
  if (!isCalm && !host.isKeptOff && !host.isRetired) hosts.powerOn(host);
}

function heals({ cutAgents, cutWal }: World): void {
  cutAgents.clear();
  cutWal.clear();
}

function archiveComesBack({ archive }: World): void {
  archive.isAway = false;
  archive.isSlow = false;
}

/** Who was promoted by hand is stopped by hand: the program does not. */
export function stopsByHand(world: World, host: Host): void {
  if (host.pg.byHand !== "promotion") return;
  trace(world, host.name, "pg_ctl stop, by who promoted it");
  host.pg.orphan = false;
  crashes(host, false);
}

/** Nothing goes wrong any more. */
export function faultsStop(world: World): void {
  Object.assign(world, { isCalm: true, crashes: null, appointed: null, late: null, archiveDoes: null });
  heals(world);
  archiveComesBack(world);
  for (const host of world.hosts) {
    Object.assign(host, { archive: "near", slowness: 1, slowDisk: 1 });
    stopsByHand(world, host);
  }
}

/** What was on this disk only is gone by the disk's own fault. */
function restores(world: World, host: Host): void {
  if (!host.snapshot) return;
  trace(world, host.name, "disk goes back");
  const kept = new Set(host.snapshot.data?.log.map(({ tag }) => tag));
  for (const { tag } of host.disk.data?.log ?? []) if (!kept.has(tag)) world.acked.delete(tag);
  host.disk = host.snapshot;
  host.snapshot = null;
  world.restores++;
}

export function beginsCrashes(world: World, hosts: Hosts): void {
  const { random } = world;
  world.crashes = (host, who = random.chance(0.3) ? "power" : "agent") => {
    trace(world, host.name, "goes in the middle of a change:", who);
    if (who === "power") faults.powerFails?.(world, hosts, host);
    else {
      faults.agentDies?.(world, hosts, host);
      if (random.chance(0.2)) faults.postgresDies?.(world, hosts, host);
    }
  };
}

export function beginFaults(world: World, hosts: Hosts): Faults {
  const { random, loop } = world;
  let isOver = false;
  let updates = 0;
  const share = random.pick([0.15, 0.4, 0.7]);
  const present = Object.values(faults).filter(() => random.chance(share));
  const pause = random.pick([1000, 4000, 15_000, 40_000]);
  const some = (most: number): number => (random.chance(0.4) ? 0 : random.fraction() * most);
  const at = Object.fromEntries(moments.filter(() => random.chance(0.15)).map((each) => [each, some(0.5)]));
  world.chances = {
    loss: some(0.1),
    late: some(0.2),
    crash: some(0.04),
    at,
    fail: some(0.3),
    store: 0.001 + some(0.1),
  };
  beginsCrashes(world, hosts);
  trace(world, "--- faults:", present.length, "every", pause, world.chances);

  const goesWrong = (): unknown => {
    if (isOver) return false;
    mayComeBack(world);
    random.pick(present)(world, hosts, random.pick(world.hosts.filter(({ isRetired }) => !isRetired)));
    loop.after(random.between(0, 2 * pause), goesWrong);
    return true;
  };
  if (present.length > 0) loop.after(random.between(0, pause), goesWrong);

  // They do not know of one another.
  for (let operators = random.chance(0.6) ? 1 : 2; operators > 0; operators--) {
    const manner = mannerOf(world);
    const goesOn = async (): Promise<void> => {
      while (!isOver) {
        await new Promise<void>((resolve) => {
          loop.after(random.between(200, 2 * manner.rest), resolve);
        });
        if (isOver) return;
        updates++;
        const last = random.fraction();
        if (last < manner.members) changesMembers(world, hosts, () => isOver);
        else if (last > 0.9 && world.archive.isAway) await overrides(world, hosts);
        const often = random.chance(manner.isKilled) ? 0.3 : 0;
        const isKilled = (): boolean => isOver || random.chance(often);
        const { pause } = manner;
        await update(world, hosts, declares(world, manner), { isKilled, pause }).catch((error: Error) =>
          trace(world, "operator: update fails:", error.message),
        );
      }
    };
    void goesOn();
  }

  return {
    updates: () => updates,
    end: () => {
      isOver = true;
      faultsStop(world);
    },
  };
}

/** How an operator of this run works. */
interface Style {
  /** Milliseconds: between two updates on average, and between two steps at most. */
  readonly rest: number;
  readonly pause: number;
  /** How often it sees that a host cannot be reached, and says so. */
  readonly sees: number;
  /** How often it fences the primary, and another one. */
  readonly fencesPrimary: number;
  readonly fences: number;
  readonly absent: number;
  readonly consents: number;
  readonly isKilled: number;
  readonly members: number;
}

function mannerOf({ random }: World): Style {
  return {
    rest: random.pick([500, 3000, 12_000]),
    pause: random.pick([0, 0, 500, 5000]),
    sees: random.pick([0.3, 0.9, 1]),
    fencesPrimary: random.pick([0, 0.05, 0.35]),
    fences: random.pick([0, 0.1, 0.3]),
    absent: random.pick([0, 0.1, 0.3]),
    consents: random.pick([0.3, 0.7, 1]),
    isKilled: random.pick([0, 0.15, 0.4]),
    members: random.pick([0, 0, 0.1]),
  };
}

function declares({ hosts, random }: World, style: Style): Declared {
  const present = hosts.filter(({ isRetired }) => !isRetired);
  const isThere = (host: Host): boolean => host.power.isAlive && host.agent !== null;
  const reached = present.filter(isThere);
  const primary = random.pick(reached.length > 0 && random.chance(style.sees) ? reached : present).name;
  const fenced: string[] = [];
  const absent: string[] = [];
  for (const host of present) {
    if (host.name === primary) continue;
    const isSeen = !isThere(host) && random.chance(style.sees);
    const fences = isSeen ? 0.7 : isWritable(host) ? style.fencesPrimary : style.fences;
    if (random.chance(fences)) fenced.push(host.name);
    else if (isSeen || random.chance(style.absent)) absent.push(host.name);
  }
  return {
    primary,
    fenced,
    absent,
    retired: hosts.filter(({ isRetired }) => isRetired).map(({ name }) => name),
    consent: random.chance(style.consents) ? { lossUnknown: true } : null,
  };
}

/** The third node is retired, or one under its name is added. */
export function changesMembers(world: World, hosts: Hosts, isOver: () => boolean): void {
  const host = world.hosts.at(-1) as Host;
  const leader = world.hosts.find((each) => isWritable(each));
  if (!leader || leader === host || isOver()) return;
  if (host.isRetired) {
    trace(world, host.name, "is made anew");
    host.member = newMember(world, host.name);
    host.isRetired = false;
    hosts.powerOn(host);
    return;
  }
  trace(world, host.name, "is destroyed, and retired");
  hosts.powerOff(host);
  world.fencedSince.set(host.member, Number.MAX_SAFE_INTEGER);
  world.destroyed.push(host.member);
  for (const { tag } of host.disk.data?.log ?? []) destroyed(world, host, tag);
  Object.assign(host, { disk: { files: new Map(), data: null }, snapshot: null, isRetired: true, isKeptOff: false });
  host.pg = noServer();
}

/** What was on a disk that was destroyed, and nowhere else, is lost by that. */
function destroyed(world: World, host: Host, tag: string): void {
  const isElsewhere = world.hosts.some(
    (other) => other !== host && other.disk.data?.log.some((record) => record.tag === tag),
  );
  if (!isElsewhere) world.acked.delete(tag);
}

/** The archive is lost, and the primary too: whoever cannot be reached is switched off, and kept off until the ledger knows. */
async function overrides(world: World, hosts: Hosts): Promise<void> {
  const { random } = world;
  const present = world.hosts.filter(({ isRetired }) => !isRetired);
  const target = random.pick(present);
  if (!target.agent || present.some((host) => isWritable(host) && random.chance(0.8))) return;
  const off = present.filter((host) => host !== target && (!host.power.isAlive || random.chance(0.3)));
  for (const host of off) {
    hosts.powerOff(host);
    host.isKeptOff = true;
  }
  await overrideBy(world, target, off);
}

/** `off`: switched off for it. */
export async function overrideBy(world: World, target: Host, off: readonly Host[]): Promise<void> {
  const intent = Buffer.from(world.random.bytes(8)).toString("hex");
  const nodes = world.hosts
    .filter(({ isRetired }) => !isRetired)
    .map(({ member }) => member)
    .sort();
  const keptOff = off.map(({ member }) => member).sort();
  trace(world, "operator: override", target.name, keptOff);
  world.overrides++;
  world.overriding++;
  await call(world, target, "announce", { intent })
    .then(() => call(world, target, "override", { intent, nodes, keptOff }))
    .catch((error: Error) => trace(world, "operator: override fails:", error.message));
  world.overriding--;
}

/** Who was switched off for an override may come back once the ledger knows, or once it is clear that nobody took it. */
export function mayComeBack(world: World): void {
  const kept = world.hosts.filter(({ isKeptOff }) => isKeptOff);
  if (kept.length === 0 || world.overriding > 0) return;
  const others = world.hosts.filter((host) => !host.isKeptOff);
  const isOpen = others.some((host) => tokenOf(host).overrides > 0 || isArmed(host));
  const isPromised = others.some((host) => tokenOf(host).promises.length > 0);
  if (!isOpen && !isPromised) for (const host of kept) host.isKeptOff = false;
}

const isArmed = ({ agent }: Host): boolean => agent?.status().isArmedForOverride ?? false;
