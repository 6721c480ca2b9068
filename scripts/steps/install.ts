/**
 * The step `install`: brings the host scripts to a host and runs the first of them. It runs on the operator's machine, because they would be most
 * of the stack's state otherwise, which the engine writes before and after each step (docs/decisions/start-up.md). Run by `components/node.ts`.
 *
 * stdin   JSON: an InstallInput
 * stdout  JSON: what `scripts/host/install.sh` reports
 */
import { text } from "node:stream/consumers";
import { installedHost } from "../../model/installedHost.ts";
import { parseOutcome } from "../../model/outcome.ts";
import type { InstallInput } from "../../model/stepInputs.ts";
import { fail } from "./lib/fail.ts";
import { install } from "./lib/installHost.ts";

const input = JSON.parse(await text(process.stdin)) as InstallInput;
const result = await install(input, (line) => console.error(line));
if (!result.ok) fail(result);
if (parseOutcome(installedHost, result.stdout) === undefined) {
  console.error(`understudy: ${input.name}: what 'install' has found is not what it should be: ${result.stdout.trim().slice(0, 500)}
HINT: a program on this host says something unexpected: /var/log/understudy/install.log on the host has more. Please report it.`);
  process.exit(1);
}
console.log(result.stdout.trim());
