import type { Rule } from "./rules.ts";
import { type Scenario, scenario } from "./state.ts";

/** Nodes as bits. */
const A = 1;
const B = 2;
const C = 4;

export interface Search {
  /** In plain words. */
  readonly what: string;
  readonly scenario: Scenario;
  /** How every so-many-th state ends is looked at. */
  readonly every: number;
  /** small: with the unit tests. ci: `npm run search -- --ci`. long: only by name and by `--all`. */
  readonly size: "small" | "ci" | "long";
}

const two = scenario({});
const twoCommits = scenario({ commits: 2, unsynced: true, consent: B });
const three = scenario({ nodes: 3, faults: 0 });
const twoSignal = scenario({ faults: 2, signal: true });
const twoBack = scenario({ snapshot: A | B });
const threeBack = scenario({ nodes: 3, faults: 0, snapshot: A | B | C });
const threeCommits = scenario({ nodes: 3, commits: 1, unsynced: true, consent: C });
const members = scenario({ nodes: 3, entries: 4, faults: 0, members: A | B, addable: A | B | C, retirable: A | B | C });
const unlistedTwo = scenario({ entries: 2, unlisted: A | B });
const unlistedThree = scenario({ nodes: 3, entries: 2, faults: 0, unlisted: B });

const begin = scenario({ begins: A | B, snapshot: A, faults: 0 });
const unlistedAdded = scenario({
  nodes: 3,
  faults: 0,
  members: A | B,
  addable: C,
  unlisted: B,
  targets: A | C,
  fence: 0,
});
const beginUnlisted = scenario({ entries: 2, begins: A, unlisted: B, targets: 0, fence: A });

const replacedTwo = scenario({ faults: 0, replacers: A | B, replacements: 1 });

export const searches = {
  two: { what: "two nodes, any updates", scenario: two, every: 20, size: "small" },
  "two-commits": {
    what: "two nodes and commits; a loss is consented to only with B",
    scenario: twoCommits,
    every: 100,
    size: "ci",
  },
  "two-signal": {
    what: "two nodes; PostgreSQL is also started by hand",
    scenario: twoSignal,
    every: 200,
    size: "ci",
  },
  "two-back": { what: "two nodes; a disk goes back", scenario: twoBack, every: 300, size: "ci" },
  "by-hand": {
    what: "two nodes and a commit; a standby is promoted by hand",
    scenario: scenario({ commits: 1, byHand: 1 }),
    every: 100,
    size: "ci",
  },
  clone: {
    what: "two nodes; a host is cloned",
    scenario: scenario({ clones: A | B, faults: 0 }),
    every: 100,
    size: "small",
  },
  three: { what: "three nodes", scenario: three, every: 50, size: "ci" },
  members: {
    what: "two members and a third node; nodes are added and retired",
    scenario: members,
    every: 300,
    size: "ci",
  },
  "unlisted-two": {
    what: "two nodes; an override without the ledger",
    scenario: unlistedTwo,
    every: 500,
    size: "ci",
  },
  begin: {
    what: "two nodes of a new cluster, either is declared its first primary; the disk of A goes back",
    scenario: begin,
    every: 300,
    size: "ci",
  },
  "begin-unlisted": {
    what: "two nodes of a new cluster; an override without the ledger by B, and nothing else is declared",
    scenario: beginUnlisted,
    every: 10,
    size: "small",
  },
  "begin, a fault": {
    what: "two nodes of a new cluster, and a fault",
    scenario: { ...begin, faults: 1 },
    every: 1000,
    size: "long",
  },
  "unlisted-added": {
    what: "two members; C becomes one, and an override without the ledger by B, which has not heard of that",
    scenario: unlistedAdded,
    every: 20,
    size: "small",
  },
  replaced: {
    what: "two nodes; a ledger that is lost is replaced by B, the only primary that is declared, and found again",
    scenario: { ...replacedTwo, targets: B, fence: A, replacers: B },
    every: 50,
    size: "small",
  },
  "replaced-two": {
    what: "two nodes; a ledger that is lost is replaced, and found again; any updates",
    scenario: replacedTwo,
    every: 2000,
    size: "long",
  },
  "replaced-two, a fault": {
    what: "two nodes; a ledger is replaced, and a fault",
    scenario: { ...replacedTwo, faults: 1 },
    every: 5000,
    size: "long",
  },
  "replaced-commits": {
    what: "two nodes and a commit; a ledger is replaced, nobody consents to a loss",
    scenario: { ...replacedTwo, faults: 1, commits: 1, consent: 0 },
    every: 5000,
    size: "long",
  },
  "replaced-three": {
    what: "three nodes; a ledger is replaced by B",
    scenario: { ...replacedTwo, nodes: 3, replacers: B },
    every: 5000,
    size: "long",
  },
  "replaced-back": {
    what: "two nodes; a ledger is replaced by B, nothing else is declared; the disk of A goes back",
    scenario: { ...replacedTwo, faults: 2, snapshot: A, targets: 0, fence: 0, replacers: B },
    every: 1000,
    size: "long",
  },
  "three-back": { what: "three nodes; a disk goes back", scenario: threeBack, every: 300, size: "long" },
  "three-commits": {
    what: "three nodes and a commit; a loss is consented to only with C",
    scenario: threeCommits,
    every: 500,
    size: "long",
  },
  "unlisted-three": {
    what: "three nodes; an override without the ledger by B",
    scenario: unlistedThree,
    every: 1000,
    size: "long",
  },
  "two-backs": {
    what: "two nodes; two disks go back",
    scenario: { ...twoBack, restores: 2 },
    every: 1000,
    size: "long",
  },
  "two, 4 entries, 2 faults": {
    what: "two nodes, more of all",
    scenario: { ...two, entries: 4, faults: 2 },
    every: 500,
    size: "long",
  },
  "three, 4 entries": {
    what: "three nodes, three changes",
    scenario: { ...three, entries: 4 },
    every: 1000,
    size: "long",
  },
  "two-signal, 4 entries": {
    what: "two nodes, started by hand, three changes",
    scenario: { ...twoSignal, entries: 4 },
    every: 1000,
    size: "long",
  },
  "members, 5 entries": {
    what: "nodes are added and retired, four changes",
    scenario: { ...members, entries: 5 },
    every: 5000,
    size: "long",
  },
  "two-commits, 3 commits": {
    what: "two nodes, three commits",
    scenario: { ...twoCommits, commits: 3 },
    every: 500,
    size: "long",
  },
  "three-back, a fault": {
    what: "three nodes; a disk goes back, and a fault",
    scenario: { ...threeBack, faults: 1 },
    every: 5000,
    size: "long",
  },
} as const satisfies Record<string, Search>;
export type SearchName = keyof typeof searches;

/** Where it is looked at what a rule is for, alone or with others. */
export interface Dropped {
  readonly rules: readonly Rule[];
  readonly in: SearchName;
  /** It breaks nothing, and keeps a state from ending as declared: how every so-many-th state ends is looked at, too. */
  readonly ends?: true;
  readonly size: "small" | "ci" | "long";
}

const drop = (name: SearchName, size: Dropped["size"], ...rules: readonly Rule[]): Dropped[] =>
  rules.map((rule) => ({ rules: [rule], in: name, size }));

export const needed: readonly Dropped[] = [
  ...drop(
    "two",
    "small",
    "overHasLeader",
    "serverRefuses",
    "toldWhenStopped",
    "guardNeedsAll",
    "entryBeforeProof",
    "guardReadsEntries",
  ),
  ...drop(
    "two",
    "small",
    "standDownEndsAnswers",
    "listIsOfTheLedger",
    "entryBeforeStop",
    "armedBeforeEntry",
    "takeUnderLock",
    "messageIsOfThisArming",
  ),
  ...drop("two", "small", "prefixIsOfOneOrigin", "rewindIsOfOtherTimelines"),
  ...drop("two, 4 entries, 2 faults", "long", "rewindIsOfOneOrigin"),
  ...drop("begin", "small", "firstIsOwn"),
  ...drop("begin-unlisted", "small", "beginsWithoutToken"),
  ...drop("clone", "small", "machineIsNamed"),
  ...drop("three", "small", "overHasOpen", "standDownEndsArming", "entryOnce"),
  ...drop("three", "ci", "offerNeedsLast"),
  ...drop("two-commits", "small", "replayEndsThere", "syncBeforeTake", "startIsOfThisChange"),
  ...drop("two-commits", "ci", "withoutConsentServes"),
  ...drop("two-signal", "small", "standDownPutsSignal", "signalIsBackAtBoot"),
  ...drop("two-signal", "ci", "standDownEndsPromotion", "restartEndsArming", "allowedIsOfThisBoot", "signalIsKept"),
  ...drop("members", "ci", "listedInLedger", "joinedSinceListed", "listChangesWhenLast"),
  ...drop("unlisted-two", "small", "keptOffUntilWritten", "wordIsKept", "guardHeedsHigher", "askEndsArming"),
  ...drop("unlisted-two", "ci", "wordStandsInTheWay", "unwrittenStandsInTheWay"),
  ...drop("unlisted-added", "small", "overrideConcernsAll"),
  ...drop("unlisted-three", "small", "overrideStopsAll"),
  ...drop("replaced-commits", "small", "replacementHasConsent"),
  ...drop("replaced-back", "small", "oldIsClosed"),
  ...drop("replaced", "small", "keptOffUntilTold"),
  ...drop("replaced-two, a fault", "long", "successorIsStored", "successorIsKept"),
  ...drop("three-commits", "long", "standDownKnowsBase"),
  { rules: ["disarmsForAStartOnly"], in: "three", ends: true, size: "small" },
  // A word that comes once more, and the message that the giver has stopped: each says for which arming it is.
  { rules: ["offerIsForThisArming", "messageHasSecret"], in: "two", size: "small" },
  // Timelines of real servers collide: each of these holds where the other one does not.
  { rules: ["targetHasGiversToken", "endIsOnTimeline"], in: "two-commits, 3 commits", size: "long" },
  { rules: ["targetHasJoined", "endIsOnTimeline"], in: "two-commits, 3 commits", size: "long" },
  { rules: ["ledgerReadAfterAnswers", "answersAreNewer", "guardAsksTwice"], in: "three-back, a fault", size: "long" },
  ...drop("three-back, a fault", "long", "overHasAllNamed"),
];

/** Where it is looked whether anything breaks without a rule of the second line. */
export const secondLine = (rule: Rule): Pick<Dropped, "rules" | "in"> => ({
  rules: [rule],
  in: secondLineIn[rule] ?? "two-back",
});
const secondLineIn: Partial<Record<Rule, SearchName>> = {
  overrideShrinksList: "unlisted-two",
  overrideIsOfTheLedger: "replaced-three",
  successorIsPromised: "replaced-three",
  replacementIsAbove: "replaced-two",
  toldWhateverItKnew: "replaced-two",
  firstIsLast: "begin",
  firstIsUntaken: "begin",
  goneIsProven: "members",
  offerIsForThisArming: "two",
  messageHasSecret: "two",
};

/** Nothing that is searched rests on these alone: another rule holds without each. */
export const secondLines: readonly Rule[] = [
  "targetHasGiversToken",
  "targetHasJoined",
  "endIsOnTimeline",
  "consent",
  "takeIsNewer",
  "answerIsNotOlder",
  "takenStays",
  "overrideShrinksList",
  "overrideIsOfTheLedger",
  "successorIsPromised",
  "replacementIsAbove",
  "toldWhateverItKnew",
  "offerIsForThisArming",
  "messageHasSecret",
  "firstIsLast",
  "firstIsUntaken",
  "goneIsProven",
];
