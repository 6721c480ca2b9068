/**
 * The step `boot` of the target aws: what has to be true of a host before `install`, and of a bastion before anybody goes through it. It runs on the operator's machine, because it has to
 * take either of two SSH host keys. Run by `components/targets/aws/nodeHost.ts`.
 *
 * stdin   JSON: a BootInput
 * stdout  JSON: { node }
 */
import { text } from "node:stream/consumers";
import type { BootInput } from "../../model/stepInputs.ts";
import { boot } from "./lib/bootHost.ts";

const input = JSON.parse(await text(process.stdin)) as BootInput;
// Tests wait for less.
const seconds = Number(process.env.UNDERSTUDY_BOOT_SECONDS ?? Number.NaN);
const problem = await boot(input, {
  ...(seconds > 0 ? { seconds } : {}),
  say: (line) => console.error(`${input.name}: ${line}`),
});
if (problem !== undefined) {
  console.error(problem);
  process.exit(1);
}
console.log(JSON.stringify({ node: input.name }));
