/**
 * The agent as it ships, with simulated surroundings: fixed seeds here, fresh ones by `npm run simulate`. The bugs that are put back take longer:
 * docs/decisions/agent.md has after how many steps each is found (`npm run simulate -- --seed 1 --bug all` looks for all of them), and some are looked
 * for here, to see that the simulation can fail.
 */
import { strict as assert } from "node:assert";
import { startAgent } from "../../agent/main.ts";
import { sceneOf, withBug } from "./bugs.ts";
import { run, runMany } from "./simulate.ts";

const length = { steps: 8000 };

describe("simulation of three agents", function () {
  this.timeout(0);

  it("finds nothing", async function () {
    const { violation, last, steps, entries } = await runMany(1, 600_000, length, startAgent);
    assert.equal(violation, null, `seed ${last}: npm run simulate -- --seed ${last} --trace`);
    if (this.test) this.test.title += ` (seeds 1 to ${last}: ${steps} steps, ${entries} entries of the ledger)`;
  });

  it("does the same for the same seed", async () => {
    const outcomes = [];
    for (let time = 0; time < 2; time++) outcomes.push(await run(7, { ...length, keepsTrace: true }, startAgent));
    const [first, second] = outcomes;
    assert.ok(first && first.trace.length > 100);
    assert.deepEqual(second, first);
  });

  for (const name of [
    "absent members are not asked",
    "the target takes what it has replayed at least",
    "it stands down while it promotes",
    "a primary offers over what is open",
    "a promotion keeps the leader's origin of that number",
    "a promotion by hand keeps the leader's origin",
    "who hears of a leader has its data, and a slot is for a number",
    "a target asks only whom it knows who leads",
  ] as const)
    it(`finds that ${name}`, async function () {
      const ofBug = { ...length, scene: sceneOf(name) };
      const { violation, steps } = await withBug(name, (start) => runMany(1, 200_000, ofBug, start));
      assert.notEqual(violation, null);
      if (this.test) this.test.title += ` (${violation}, in ${steps} steps)`;
    });
});
