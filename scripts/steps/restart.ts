/**
 * The step `restart`: PostgreSQL restarts on each host where `configure` has found that to be needed, one after the other, standbys first.
 * The first one that does not come back with its new settings ends it: that host has put the ones before back, the others were not touched. Run by
 * `components/cluster.ts`.
 *
 * stdin   JSON: a RestartInput
 * stdout  JSON: { restarted: names of the hosts, in their order }
 */
import { text } from "node:stream/consumers";
import type { Host } from "../../model/host.ts";
import { parseHostFacts } from "../../model/hostFacts.ts";
import { renderParameters } from "../../model/render/parameters.ts";
import type { RestartInput } from "../../model/stepInputs.ts";
import { runOnHost } from "../ssh/ssh.ts";
import { fail } from "./lib/fail.ts";

/** A standby may have much WAL to replay before it takes connections; `restart.sh` waits for 600 s. */
const restartSeconds = 700;

const { hosts } = JSON.parse(await text(process.stdin)) as RestartInput;

/** Whether it takes writes now, whatever is declared: config may ask for another primary in this very update. */
async function leads(host: Host): Promise<boolean> {
  const result = await runOnHost(host, `understudy facts ${host.name}`, { timeoutSeconds: 20 });
  if (!result.ok) return fail(result);
  return parseHostFacts(result.stdout)?.postgres.inRecovery === false;
}

const asked = await Promise.all(hosts.map(async (host) => ({ host, leads: hosts.length > 1 && (await leads(host)) })));
const inOrder = asked.sort((a, b) => Number(a.leads) - Number(b.leads)).map(({ host }) => host);
for (const host of inOrder) {
  const result = await runOnHost(host, `understudy restart ${host.name}`, {
    stdin: renderParameters({ waiting: host.waiting }),
    timeoutSeconds: restartSeconds,
    onStderr: (line) => console.error(line),
  });
  if (!result.ok) fail(result);
}
console.log(JSON.stringify({ restarted: inOrder.map(({ name }) => name) }));
