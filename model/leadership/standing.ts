/**
 * What a node knows and has promised, and how each step changes it. A step is one hold of the agent's lock: what it changes is durable, and
 * `standby.signal` is where it should be, before anybody hears of it.
 */
import { type Arming, notArmed } from "./answer.ts";
import { type Change, changeOf, compare } from "./change.ts";
import { type Inquiry, ledgerRead, newInquiry, noInquiry } from "./guard.ts";
import { type Entry, membersOf, type Reading } from "./ledger.ts";
import { excluding, including, type Member, nobody } from "./member.ts";
import { adopt, bound, type Token } from "./token.ts";

export interface Standing {
  // Durable
  readonly token: Token;
  /** The data is that of the token's leader. */
  readonly joined: boolean;
  /** The change that the data was promoted for, or that was taken while it served. */
  readonly promoted: Change | null;
  /** `standby.signal` is in place. */
  readonly signal: boolean;
  // Lost when the agent restarts
  readonly arming: Arming;
  readonly inquiry: Inquiry;
  /** It has taken its change in this life of the agent and of PostgreSQL: it may promote without asking again. */
  readonly mayPromote: boolean;
}

/** The agent, or the host, starts anew. */
export const restarted = (my: Standing): Standing => ({
  ...my,
  arming: notArmed,
  inquiry: noInquiry,
  mayPromote: false,
});

/** A host boots, before anybody can log in. */
export const booted = (my: Standing): Standing => ({ ...restarted(my), signal: true });

/** PostgreSQL is down, by whatever way. A promotion that was decided is off. */
export const stopped = (my: Standing): Standing => ({ ...my, mayPromote: false });

export const armed = (my: Standing, secret: string): Standing => ({ ...my, arming: { kind: "open", secret } });

/** Of an open arming, once: before the entry is there (a claim), or by the giver's word with this secret (an offer). */
export const armedFor = (my: Standing, entry: number): Standing =>
  my.arming.kind === "open" ? { ...my, arming: { kind: "entry", entry, secret: my.arming.secret } } : my;

export const armedForOverride = (my: Standing, change: Change, secret: string): Standing => ({
  ...my,
  arming: { kind: "override", change, secret },
});

/** An arming ends: by the giver, or by its deadline. */
export const letGo = (my: Standing): Standing => ({ ...my, arming: notArmed });

/** A leader that wants to start asks, and nothing else is missing: a node that answers it is not armed any more. */
export const questioned = letGo;

/** A primary has offered, and goes on to stop: with the ledger as it is now begins what it asks before it starts again. */
export const offered = (my: Standing, reading: Reading): Standing => ({
  ...my,
  inquiry: ledgerRead(my.token, noInquiry, reading),
});

/** A node that stands down for a claim cannot take or start any more by what it knew before. */
export const stoodDown = (my: Standing): Standing => ({
  ...my,
  arming: notArmed,
  inquiry: newInquiry(),
  mayPromote: false,
  signal: true,
});

/** It promises that `to` may take over without the ledger. */
export const promised = (my: Standing, to: Member): Standing => ({
  ...stoodDown(my),
  token: { ...my.token, promises: including(my.token.promises, to) },
});

/** What was read of a ledger that it does not heed any more says nothing of the one that it heeds then. */
export function released(my: Standing, from: Member): Standing {
  const token = bound(my.token, excluding(my.token.promises, from), my.token.successor);
  return { ...my, token, inquiry: token.successor === my.token.successor ? my.inquiry : newInquiry() };
}

/** It hears who leads. */
export const adopted = (my: Standing, theirs: Token): Standing => ({
  ...my,
  token: adopt(my.token, theirs),
  joined: my.joined && compare(my.token, theirs) === 0 && my.token.leader === theirs.leader,
  inquiry: newInquiry(),
  mayPromote: false,
  signal: true,
});

/** Its data is the leader's: copied, rewound, or proven to be a prefix. */
export const followed = (my: Standing, theirs: Token): Standing => ({ ...adopted(my, theirs), joined: true });

/** What PostgreSQL does while a node takes a change. */
export type Running = "down" | "standby" | "serving";

function took(my: Standing, token: Token, running: Running): Standing {
  return {
    ...my,
    token,
    joined: true,
    // A primary goes on with the same data; a standby has to be promoted; one that is down passes the guard.
    promoted: running === "serving" ? changeOf(token) : my.promoted,
    arming: notArmed,
    inquiry: newInquiry(),
    mayPromote: running === "standby",
  };
}

/** It takes what it claimed. */
export function tookOver(my: Standing, me: Member, entry: Entry, running: Running): Standing {
  const { ledger, digest, number } = entry;
  const token = {
    ledger,
    digest,
    entry: number,
    overrides: 0,
    leader: me,
    members: membersOf(entry),
    promises: nobody,
  };
  return took(my, token, running);
}

/** It takes what it was offered: the members are those of its giver. */
export function tookOffer(my: Standing, me: Member, entry: number, digest: string, running: Running): Standing {
  const { ledger, members } = my.token;
  return took(my, { ledger, digest, entry, overrides: 0, leader: me, members, promises: nobody }, running);
}

export const tookOverride = (my: Standing, token: Token, running: Running): Standing => took(my, token, running);

/** What the guard lets go ahead: promises of before are answered. */
export const led = (my: Standing): Standing => startsWriting({ ...my, token: bound(my.token, nobody, undefined) });

/** `standby.signal` is away from here until PostgreSQL takes writes. */
export const startsWriting = (my: Standing): Standing => ({
  ...my,
  signal: false,
  inquiry: newInquiry(),
  mayPromote: false,
});

/**
 * PostgreSQL takes writes. Only now the data counts as promoted for the change: after a crash in the middle of a promotion it has to be promoted
 * still, also where it is a former primary's, which `pg_control` calls one.
 */
export const takesWrites = (my: Standing): Standing => ({ ...my, signal: true, promoted: changeOf(my.token) });

/** What `pg_control` and the data directory say of the last run. */
export interface LastRun {
  readonly asPrimary: boolean;
  readonly hasBackupLabel: boolean;
}

/**
 * How a node comes up that may lead: without the signal only what was promoted for this very change and last ran as a primary. Else it would
 * write on its predecessor's timeline.
 */
export const startBy = (
  { token, promoted }: Standing,
  { asPrimary, hasBackupLabel }: LastRun,
): "start" | "promotion" =>
  asPrimary && !hasBackupLabel && promoted !== null && compare(promoted, token) === 0 ? "start" : "promotion";

/** Whom a primary that serves has to get rid of before it can hand over: entries above its own, or an override that is not written. */
export const hasToClaim = ({ token }: Standing, end: Entry): boolean => token.overrides > 0 || token.entry < end.number;
