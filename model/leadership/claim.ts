import type { Answers, Arming } from "./answer.ts";
import { type Change, changeOf, isLater, latest } from "./change.ts";
import {
  above,
  type Consent,
  type Draft,
  type Entries,
  type Entry,
  entryAt,
  isMember,
  ownLedger,
  type Reading,
} from "./ledger.ts";
import { type Member, type Members, sorted } from "./member.ts";
import type { Token } from "./token.ts";
import { type Decision, type Refusal, refuse } from "./verdict.ts";

/** The last change that is known to be taken. */
export const baseOf = (my: Token, answers: Answers): Change =>
  latest([my, ...[...answers.values()].map(({ token }) => token)]);

/**
 * Who has to be stopped before a claim is taken: every member that the ledger has ever named, for its disk may say that it leads; and
 * the nodes that may have taken over without the ledger. For a primary (`leads`) only those that an entry above its own names. What the config
 * says of them plays no part.
 */
export function over(me: Member, my: Token, leads: boolean, entries: Entries, end: Entry): Members {
  const named = leads ? above(entries, my.entry).map(({ to }) => to) : end.named;
  const stop = [...my.promises, ...named.filter((each) => isMember(end, each))];
  if (my.overrides > 0 && my.leader !== null) stop.push(my.leader);
  return sorted(stop.filter((each) => each !== me));
}

/** Why a node can't be a target: it is no member by the last entry, or has not followed a leader who knew it as one. */
export function notEligible(me: Member, my: Token, end: Entry): Refusal | undefined {
  const since = Object.hasOwn(end.members, me) ? end.members[me] : undefined;
  if (since === undefined) return { kind: "notAMember", node: me, entry: end.number };
  if (my.entry < since) return { kind: "notFollowed", node: me, listed: since, token: changeOf(my) };
  return undefined;
}

export interface Claimant {
  readonly me: Member;
  readonly my: Token;
  readonly serving: boolean;
  readonly reading: Reading;
  readonly answers: Answers;
  readonly consent: Consent | null;
  /** Who the members are from this entry on. Left out: the same as before. */
  readonly list?: Members;
}

/** The next entry, for a target that takes over without its predecessor, or for a primary. */
export function claim({ me, my, serving, reading, answers, consent, list }: Claimant): Decision<{ draft: Draft }> {
  const own = ownLedger(my, reading);
  if (own.kind !== "own") return refuse({ kind: "ledger", own });
  const { entries, last: end } = own;
  const leads = serving && my.leader === me;
  const ineligible = notEligible(me, my, end);
  if (ineligible) return refuse(ineligible);
  const base = baseOf(my, answers);
  if (!(consent || leads))
    return refuse({ kind: "needsConsent", node: me, by: entryAt(entries, base.entry) ?? end, known: base });
  if (base.entry > end.number) return refuse({ kind: "ledgerEndsBelow", known: base, end: end.number });
  let { members } = end;
  if (list) {
    // Only while nothing is open.
    if (!leads) return refuse({ kind: "notTheLeader", node: me, leader: my.leader, serving });
    if (my.overrides > 0) return refuse({ kind: "overrideIsUnwritten", token: changeOf(my) });
    if (my.entry !== end.number)
      return refuse({ kind: "entriesAreOpen", open: above(entries, my.entry), token: changeOf(my) });
    if (!list.includes(me)) return refuse({ kind: "listLacksItsAuthor", node: me });
    members = Object.fromEntries(
      list.map((each) => [each, Object.hasOwn(end.members, each) ? (end.members[each] as number) : end.number + 1]),
    );
  }
  return {
    may: true,
    draft: {
      kind: "claim",
      by: me,
      to: me,
      over: over(me, my, leads, entries, end),
      base,
      held: changeOf(my),
      consent,
      members,
    },
  };
}

/** Whether a node lets a claim whose author knew changes up to `base` go over its head: it must not serve, and must not know better. */
export function mayStandDown(me: Member, my: Token, serving: boolean, base: Change): Decision<unknown> {
  if (serving) return refuse({ kind: "serves", node: me });
  if (isLater(my, base)) return refuse({ kind: "knowsBetter", node: me, token: changeOf(my), base });
  return { may: true };
}

/**
 * Whether a node may take what it claimed. `takesWrites`: as a primary, all along. `stopped`: for each member, the number of the last entry
 * that there was when it was proven stopped.
 */
export function mayTakeOver(
  me: Member,
  my: Token,
  takesWrites: boolean,
  arming: Arming,
  entries: Entries,
  stopped: ReadonlyMap<Member, number>,
): Decision<{ entry: Entry }> {
  if (arming.kind !== "entry") return refuse({ kind: "notArmed", node: me });
  const entry = entryAt(entries, arming.entry);
  if (entry?.kind !== "claim" || entry.to !== me) return refuse({ kind: "notItsClaim", node: me, entry: arming.entry });
  if (my.entry >= entry.number) return refuse({ kind: "isTaken", token: changeOf(my) });
  if (!entry.consent && !takesWrites) return refuse({ kind: "needsConsent", node: me, by: entry, known: entry.base });
  const nodes = entry.over.filter((each) => (stopped.get(each) ?? 0) < entry.number);
  return nodes.length > 0 ? refuse({ kind: "notStopped", entry: entry.number, nodes }) : { may: true, entry };
}
