/**
 * A ledger that is lost for good is replaced by declaration. It is an override (override.ts) with one thing more: with its promise a node agrees to
 * the id of the new ledger, and heeds no other from then on. Who has taken over so begins the new ledger, and writes itself down there as after any
 * override.
 *
 * The node that takes over may be the primary, which serves all along. A host that was kept off for it still knows the old ledger: it is
 * kept off until it was told of the new one, or made anew.
 */
import type { Answers } from "./answer.ts";
import { type Change, changeOf } from "./change.ts";
import { newInquiry } from "./guard.ts";
import { type Consent, type Draft, type Entry, initialEntry, last, type Reading } from "./ledger.ts";
import { type Member, type Members, sorted } from "./member.ts";
import { overrideAbove, tokenOfOverride } from "./override.ts";
import { promised, type Standing } from "./standing.ts";
import { bound, heeded, type Token } from "./token.ts";
import { type Decision, refuse } from "./verdict.ts";

/** Whether this node may make the new ledger: it is the primary and serves, or a loss was consented to. It has to be a member. */
export function mayReplace(me: Member, my: Token, serving: boolean, consent: Consent | null): Decision<unknown> {
  const leads = serving && my.leader === me;
  if (serving && !leads) return refuse({ kind: "notTheLeader", node: me, leader: my.leader, serving });
  if (!my.members.includes(me)) return refuse({ kind: "notAMember", node: me, entry: my.entry });
  if (!leads && consent === null) return refuse({ kind: "replacementNeedsConsent", node: me, known: changeOf(my) });
  return { may: true };
}

/** The change of it: above all that anybody in reach knows, and above what can still be read of the old ledger. */
export function replacementAbove(my: Token, answers: Answers, old: Reading): Change {
  const end = old.kind === "read" ? last(old.entries) : undefined;
  const { entry, overrides } = overrideAbove(my, answers);
  return end && end.number > entry ? { entry: end.number, overrides: 1 } : { entry, overrides };
}

export const armedToReplace = (my: Standing, change: Change, ledger: string, secret: string): Standing => ({
  ...my,
  arming: { kind: "override", change, secret, ledger },
});

/** It promises that `to` may take over, and agrees to the new ledger: not even the old one, found again, lets it lead. */
export function agreed(my: Standing, to: Member, ledger: string): Standing {
  const { token, ...rest } = promised(my, to);
  return { ...rest, token: bound(token, token.promises, ledger) };
}

/** The token of who has taken over by it, which heeds the new ledger. */
export const tokenOfReplacement = (me: Member, my: Token, change: Change, keptOff: Members, ledger: string): Token => ({
  ...tokenOfOverride(me, my, change, keptOff),
  ledger,
  digest: "",
});

/**
 * Whether this node begins the new ledger, which nobody has begun: it took over for it, nothing of that is written, and it has agreed to no
 * other one since. `reading`: of where the new ledger is to lie. `found`: its own first entry, the reply to which was lost.
 */
export function mayBeginAnew(me: Member, my: Token, reading: Reading): Decision<{ readonly found: Entry | undefined }> {
  if (my.leader !== me || my.overrides === 0)
    return refuse({ kind: "notTheLeader", node: me, leader: my.leader, serving: false });
  if (my.successor !== undefined) return refuse({ kind: "otherLedger", node: me, ledger: my.successor });
  if (reading.kind === "unread") return refuse({ kind: "ledger", own: reading });
  const [found] = reading.entries;
  if (found && (found.ledger !== heeded(my) || found.to !== me))
    return refuse({ kind: "begunByAnother", entry: found });
  return { may: true, found };
}

/**
 * The first entry of the new ledger. It takes effect by the claim that comes after it, as every override. Members go on to be members: who
 * has followed before is a target still. `others`: members by the old list who were kept off.
 */
export function entryInPlaceOf(
  old: string,
  me: Member,
  my: Token,
  others: Members,
  { epoch, nonce, at }: Pick<Entry, "epoch" | "nonce" | "at">,
): Omit<Entry, "digest" | "taken"> {
  const number = my.entry + 1;
  const entry = initialEntry(me, sorted([...my.members, ...others]), {
    ledger: heeded(my),
    number,
    epoch,
    nonce,
    at,
    previous: "",
  });
  const members = Object.fromEntries(
    Object.keys(entry.members).map((each) => [each, others.includes(each as Member) ? number : 1]),
  );
  return { ...entry, members, replaces: old };
}

/** The last entry of the old ledger, where it can be reached after all. `first`: of the new one, by which this node leads. */
export function closing(me: Member, my: Token, first: Entry, old: Reading): Decision<{ readonly draft: Draft }> {
  if (my.leader !== me || first.ledger !== heeded(my) || my.entry < first.number)
    return refuse({ kind: "notTheLeader", node: me, leader: my.leader, serving: true });
  if (old.kind === "unread") return refuse({ kind: "ledger", own: old });
  const end = last(old.entries);
  if (!end || end.ledger !== first.replaces)
    return refuse({ kind: "ledger", own: end ? { kind: "another", ledger: end.ledger } : { kind: "cut", end: 0 } });
  if (end.kind === "closed") return refuse({ kind: "ledger", own: { kind: "closed", entry: end } });
  return {
    may: true,
    draft: {
      kind: "closed",
      by: me,
      to: me,
      over: [],
      base: { entry: end.number, overrides: 0 },
      held: changeOf(my),
      consent: null,
      members: end.members,
      replacedBy: first.ledger,
    },
  };
}

/**
 * A host that was kept off is told who leads by the new ledger, whatever it has known: that is what was declared. Its data is not the
 * leader's.
 */
export const told = (my: Standing, theirs: Token): Standing => ({
  ...my,
  token: bound(theirs, [], undefined),
  joined: false,
  promoted: null,
  inquiry: newInquiry(),
  mayPromote: false,
  signal: true,
});

/** The nodes that have to agree or be kept off: the config's, its own members, and those of anybody who was reached. */
export function concerned(me: Member, my: Token, answers: Answers, nodes: Members): Members {
  const all = [...nodes, ...my.members, ...[...answers.values()].flatMap(({ token }) => token.members)];
  return sorted(all.filter((each) => each !== me));
}
