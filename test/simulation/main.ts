/**
 * npm run simulate -- [--seed N] [--steps M] [--length L]   fresh seeds, or from N on, until M steps have run
 * npm run simulate -- --scene NAME                          this scene only, again and again
 * npm run simulate -- --seed N --trace                      replays one, and tells what happens
 * npm run simulate -- --bug NAME | --bug all                puts a bug back, and tells after how many steps it is found; fails where it is not
 *                                                           (in the bug's own scene, if it names one; --scene all plays all)
 */
import { parseArgs } from "node:util";
import { startAgent } from "../../agent/main.ts";
import { bugNames, bugsToFind, sceneOf, withBug } from "./bugs.ts";
import { sceneNames } from "./scenes.ts";
import { runMany } from "./simulate.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    steps: { type: "string", default: "1000000" },
    length: { type: "string", default: "8000" },
    trace: { type: "boolean", default: false },
    bug: { type: "string" },
    scene: { type: "string" },
  },
});
const seed = values.seed === undefined ? Date.now() % 1_000_000_000 : Number(values.seed);
const scene = sceneNames.find((each) => each === values.scene);
if (values.scene !== undefined && values.scene !== "all" && !scene)
  throw new Error(`there is no scene '${values.scene}': all, ${sceneNames.join(", ")}`);
const length = { steps: Number(values.length), keepsTrace: values.trace, scene };
const most = values.trace ? 1 : Number(values.steps);

if (values.bug !== undefined) {
  const names = values.bug === "all" ? bugsToFind : bugNames.filter((each) => values.bug?.split(";").includes(each));
  if (names.length === 0) throw new Error(`there is no bug '${values.bug}': all, ${bugNames.join("; ")}`);
  for (const name of names) {
    const ofBug = { ...length, scene: values.scene === undefined ? sceneOf(name) : scene };
    const { steps, violation, trace } = await withBug(name, (start) => runMany(seed, most, ofBug, start));
    if (values.trace) console.log(trace.join("\n"));
    console.log(`| ${name} | ${violation ?? "**not found**"} | ${steps} | ${ofBug.scene ?? ""} |`);
    if (violation === null) process.exitCode = 1;
  }
} else {
  const began = Date.now();
  const { violation, last, steps, entries, updates, trace } = await runMany(seed, most, length, startAgent);
  const seconds = ((Date.now() - began) / 1000).toFixed(0);
  if (values.trace) console.log(trace.join("\n"));
  console.log(`seeds ${seed} to ${last}: ${steps} steps, ${entries} entries, ${updates} updates, ${seconds} s`);
  if (violation !== null) {
    console.log(
      `seed ${last}: ${violation}\n    HINT: npm run simulate -- --seed ${last} --length ${values.length} --trace`,
    );
    process.exitCode = 1;
  }
}
