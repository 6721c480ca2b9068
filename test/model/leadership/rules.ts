/**
 * The rules of the protocol, so that the search can drop one. What ships knows nothing of this: a rule of a decision is dropped by giving that
 * decision other facts, or by another outcome; a rule of how an agent acts is dropped in the machine (`acts`).
 */
import * as shipped from "../../../model/leadership/index.ts";

export type Decisions = typeof shipped;
type Change = shipped.Change;

/** Rules of how an agent or an operator acts, which machine.ts follows. */
export const acts = [
  "entryOnce",
  "entryBeforeStop",
  "armedBeforeEntry",
  "takeUnderLock",
  "toldWhenStopped",
  "messageHasSecret",
  "syncBeforeTake",
  "listIsOfTheLedger",
  "keptOffUntilWritten",
  "keptOffUntilTold",
  "oldIsClosed",
] as const;

const ANY: Change = { entry: 1e9, overrides: 0 };
const accepted: shipped.Consent = { lossUnknown: true };

const upTo = (reading: shipped.Reading, number: number): shipped.Reading =>
  reading.kind === "unread" ? reading : { kind: "read", entries: reading.entries.slice(0, number) };

/** The last entry with another `since` of one member. */
const listing = (reading: shipped.Reading, me: shipped.Member, since: number): shipped.Reading => {
  if (reading.kind === "unread") return reading;
  const end = reading.entries.at(-1);
  if (!end) return reading;
  return {
    kind: "read",
    entries: [...reading.entries.slice(0, -1), { ...end, members: { ...end.members, [me]: since } }],
  };
};

/** As PostgreSQL compares it: timelines of one number are one. */
const byNumber = (history: shipped.History): shipped.History => ({
  ...history,
  origins: history.timelines.map(({ timeline }) => ({ timeline, change: shipped.noChange, by: "A@a" })),
});

const endOf = (reading: shipped.Reading) => (reading.kind === "read" ? reading.entries.at(-1) : undefined);

/** A claim with another `over`. */
const claimOver =
  (d: Decisions, over: (claimant: shipped.Claimant, draft: shipped.Draft) => shipped.Members) =>
  (claimant: shipped.Claimant): ReturnType<Decisions["claim"]> => {
    const decided = d.claim(claimant);
    return decided.may ? { may: true, draft: { ...decided.draft, over: over(claimant, decided.draft) } } : decided;
  };

/** `over` without the entries that one of the three reasons wants. */
const overWithout = (d: Decisions, isDropped: (number: number, base: number) => boolean) =>
  claimOver(d, ({ me, my, serving, reading }, { base, over }) => {
    const entries = reading.kind === "read" ? reading.entries : [];
    const leads = serving && my.leader === me;
    const wanted = entries
      .filter(({ number }) => !isDropped(number, base.entry) && (!leads || number > my.entry))
      .map(({ to }) => to);
    return over.filter(
      (each) => wanted.includes(each) || my.promises.includes(each) || (my.overrides > 0 && my.leader === each),
    );
  });

/** It does not heed any more what it has agreed to. */
const forgetting = (d: Decisions, my: shipped.Standing): shipped.Standing => ({
  ...my,
  token: d.bound(my.token, my.token.promises, undefined),
});

/** A step of a node's standing that leaves some of it as it was. */
const keeping =
  <A extends unknown[]>(
    step: (my: shipped.Standing, ...rest: A) => shipped.Standing,
    ...kept: readonly (keyof shipped.Standing)[]
  ) =>
  (my: shipped.Standing, ...rest: A): shipped.Standing => ({
    ...step(my, ...rest),
    ...Object.fromEntries(kept.map((key) => [key, my[key]])),
  });

const dropped = {
  // The first entry
  firstIsOwn: (d) => ({
    mayBegin: (me, my, reading) => {
      const first = upToEntries(reading)[0];
      if (!first) return d.mayBegin(me, my, reading);
      const decided = d.mayBegin(me, my, { kind: "read", entries: [{ ...first, to: me }] });
      return decided.may ? { may: true, found: first } : decided;
    },
  }),
  firstIsLast: (d) => ({ mayBegin: (me, my, reading) => d.mayBegin(me, my, upTo(reading, 1)) }),
  firstIsUntaken: (d) => ({
    mayBegin: (me, my, reading) => {
      const entries = upToEntries(reading).map((entry) => ({ ...entry, taken: false }));
      return d.mayBegin(me, my, reading.kind === "unread" ? reading : { kind: "read", entries });
    },
  }),
  beginsWithoutToken: (d) => ({ mayBegin: (me, _my, reading) => d.mayBegin(me, d.noToken, reading) }),
  // The next entry
  offerNeedsLast: (d) => ({
    offer: (me, my, serving, reading, to, answer) => d.offer(me, my, serving, upTo(reading, my.entry), to, answer),
  }),
  targetHasGiversToken: (d) => ({
    offer: (me, my, serving, reading, to, answer) => {
      const { token } = answer;
      const decided = d.offer(me, my, serving, reading, to, { ...answer, token: { ...my, promises: token.promises } });
      return decided.may ? { may: true, draft: { ...decided.draft, held: d.changeOf(token) } } : decided;
    },
  }),
  targetHasJoined: (d) => ({
    offer: (me, my, serving, reading, to, answer) => d.offer(me, my, serving, reading, to, { ...answer, joined: true }),
  }),
  consent: (d) => ({
    claim: (claimant) => {
      const { consent } = claimant;
      const decided = d.claim({ ...claimant, consent: consent ?? accepted });
      return decided.may ? { may: true, draft: { ...decided.draft, consent } } : decided;
    },
  }),
  overHasLeader: (d) => ({ claim: overWithout(d, (number, base) => number === base) }),
  overHasOpen: (d) => ({ claim: overWithout(d, (number, base) => number > base) }),
  overHasAllNamed: (d) => ({ claim: overWithout(d, (number, base) => number < base) }),
  wordStandsInTheWay: (d) => ({
    claim: (claimant) => d.claim({ ...claimant, my: { ...claimant.my, promises: [] } }),
    offer: (me, my, serving, reading, to, answer) =>
      d.offer(me, my, serving, reading, to, { ...answer, token: { ...answer.token, promises: [] } }),
  }),
  unwrittenStandsInTheWay: (d) => ({
    claim: claimOver(d, ({ me, my, serving, reading }, { over }) => {
      const end = endOf(reading);
      return end ? d.over(me, { ...my, overrides: 0 }, serving && my.leader === me, upToEntries(reading), end) : over;
    }),
  }),
  listedInLedger: (d) => ({
    claim: (claimant) => {
      const { me, reading } = claimant;
      const end = endOf(reading);
      if (!end || d.isMember(end, me)) return d.claim(claimant);
      const decided = d.claim({ ...claimant, reading: listing(reading, me, 1) });
      return decided.may ? { may: true, draft: { ...decided.draft, members: end.members } } : decided;
    },
  }),
  joinedSinceListed: (d) => ({
    claim: (claimant) => {
      const { me, reading } = claimant;
      const end = endOf(reading);
      if (!end || !d.isMember(end, me)) return d.claim(claimant);
      const decided = d.claim({ ...claimant, reading: listing(reading, me, 0) });
      if (!decided.may) return decided;
      const members = { ...decided.draft.members, ...(d.isMember(end, me) ? { [me]: end.members[me] as number } : {}) };
      return { may: true, draft: { ...decided.draft, members } };
    },
  }),
  listChangesWhenLast: (d) => ({
    claim: (claimant) => {
      const { list, ...rest } = claimant;
      const decided = d.claim(rest);
      const end = endOf(claimant.reading);
      const { me, my, serving } = claimant;
      if (!list || !end || !decided.may || !serving || my.leader !== me || my.overrides > 0) return decided;
      const members = Object.fromEntries(list.map((each) => [each, end.members[each] ?? end.number + 1]));
      return { may: true, draft: { ...decided.draft, members } };
    },
  }),
  // The guard
  guardReadsEntries: (d) => ({
    mayStart: (me, my, arming, inquiry) => {
      const { reading } = inquiry;
      const isTaken = reading.kind === "read" && d.above(reading.entries, my.entry).some(({ taken }) => taken);
      return d.mayStart(me, my, arming, isTaken ? inquiry : { ...inquiry, reading: upTo(reading, my.entry) });
    },
  }),
  takenStays: (d) => ({
    mayStart: (me, my, arming, inquiry) => {
      const { reading } = inquiry;
      if (reading.kind === "unread") return d.mayStart(me, my, arming, inquiry);
      const entries = reading.entries.map((entry) => ({ ...entry, taken: false }));
      return d.mayStart(me, my, arming, { ...inquiry, reading: { kind: "read", entries } });
    },
  }),
  ledgerReadAfterAnswers: (d) => ({
    heardNothing: (me, my, inquiry, peer) => ({ ...d.heardNothing(me, my, inquiry, peer), isFresh: inquiry.isFresh }),
  }),
  answersAreNewer: (d) => ({
    ledgerRead: (my, inquiry, reading) => ({ ...d.ledgerRead(my, inquiry, reading), heard: inquiry.heard }),
  }),
  guardNeedsAll: (d) => ({
    mayStart: (me, my, arming, inquiry) => d.mayStart(me, { ...my, members: [] }, arming, inquiry),
  }),
  guardAsksTwice: (d) => ({
    mayStart: (me, my, arming, inquiry) => d.mayStart(me, my, arming, { ...inquiry, again: inquiry.heard }),
  }),
  answerIsNotOlder: (d) => ({ hear: (me, my, answer) => d.hear(me, my, answer, d.noChange) }),
  disarmsForAStartOnly: () => ({ whomToDisarm: (_me, _my, _inquiry, armed) => [...armed.keys()].sort() }),
  guardHeedsHigher: () => ({ hear: () => ({ kind: "nothing" }) }),
  askEndsArming: () => ({ questioned: (my) => my }),
  goneIsProven: () => ({ mayRetire: () => ({ may: true }) }),
  // Promotions and standby.signal
  allowedIsOfThisBoot: (d) => ({
    restarted: keeping(d.restarted, "mayPromote"),
    booted: keeping(d.booted, "mayPromote"),
    stopped: (my) => my,
  }),
  signalIsKept: () => ({ takesWrites: (my) => my }),
  signalIsBackAtBoot: (d) => ({ booted: keeping(d.booted, "signal") }),
  startIsOfThisChange: () => ({ startBy: () => "start" }),
  machineIsNamed: () => ({ isOfMachine: () => true }),
  // Whose data it is
  prefixIsOfOneOrigin: (d) => ({ isPrefix: (mine, leaders) => d.isPrefix(byNumber(mine), byNumber(leaders)) }),
  rewindIsOfOneOrigin: (d) => ({ mayRewind: (mine, leaders) => d.mayRewind(byNumber(mine), byNumber(leaders)) }),
  rewindIsOfOtherTimelines: () => ({ mayRewind: () => true }),
  offerIsForThisArming: () => ({ mayBeOffered: () => ({ may: true }) }),
  // Stopping, taking
  serverRefuses: (d) => ({ mayStandDown: (me, my, _serving, base) => d.mayStandDown(me, my, false, base) }),
  standDownKnowsBase: (d) => ({ mayStandDown: (me, my, serving) => d.mayStandDown(me, my, serving, ANY) }),
  standDownEndsAnswers: (d) => ({ stoodDown: keeping(d.stoodDown, "inquiry") }),
  standDownPutsSignal: (d) => ({ stoodDown: keeping(d.stoodDown, "signal") }),
  standDownEndsPromotion: (d) => ({ stoodDown: keeping(d.stoodDown, "mayPromote") }),
  standDownEndsArming: (d) => ({ stoodDown: keeping(d.stoodDown, "arming") }),
  restartEndsArming: (d) => ({
    restarted: keeping(d.restarted, "arming"),
    booted: keeping(d.booted, "arming"),
  }),
  withoutConsentServes: (d) => ({
    mayTakeOver: (me, my, _takesWrites, arming, entries, stopped) =>
      d.mayTakeOver(me, my, true, arming, entries, stopped),
  }),
  entryBeforeProof: (d) => ({
    mayTakeOver: (me, my, takesWrites, arming, entries, stopped) => {
      const ever = new Map([...stopped].filter(([, number]) => number > 0).map(([each]) => [each, ANY.entry]));
      return d.mayTakeOver(me, my, takesWrites, arming, entries, ever);
    },
  }),
  takeIsNewer: (d) => ({
    mayTakeOver: (me, my, takesWrites, arming, entries, stopped) =>
      d.mayTakeOver(me, { ...my, entry: 0 }, takesWrites, arming, entries, stopped),
    mayTakeOffer: (me, my, arming, stopped, replayed) =>
      d.mayTakeOffer(me, { ...my, entry: 0 }, arming, stopped, replayed),
  }),
  messageIsOfThisArming: (d) => ({
    mayTakeOffer: (me, my, arming, stopped, replayed) =>
      d.mayTakeOffer(
        me,
        my,
        arming,
        stopped && arming.kind === "entry" ? { ...stopped, entry: arming.entry, secret: arming.secret } : stopped,
        replayed,
      ),
  }),
  replayEndsThere: (d) => ({
    mayTakeOffer: (me, my, arming, stopped, replayed) =>
      d.mayTakeOffer(me, my, arming, stopped, stopped?.end ?? replayed),
  }),
  endIsOnTimeline: (d) => ({
    mayTakeOffer: (me, my, arming, stopped, replayed) =>
      d.mayTakeOffer(me, my, arming, stopped, {
        ...replayed,
        timeline: stopped?.end.timeline ?? replayed.timeline,
      }),
  }),
  // Without the ledger
  overrideConcernsAll: (d) => ({ concerned: (me, my) => d.concerned(me, my, new Map(), []) }),
  overrideStopsAll: (d) => ({
    mayTakeOverride: (me, my, arming, nodes, stopped) =>
      d.mayTakeOverride(me, my, arming, stopped.length > 0 ? stopped : nodes, stopped),
  }),
  wordIsKept: (d) => ({ promised: keeping(d.promised, "token") }),
  overrideIsOfTheLedger: (d) => ({ mayOverride: (me, my) => d.mayOverride(me, my, new Map()) }),
  // A new ledger
  successorIsStored: (d) => ({ agreed: (my, to) => d.promised(my, to) }),
  successorIsKept: (d) => ({
    adopted: (my, theirs) => forgetting(d, d.adopted(my, theirs)),
    followed: (my, theirs) => forgetting(d, d.followed(my, theirs)),
  }),
  successorIsPromised: (d) => ({
    agreed: (my, to, ledger) => {
      const { token, ...rest } = d.stoodDown(my);
      return { ...rest, token: { ...token, members: d.including(token.members, to), successor: ledger } };
    },
  }),
  replacementIsAbove: (d) => ({ replacementAbove: (my, _answers, old) => d.replacementAbove(my, new Map(), old) }),
  replacementHasConsent: (d) => ({
    mayReplace: (me, my, serving) => d.mayReplace(me, my, serving, accepted),
  }),
  toldWhateverItKnew: (d) => ({
    told: (my, theirs) => (d.isLater(my.token, theirs) ? d.booted(my) : d.told(my, theirs)),
  }),
  overrideShrinksList: (d) => ({ tokenOfOverride: (me, my, change) => d.tokenOfOverride(me, my, change, []) }),
} satisfies Record<string, (d: Decisions) => Partial<Decisions>>;

const upToEntries = (reading: shipped.Reading) => (reading.kind === "read" ? reading.entries : []);

export type Rule = (typeof acts)[number] | keyof typeof dropped;
export const rules: readonly Rule[] = [...acts, ...(Object.keys(dropped) as (keyof typeof dropped)[])];

/** What ships, without these rules. */
export function decisionsWithout(without: readonly Rule[]): Decisions {
  let decisions = shipped as Decisions;
  for (const rule of without) {
    const drop = (dropped as Partial<Record<Rule, (d: Decisions) => Partial<Decisions>>>)[rule];
    if (drop) decisions = { ...decisions, ...drop(decisions) };
  }
  return decisions;
}
