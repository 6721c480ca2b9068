/** A ledger that is lost has been replaced by this node (override.ts): the new one is begun, and the old one is closed where it can be reached. */
import { closing, entryInPlaceOf, last, mayBeginAnew } from "../model/leadership/index.ts";
import type { Replacement } from "../model/leadership/schema.ts";
import { refused } from "./errors.ts";
import { leads, type Node } from "./node.ts";
import { notWritten } from "./switchover.ts";

/** What this node has replaced, as long as it leads by that. */
const replacementOf = (node: Node): Replacement | null => {
  const { replacement, my } = node.memory;
  return replacement !== null && leads(node) && my.token.ledger === replacement.ledger ? replacement : null;
};

/** The first entry of the new ledger, if it is not there yet. The claim comes after it, as after any override (failover.ts, makeSure). */
export async function beginLedger(node: Node): Promise<void> {
  const { me, memory, log } = node;
  const replacement = replacementOf(node);
  const { token } = memory.my;
  if (!replacement || token.overrides === 0) return;
  const { replaces, others, epoch } = replacement;
  const reading = await node.ledger.read(0);
  const decided = mayBeginAnew(me, token, reading);
  if (!decided.may) throw refused(decided.why, reading);
  if (decided.found) return;
  const created = await node.ledger.beginAnew((stamp) =>
    entryInPlaceOf(replaces, me, token, others, { epoch, ...stamp }),
  );
  if (created.kind !== "made") throw notWritten(created);
  log("begins a ledger", { ledger: token.ledger, replaces, entry: created.entry.number });
}

/** The last entry of the old one, by which nobody leads there any more. Once it is there, or cannot be, nothing is left to do. */
export async function closeOldLedger(node: Node): Promise<void> {
  const { me, memory, world, ledgerOf, log } = node;
  const replacement = replacementOf(node);
  const { token } = memory.my;
  if (!replacement || token.overrides > 0) return;
  const { ledger, replaces, known, first } = replacement;
  if (world.ledger(replaces) === world.ledger(ledger)) {
    memory.replacement = null;
    return;
  }
  const reading = await ledgerOf(ledger).read(first);
  const begun = reading.kind === "read" ? reading.entries[0] : undefined;
  const old = await ledgerOf(replaces).read(known);
  if (!begun || old.kind === "unread") return;
  const decided = closing(me, token, begun, old);
  const end = last(old.entries);
  if (!decided.may || !end) {
    log("cannot close the old ledger", { ledger: replaces, why: decided.may ? "it is empty" : decided.why });
    memory.replacement = null;
    return;
  }
  const created = await ledgerOf(replaces).append(end, decided.draft);
  if (created.kind !== "made") return;
  log("closes the old ledger", { ledger: replaces, entry: created.entry.number });
  memory.replacement = null;
}
