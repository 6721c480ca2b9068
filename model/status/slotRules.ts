import type { NodeContext, NodeFinding } from "./finding.ts";
import { formatBytes, formatPercent } from "./format.ts";
import type { Slot, SqlFacts } from "./observation.ts";
import { levelOf, thresholds } from "./thresholds.ts";

/** What is wrong with the slot that a standby streams over, and with the WAL that any slot on this node retains. */
export function slotFindings(context: NodeContext): NodeFinding[] {
  return [...ownSlot(context), ...(context.sql?.slots ?? []).flatMap((slot) => retained(context, context.sql, slot))];
}

function ownSlot({ row, primary }: NodeContext): NodeFinding[] {
  const { declared, slot } = row;
  if (primary === undefined || declared.name === primary.name || row.role === "primary") return [];
  if (slot?.walStatus === "lost") {
    return [
      {
        level: "critical",
        what: `slot ${slot.name} on ${primary.name} is lost: WAL that it needs is gone from there`,
        hint: "it can catch up from the archive if that has the WAL; run pulumi up, which makes the slot anew and copies the node if it must",
      },
    ];
  }
  if (declared.source === "archive" || declared.role !== "standby") return [];
  if (slot === undefined) {
    return [
      {
        level: "warning",
        what: `has no slot ${declared.slot} on ${primary.name}: WAL that it still needs may be removed`,
        hint: "run pulumi up with another value of reconcile, which makes it",
      },
    ];
  }
  // Why it does not stream has been said; the slot adds to it where it does, over another one.
  if (slot.active || row.activity !== "streaming") return [];
  return [
    {
      level: "warning",
      what: `slot ${slot.name} on ${primary.name} is not in use, although it streams`,
      hint: "see primary_slot_name in /etc/understudy/standby.conf on it; pulumi up with another value of reconcile writes it anew",
    },
  ];
}

function retained({ row }: NodeContext, sql: SqlFacts | undefined, slot: Slot): NodeFinding[] {
  const where = `slot ${slot.name}${slot.active ? "" : " (not in use)"}`;
  const hint = slot.active
    ? "whoever reads from it is too slow: look at its lag"
    : "bring back whoever reads from it, or drop the slot: one of ours goes by declaring the node absent and running pulumi up";
  const free = row.disk?.freeBytes;
  const limit = sql?.maxSlotWalKeepBytes ?? free;
  const bytes = slot.retainedBytes;
  if (bytes !== null && limit !== undefined && limit > 0 && slot.walStatus !== "lost") {
    const share = (100 * bytes) / limit;
    const level = levelOf(thresholds.slotFill, share);
    const of = sql?.maxSlotWalKeepBytes == null ? "of free disk" : "that it may (max_slot_wal_keep_size)";
    const what = `${where} retains ${formatBytes(bytes)} of WAL, ${formatPercent(share)} of the ${formatBytes(limit)} ${of}`;
    if (level !== "ok") return [{ level, what, hint }];
  }
  switch (slot.walStatus) {
    case "unreserved":
      return [{ level: "critical", what: `${where} is about to be cut off from the WAL that it needs`, hint }];
    case "extended":
      return [{ level: "warning", what: `${where} holds WAL beyond max_wal_size`, hint }];
    case "lost":
      // A node's own slot is spoken of with the node.
      return slot.type === "logical"
        ? [{ level: "critical", what: `${where} is lost: its reader has to start anew`, hint }]
        : [];
    default:
      return [];
  }
}
