/**
 * The handover protocol, searched: no reachable state breaks a rule of docs/decisions/handover.md, and each reachable state ends well once
 * nothing goes wrong any more. Then each rule is dropped in turn, to see that the search can fail.
 *
 * UNDERSTUDY_MODEL=full searches further, for minutes, and follows more states to their end.
 */
import { strict as assert } from "node:assert";
import { handover, hasGiver, type Rule, rules, type Scenario, type State, type Update } from "./protocol.ts";
import { reboot, untroubledUpdate } from "./quiet.ts";
import { type Result, search } from "./search.ts";

const FULL = process.env.UNDERSTUDY_MODEL === "full";
const A = 0;
const B = 1;
const C = 2;
const to = (target: number, ...fenced: readonly number[]): Update => ({ target, fenced });
const without = (absent: readonly number[], update: Update): Update => ({ ...update, absent });

const scenarios = {
  "A → B, with commits": { nodes: 2, updates: [to(B)], commits: 2, epochs: 3, faults: 1 },
  "A → B and back, at once": { nodes: 2, updates: [to(B), to(A)], commits: 0, epochs: 4, faults: 0 },
  "A → B planned, and as a failover": { nodes: 2, updates: [to(B), to(B, A)], commits: 0, epochs: 3, faults: 1 },
  "A → B planned, and B fenced for A": { nodes: 2, updates: [to(B), to(A, B)], commits: 0, epochs: 3, faults: 1 },
  "A → B and A → C, at once": { nodes: 3, updates: [to(B), to(C)], commits: 0, epochs: 2, faults: 0, staleReads: true },
  "A → B planned, A → C failover, at once": {
    nodes: 3,
    updates: [to(B), to(C, A)],
    commits: 0,
    epochs: 2,
    faults: 0,
    staleReads: true,
  },
  "two failovers at once": {
    nodes: 3,
    updates: [to(B, A), to(C, A)],
    commits: 0,
    epochs: 2,
    faults: 0,
    staleReads: true,
  },
  "A → B planned, A → C failover, twice": { nodes: 3, updates: [to(B), to(C, A)], commits: 0, epochs: 3, faults: 0 },
  "A → B planned, then C with both fenced": {
    nodes: 3,
    updates: [to(B), to(C, A, B)],
    commits: 0,
    epochs: 2,
    faults: 0,
    staleReads: true,
  },
  "failovers in both directions": { nodes: 2, updates: [to(B, A), to(A, B)], commits: 0, epochs: 3, faults: 1 },
  // Sequences of declarations in which somebody is left alone who leads, led or will lead.
  "B absent, then a failover to it": {
    nodes: 2,
    updates: [without([B], to(A)), to(B, A)],
    commits: 0,
    epochs: 3,
    faults: 1,
  },
  "B absent, then failovers in both directions": {
    nodes: 2,
    updates: [without([B], to(A)), to(B, A), to(A, B)],
    commits: 0,
    epochs: 3,
    faults: 0,
  },
  "A → B without C, then A → C without B": {
    nodes: 3,
    updates: [without([C], to(B)), without([B], to(C, A))],
    commits: 0,
    epochs: 3,
    faults: 0,
  },
  "A → B failover without C, then B → C without A": {
    nodes: 3,
    updates: [without([C], to(B, A)), without([A], to(C, B))],
    commits: 0,
    epochs: 3,
    faults: 0,
  },
  "A → B failover without C, then A again without B": {
    nodes: 3,
    updates: [without([C], to(B, A)), without([B], to(A, C))],
    commits: 0,
    epochs: 3,
    faults: 0,
  },
} satisfies Record<string, Scenario>;
type Name = keyof typeof scenarios;

/** Minutes rather than seconds. */
const longer: Record<string, Scenario> = {
  "A → B and back, with three commits": { nodes: 2, updates: [to(B), to(A)], commits: 3, epochs: 3, faults: 1 },
  "A → B planned, and as a failover, two faults": {
    nodes: 2,
    updates: [to(B), to(B, A)],
    commits: 0,
    epochs: 3,
    faults: 2,
  },
  "A → B planned, then C with both fenced, twice": {
    nodes: 3,
    updates: [to(B), to(C, A, B)],
    commits: 0,
    epochs: 3,
    faults: 0,
  },
};

/** Searches, and follows every so-many-th state to its end: after an update for each node, and after a power cut of all hosts. */
function explore(scenario: Scenario, every: number): Result<State> & { readonly ends: number } {
  const updates = Array.from({ length: scenario.nodes }, (_, target) => untroubledUpdate(scenario, target));
  const afterReboot = reboot(scenario);
  let visited = 0;
  let ends = 0;
  const result = search(handover(scenario), {
    visit: (state, trace) => {
      if (visited++ % every !== 0) return;
      const problems = updates.map((update) => update(state));
      // A candidacy that came to nothing on a former leader leaves nobody who leads. Then an update for some node mends it.
      if (!hasGiver(state) && problems.some((problem) => !problem)) problems.length = 0;
      if (hasGiver(state)) problems.push(afterReboot(state));
      ends += updates.length + 1;
      const problem = problems.find((found) => found);
      if (problem) throw new assert.AssertionError({ message: [problem, ...trace()].join("\n  ") });
    },
  });
  return { ...result, ends };
}

const thousands = (number: number) => `${(number / 1000).toFixed(number < 10_000 ? 1 : 0)} k`;

describe("the handover protocol", function () {
  this.timeout(0);

  for (const [name, scenario] of Object.entries({ ...scenarios, ...(FULL ? longer : {}) })) {
    it(name, function () {
      const result = explore(scenario, FULL ? 5 : scenario.nodes === 2 ? 25 : 100);
      assert.equal(
        result.violation,
        undefined,
        [result.violation?.message, ...(result.violation?.trace ?? [])].join("\n  "),
      );
      assert.ok(result.complete);
      if (this.test) this.test.title += ` (${thousands(result.states)} states, ${thousands(result.ends)} ends)`;
    });
  }
});

interface Mutation {
  readonly without: readonly Rule[];
  readonly in: Name;
  readonly breaks: RegExp;
}
/** Two at once, or one whose successor has taken over already: the other one follows within a step. */
const TWO = /are writable at once|takes writes by \d, although change \d was taken/;
const BOTH = /takes back \d, which . has taken/;
const mutations: readonly Mutation[] = [
  { without: ["guardNeedsAnAnswer"], in: "A → B planned, and as a failover", breaks: TWO },
  { without: ["guardReadsWitness"], in: "A → B planned, and as a failover", breaks: TWO },
  { without: ["guardHeedsYielding"], in: "A → B planned, A → C failover, twice", breaks: TWO },
  { without: ["takeBackNeedsRevoked"], in: "A → B, with commits", breaks: BOTH },
  { without: ["takeBackAsksOthers"], in: "A → B planned, and as a failover", breaks: TWO },
  { without: ["batonNeedsMarker"], in: "A → B, with commits", breaks: TWO },
  { without: ["markerNamesEpoch"], in: "A → B, with commits", breaks: TWO },
  { without: ["markerNamesTarget"], in: "A → B and A → C, at once", breaks: BOTH },
  { without: ["batonNeedsShutdown"], in: "A → B, with commits", breaks: TWO },
  { without: ["takenIsDecidedUnderLock"], in: "A → B, with commits", breaks: /revoked → 2 taken is not drawn/ },
  { without: ["logIsSyncedBeforeTaken"], in: "A → B, with commits", breaks: /acknowledged commit is missing on B/ },
  { without: ["yieldIsDurableBeforeStop"], in: "A → B planned, and as a failover", breaks: TWO },
  { without: ["yieldChecksTarget"], in: "A → B planned, A → C failover, at once", breaks: BOTH },
  { without: ["armWaitsForYielding"], in: "A → B and back, at once", breaks: /yielding → 3 armed is not drawn/ },
  // With a history that reaches the archive after the promotion in its place.
  { without: ["candidateWitness"], in: "A → B planned, and as a failover", breaks: TWO },
  { without: ["armedWitness"], in: "A → B planned, then C with both fenced", breaks: BOTH },
  { without: ["candidateNeedsFence"], in: "A → B planned, and as a failover", breaks: TWO },
  { without: ["fenceIsOfThisEpoch"], in: "A → B planned, and as a failover", breaks: TWO },
  { without: ["candidateAsksOthers"], in: "A → B planned, A → C failover, twice", breaks: TWO },
  { without: ["candidateReadsArchive"], in: "failovers in both directions", breaks: TWO },
  // Behind candidateReadsArchive, a second line.
  {
    without: ["candidateAsksAfterFence", "candidateReadsArchive"],
    in: "A → B planned, A → C failover, at once",
    breaks: BOTH,
  },
  { without: ["signalIsKept"], in: "A → B planned, and as a failover", breaks: TWO },
  { without: ["signalIsBackAtBoot"], in: "A → B planned, and as a failover", breaks: TWO },
  { without: ["membersStay"], in: "B absent, then a failover to it", breaks: TWO },
  {
    without: ["membersStay"],
    in: "failovers in both directions",
    breaks: /takes writes by 1, although change 2 was taken/,
  },
  { without: ["membersStay"], in: "A → B without C, then A → C without B", breaks: TWO },
  { without: ["silentHasNoWitness"], in: "A → B without C, then A → C without B", breaks: TWO },
  { without: ["promotionPassesGuard"], in: "A → B planned, and B fenced for A", breaks: TWO },
];

/** No danger without them, but an end that is never reached. */
const needed: readonly Mutation[] = [
  {
    without: ["targetRemembersWhatItTook"],
    in: "A → B planned, and as a failover",
    breaks: /nobody is writable in the end/,
  },
  {
    without: ["claimDisarms"],
    in: "A → B planned, and as a failover",
    breaks: /is writable in the end, . is declared/,
  },
];

/** Alone, nothing rests on them: each stands behind another rule, or spares a wait. */
const secondLines: readonly Rule[] = [
  "batonEndsTheLog",
  "guardHeedsEqualEpoch",
  "candidateAsksAfterFence",
  "restartEndsArming",
  "restartEndsCandidacy",
  "yieldChecksIntent",
];

describe("the handover protocol without", function () {
  this.timeout(0);

  for (const { without, in: name, breaks } of mutations) {
    it(without.join(" and "), function () {
      const { violation, states } = search(handover({ ...scenarios[name], dropped: without }));
      assert.ok(violation, `nothing breaks in ${states} states`);
      assert.match(violation.message, breaks, violation.trace.join("\n"));
      if (this.test) this.test.title += `: ${violation.message}, in ${violation.trace.length} steps`;
    });
  }

  for (const { without, in: name, breaks } of needed) {
    it(`${without} never ends`, () => {
      assert.throws(() => explore({ ...scenarios[name], dropped: without }, 25), breaks);
    });
  }

  it("names every rule", () => {
    const tried = [...mutations, ...needed].flatMap(({ without }) => without);
    assert.deepEqual(new Set([...tried, ...secondLines]), new Set(Object.keys(rules)));
  });

  if (!FULL) return;
  for (const rule of secondLines) {
    it(`${rule} holds all the same`, () => {
      for (const scenario of Object.values(scenarios)) {
        assert.equal(search(handover({ ...scenario, dropped: [rule] })).violation, undefined);
      }
    });
  }
});
