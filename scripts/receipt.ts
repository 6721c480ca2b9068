/**
 * The step `receipt`: collects what the hosts wrote in their journals about an intent. A host that is gone is named, and
 * stops nothing: what it did is done. Run by `components/cluster.ts`.
 *
 * stdin   JSON: { intent, fresh, lead, hosts: [{ name, connection }] }
 * stdout  JSON: a Receipt
 */
import { text } from "node:stream/consumers";
import { type LeadOutcome, receipt } from "../components/model/receipt.ts";
import { type Host, runOnHost } from "./lib/ssh.ts";

interface Input {
  readonly intent: string;
  readonly fresh: boolean;
  readonly lead: LeadOutcome;
  readonly hosts: readonly Host[];
}

const { hosts, ...known } = JSON.parse(await text(process.stdin)) as Input;
const journals: Record<string, string> = {};
const missing: Record<string, string> = {};
await Promise.all(
  hosts.map(async (host) => {
    const result = await runOnHost(host, `understudy journal ${host.name} ${known.intent}`);
    if (result.ok) journals[host.name] = result.stdout;
    else missing[host.name] = result.message.split("\n")[0] ?? result.reason;
  }),
);
console.log(JSON.stringify(receipt({ ...known, journals, missing })));
