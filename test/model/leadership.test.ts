/**
 * Who may lead, searched: the decisions that ship (model/leadership/), within hosts, disks, messages, a ledger and an operator that do their
 * worst. Then each rule is dropped in turn, to see that the search can fail. What takes longer: `npm run search -- --all`.
 */
import { strict as assert } from "node:assert";
import { Machine } from "./leadership/machine.ts";
import { rules } from "./leadership/rules.ts";
import { runDropped, runSearch, runWalk } from "./leadership/run.ts";
import { needed, type Search, type SearchName, searches, secondLines } from "./leadership/scenarios.ts";
import { search } from "./leadership/search.ts";
import { scenario } from "./leadership/state.ts";

const thousands = (number: number) => `${(number / 1000).toFixed(number < 10_000 ? 1 : 0)} k`;

describe("who may lead", function () {
  this.timeout(0);

  for (const [name, { what, size }] of Object.entries<Search>(searches)) {
    if (size === "long") continue;
    it(`${name}: ${what}`, function () {
      const { violation, isComplete, states } = runSearch(name as SearchName);
      assert.equal(violation, undefined, [violation?.message, ...(violation?.trace ?? [])].join("\n  "));
      assert.ok(isComplete);
      if (this.test) this.test.title += ` (${thousands(states)} states)`;
    });
  }

  it("the nodes' names make no difference", () => {
    const machine = new Machine(scenario({ nodes: 3, entries: 2, faults: 1 }));
    const every = search(machine, { symmetry: false });
    const merged = search(machine);
    assert.ok(merged.isComplete && every.isComplete);
    assert.equal(merged.depth, every.depth);
    assert.ok(merged.states < every.states * 0.52, `${merged.states} of ${every.states} states are left`);
  });

  it("four nodes, at random", () => {
    const { violation } = runWalk(1, 100);
    assert.equal(violation, undefined, [violation?.message, ...(violation?.trace ?? [])].join("\n  "));
  });
});

describe("who may lead, the ledger being lost", function () {
  this.timeout(0);

  it("four nodes, at random", () => {
    const { violation } = runWalk(1, 20, [], true);
    assert.equal(violation, undefined, [violation?.message, ...(violation?.trace ?? [])].join("\n  "));
  });
});

describe("who may lead, without", function () {
  this.timeout(0);

  for (const each of needed) {
    if (each.size === "long") continue;
    it(each.rules.join(" and "), function () {
      const { violation, states } = runDropped(each);
      assert.ok(violation, `nothing breaks in ${states} states`);
      if (this.test) this.test.title += `: ${violation.message}, in ${violation.trace.length} steps`;
    });
  }

  it("overHasOpen, with four nodes at random", () => {
    assert.equal(runWalk(1, 20, ["overHasOpen"]).violation?.message, "two primaries");
  });

  it("names every rule", () => {
    const dropped = [...needed.flatMap((each) => each.rules), ...secondLines];
    assert.deepEqual([...new Set(dropped)].sort(), [...rules].sort());
  });
});
