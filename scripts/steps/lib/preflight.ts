import type { Host } from "../../../model/host.ts";
import { parseHostFacts } from "../../../model/hostFacts.ts";
import {
  type Declared,
  type Finding,
  judge,
  otherVersion,
  underWay,
  type Verdict,
} from "../../../model/preflight/preflight.ts";
import type { PreflightInput } from "../../../model/stepInputs.ts";
import { runOnHost } from "../../ssh/ssh.ts";

export interface Preflight extends Verdict {
  readonly findings: readonly Finding[];
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
export async function preflight(
  input: PreflightInput,
  previous: string | undefined,
  say: (line: string) => void,
): Promise<Preflight> {
  const declared: Declared = { ...input, recorded: recorded(previous) };
  const begin = Date.now();
  let waiting = false;
  for (;;) {
    const findings = await Promise.all(input.hosts.map(ask));
    const waited = (Date.now() - begin) / 1000;
    const busy = underWay(findings.flatMap((found) => (found.reachable ? [{ ...found.facts, node: found.node }] : [])));
    if (busy !== undefined && waited < handoverSeconds) {
      if (!waiting) say(`waiting for a change of primary that is under way: ${busy}`);
      waiting = true;
      await pause(500);
      continue;
    }
    const verdict = judge(declared, findings);
    const passes = verdict.reasons.length > 0 && verdict.reasons.every(({ passing }) => passing === true);
    if (!passes || waited >= passingSeconds) return { ...verdict, findings };
    await pause(1000);
  }
}

async function ask(host: Host): Promise<Finding> {
  const result = await runOnHost(host, `understudy facts ${host.name}`, { timeoutSeconds: 20 });
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

function recorded(previous: string | undefined): Declared["recorded"] {
  if (!previous) return undefined;
  const { systemIdentifier, epoch, kind, join, synchronous, intent } = JSON.parse(previous) as NonNullable<
    Declared["recorded"]
  >;
  return {
    systemIdentifier,
    epoch,
    ...(kind ? { kind } : {}),
    ...(intent ? { intent } : {}),
    join: join ?? null,
    synchronous: synchronous ?? null,
  };
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
