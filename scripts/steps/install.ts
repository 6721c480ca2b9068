/**
 * The step `install`: brings the host scripts to a host and runs the first of them. It runs on the operator's machine, because they would be most
 * of the stack's state otherwise, which the engine writes before and after each step (docs/decisions/start-up.md). Run by `components/node.ts`.
 *
 * stdin   JSON: an InstallInput
 * stdout  JSON: what `scripts/host/install.sh` reports
 */
import { text } from "node:stream/consumers";
import type { InstallInput } from "../../model/stepInputs.ts";
import { install } from "./lib/install.ts";

const input = JSON.parse(await text(process.stdin)) as InstallInput;
const result = await install(input, (line) => console.error(line));
if (!result.ok) {
  // What the host's script has said itself is printed already.
  if (!result.stderr?.includes("\nHINT: ")) console.error(result.message);
  process.exit(1);
}
console.log(result.stdout.trim());
