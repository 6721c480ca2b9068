import type { Host } from "../../../model/host.ts";
import { parseHostFacts } from "../../../model/hostFacts.ts";
import { parseWitnesses } from "../../../model/members.ts";
import { parseOutcome } from "../../../model/outcome.ts";
import {
  type Answer,
  type Declared,
  judge,
  otherVersion,
  recordedOutcome,
  underWay,
  type Verdict,
  type Witness,
} from "../../../model/preflight/index.ts";
import type { PreflightInput } from "../../../model/stepInputs.ts";
import { runOnHost } from "../../ssh/ssh.ts";

export interface Judged extends Verdict {
  readonly answers: readonly Answer[];
}

/** How long a handover that is under way on the hosts is waited for: none stays armed for longer. */
const handoverSeconds = 60;
/** How long a reason that may pass by itself is looked at again. */
const passingSeconds = 5;

/**
 * Asks every host and judges what they say. Waits for a handover that is under way, and gives what may pass by itself (a standby
 * that catches up) some seconds.
 *
 * @param previous outcome of an earlier preflight of this stack, as JSON
 * @param say takes one line of progress
 */
export async function lookAndJudge(
  input: PreflightInput,
  previous: string | undefined,
  say: (line: string) => void,
): Promise<Judged> {
  const declared: Declared = { ...input, recorded: recorded(previous) };
  const begin = Date.now();
  let waiting = false;
  for (;;) {
    const [answers, aside] = await Promise.all([
      Promise.all(input.hosts.map((host) => ask(host, 20))),
      Promise.all(input.absent.map((host) => ask(host, 5))),
    ]);
    const absent = aside.flatMap((found) => (found.reachable ? [{ ...found.facts, node: found.node }] : []));
    const waited = (Date.now() - begin) / 1000;
    const busy = underWay(answers.flatMap((found) => (found.reachable ? [{ ...found.facts, node: found.node }] : [])));
    if (busy !== undefined && waited < handoverSeconds) {
      if (!waiting) say(`waiting for a change of primary that is under way: ${busy}`);
      waiting = true;
      await pause(500);
      continue;
    }
    const witnesses = await askArchive(input, [...answers, ...aside]);
    const verdict = judge(declared, answers, { absent, witnesses });
    const passes = verdict.reasons.length > 0 && verdict.reasons.every(({ passing }) => passing === true);
    if (!passes || waited >= passingSeconds) return { ...verdict, answers };
    await pause(1000);
  }
}

/** Where a member can't be asked itself, the archive knows whether it was ever about to take over. */
async function askArchive(
  { members, hosts, primary }: PreflightInput,
  answers: readonly Answer[],
): Promise<Witness[] | undefined> {
  const answered = answers.filter(({ reachable }) => reachable).map(({ node }) => node);
  const [first] = hosts
    .filter(({ name }) => answered.includes(name))
    .sort((a, b) => Number(b.name === primary) - Number(a.name === primary));
  if (first === undefined || members.every((name) => answered.includes(name))) return undefined;
  const result = await runOnHost(first, `understudy witnesses ${first.name}`, { timeoutSeconds: 40 });
  return result.ok ? parseWitnesses(result.stdout) : undefined;
}

async function ask(host: Host, timeoutSeconds: number): Promise<Answer> {
  const result = await runOnHost(host, `understudy facts ${host.name}`, { timeoutSeconds });
  if (!result.ok) {
    const missing =
      result.exitCode === 127 || /understudy: command not found|never installed/.test(result.stderr ?? "");
    const reason = missing ? otherVersion : (result.message.split("\n")[0] ?? result.reason);
    return { node: host.name, reachable: false, reason };
  }
  const facts = parseHostFacts(result.stdout);
  if (!facts) return { node: host.name, reachable: false, reason: otherVersion };
  return { node: host.name, reachable: true, facts };
}

/** To take one that can't be read for none would let a new cluster be made where there was one. */
function recorded(previous: string | undefined): Declared["recorded"] {
  if (!previous) return undefined;
  const known = parseOutcome(recordedOutcome, previous);
  if (known === undefined) {
    throw new Error(`preflight: what the last one has recorded in the stack's state cannot be read
HINT: take an earlier state ('pulumi stack history', 'pulumi stack import'), then run 'pulumi up' again. No role was touched.`);
  }
  return known;
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
