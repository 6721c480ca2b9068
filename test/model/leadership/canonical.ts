/** Drops what can't matter any more, so that states with the same future look alike; and gives each state a short number. */
import type {
  Arming,
  Entries,
  Entry,
  Inquiry,
  Member,
  Members,
  Standing,
  Token,
} from "../../../model/leadership/index.ts";
import { ledgersOf, type Machine } from "./machine.ts";
import {
  bit,
  commitsOf,
  has,
  indexOf,
  ledgerIndex,
  type Node,
  nameAt,
  proofFor,
  renamedEnd,
  renamedLog,
  type Snapshot,
  type State,
  type World,
  withProof,
} from "./state.ts";

export class Canonical {
  readonly #machine: Machine;

  constructor(machine: Machine) {
    this.#machine = machine;
  }

  /** `from`: the state that a step led here from, in this form. What the step left alone stays as it is. */
  of(state: State, from?: State): State {
    const nodes = state.nodes.map((node, x) => (from?.nodes[x] === node ? node : this.#node(node, x)));
    const { dropped } = this.#machine;
    if (!dropped.has("messageIsOfThisArming") && !dropped.has("messageHasSecret"))
      for (let x = 0; x < nodes.length; x++) {
        const node = nodes[x] as Node;
        if (node.giving?.step !== "stopping") continue;
        const { arming } = (nodes[node.giving.to] as Node).standing;
        if (arming.kind !== "entry" || arming.entry !== node.giving.entry) nodes[x] = { ...node, giving: null };
      }
    const canonical = { nodes, world: this.#world(state.world, nodes) };
    return from && hasSameWal(canonical, from) ? canonical : this.#trimmed(canonical);
  }

  #node(node: Node, x: number): Node {
    const { scenario, dropped, decide: d } = this.#machine;
    const { standing, pg } = node;
    const { token, arming } = standing;
    const leads = token.leader === nameAt(x);
    const synced = !scenario.unsynced || pg !== "standby" ? node.log.length : node.synced;
    const gives =
      pg === "primary" || ((pg === "stopping" || pg === "down") && node.giving?.step === "stopping" && leads);
    const giving = gives ? node.giving : null;
    const asks = node.on && leads && (pg === "down" || pg === "stopping" || node.giving !== null);
    const inquiry = asks || dropped.has("standDownEndsAnswers") ? standing.inquiry : d.noInquiry;
    const mayPromote = standing.mayPromote && leads && (pg === "standby" || dropped.has("allowedIsOfThisBoot"));
    const told = arming.kind === "entry" || dropped.has("messageIsOfThisArming") ? node.told : null;
    const signal = standing.signal || !scenario.signal;
    // How it would start is all that they decide.
    const isPromoted = leads && d.startBy(standing, { asPrimary: node.asPrimary, hasBackupLabel: false }) === "start";
    const promoted = isPromoted ? standing.promoted : null;
    const asPrimary = isPromoted;
    const replaces = leads && token.overrides > 0 ? node.replaces : 0;
    const isSame =
      synced === node.synced &&
      replaces === node.replaces &&
      giving === node.giving &&
      told === node.told &&
      asPrimary === node.asPrimary &&
      inquiry === standing.inquiry &&
      mayPromote === standing.mayPromote &&
      signal === standing.signal &&
      promoted === standing.promoted;
    if (isSame) return node;
    return {
      ...node,
      synced,
      giving,
      told,
      asPrimary,
      replaces,
      standing: { ...standing, inquiry, mayPromote, signal, promoted },
    };
  }

  #world(world: World, nodes: readonly Node[]): World {
    const { dropped } = this.#machine;
    let { stopped, stood, yielded } = world;
    if (yielded.some((mask, x) => mask !== 0 && nodes[x]?.standing.arming.kind !== "override"))
      yielded = yielded.map((mask, x) => (nodes[x]?.standing.arming.kind === "override" ? mask : 0));
    // Proofs that nobody can use.
    if (!dropped.has("entryBeforeProof") && !dropped.has("armedBeforeEntry"))
      for (let x = 0; x < nodes.length; x++) {
        const proofs = stopped[x] as number;
        if (proofs === 0) continue;
        let used = 0;
        for (const [index, entries] of ledgersOf(world).entries())
          used = withProof(used, index, this.#usedProof(world, index, entries, nodes, x, proofFor(proofs, index)));
        if (used === 0) stood &= ~bit(x);
        if (used !== proofs) stopped = stopped.with(x, used);
      }
    return stopped === world.stopped && stood === world.stood && yielded === world.yielded
      ? world
      : { ...world, stopped, stood, yielded };
  }

  #usedProof(world: World, index: number, entries: Entries, nodes: readonly Node[], x: number, proof: number): number {
    let used = 0;
    for (const { kind, over, number, to } of entries) {
      if (kind !== "claim" || number > proof || !over.includes(nameAt(x))) continue;
      const { arming, token } = (nodes[indexOf(to)] as Node).standing;
      if (arming.kind === "entry" && arming.entry === number && this.#machine.book(world, token).index === index)
        used = number;
    }
    return used;
  }

  /** WAL that everybody has, and every snapshot, is forgotten. */
  #trimmed(state: State): State {
    const { nodes, world } = state;
    const first = (nodes[0] as Node).log;
    let shared = first.length;
    for (const { log, synced } of nodes) {
      shared = Math.min(shared, synced);
      let at = 0;
      while (at < shared && log.charCodeAt(at) === first.charCodeAt(at)) at++;
      shared = at;
    }
    for (const snapshot of world.snapshots) {
      if (!snapshot) continue;
      let at = 0;
      while (at < shared && snapshot.log.charCodeAt(at) === first.charCodeAt(at)) at++;
      shared = at;
    }
    if (shared === 0) return state;
    const length = BigInt(shared);
    return {
      nodes: nodes.map((node) => ({
        ...node,
        log: node.log.slice(shared),
        synced: node.synced - shared,
        told: trimmedTold(node, length),
      })),
      world: {
        ...world,
        acked: world.acked & ~commitsOf(first.slice(0, shared)),
        snapshots: world.snapshots.map((each) => each && { ...each, log: each.log.slice(shared) }),
      },
    };
  }
}

function hasSameWal({ nodes, world }: State, from: State): boolean {
  for (let x = 0; x < nodes.length; x++) {
    const { log, synced } = nodes[x] as Node;
    const before = from.nodes[x] as Node;
    if (log !== before.log || synced !== before.synced) return false;
  }
  return world.snapshots === from.world.snapshots;
}

function trimmedTold({ told, log }: Node, length: bigint): Node["told"] {
  if (!told || told.end.lsn < length) return null;
  const lsn = told.end.lsn - length;
  const { timeline } = told.end;
  // A timeline that began in what is forgotten has no number any more, as in endOf.
  const isForgotten = !log.slice(Number(length), Number(told.end.lsn)).includes(String.fromCharCode(timeline));
  return { ...told, end: { lsn, timeline: isForgotten ? 0 : timeline } };
}

// --- numbers for states

const mask = (members: Members): number => {
  let bits = 0;
  for (const member of members) bits |= 1 << indexOf(member);
  return bits;
};
const code = String.fromCharCode;
const idCode = (id: string | undefined): number => (id === undefined || id === "" ? 0 : 1 + ledgerIndex(id));
const PGS = { down: 0, standby: 1, starting: 2, primary: 3, stopping: 4 } as const;
const ARMINGS = { none: 0, open: 1, entry: 2, override: 3 } as const;

/** Items that are alike have one number. */
class Interned<T> {
  readonly #ids = new Map<string, number>();
  readonly items: T[] = [];

  id(key: string, item: T): number {
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    const id = this.items.length;
    this.#ids.set(key, id);
    this.items.push(item);
    return id;
  }
}

/** Every way to give the nodes each other's names that the scenario cannot tell apart. */
function renamings(machine: Machine): readonly (readonly number[])[] {
  const { nodes, ...scenario } = machine.scenario;
  const masks = [
    scenario.targets,
    scenario.fence,
    scenario.consent,
    scenario.snapshot,
    scenario.addable,
    scenario.retirable,
    scenario.unlisted,
    scenario.replacers,
    scenario.clones,
    scenario.begins,
  ];
  const found: number[][] = [];
  const extend = (names: number[]): void => {
    if (names.length === nodes) found.push(names);
    else
      for (let name = 0; name < nodes; name++)
        if (!names.includes(name) && masks.every((each) => has(each, names.length) === has(each, name)))
          extend([...names, name]);
  };
  extend([]);
  // The names that there are first.
  return found.map((names) => [...names, ...[0, 1, 2, 3].slice(nodes)]);
}

/** A state as numbers of its parts: of each node, and of the world. */
export class Codec {
  readonly width: number;
  readonly #machine: Machine;
  readonly #nodes = new Interned<Node>();
  readonly #worlds = new Interned<World>();
  readonly #renamings: readonly (readonly number[])[];
  /** For each renaming but the first, and each part: the number of the part under that renaming, and 1. */
  readonly #renamedNodes: number[][];
  readonly #renamedWorlds: number[][];
  readonly #renamedLedgers: Map<Entries, Entries>[];
  readonly #scratch: Uint32Array;

  constructor(machine: Machine, { symmetry = true } = {}) {
    this.#machine = machine;
    this.width = machine.scenario.nodes + 1;
    this.#renamings = symmetry ? renamings(machine) : [[0, 1, 2, 3]];
    this.#renamedNodes = this.#renamings.map(() => []);
    this.#renamedWorlds = this.#renamings.map(() => []);
    this.#renamedLedgers = this.#renamings.map(() => new Map());
    this.#scratch = new Uint32Array(this.width);
  }

  get parts(): number {
    return this.#nodes.items.length + this.#worlds.items.length;
  }

  decode(key: Uint32Array, at = 0): State {
    const nodes: Node[] = [];
    for (let x = 0; x < this.width - 1; x++) nodes.push(this.#nodes.items[key[at + x] as number] as Node);
    return { nodes, world: this.#worlds.items[key[at + this.width - 1] as number] as World };
  }

  /** The least of the numbers that the state has under any renaming. `known`: a state whose parts have these numbers. */
  encode(state: State, into: Uint32Array, known?: State, knownKey?: Uint32Array, knownAt = 0): void {
    const last = this.width - 1;
    for (let x = 0; x < last; x++) {
      const node = state.nodes[x] as Node;
      into[x] =
        known?.nodes[x] === node && knownKey
          ? (knownKey[knownAt + x] as number)
          : this.#nodes.id(this.#nodeKey(node), node);
    }
    into[last] =
      known?.world === state.world && knownKey
        ? (knownKey[knownAt + last] as number)
        : this.#worlds.id(this.#worldKey(state.world), state.world);
    if (this.#renamings.length > 1) this.#least(into);
  }

  #least(key: Uint32Array): void {
    const last = this.width - 1;
    const scratch = this.#scratch;
    const own = key.slice();
    for (let r = 1; r < this.#renamings.length; r++) {
      const names = this.#renamings[r] as readonly number[];
      scratch[last] = this.#worldRenamed(r, own[last] as number);
      for (let x = 0; x < last; x++) scratch[names[x] as number] = this.#nodeRenamed(r, own[x] as number);
      let order = 0;
      for (let at = last; at >= 0 && order === 0; at--) order = (scratch[at] as number) - (key[at] as number);
      if (order < 0) key.set(scratch);
    }
  }

  #nodeRenamed(r: number, id: number): number {
    const known = this.#renamedNodes[r] as number[];
    let found = known[id];
    if (found === undefined) {
      const node = this.#renamedNode(this.#nodes.items[id] as Node, r);
      found = this.#nodes.id(this.#nodeKey(node), node);
      known[id] = found;
    }
    return found;
  }

  #worldRenamed(r: number, id: number): number {
    const known = this.#renamedWorlds[r] as number[];
    let found = known[id];
    if (found === undefined) {
      const world = this.#renamedWorld(this.#worlds.items[id] as World, r);
      found = this.#worlds.id(this.#worldKey(world), world);
      known[id] = found;
    }
    return found;
  }

  // --- keys

  #nodeKey(node: Node): string {
    const { giving, told } = node;
    return (
      code(
        Number(node.on) |
          (PGS[node.pg] << 1) |
          (Number(node.asPrimary) << 4) |
          (Number(node.byHand) << 5) |
          (node.decided << 6) |
          (node.word << 10),
        giving ? 1 | (Number(giving.step === "stopping") << 1) | (giving.to << 2) | (giving.entry << 4) : 0,
        told ? told.entry + 1 : 0,
        told ? Number(told.end.lsn) : 0,
        told ? told.end.timeline : 0,
        node.synced | (node.replaces << 12),
      ) +
      this.#standingKey(node.standing) +
      node.log
    );
  }

  #standingKey({ token, joined, promoted, signal, arming, inquiry, mayPromote }: Standing): string {
    const ledger = inquiry.reading.kind === "read" ? this.#machine.ledgers.id(inquiry.reading.entries) + 1 : 0;
    return code(
      token.entry | (token.overrides << 5) | ((token.leader === null ? 7 : indexOf(token.leader)) << 8),
      mask(token.members) |
        (mask(token.promises) << 4) |
        (Number(joined) << 8) |
        (Number(signal) << 9) |
        (Number(mayPromote) << 10),
      promoted ? 1 | (promoted.entry << 1) | (promoted.overrides << 6) : 0,
      armingCode(arming),
      ledger & 0x7fff,
      ledger >> 15,
      mask(inquiry.heard) | (mask(inquiry.again) << 4) | (Number(inquiry.isFresh) << 8),
      idCode(token.ledger) |
        (idCode(token.successor) << 3) |
        (idCode(arming.kind === "override" ? arming.ledger : undefined) << 6),
    );
  }

  #worldKey(world: World): string {
    const ledger = this.#machine.ledgers.id(world.ledger);
    let key = code(
      ledger & 0x7fff,
      ledger >> 15,
      world.acked,
      world.commits | (world.faults << 4) | (world.ruler << 8) | (world.wentBack << 10) | (world.handed << 13),
      world.keptOff | (world.stood << 4) | (Number(world.open) << 8) | (world.untold << 9),
    );
    for (let x = 0; x < this.width - 1; x++) key += code(world.stopped[x] as number, world.yielded[x] as number);
    for (const entries of world.next) {
      const id = this.#machine.ledgers.id(entries);
      key += code(id & 0x7fff, id >> 15);
    }
    const { clone } = world;
    if (clone) key += `${code(1 + clone.of + 4 * Number(clone.writes))}${this.#standingKey(clone.standing)}`;
    for (const snapshot of world.snapshots)
      key += snapshot
        ? `${code(1 + Number(snapshot.asPrimary) + 2 * snapshot.replaces)}${this.#standingKey(snapshot.standing)}${snapshot.log}\0`
        : "\0";
    return key;
  }

  // --- renaming

  #renamedNode(node: Node, r: number): Node {
    const names = this.#renamings[r] as readonly number[];
    return {
      ...node,
      standing: this.#renamedStanding(node.standing, r),
      log: renamedLog(node.log, names),
      giving: node.giving && { ...node.giving, to: names[node.giving.to] as number },
      told: node.told && { ...node.told, end: renamedEnd(node.told.end, names) },
    };
  }

  #renamedStanding(standing: Standing, r: number): Standing {
    const names = this.#renamings[r] as readonly number[];
    return {
      ...standing,
      token: renamedToken(standing.token, names),
      inquiry: this.#renamedInquiry(standing.inquiry, r),
    };
  }

  #renamedInquiry(inquiry: Inquiry, r: number): Inquiry {
    const names = this.#renamings[r] as readonly number[];
    const { reading } = inquiry;
    return {
      ...inquiry,
      reading: reading.kind === "unread" ? reading : this.#machine.reading(this.#renamedLedger(reading.entries, r)),
      heard: renamedMembers(inquiry.heard, names),
      again: renamedMembers(inquiry.again, names),
    };
  }

  #renamedWorld(world: World, r: number): World {
    const names = this.#renamings[r] as readonly number[];
    const moved = <T>(list: readonly T[]): T[] => {
      const result = [...list];
      for (const [x, item] of list.entries()) result[names[x] as number] = item;
      return result;
    };
    return {
      ...world,
      ledger: this.#renamedLedger(world.ledger, r),
      next: world.next.map((entries) => this.#renamedLedger(entries, r)),
      stopped: moved(world.stopped),
      clone: world.clone && {
        ...world.clone,
        of: names[world.clone.of] as number,
        standing: this.#renamedStanding(world.clone.standing, r),
      },
      stood: renamedMask(world.stood, names),
      ruler: names[world.ruler] as number,
      keptOff: renamedMask(world.keptOff, names),
      untold: renamedMask(world.untold, names),
      yielded: moved(world.yielded.map((each) => renamedMask(each, names))),
      snapshots: moved(
        world.snapshots.map(
          (each): Snapshot | null =>
            each && { ...each, standing: this.#renamedStanding(each.standing, r), log: renamedLog(each.log, names) },
        ),
      ),
    };
  }

  #renamedLedger(entries: Entries, r: number): Entries {
    const known = this.#renamedLedgers[r] as Map<Entries, Entries>;
    let found = known.get(entries);
    if (!found) {
      const names = this.#renamings[r] as readonly number[];
      found = this.#machine.ledgers.of(entries.map((entry) => renamedEntry(entry, names)));
      known.set(entries, found);
    }
    return found;
  }
}

function armingCode(arming: Arming): number {
  const kind = ARMINGS[arming.kind];
  switch (arming.kind) {
    case "none":
    case "open":
      return kind;
    case "entry":
      return kind | (arming.entry << 2);
    case "override":
      return kind | (arming.change.entry << 2) | (arming.change.overrides << 7);
    default:
      return arming satisfies never;
  }
}

const renamedMember = (member: Member, names: readonly number[]): Member => nameAt(names[indexOf(member)] as number);
const renamedMembers = (members: Members, names: readonly number[]): Members =>
  members.length === 0 ? members : members.map((each) => renamedMember(each, names)).sort();

function renamedMask(bits: number, names: readonly number[]): number {
  let renamed = 0;
  for (const [x, name] of names.entries()) if (has(bits, x)) renamed |= bit(name);
  return renamed;
}

const renamedToken = (token: Token, names: readonly number[]): Token => ({
  ...token,
  leader: token.leader === null ? null : renamedMember(token.leader, names),
  members: renamedMembers(token.members, names),
  promises: renamedMembers(token.promises, names),
});

const renamedEntry = (entry: Entry, names: readonly number[]): Entry => ({
  ...entry,
  by: renamedMember(entry.by, names),
  to: renamedMember(entry.to, names),
  over: renamedMembers(entry.over, names),
  members: Object.fromEntries(
    Object.entries(entry.members)
      .map(([each, since]) => [renamedMember(each as Member, names), since] as const)
      .sort(),
  ),
  named: renamedMembers(entry.named, names),
});
