/**
 * The step `receipt`: how the primary came to be the one that it is, put together from what the hosts wrote in their journals, and
 * kept with the data. A host that is gone is named, and stops nothing: what it did is done. Run by `components/cluster.ts`.
 *
 * stdin   JSON: { intent, promoted, fences: [{ node, how }], hosts: [{ name, connection }] }
 * stdout  JSON: a ReceiptOutcome
 */
import { text } from "node:stream/consumers";
import { isDeepStrictEqual } from "node:util";
import {
  type Handover,
  handoverOf,
  type JournalEntry,
  parseJournal,
  parseStored,
  type ReceiptOutcome,
  type StoredChange,
} from "../../model/receipt.ts";
import { renderParameters } from "../../model/render/parameters.ts";
import type { ReceiptInput } from "../../model/stepInputs.ts";
import { type Run, withHost } from "../ssh/ssh.ts";

const { hosts, intent, promoted, fences } = JSON.parse(await text(process.stdin)) as ReceiptInput;
const missing: Record<string, string> = {};
const journals: JournalEntry[] = [];
let stored: readonly StoredChange[] = [];

async function collect(node: string, run: Run): Promise<void> {
  const result = await run(`understudy journal ${node}`);
  if (!result.ok) {
    missing[node] = result.message.split("\n")[0] ?? result.reason;
    return;
  }
  const lines = result.stdout.split("\n").filter((line) => line !== "");
  if (node === promoted.primary) stored = lines.flatMap((line) => parseStored(line) ?? []);
  journals.push(...parseJournal(lines));
}

async function store(handover: Handover, run: Run): Promise<void> {
  const stdin = renderParameters({ intent, epoch: String(handover.epoch), receipt: JSON.stringify(handover) });
  const result = await run(`understudy record ${promoted.primary}`, { stdin });
  if (result.ok) return;
  console.error(
    `receipt: it could not be stored on ${promoted.primary}, and is in the output 'handover' only: ${result.message}`,
  );
}

const primary = hosts.find(({ name }) => name === promoted.primary);
if (!primary) throw new Error(`no host ${promoted.primary}`);
const handover = await withHost(primary, async (run) => {
  const others = hosts.filter((host) => host !== primary);
  await Promise.all([
    collect(primary.name, run),
    ...others.map((host) => withHost(host, (there) => collect(host.name, there))),
  ]);
  journals.sort((a, b) => a.startedMs - b.startedMs);
  const made = handoverOf({ intent, promoted, journals, stored, fences });
  const kept = stored.find(({ epoch }) => epoch === made.epoch)?.receipt;
  if (!missing[primary.name] && !isDeepStrictEqual(kept, made)) await store(made, run);
  return made;
});
const outcome: ReceiptOutcome = { intent, handover, missing };
console.log(JSON.stringify(outcome));
