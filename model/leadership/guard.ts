/** The guard: may this node, which leads by its own token, take writes? It asks the members, and believes a later change at once. */
import type { Answer, Arming } from "./answer.ts";
import { type Change, changeOf, compare, latest } from "./change.ts";
import { above, type Entries, type Entry, last, type Own, ownLedger, type Reading, unread } from "./ledger.ts";
import { excluding, including, type Member, type Members, nobody, sorted } from "./member.ts";
import type { Token } from "./token.ts";
import type { WalEnd } from "./verdict.ts";

/** What a node has found out since PostgreSQL last stopped. It is in memory only; standing down, adopting and starting end it. */
export interface Inquiry {
  /** The ledger as it was last read. */
  readonly reading: Reading;
  /** It was read after the last answer. */
  readonly isFresh: boolean;
  /** Who has answered, after each reading of an entry that names them, that they know nothing later. */
  readonly heard: Members;
  /** Who has done so since all members had. */
  readonly again: Members;
}

export const noInquiry: Inquiry = {
  reading: unread("it was not read yet"),
  isFresh: false,
  heard: nobody,
  again: nobody,
};

/** Another object each time: what comes late, and was asked for an inquiry that has ended, is told by identity. */
export const newInquiry = (): Inquiry => ({ ...noInquiry });

export type Heard =
  /** Somebody else leads, by a later change: believed at once. */
  | { readonly kind: "adopt"; readonly token: Token }
  /** A disk went back, or it is a clone: the answer counts for nothing. */
  | { readonly kind: "wentBack"; readonly why: "namesThisNode" | "sameChange" | "serves" | "isOlder" }
  /** Nothing later is known there. */
  | { readonly kind: "nothing" };

/**
 * What a leader by its token makes of the answer of a peer, which has ended its arming. `floor`: the latest change that the peer's token held
 * when an entry above the reader's own named it.
 */
export function hear(me: Member, my: Token, { token, serving }: Answer, floor: Change): Heard {
  const order = compare(token, my);
  if (order > 0) return token.leader === me ? { kind: "wentBack", why: "namesThisNode" } : { kind: "adopt", token };
  if (order === 0 && token.leader !== me) return { kind: "wentBack", why: "sameChange" };
  if (serving) return { kind: "wentBack", why: "serves" };
  if (compare(token, floor) < 0) return { kind: "wentBack", why: "isOlder" };
  return { kind: "nothing" };
}

const openEntries = (my: Token, { reading }: Inquiry): Entries =>
  reading.kind === "read" ? above(reading.entries, my.entry) : [];

export const floorOf = (peer: Member, my: Token, inquiry: Inquiry): Change =>
  latest(openEntries(my, inquiry).flatMap(({ to, held }) => (to === peer ? [held] : [])));

/** Whom a leader asks: everybody whom the ledger or the list of members makes it need, for the ledger may be out of reach the next time. */
export function whomToAsk(me: Member, my: Token, inquiry: Inquiry): Members {
  let ask = my.members;
  for (const each of my.promises) ask = including(ask, each);
  for (const { to } of openEntries(my, inquiry)) ask = including(ask, to);
  return excluding(ask, me);
}

/** The ledger was read once more, or could not be. Answers from before an entry was read say nothing about it. */
export function ledgerRead(my: Token, inquiry: Inquiry, reading: Reading): Inquiry {
  if (ownLedger(my, reading).kind !== "own" || reading.kind !== "read") return { ...inquiry, isFresh: false };
  const known = inquiry.reading.kind === "read" ? (last(inquiry.reading.entries)?.number ?? 0) : 0;
  let { heard } = inquiry;
  for (const { to } of above(reading.entries, Math.max(known, my.entry))) heard = excluding(heard, to);
  return { ...inquiry, reading, isFresh: true, heard };
}

/**
 * Peers that are not armed (any more) answer that they know nothing later. They were asked together, of what this inquiry knew: whoever was heard
 * before in the same round does not make the others' answers a second round. What was read of the ledger was read before that.
 */
export function roundEnded(me: Member, my: Token, inquiry: Inquiry, peers: Members): Inquiry {
  if (peers.length === 0) return inquiry;
  let { heard, again } = inquiry;
  const isComplete = [...my.members, ...my.promises].every((each) => each === me || inquiry.heard.includes(each));
  for (const peer of peers) {
    heard = including(heard, peer);
    if (isComplete) again = including(again, peer);
  }
  return { ...inquiry, isFresh: false, heard, again };
}

/** A round of one question. */
export const heardNothing = (me: Member, my: Token, inquiry: Inquiry, peer: Member): Inquiry =>
  roundEnded(me, my, inquiry, [peer]);

/**
 * Who is asked to end its arming, of those that are armed: nobody as long as somebody else's answer is missing; and nobody that carries out a
 * claim over this node, which ends by its own deadline: else a leader that asks on would disarm the failover that is to replace it.
 */
export function whomToDisarm(me: Member, my: Token, inquiry: Inquiry, armed: ReadonlyMap<Member, Arming>): Members {
  const own = inquiry.isFresh ? ownLedger(my, inquiry.reading) : unreadSince(inquiry.reading);
  const open = openEntries(my, inquiry);
  const needed = [...my.promises, ...(own.kind === "own" ? open.map(({ to }) => to) : my.members)];
  if (needed.some((each) => each !== me && !inquiry.heard.includes(each) && !armed.has(each))) return nobody;
  const claims = (peer: Member, arming: Arming): boolean =>
    arming.kind === "entry" &&
    open.some(
      ({ kind, number, to, over }) => kind === "claim" && number === arming.entry && to === peer && over.includes(me),
    );
  return sorted([...armed].flatMap(([peer, arming]) => (needed.includes(peer) && !claims(peer, arming) ? [peer] : [])));
}

/** The ledger could not be read this time. */
export const withoutLedger = (inquiry: Inquiry): Inquiry =>
  inquiry.isFresh ? { ...inquiry, isFresh: false } : inquiry;

/** What decided: the ledger, with the entries above the node's own; or the members, and why not the ledger. */
export type Basis =
  | { readonly kind: "ledger"; readonly open: Entries }
  | { readonly kind: "members"; readonly ledger: Exclude<Own, { kind: "own" }> };

export type Start =
  | { readonly kind: "lead"; readonly basis: Basis; readonly token: Change; readonly heard: Members }
  /** Read-only, and asks these on. */
  | { readonly kind: "ask"; readonly basis: Basis; readonly token: Change; readonly silent: Members }
  /** Read-only, until it hears of a later change or an update decides. */
  | { readonly kind: "stay"; readonly why: StayReason };

export type StayReason =
  | { readonly kind: "notTheLeader"; readonly leader: Member | null; readonly token: Change }
  | { readonly kind: "isArmed"; readonly arming: Arming }
  /** Somebody took an entry above its own. */
  | { readonly kind: "isTaken"; readonly entry: Entry }
  /** The token was written on another machine: this is a clone, or the disk was moved. */
  | { readonly kind: "otherMachine"; readonly machine: string; readonly written: string }
  /** Somebody has more WAL of this node's own timeline: its disk went back. */
  | { readonly kind: "lostWal"; readonly mine: WalEnd; readonly found: WalEnd; readonly at: Member | "archive" };

/** Whether a node may take writes. Not to lead is never final: it asks on. */
export function mayStart(me: Member, my: Token, arming: Arming, inquiry: Inquiry): Start {
  if (my.leader !== me) return { kind: "stay", why: { kind: "notTheLeader", leader: my.leader, token: changeOf(my) } };
  if (arming.kind !== "none") return { kind: "stay", why: { kind: "isArmed", arming } };
  const { reading, isFresh, heard, again } = inquiry;
  const own = isFresh ? ownLedger(my, reading) : unreadSince(reading);
  let needed = my.promises;
  let answered = heard;
  let basis: Basis;
  if (own.kind === "own") {
    const open = above(own.entries, my.entry);
    for (const entry of open) {
      if (entry.taken) return { kind: "stay", why: { kind: "isTaken", entry } };
      needed = including(needed, entry.to);
    }
    basis = { kind: "ledger", open };
  } else {
    for (const each of my.members) needed = including(needed, each);
    answered = again;
    basis = { kind: "members", ledger: own };
  }
  const silent = needed.filter((each) => each !== me && !answered.includes(each));
  if (silent.length > 0) return { kind: "ask", basis, token: changeOf(my), silent };
  return { kind: "lead", basis, token: changeOf(my), heard: answered };
}

function unreadSince(reading: Reading): Exclude<Own, { kind: "own" }> {
  return reading.kind === "unread" ? reading : { kind: "unread", why: "it was not read after the last answer" };
}

/** Whether a token was written by this machine. A clone's was not: it answers nobody, and starts as no primary. */
export const isOfMachine = (written: string, machine: string): boolean => written === machine;

/** Whether somebody has more of this node's own timeline than it has itself: then its disk went back within one change. */
export function lostWal(
  mine: WalEnd,
  found: readonly { readonly at: Member | "archive"; readonly end: WalEnd }[],
): Extract<StayReason, { kind: "lostWal" }> | undefined {
  for (const { at, end } of found)
    if (end.timeline === mine.timeline && end.lsn > mine.lsn) return { kind: "lostWal", mine, found: end, at };
  return undefined;
}
