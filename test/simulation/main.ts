/** npm run simulate -- [--seed N] [--steps M] [--length L] [--trace]: fresh seeds, or from N on, until M steps are run; replays N alone with --trace. */
import { parseArgs } from "node:util";
import { startAgent } from "../../agent/main.ts";
import { run } from "./simulate.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    steps: { type: "string", default: "1000000" },
    length: { type: "string", default: "4000" },
    trace: { type: "boolean", default: false },
  },
});
const first = values.seed === undefined ? Date.now() % 1_000_000_000 : Number(values.seed);
const length = { steps: Number(values.length), keepsTrace: values.trace };
let [steps, seed, entries, updates] = [0, first, 0, 0];
const began = Date.now();
do {
  const outcome = await run(seed, length, startAgent);
  steps += outcome.steps;
  entries += outcome.entries;
  updates += outcome.updates;
  if (values.trace) console.log(outcome.trace.join("\n"));
  if (outcome.violation !== null) {
    console.log(`seed ${seed}, step ${outcome.steps} (${steps} in all): ${outcome.violation}`);
    console.log(`    HINT: npm run simulate -- --seed ${seed} --length ${values.length} --trace`);
    process.exitCode = 1;
    break;
  }
  seed++;
} while (steps < Number(values.steps) && !values.trace);
console.log(
  `seeds ${first} to ${seed - (process.exitCode ? 0 : 1)}: ${steps} steps, ${entries} entries, ${updates} updates, ${((Date.now() - began) / 1000).toFixed(0)} s`,
);
