/**
 * The step `preflight`: asks every active host for its facts and refuses, with all reasons at once, what nobody declared and what
 * a change of primary would break. Run by `components/cluster.ts`. With the word `preview` it prints what it found and refuses nothing: run by
 * `components/preflightHook.ts`.
 *
 * stdin   JSON: a PreflightInput
 * stdout  JSON: an `Outcome`; with `preview` a `PreviewedVerdict`
 * environment  PULUMI_COMMAND_STDOUT: this step's own previous outcome, which remembers the cluster
 */
import { text } from "node:stream/consumers";
import { formatRefusal, type PreviewedVerdict } from "../../model/preflight/index.ts";
import type { PreflightInput } from "../../model/stepInputs.ts";
import { lookAndJudge } from "./lib/lookAndJudge.ts";

const input = JSON.parse(await text(process.stdin)) as PreflightInput;
const previewed = process.argv.at(-1) === "preview";
const say = (line: string) => console.error(previewed ? line : `preflight: ${line}`);
const { reasons, warnings, outcome, summary, answers } = await lookAndJudge(
  input,
  process.env.PULUMI_COMMAND_STDOUT,
  say,
).catch((error: Error) => {
  if (!error.message.includes("\nHINT: ")) throw error;
  console.error(error.message);
  process.exit(1);
});
if (previewed) {
  const silent = answers.flatMap((answer) => (answer.reachable ? [] : [answer]));
  console.log(JSON.stringify({ reasons, warnings, summary, silent } satisfies PreviewedVerdict));
} else {
  for (const warning of warnings) say(warning);
  if (reasons.length > 0) {
    console.error(formatRefusal(reasons));
    process.exit(1);
  }
  say(summary);
  console.log(JSON.stringify(outcome));
}
