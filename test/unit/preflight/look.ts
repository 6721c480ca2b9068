import assert from "node:assert/strict";
import type { HostFacts } from "../../../model/hostFacts.ts";
import { type Declared, type DeclaredNode, judge } from "../../../model/preflight/index.ts";
import { answers, declared, standby } from "./fixtures.ts";

export type World = Readonly<Record<string, HostFacts | null>>;
export type Nodes = Readonly<Record<string, Partial<DeclaredNode>>>;

export const look = (world: World, change: Partial<Declared> = {}, nodes: Nodes = {}) =>
  judge(declared(change, nodes), answers(world));
export const whats = (...args: Parameters<typeof look>) => look(...args).reasons.map(({ what }) => what);
export const toB = { primary: "node-b" };
export const fenced: Nodes = { "node-a": { state: "fenced" } };

export interface Case {
  readonly name: string;
  readonly world: World;
  readonly change?: Partial<Declared>;
  readonly nodes?: Nodes;
  readonly what: RegExp;
  readonly hint?: RegExp;
}

export function refuses(cases: readonly Case[]): void {
  for (const { name, world, change, nodes, what, hint } of cases) {
    it(`refuses ${name}`, () => {
      const { reasons } = look(world, change, nodes);
      assert.equal(reasons.length, 1, reasons.map((reason) => reason.what).join("; ") || "nothing was refused");
      assert.match(reasons[0]?.what ?? "", what);
      assert.match(reasons[0]?.hint ?? "", hint ?? /./);
    });
  }
}

/** The one that led is gone; two standbys are left, node-b the furthest ahead. */
export const afterDeath = (
  b: Partial<Parameters<typeof standby>[2]> = {},
  c: Partial<Parameters<typeof standby>[2]> = {},
): World => ({
  "node-b": standby({}, {}, { receiver: null, ...b }),
  "node-c": standby({}, {}, { receiver: null, ...c }),
});
