/** Random walks by a seed, where there is too much to search: four nodes, and everything that may happen. */
import { Canonical } from "./canonical.ts";
import { Machine } from "./machine.ts";
import { Quiet } from "./quiet.ts";
import type { Rule } from "./rules.ts";
import { labelOf, type Scenario, type State, type Step, scenario } from "./state.ts";

const everybody = 15;
export const fourNodes: Scenario = scenario({
  nodes: 4,
  entries: 10,
  commits: 6,
  faults: 12,
  signal: true,
  unsynced: true,
  members: 7,
  addable: everybody,
  retirable: everybody,
  byHand: 1,
  snapshot: everybody,
});

/** The same without the ledger now and then, and with others in its place. */
export const fourNodesWithoutLedger: Scenario = scenario({
  nodes: 4,
  entries: 8,
  commits: 6,
  faults: 12,
  signal: true,
  unsynced: true,
  unlisted: everybody,
  overrides: 2,
  replacers: everybody,
  replacements: 2,
});

/** The same numbers for the same seed (mulberry32). */
function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

export interface Walk {
  readonly steps: number;
  /** How many states were followed to their end. */
  readonly ends: number;
  readonly violation?: { readonly message: string; readonly trace: readonly string[] };
}

/** `walks` walks of at most `length` steps each. The last state of every so-many-th is followed to its end. */
export function walk(
  of: Scenario,
  {
    seed,
    walks,
    length,
    endsEvery,
    without = [],
  }: { seed: number; walks: number; length: number; endsEvery: number; without?: readonly Rule[] },
): Walk {
  const machine = new Machine(of, without);
  const canonical = new Canonical(machine);
  let steps = 0;
  let ends = 0;
  for (let number = 0; number < walks; number++) {
    const next = random(seed * 1_000_003 + number);
    const pick = <T>(list: readonly T[]): T => list[Math.floor(next() * list.length)] as T;
    let state: State = canonical.of(machine.initial);
    const trace: string[] = [];
    for (let left = length; left > 0; left--) {
      // First a kind, then one of that kind: else questions drown everything.
      const byKind = new Map<string, Step[]>();
      for (const step of machine.steps(state)) byKind.set(step.kind, [...(byKind.get(step.kind) ?? []), step]);
      if (byKind.size === 0) break;
      const step = pick(pick([...byKind.values()]));
      steps++;
      trace.push(labelOf(step));
      const message = machine.violation(step.next);
      if (message) return { steps, ends, violation: { message, trace } };
      state = canonical.of(step.next, state);
    }
    if (number % endsEvery !== 0) continue;
    ends++;
    // Its numbers for states would grow without bound.
    const problem = new Quiet(machine, 16).problem(state, new Map());
    if (problem) return { steps, ends, violation: { message: problem, trace } };
  }
  return { steps, ends };
}
