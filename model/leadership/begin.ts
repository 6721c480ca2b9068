import { changeOf } from "./change.ts";
import { type Entry, last, type Reading } from "./ledger.ts";
import type { Member } from "./member.ts";
import type { Token } from "./token.ts";
import { type Decision, refuse } from "./verdict.ts";

/**
 * Whether this node may be the first primary of a new cluster: it knows of none, and the ledger is empty; or holds its own first entry only,
 * which it was cut off from taking.
 */
export function mayBegin(me: Member, my: Token, reading: Reading): Decision<{ found: Entry | undefined }> {
  if (my.leader !== null) return refuse({ kind: "isTaken", token: changeOf(my) });
  if (reading.kind === "unread") return refuse({ kind: "ledger", own: reading });
  const [found, ...more] = reading.entries;
  if (found && (more.length > 0 || found.kind !== "initial" || found.to !== me || found.taken))
    return refuse({ kind: "notTheLeader", node: me, leader: (last(more) ?? found).to, serving: false });
  return { may: true, found };
}
