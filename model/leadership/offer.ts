import type { Answer, Arming } from "./answer.ts";
import { type Change, changeOf, compare } from "./change.ts";
import { above, type Draft, isMember, ownLedger, type Reading } from "./ledger.ts";
import type { Member } from "./member.ts";
import type { Token } from "./token.ts";
import { type Decision, refuse, type WalEnd } from "./verdict.ts";

/** The next entry, for a primary that hands over to `to`, which says that it is armed. */
export function offer(
  me: Member,
  my: Token,
  serving: boolean,
  reading: Reading,
  to: Member,
  { token, joined, arming }: Answer,
): Decision<{ draft: Draft }> {
  const own = ownLedger(my, reading);
  if (own.kind !== "own") return refuse({ kind: "ledger", own });
  const { entries, last: end } = own;
  if (!serving || my.leader !== me) return refuse({ kind: "notTheLeader", node: me, leader: my.leader, serving });
  if (my.overrides > 0) return refuse({ kind: "overrideIsUnwritten", token: changeOf(my) });
  if (my.entry !== end.number)
    return refuse({ kind: "entriesAreOpen", open: above(entries, my.entry), token: changeOf(my) });
  if (!isMember(end, to)) return refuse({ kind: "notAMember", node: to, entry: end.number });
  if (arming.kind !== "open") return refuse({ kind: "notArmed", node: to });
  if (compare(token, my) !== 0 || token.leader !== me)
    return refuse({ kind: "otherToken", node: to, token: changeOf(token), leader: token.leader });
  if (!joined) return refuse({ kind: "notJoined", node: to, leader: token.leader });
  if (token.promises.length > 0) return refuse({ kind: "hasPromised", node: to, to: token.promises });
  return {
    may: true,
    draft: {
      kind: "planned",
      by: me,
      to,
      over: [],
      base: changeOf(my),
      held: changeOf(token),
      consent: null,
      members: end.members,
    },
  };
}

/** What a primary says of the entry that hands over to one arming of its target. */
export interface Offered {
  readonly secret: string;
  readonly entry: number;
  /** The giver's own token, as it was when it made the entry. */
  readonly base: Change;
}

/** Whether a target waits for this offer of `from`: it is armed for nothing else since it said so, and still has that leader's data. */
export function mayBeOffered(
  me: Member,
  { token, joined, arming }: Pick<Answer, "token" | "joined" | "arming">,
  from: Member,
  { secret, entry, base }: Offered,
): Decision<unknown> {
  if (arming.kind === "none" || arming.kind === "override") return refuse({ kind: "notArmed", node: me });
  if (arming.secret !== secret || (arming.kind === "entry" && arming.entry !== entry))
    return refuse({ kind: "otherArming", entry });
  if (token.leader !== from || compare(token, base) !== 0)
    return refuse({ kind: "otherToken", node: me, token: changeOf(token), leader: token.leader });
  return joined ? { may: true } : refuse({ kind: "notJoined", node: me, leader: from });
}

/** What a primary says that has stopped for good, cleanly, for one arming of its target. */
export interface Stopped {
  readonly secret: string;
  readonly entry: number;
  readonly end: WalEnd;
  /** Where the segment begins whose first record is the last one, the checkpoint of the stop; absent: others are before it in its segment. */
  readonly segmentStart?: bigint;
}

/**
 * Whether a target may take what it was offered. `replayed`: where its replay ends. No archive is needed: the members are those that it has
 * of its giver.
 */
export function mayTakeOffer(
  me: Member,
  my: Token,
  arming: Arming,
  stopped: Stopped | null,
  replayed: WalEnd,
): Decision<{ entry: number }> {
  if (arming.kind !== "entry") return refuse({ kind: "notArmed", node: me });
  const { entry, secret } = arming;
  if (my.leader === me || my.entry >= entry) return refuse({ kind: "isTaken", token: changeOf(my) });
  if (stopped === null) return refuse({ kind: "notTold", entry });
  if (stopped.secret !== secret || stopped.entry !== entry) return refuse({ kind: "otherArming", entry });
  const { end, segmentStart } = stopped;
  // A node that is further has WAL that the giver never wrote. Of a segment that begins with the checkpoint nothing but the checkpoint is missing, which
  // changes no data; a target that is fed by the archive never gets it, since that segment is not archived.
  const isWhole = replayed.lsn === end.lsn || replayed.lsn === segmentStart;
  if (replayed.timeline !== end.timeline || !isWhole) return refuse({ kind: "otherEnd", replayed, stopped: end });
  return { may: true, entry };
}
