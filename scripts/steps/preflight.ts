/**
 * The step `preflight`: asks every active host for its facts and refuses, with all reasons at once, what nobody declared and what
 * a change of primary would break. Run by `components/cluster.ts`; `components/preflightHook.ts` does the same in a preview.
 *
 * stdin   JSON: { intent, clusterId, primary, epoch?, nodes, limits, hosts: [{ name, connection }] }
 * stdout  JSON: an `Outcome`
 * environment  PULUMI_COMMAND_STDOUT: this step's own previous outcome, which remembers the cluster
 */
import { text } from "node:stream/consumers";
import { formatRefusal } from "../../model/preflight/preflight.ts";
import { type PreflightInput, preflight } from "./lib/preflight.ts";

const input = JSON.parse(await text(process.stdin)) as PreflightInput;
const say = (line: string) => console.error(`preflight: ${line}`);
const { reasons, warnings, outcome, summary } = await preflight(input, process.env.PULUMI_COMMAND_STDOUT, say);
for (const warning of warnings) say(warning);
if (reasons.length > 0) {
  console.error(formatRefusal(reasons));
  process.exit(1);
}
say(summary);
console.log(JSON.stringify(outcome));
