/** Breadth-first and exact: every state that can be reached, or the shortest way to what must not be. */
import { Canonical, Codec } from "./canonical.ts";
import type { Machine } from "./machine.ts";
import { labelOf, type State } from "./state.ts";

export interface Outcome {
  readonly states: number;
  readonly steps: number;
  /** How many steps the farthest state is away. */
  readonly depth: number;
  readonly seconds: number;
  /** Nothing was left to visit. */
  readonly isComplete: boolean;
  readonly violation?: { readonly message: string; readonly trace: readonly string[] };
}

export interface Bounds {
  readonly states?: number;
  readonly seconds?: number;
  /** States that differ only in the names of the nodes count as one. */
  readonly symmetry?: boolean;
  /** Sees every state; says what is wrong with it. */
  readonly visit?: (state: State, at: number) => string | undefined;
}

export function search(
  machine: Machine,
  { states: limit = Number.POSITIVE_INFINITY, seconds = Number.POSITIVE_INFINITY, symmetry = true, visit }: Bounds = {},
): Outcome {
  const canonical = new Canonical(machine);
  const codec = new Codec(machine, { symmetry });
  const table = new Table(codec.width);
  const key = new Uint32Array(codec.width);
  const begun = process.hrtime.bigint();
  const elapsed = (): number => Number(process.hrtime.bigint() - begun) / 1e9;
  const { initial } = machine;
  const first = canonical.of(initial);
  codec.encode(first, key);
  table.add(key, 0);

  let steps = 0;
  let depth = 0;
  let layerEnd = 1;
  const outcome = (isComplete: boolean, violation?: Outcome["violation"]): Outcome => ({
    states: table.size,
    steps,
    depth,
    seconds: elapsed(),
    isComplete,
    ...(violation ? { violation } : {}),
  });

  // The states on the way are found again, under the names that the nodes had in the beginning.
  const trace = (to: number): { labels: string[]; state: State } => {
    const path: number[] = [];
    for (let at = to; at > 0; at = table.parent(at)) path.unshift(at);
    let state = first;
    const labels = path.map((goal) => {
      for (const step of machine.steps(state)) {
        const next = canonical.of(step.next, state);
        codec.encode(next, key);
        if (table.find(key) !== goal) continue;
        state = next;
        return labelOf(step);
      }
      throw new Error("a step of the trace is lost");
    });
    return { labels, state };
  };

  for (let at = 0; at < table.size; at++) {
    if (at === layerEnd) {
      depth++;
      layerEnd = table.size;
    }
    if (table.size >= limit || (at % 1024 === 0 && elapsed() > seconds)) return outcome(false);
    const knownAt = at * codec.width;
    const state = codec.decode(table.keys, knownAt);
    const wrong = visit?.(state, at);
    if (wrong) return outcome(false, { message: wrong, trace: trace(at).labels });
    for (const { next } of machine.steps(state)) {
      steps++;
      if (machine.violation(next)) {
        const { labels, state: last } = trace(at);
        const found = machine.steps(last).find((step) => machine.violation(step.next));
        if (!found) throw new Error("the last step of the trace is lost");
        return outcome(false, { message: machine.violation(found.next) as string, trace: [...labels, labelOf(found)] });
      }
      codec.encode(canonical.of(next, state), key, state, table.keys, knownAt);
      table.add(key, at);
    }
  }
  return outcome(true);
}

/** Keys of some numbers each, in the order in which they came; each with the place of its parent. */
class Table {
  readonly #width: number;
  keys: Uint32Array;
  #parents: Uint32Array;
  #slots: Uint32Array;
  #mask: number;
  size = 0;

  constructor(width: number) {
    this.#width = width;
    this.keys = new Uint32Array(width << 14);
    this.#parents = new Uint32Array(1 << 14);
    this.#slots = new Uint32Array(1 << 15);
    this.#mask = this.#slots.length - 1;
  }

  parent(at: number): number {
    return this.#parents[at] as number;
  }

  find(key: Uint32Array): number {
    return (this.#slots[this.#slotOf(key, 0)] as number) - 1;
  }

  add(key: Uint32Array, parent: number): void {
    if (this.size === this.#parents.length) this.#grow();
    const slot = this.#slotOf(key, 0);
    if (this.#slots[slot] !== 0) return;
    this.keys.set(key, this.size * this.#width);
    this.#parents[this.size] = parent;
    this.size++;
    this.#slots[slot] = this.size;
  }

  /** The slot of the key that begins at `from`: its own, or the free one. */
  #slotOf(key: Uint32Array, from: number): number {
    const width = this.#width;
    let hash = 0x9e3779b9;
    for (let at = 0; at < width; at++) {
      hash = Math.imul(hash ^ (key[from + at] as number), 0x85ebca6b);
      hash ^= hash >>> 15;
    }
    hash = Math.imul(hash, 0xc2b2ae35);
    let slot = (hash ^ (hash >>> 13)) & this.#mask;
    for (;;) {
      const found = this.#slots[slot] as number;
      if (found === 0) return slot;
      const base = (found - 1) * width;
      let at = 0;
      while (at < width && this.keys[base + at] === key[from + at]) at++;
      if (at === width) return slot;
      slot = (slot + 1) & this.#mask;
    }
  }

  #grow(): void {
    const size = this.#parents.length * 2;
    const keys = new Uint32Array(size * this.#width);
    keys.set(this.keys);
    const parents = new Uint32Array(size);
    parents.set(this.#parents);
    this.keys = keys;
    this.#parents = parents;
    this.#slots = new Uint32Array(size * 2);
    this.#mask = this.#slots.length - 1;
    for (let at = 0; at < this.size; at++) this.#slots[this.#slotOf(keys, at * this.#width)] = at + 1;
  }
}
