/**
 * The step `source`: asks the declared primary of a new cluster what the archive holds that it is to be made from, and chooses the backup and the timeline. Refuses a
 * target that can't be reached. Run by `components/restore.ts`.
 *
 * stdin   JSON: a SourceStepInput
 * stdout  JSON: {"plan"}: a RestorePlan; null where the cluster is there
 * exit    0 done, 1 refused; with the word `preview` 3 where the host can't be asked
 */
import { text } from "node:stream/consumers";
import { parseSourceHoldings } from "../../model/archive/holdings.ts";
import { momentInWords, planRestore } from "../../model/archive/restorePlan.ts";
import { renderParameters } from "../../model/render/parameters.ts";
import type { SourceStepInput } from "../../model/stepInputs.ts";
import { runOnHost } from "../ssh/ssh.ts";

const { host, fresh, asked, parameters } = JSON.parse(await text(process.stdin)) as SourceStepInput;

function refuse(what: string, hint: string): never {
  console.error(`source: ${what}\nHINT: ${hint}`);
  process.exit(1);
}

if (!fresh) {
  console.log(JSON.stringify({ plan: null }));
} else {
  const looked = await runOnHost(host, `understudy backups ${host.name} source`, {
    stdin: renderParameters(parameters),
    timeoutSeconds: 300,
  });
  if (!looked.ok) {
    const isAsked = looked.stderr?.includes("understudy: ") === true && !looked.stderr.includes("never installed");
    if (process.argv.at(-1) === "preview" && !isAsked) process.exit(3);
    console.error(looked.stderr?.includes("HINT: ") ? looked.stderr.trimEnd() : looked.message);
    process.exit(1);
  }
  const held = parseSourceHoldings(looked.stdout, asked.stanza);
  if (held === undefined)
    refuse(`${host.name} says of the archive what this version does not understand`, "Please report it.");
  const plan = planRestore(held, asked, new Date());
  if ("what" in plan) refuse(plan.what, plan.hint);
  console.error(
    `source: backup ${plan.backup}, then WAL of timeline ${plan.timeline} up to ${momentInWords(asked.target)}`,
  );
  console.log(JSON.stringify({ plan }));
}
