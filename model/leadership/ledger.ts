import type { Change } from "./change.ts";
import { type Member, type Members, nobody, sorted } from "./member.ts";
import { heeded, type Token } from "./token.ts";

/** What the operator accepts to lose. */
export interface Consent {
  readonly lossBytes?: number;
  readonly lossUnknown?: true;
}

/** Entry `number` of the ledger. It is created at most once, never changes, and is never deleted. */
export interface Entry {
  readonly ledger: string;
  readonly number: number;
  /** How many changes of leader were begun up to this entry: what `epoch` in the config means. */
  readonly epoch: number;
  /**
   * initial: the first primary leads, or a living cluster was taken along. planned: `by` hands over to `to`: it stops, and tells it so.
   * claim: `to` takes over when everybody in `over` is proven stopped after this entry was made. A primary claims, too: to be rid of what is open,
   * to change the members, or to write down an override. closed: another ledger is in the place of this one; nothing comes after it.
   */
  readonly kind: "initial" | "planned" | "claim" | "closed";
  readonly by: Member;
  readonly to: Member;
  /** Of a claim: who has to be proven stopped after this entry was made. */
  readonly over: Members;
  /** The last change that its author knew to be taken: what a loss is judged by. */
  readonly base: Change;
  /** The change of `to`'s own token when the entry was made: a host with an older one has lost its disk. */
  readonly held: Change;
  readonly consent: Consent | null;
  /** From which entry on each member is one. */
  readonly members: Readonly<Record<Member, number>>;
  /** Everybody that this or an earlier entry names in `to`: nobody has to read the whole ledger. */
  readonly named: Members;
  /** Random: by it an author recognises its own entry. */
  readonly nonce: string;
  /** When it was made, for people. */
  readonly at: string;
  /** The digest of this entry, as its reader computed it. */
  readonly digest: string;
  /** The digest of the entry before. */
  readonly previous: string;
  /** Its companion is there: `to` did take it. */
  readonly taken: boolean;
  /** Of the first entry: the id of the ledger that was lost. */
  readonly replaces?: string;
  /** Of an entry that closes a ledger: the id of the one in its place. */
  readonly replacedBy?: string;
}

/** What a decision puts into an entry. */
export type Draft = Pick<Entry, "kind" | "by" | "to" | "over" | "base" | "held" | "consent" | "members" | "replacedBy">;

/** Entries in a row, up to the last one that there is. */
export type Entries = readonly Entry[];

export type Reading =
  | { readonly kind: "read"; readonly entries: Entries }
  /** With what the store said. */
  | { readonly kind: "unread"; readonly why: string };

export const unread = (why: string): Reading => ({ kind: "unread", why });

export const last = (entries: Entries): Entry | undefined => entries[entries.length - 1];

/** Those above `number`. */
export const above = (entries: Entries, number: number): Entries => {
  const first = entries[0]?.number ?? 1;
  return number < first ? entries : entries.slice(number + 1 - first);
};

export const entryAt = (entries: Entries, number: number): Entry | undefined =>
  entries[number - (entries[0]?.number ?? 1)];

export const membersOf = (entry: Entry): Members => sorted(Object.keys(entry.members) as Member[]);

export const isMember = (entry: Entry, who: Member): boolean => Object.hasOwn(entry.members, who);

/** Whether a reading is of the ledger that the token knows, and whole. */
export type Own =
  | { readonly kind: "own"; readonly entries: Entries; readonly last: Entry }
  | { readonly kind: "unread"; readonly why: string }
  /** It ends below the token's own entry. */
  | { readonly kind: "cut"; readonly end: number }
  | { readonly kind: "another"; readonly ledger: string }
  /** It was replaced: its last entry says by which one. */
  | { readonly kind: "closed"; readonly entry: Entry };

export function ownLedger(my: Token, reading: Reading): Own {
  if (reading.kind === "unread") return reading;
  const { entries } = reading;
  const end = last(entries);
  if (end && end.ledger !== heeded(my) && my.entry > 0) return { kind: "another", ledger: end.ledger };
  if (!end || end.number < my.entry) return { kind: "cut", end: end?.number ?? 0 };
  const mine = entryAt(entries, my.entry);
  if (mine && my.digest !== "" && mine.digest !== my.digest) return { kind: "another", ledger: mine.ledger };
  if (end.kind === "closed") return { kind: "closed", entry: end };
  return { kind: "own", entries, last: end };
}

/** The entry that a draft becomes after `previous`. */
export function entryAfter(
  previous: Entry,
  draft: Draft,
  { nonce, at }: Pick<Entry, "nonce" | "at">,
): Omit<Entry, "digest" | "taken"> {
  return {
    ...draft,
    ledger: previous.ledger,
    number: previous.number + 1,
    epoch: previous.epoch + (draft.to === previous.to ? 0 : 1),
    named: sorted([...previous.named, draft.to]),
    nonce,
    at,
    previous: previous.digest,
  };
}

/** The first entry of a new ledger. `number`: 1, or above all that a ledger that was lost may have held. */
export function initialEntry(
  leader: Member,
  members: Members,
  {
    ledger,
    number,
    epoch,
    nonce,
    at,
    previous,
  }: Pick<Entry, "ledger" | "number" | "epoch" | "nonce" | "at" | "previous">,
): Omit<Entry, "digest" | "taken"> {
  return {
    ledger,
    number,
    epoch,
    kind: "initial",
    by: leader,
    to: leader,
    over: nobody,
    base: { entry: 0, overrides: 0 },
    held: { entry: 0, overrides: 0 },
    consent: null,
    members: Object.fromEntries(members.map((each) => [each, number])),
    named: [leader],
    nonce,
    at,
    previous,
  };
}
