/**
 * The step `receipt`: how the primary came to be the one that it is, put together from what the hosts wrote in their journals, and
 * kept with the data. A host that is gone is named, and stops nothing: what it did is done. Run by `components/cluster.ts`.
 *
 * stdin   JSON: { intent, lead, fences: [{ node, how }], hosts: [{ name, connection }] }
 * stdout  JSON: a ReceiptOutcome
 */
import { text } from "node:stream/consumers";
import { isDeepStrictEqual } from "node:util";
import {
  type FenceProof,
  handoverOf,
  type JournalEntry,
  type LeadOutcome,
  parseJournal,
  type ReceiptOutcome,
  type StoredChange,
} from "../components/model/receipt.ts";
import { renderParameters } from "../components/model/render/parameters.ts";
import { type Host, runOnHost } from "./lib/ssh.ts";

interface Input {
  readonly intent: string;
  readonly lead: LeadOutcome;
  readonly fences: readonly FenceProof[];
  readonly hosts: readonly Host[];
}

const { hosts, intent, lead, fences } = JSON.parse(await text(process.stdin)) as Input;
const missing: Record<string, string> = {};
const journals: JournalEntry[] = [];
let stored: readonly StoredChange[] = [];
await Promise.all(
  hosts.map(async (host) => {
    const result = await runOnHost(host, `understudy journal ${host.name}`);
    if (!result.ok) {
      missing[host.name] = result.message.split("\n")[0] ?? result.reason;
      return;
    }
    const lines = result.stdout.split("\n").filter((line) => line !== "");
    const isStored = (line: string) => line.startsWith('{"stored":');
    if (host.name === lead.primary) {
      stored = lines.filter(isStored).flatMap((line) => (JSON.parse(line) as { stored: StoredChange[] }).stored);
    }
    journals.push(...parseJournal(lines.filter((line) => !isStored(line))));
  }),
);
journals.sort((a, b) => a.startedMs - b.startedMs);
const handover = handoverOf({ intent, lead, journals, stored, fences });

const primary = hosts.find(({ name }) => name === lead.primary);
const kept = stored.find(({ epoch }) => epoch === handover.epoch)?.receipt;
if (primary && !missing[primary.name] && !isDeepStrictEqual(kept, handover)) {
  const stdin = renderParameters({ intent, epoch: String(handover.epoch), receipt: JSON.stringify(handover) });
  const result = await runOnHost(primary, `understudy record ${primary.name}`, { stdin });
  if (!result.ok)
    console.error(
      `receipt: it could not be stored on ${primary.name}, and is in the output 'handover' only: ${result.message}`,
    );
}
const outcome: ReceiptOutcome = { intent, handover, missing };
console.log(JSON.stringify(outcome));
