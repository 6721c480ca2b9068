/**
 * The step `preflight`: asks every active host for its facts and refuses, with all reasons at once, what nobody declared.
 * Run by `components/cluster.ts`.
 *
 * stdin   JSON: { clusterId, primary, epoch?, hosts: [{ name, connection }] }
 * stdout  JSON: { fresh, systemIdentifier, epoch }
 * environment  PULUMI_COMMAND_STDOUT: this step's own previous outcome, which remembers the system identifier
 */
import { text } from "node:stream/consumers";
import { parseHostFacts } from "../components/model/hostFacts.ts";
import { type Declared, type Finding, formatRefusal, judge } from "../components/model/preflight.ts";
import { type Host, runOnHost } from "./lib/ssh.ts";

interface Input extends Omit<Declared, "recordedSystemIdentifier"> {
  readonly hosts: readonly Host[];
}

const input = JSON.parse(await text(process.stdin)) as Input;

async function ask(host: Host): Promise<Finding> {
  const result = await runOnHost(host, `understudy facts ${host.name}`, { timeoutSeconds: 20 });
  if (!result.ok) return { node: host.name, reachable: false, reason: result.message.split("\n")[0] ?? result.reason };
  const facts = parseHostFacts(result.stdout);
  if (!facts) return { node: host.name, reachable: false, reason: "its host scripts are of another version" };
  return { node: host.name, reachable: true, facts };
}

const verdict = judge(
  { ...input, recordedSystemIdentifier: recordedSystemIdentifier() },
  await Promise.all(input.hosts.map(ask)),
);
for (const warning of verdict.warnings) console.error(`preflight: ${warning}`);
if (verdict.reasons.length > 0) {
  console.error(formatRefusal(verdict.reasons));
  process.exit(1);
}
const { fresh, systemIdentifier, epoch } = verdict;
console.log(JSON.stringify({ fresh, systemIdentifier, epoch }));

function recordedSystemIdentifier(): string | undefined {
  const previous = process.env.PULUMI_COMMAND_STDOUT;
  if (!previous) return undefined;
  return (JSON.parse(previous) as { systemIdentifier: string }).systemIdentifier || undefined;
}
