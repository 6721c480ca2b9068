/** The simulated world: hosts with disks, agents and PostgreSQL, a network between them, and an archive. */
import type { Agent } from "../../agent/main.ts";
import type { ControlState, Upstream } from "../../agent/surroundings.ts";
import {
  type Change,
  type Entry,
  type Member,
  member,
  noToken,
  type Origin,
  type Token,
  type WalEnd,
} from "../../model/leadership/index.ts";
import { keptSchema } from "../../model/leadership/schema.ts";
import { type Loop, makeLoop } from "./loop.ts";
import { type Random, randomOf } from "./random.ts";

export interface WalRecord {
  readonly timeline: number;
  readonly tag: string;
}

/** A data directory. */
export interface Data {
  log: WalRecord[];
  /** How many records are on disk for good. */
  synced: number;
  signal: boolean;
  state: ControlState;
  checkpoint: WalEnd;
  /** What the slots for followers carry. */
  begun: Origin | null;
  /** It was promoted by hand, and is nobody else's since. */
  isByHand: boolean;
}

export interface Disk {
  files: Map<string, string>;
  data: Data | null;
}

/** What runs of PostgreSQL. `orphan`: a backend without its postmaster, which goes on committing. */
export interface Server {
  state: "down" | "starting" | "recovery" | "promoting" | "primary" | "stopping";
  orphan: boolean;
  /** Somebody started it, or promoted it, past the agent. */
  byHand: "start" | "promotion" | null;
  /** The directory is under another name: no start finds it. */
  isHidden: boolean;
  upstream: Upstream | null;
  replayed: number;
  /** The highest timeline whose history file is at hand. */
  knownTimeline: number;
}

/** A process, or a host's uptime: what belongs to it ends with it. */
export interface Life {
  isAlive: boolean;
}

export interface Host {
  readonly name: string;
  member: Member;
  machine: string;
  power: Life;
  agentLife: Life;
  agent: Agent | null;
  handler: ((from: Member, request: never) => Promise<unknown>) | null;
  disk: Disk;
  pg: Server;
  /** How often PostgreSQL was started. */
  starts: number;
  /** How many events its agents have logged. */
  events: number;
  clock: { offset: number };
  snapshot: Disk | null;
  /** How far the archive is away from this host; `archive` says how it is for all. */
  archive: "near" | "slow" | "away";
  /** Its programs, and its disk, take so many times as long. */
  slowness: number;
  slowDisk: number;
  /** Kept off for an override. */
  isKeptOff: boolean;
  isRetired: boolean;
}

export interface Commit {
  readonly tag: string;
  readonly by: Member;
  readonly change: Change;
}

export interface Archive {
  readonly objects: Map<string, Uint8Array>;
  readonly wal: Map<number, WalRecord[]>;
  isAway: boolean;
  isSlow: boolean;
}

/** What an agent changes, one thing at a time: where a crash does most. */
export const moments = ["token", "intent", "entry", "signal", "start", "promotion", "stop", "kill"] as const;
export type Moment = (typeof moments)[number];

/** A crash that is to come. `who`: the host's power, or its agent. */
export interface Appointed {
  readonly host: Host;
  readonly moment: Moment;
  readonly when: "before" | "behind";
  readonly who: "power" | "agent";
}

/** Milliseconds before it does what it is asked, and before it says so. `timesOut`: it creates it much later, or never. `fails`: it gives nothing. */
export interface ArchiveDoes {
  readonly before?: number;
  readonly behind?: number;
  readonly timesOut?: "late" | "never";
  readonly fails?: boolean;
}

/** How often what goes wrong by itself, in this run. */
export interface Chances {
  /** A message or a reply is lost; is late. */
  readonly loss: number;
  readonly late: number;
  /** An agent or a host goes at the very moment when it changes something. */
  readonly crash: number;
  /** The same, on top, for one kind of change. */
  readonly at: Partial<Record<Moment, number>>;
  /** PostgreSQL does not start, stop or promote as it was told. */
  readonly fail: number;
  /** A request to the archive goes wrong. */
  readonly store: number;
}

export interface World {
  readonly loop: Loop;
  readonly random: Random;
  readonly hosts: Host[];
  readonly archive: Archive;
  /** "a>b": what a says does not reach b; for agents, and for WAL. */
  readonly cutAgents: Set<string>;
  readonly cutWal: Set<string>;
  /** Nothing goes wrong any more. */
  isCalm: boolean;
  /** Enough has gone wrong: how it ends is looked at now. */
  isEnough: boolean;
  readonly acked: Map<string, Commit>;
  /** Who was switched off, as the operator knows, since entry n was there. */
  readonly fencedSince: Map<Member, number>;
  /** Retired, and proven not to come back. */
  readonly destroyed: Member[];
  /** How many overrides are under way: who is kept off for one stays off. */
  overriding: number;
  restores: number;
  overrides: number;
  chances: Chances;
  /** An agent, or its host, goes. */
  crashes: ((host: Host, who?: Appointed["who"]) => void) | null;
  appointed: Appointed | null;
  /** How late a message of this kind is, or the reply to one, by who sends it. null: as usual. */
  late: ((from: Host, to: Host, kind: string) => number | null) | null;
  /** What the archive does with a request, beside what goes wrong there by chance. */
  archiveDoes: ((host: Host, what: "get" | "create", key: string) => ArchiveDoes | null) | null;
  violation: string | null;
  serial: number;
  readonly trace: string[];
  readonly keepsTrace: boolean;
}

export const noServer = (): Server => ({
  state: "down",
  orphan: false,
  byHand: null,
  isHidden: false,
  upstream: null,
  replayed: 0,
  knownTimeline: 0,
});

export const noChances: Chances = { loss: 0, late: 0, crash: 0, at: {}, fail: 0, store: 0 };

const emptyDisk = (): Disk => ({ files: new Map(), data: null });

export function newMember(world: Pick<World, "random">, name: string): Member {
  return member(name, Buffer.from(world.random.bytes(32)).toString("hex"));
}

export function makeWorld(seed: number, keepsTrace: boolean): World {
  const random = randomOf(seed);
  const hosts = ["a", "b", "c"].map(
    (name): Host => ({
      name,
      member: newMember({ random }, name),
      machine: `machine of ${name}`,
      power: { isAlive: true },
      agentLife: { isAlive: false },
      agent: null,
      handler: null,
      disk: emptyDisk(),
      pg: noServer(),
      starts: 0,
      events: 0,
      clock: { offset: random.between(0, 1e6) },
      snapshot: null,
      archive: "near",
      slowness: 1,
      slowDisk: 1,
      isKeptOff: false,
      isRetired: false,
    }),
  );
  return {
    loop: makeLoop(random),
    random,
    hosts,
    archive: { objects: new Map(), wal: new Map(), isAway: false, isSlow: false },
    cutAgents: new Set(),
    cutWal: new Set(),
    isCalm: true,
    isEnough: false,
    acked: new Map(),
    fencedSince: new Map(),
    destroyed: [],
    overriding: 0,
    restores: 0,
    overrides: 0,
    chances: noChances,
    crashes: null,
    appointed: null,
    late: null,
    archiveDoes: null,
    violation: null,
    serial: 0,
    trace: [],
    keepsTrace,
  };
}

const MOST_LINES = 100_000;
export function trace(world: World, ...words: readonly unknown[]): void {
  if (!world.keepsTrace) return;
  const say = (word: unknown): string =>
    typeof word === "string"
      ? word
      : JSON.stringify(word, (_, value) => (typeof value === "bigint" ? String(value) : value));
  const line = `${(world.loop.now() / 1000).toFixed(3).padStart(9)} ${words.map(say).join(" ")}`;
  world.trace.push(line.replace(/@[0-9a-f]{60}/g, "@"));
  if (world.trace.length > MOST_LINES) world.trace.splice(0, MOST_LINES / 2);
}

export function violated(world: World, what: string): void {
  if (world.violation !== null) return;
  trace(world, "VIOLATION", what);
  for (const { name, pg, disk, power, agentLife } of world.hosts)
    trace(world, name, {
      ...pg,
      on: power.isAlive,
      agent: agentLife.isAlive,
      data: disk.data && { ...disk.data, log: disk.data.log.length, end: disk.data.log.at(-1) },
    });
  world.violation = what;
}

/**
 * An effect some time from now, and what comes of it some time later: a crash may fall before, between, or behind. `changes`: it changes something;
 * there a crash is likely.
 */
export function operation<T>(
  world: World,
  life: Life,
  low: number,
  high: number,
  effect: () => T,
  changes?: { readonly host: Host; readonly moment: Moment },
): Promise<T> {
  const { loop, random } = world;
  return new Promise((resolve, reject) => {
    loop.after(random.between(low, high), () => {
      if (!life.isAlive) return false;
      const crash = changes && crashAt(world, changes.host, changes.moment);
      if (crash?.when === "before") world.crashes?.(crash.host, crash.who);
      if (!life.isAlive) return true;
      let ends: () => void;
      try {
        const result = effect();
        ends = () => resolve(result);
      } catch (error) {
        ends = () => reject(error as Error);
      }
      if (crash?.when === "behind") world.crashes?.(crash.host, crash.who);
      if (world.isCalm || random.chance(0.7)) {
        if (life.isAlive) ends();
      } else loop.after(random.between(0, high), () => (life.isAlive ? ends() : false));
      return true;
    });
  });
}

type Crash = Pick<Appointed, "host" | "when"> & { readonly who?: Appointed["who"] };

function crashAt(world: World, host: Host, moment: Moment): Crash | undefined {
  const { isCalm, appointed, chances, random } = world;
  if (appointed?.host === host && appointed.moment === moment) {
    world.appointed = null;
    return appointed;
  }
  const chance = chances.crash + (chances.at[moment] ?? 0);
  if (isCalm || chance === 0 || !random.chance(chance)) return undefined;
  return { host, when: random.chance(0.5) ? "before" : "behind" };
}

export const hostOf = (world: World, member: Member): Host | undefined =>
  world.hosts.find((host) => host.member === member);

export const isArchiveAway = ({ archive }: World, host: Host): boolean => archive.isAway || host.archive === "away";

export const isCut = (cut: ReadonlySet<string>, from: Host, to: Host): boolean => cut.has(`${from.name}>${to.name}`);

/** What the node's disk says, as nobody in the world can see it. */
const tokens = new WeakMap<Map<string, string>, { text: string; token: Token }>();
export function tokenOf({ disk }: Host): Token {
  const text = disk.files.get("standing.json");
  if (text === undefined) return noToken;
  const known = tokens.get(disk.files);
  if (known?.text === text) return known.token;
  const { token } = keptSchema.parse(JSON.parse(text));
  tokens.set(disk.files, { text, token });
  return token;
}

/** The entries of the ledger, as they lie there. */
export function entriesOf({ archive }: World): Entry[] {
  const found: Entry[] = [];
  for (let number = 1; ; number++) {
    const bytes = archive.objects.get(`entry-${String(number).padStart(9, "0")}`);
    if (!bytes) return found;
    found.push(JSON.parse(Buffer.from(bytes).toString().slice(65)));
  }
}
