/** What the search knows of the world: hosts with their disks and PostgreSQL, the ledger, and what was acknowledged. */
import type { Entries, History, Member, Origin, Standing, WalEnd } from "../../../model/leadership/index.ts";

export const NAMES: readonly Member[] = ["A@a", "B@b", "C@c", "D@d"];
export const nameAt = (node: number): Member => NAMES[node] as Member;
export const indexOf = (member: Member): number => member.charCodeAt(0) - 65;
export const letter = (node: number): string => "ABCD"[node] ?? "?";
export const bit = (node: number): number => 1 << node;
export const has = (mask: number, node: number): boolean => (mask & (1 << node)) !== 0;

/** `starting`: started or promoted, may take writes, standby.signal is away. `stopping`: takes none, still sends WAL. */
export type Pg = "down" | "standby" | "starting" | "primary" | "stopping";

/** A planned change that this primary has begun. */
export interface Giving {
  readonly step: "offered" | "stopping";
  readonly entry: number;
  readonly to: number;
}

export interface Node {
  readonly on: boolean;
  readonly pg: Pg;
  readonly standing: Standing;
  /** What `pg_control` says of the last run. */
  readonly asPrimary: boolean;
  /** One character a record: a commit (a, b, …), a shutdown, a switch of timeline. */
  readonly log: string;
  /** How many records a standby has fsynced. */
  readonly synced: number;
  readonly giving: Giving | null;
  /** The message of a primary that has stopped for this node's arming for `entry`. */
  readonly told: { readonly entry: number; readonly end: WalEnd } | null;
  /** The entry of an offer whose word may come once more (only where offerIsForThisArming is dropped; else that changes nothing). */
  readonly word: number;
  /** The number of the ledger for which it took over, and which it begins; durable. */
  readonly replaces: number;
  /** It has seen that it may take this offer (only where takeUnderLock is dropped). */
  readonly decided: number;
  /** Somebody promoted it by hand. */
  readonly byHand: boolean;
}

/** What a disk held at some time. */
export type Snapshot = Pick<Node, "standing" | "asPrimary" | "log" | "replaces">;

export interface World {
  readonly ledger: Entries;
  /** Those that were to replace it, by their numbers from 1 on; without an entry: not begun. */
  readonly next: readonly Entries[];
  /** For each node, the number of the last entry that there was when it was fenced or stood down: five bits for each ledger. */
  readonly stopped: readonly number[];
  /** Who stood down, rather than was switched off, then. */
  readonly stood: number;
  /** Acknowledged commits, but for those whose loss was consented to, or that went with a disk that went back. */
  readonly acked: number;
  readonly commits: number;
  readonly faults: number;
  /** Who took writes last. */
  readonly ruler: number;
  /** Who was switched off for an override, and is kept off. */
  readonly keptOff: number;
  /** Who was kept off when somebody took over for a new ledger, and was not told of it yet. */
  readonly untold: number;
  /** Somebody took over without the ledger, and nobody with it since. */
  readonly open: boolean;
  /** For each target of an override, who is switched off for it or has promised. */
  readonly yielded: readonly number[];
  readonly snapshots: readonly (Snapshot | null)[];
  /** How many disks went back. */
  readonly wentBack: number;
  /** How often a standby was promoted by hand. */
  readonly handed: number;
  /** WAL of two nodes was taken for the same: from there on nothing is searched. */
  readonly mixed: boolean;
  /** Another machine with a copy of a node's disk, under that node's name and key. */
  readonly clone: { readonly of: number; readonly standing: Standing; readonly writes: boolean } | null;
}

export interface State {
  readonly nodes: readonly Node[];
  readonly world: World;
}

export interface Scenario {
  readonly nodes: number;
  /** How many entries the ledger may get. */
  readonly entries: number;
  readonly commits: number;
  /** Losses of power, crashes, stops, killed steps, lost replies: how many of them all in all. */
  readonly faults: number;
  /** Who may be declared the primary, fenced, and with whom as the target a loss is consented to. Bits. */
  readonly targets: number;
  readonly fence: number;
  readonly consent: number;
  /** Whose disk may go back, and how many do. */
  readonly snapshot: number;
  readonly restores: number;
  /** Whether anybody may start PostgreSQL by hand, so that standby.signal matters. */
  readonly signal: boolean;
  /** Whether WAL that a standby has not fsynced may be lost. */
  readonly unsynced: boolean;
  readonly members: number;
  readonly addable: number;
  readonly retirable: number;
  /** Who may take over without the ledger, and how often. */
  readonly unlisted: number;
  readonly overrides: number;
  /** Who may take over for a new ledger, and how many of those may be declared. */
  readonly replacers: number;
  readonly replacements: number;
  /** How often a standby is promoted by hand. */
  readonly byHand: number;
  /** Whose host may be cloned. */
  readonly clones: number;
  /** Who may be declared the first primary of a new cluster. Nobody: there is one already, A. */
  readonly begins: number;
  /** Whether two leaders by one number count, before both take writes. */
  readonly strict: boolean;
}

export const scenario = (of: Partial<Scenario>): Scenario => ({
  nodes: 2,
  entries: 3,
  commits: 0,
  faults: 1,
  targets: 15,
  fence: 15,
  consent: 15,
  snapshot: 0,
  restores: 1,
  signal: false,
  unsynced: false,
  members: 15,
  addable: 0,
  retirable: 0,
  unlisted: 0,
  overrides: 1,
  replacers: 0,
  replacements: 0,
  byHand: 0,
  clones: 0,
  begins: 0,
  strict: true,
  ...of,
});

export type Kind =
  | "PowerOn"
  | "PowerOff"
  | "PowerOffUnsynced"
  | "Crash"
  | "Stop"
  | "KillStep"
  | "Snapshot"
  | "Restore"
  | "ByHand"
  | "Clone"
  | "CloneLeads"
  | "CloneStandsDown"
  | "Commit"
  | "PgCtl"
  | "Stopped"
  | "Ready"
  | "StartStandby"
  | "Restart"
  | "Promote"
  | "Receive"
  | "Read"
  | "Ask"
  | "AskLetGo"
  | "Adopt"
  | "Lead"
  | "Arm"
  | "LetGo"
  | "Offer"
  | "OfferFails"
  | "OfferAgain"
  | "Give"
  | "Tell"
  | "Decide"
  | "Take"
  | "Claim"
  | "ArmLate"
  | "Overwrite"
  | "Fence"
  | "StandDown"
  | "TakeOver"
  | "Follow"
  | "BeginFirst"
  | "TakeFirst"
  | "Note"
  | "Add"
  | "Retire"
  | "Forget"
  | "ArmOverride"
  | "FenceForOverride"
  | "Promise"
  | "TakeOverride"
  | "ArmToReplace"
  | "Begin"
  | "Close"
  | "ToldLate"
  | "Release"
  | "Abandon";

/** One step: what is done, by or to whom. */
export interface Step {
  readonly kind: Kind;
  readonly node: number;
  readonly other: number;
  readonly next: State;
}

export const labelOf = ({ kind, node, other }: Step): string =>
  node < 0 ? kind : other < 0 ? `${kind}(${letter(node)})` : `${kind}(${letter(node)}, ${letter(other)})`;

// --- ledgers

export const ledgerId = (index: number): string => `ledger ${index}`;
export const ledgerIndex = (id: string): number => Number(id.slice("ledger ".length));

const PROOF_BITS = 5;
export const proofFor = (stopped: number, index: number): number => (stopped >> (PROOF_BITS * index)) & 31;
export const withProof = (stopped: number, index: number, number: number): number =>
  (stopped & ~(31 << (PROOF_BITS * index))) | (number << (PROOF_BITS * index));

// --- WAL

export const SHUTDOWN = "S";
export const commitRecord = (number: number): string => String.fromCharCode(96 + number);
const isCommit = (code: number): boolean => code > 96 && code < 112;
const TIMELINES = 0x100;
const BY_HAND = 0x400;
export const timelineRecord = (entry: number, by: number): string => String.fromCharCode(TIMELINES + entry * 4 + by);
export const byHandRecord = (by: number): string => String.fromCharCode(BY_HAND + by);

/**
 * What a node says of its WAL. PostgreSQL gives timelines numbers in a row, so two may have one number; by which change, and by whom, each was begun is
 * in its record.
 */
export function historyOf(log: string): History {
  const timelines: { timeline: number; end: bigint }[] = [];
  const origins: Origin[] = [{ timeline: 1, change: { entry: 0, overrides: 0 }, by: nameAt(0) }];
  for (let at = 0; at < log.length; at++) {
    const code = log.charCodeAt(at);
    if (code < TIMELINES) continue;
    timelines.push({ timeline: timelines.length + 1, end: BigInt(at) });
    // One that was begun by hand has none.
    if (code < BY_HAND)
      origins.push({
        timeline: timelines.length + 1,
        change: { entry: (code - TIMELINES) >> 2, overrides: 0 },
        by: nameAt(code % 4),
      });
  }
  timelines.push({ timeline: timelines.length + 1, end: BigInt(log.length) });
  return { timelines, origins };
}

/** What pg_rewind makes of it, which goes by numbers and ends. */
export function rewound(log: string, source: string): string {
  const mine = historyOf(log).timelines;
  const theirs = historyOf(source).timelines;
  if (mine.length === theirs.length) return log;
  let common = 0;
  for (const [at, { end }] of mine.entries()) {
    const other = theirs[at];
    if (!other) break;
    common = Math.min(Number(end), Number(other.end));
    if (end !== other.end) break;
  }
  return log.slice(0, common) + source.slice(common);
}

/** The commits of a log, as bits. */
export function commitsOf(log: string): number {
  let mask = 0;
  for (let at = 0; at < log.length; at++) {
    const code = log.charCodeAt(at);
    if (isCommit(code)) mask |= 1 << (code - 97);
  }
  return mask;
}

/** Where a log ends: its last timeline, and its length. */
export function endOf(log: string): WalEnd {
  let timeline = 0;
  for (let at = log.length - 1; at >= 0 && timeline === 0; at--) {
    const code = log.charCodeAt(at);
    if (code >= TIMELINES) timeline = code;
  }
  return { timeline, lsn: BigInt(log.length) };
}

/**
 * Whether PostgreSQL lets a standby stream on from a source whose WAL is another one: it compares timelines, where they were switched, and
 * lengths, and nothing else.
 */
export function mixes(log: string, source: string): boolean {
  if (source.length <= log.length || source.startsWith(log)) return false;
  let at = log.length - 1;
  while (at >= 0 && log.charCodeAt(at) < TIMELINES) at--;
  if (at >= 0 && log.charCodeAt(at) !== source.charCodeAt(at)) return false;
  let switched = at + 1;
  while (switched < source.length && source.charCodeAt(switched) < TIMELINES) switched++;
  return log.length <= switched;
}

/** A record under other names of the nodes. */
const renamedRecord = (code: number, names: readonly number[]): number =>
  code < TIMELINES ? code : code - (code % 4) + (names[code % 4] as number);

export function renamedLog(log: string, names: readonly number[]): string {
  let renamed = "";
  for (let at = 0; at < log.length; at++) renamed += String.fromCharCode(renamedRecord(log.charCodeAt(at), names));
  return renamed;
}

export const renamedEnd = ({ timeline, lsn }: WalEnd, names: readonly number[]): WalEnd => ({
  timeline: renamedRecord(timeline, names),
  lsn,
});

// --- PostgreSQL

export const isWritable = ({ on, pg }: Node): boolean => on && (pg === "primary" || pg === "starting");
export const isServing = ({ pg }: Node): boolean => pg === "primary" || pg === "starting" || pg === "stopping";
