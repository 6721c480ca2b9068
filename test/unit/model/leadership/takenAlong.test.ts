/** The states that clusters of the shell protocol are in (docs/decisions/handover.md), and what their first ledger entry is made of. */
import { strict as assert } from "node:assert";
import {
  above,
  type Found,
  firstEntryOf,
  formatExplanation,
  member,
  nameOf,
  type Plan,
  planTakingAlong,
  type ShellFacts,
  tokenFor,
} from "../../../../model/leadership/index.ts";
import { encodeEntry, entrySchema, tokenSchema } from "../../../../model/leadership/schema.ts";

const key = (letter: string): string => letter.repeat(64);
const a = member("node-a", key("a"));
const b = member("node-b", key("b"));
const c = member("node-c", key("c"));
const LEDGER = "0b8f6c1e-6a0f-4a55-9d0d-3f6f0a7f3a10";

/** "4 node-b node-c leads", as the token's file has it. */
function token(text: string): ShellFacts["token"] {
  const [epoch = "", from = "", to = "", state = ""] = text.split(" ");
  return { epoch: Number(epoch), from: from.replace(/^-$/, ""), to, state };
}

const host = (says: string | null, more: Partial<ShellFacts> = {}): ShellFacts => ({
  token: says === null ? null : token(says),
  joined: 0,
  handover: "inactive",
  postgres: { inRecovery: true },
  data: { state: "cluster", systemIdentifier: "7001" },
  ...more,
});
const primary = (says: string, joined: number): ShellFacts => host(says, { joined, postgres: { inRecovery: false } });
const follower = (says: string, joined: number): ShellFacts => host(says, { joined });
const down = (says: string, joined: number): ShellFacts => host(says, { joined, postgres: { inRecovery: null } });
const armed = (epoch: number, node: string) => ({ epoch, kind: "armed", node, time: 0 });
const candidate = (epoch: number, node: string) => ({ epoch, kind: "candidate", node, time: 0 });

const found = (facts: Found["facts"], more: Partial<Found> = {}): Found => ({
  members: [a, b, c],
  retired: [],
  facts,
  witnesses: [],
  ...more,
});

const threeSwitchovers = [armed(2, "node-b"), armed(3, "node-c"), armed(4, "node-a")];

interface Expected {
  readonly leader: string;
  readonly number: number;
  readonly joined: readonly string[];
  readonly told: readonly string[];
  readonly silent?: readonly string[];
}

const agree: readonly [string, Found, Expected][] = [
  [
    "provisioning",
    found({
      "node-a": primary("1 - node-a leads", 1),
      "node-b": follower("1 - node-a leads", 1),
      "node-c": follower("1 - node-a leads", 1),
    }),
    {
      leader: "node-a",
      number: 1,
      joined: ["node-a", "node-b", "node-c"],
      told: ["node-a", "node-b", "node-c"],
    },
  ],
  [
    "three switchovers",
    found(
      {
        "node-a": primary("4 node-c node-a leads", 4),
        "node-b": follower("4 node-c node-a leads", 4),
        "node-c": follower("4 node-c node-a taken", 4),
      },
      { witnesses: threeSwitchovers },
    ),
    {
      leader: "node-a",
      number: 4,
      joined: ["node-a", "node-b", "node-c"],
      told: ["node-a", "node-b", "node-c"],
    },
  ],
  [
    "a failover with the old primary still fenced: it counts as one that may have led",
    found(
      {
        "node-b": primary("2 node-a node-b leads", 2),
        "node-c": follower("2 node-a node-b leads", 2),
      },
      { witnesses: [candidate(2, "node-b")] },
    ),
    {
      leader: "node-b",
      number: 2,
      joined: ["node-b", "node-c"],
      told: ["node-b", "node-c"],
      silent: ["node-a"],
    },
  ],
  [
    "a failover; the old primary is on again, and has not followed",
    found(
      {
        "node-a": down("1 - node-a leads", 1),
        "node-b": primary("2 node-a node-b leads", 2),
        "node-c": follower("2 node-a node-b leads", 2),
      },
      { witnesses: [candidate(2, "node-b")] },
    ),
    { leader: "node-b", number: 2, joined: ["node-b", "node-c"], told: ["node-a", "node-b", "node-c"] },
  ],
  [
    "cut off before the change: the target was armed, its unit has ended, and the primary serves",
    found(
      {
        "node-a": primary("1 - node-a leads", 1),
        "node-b": follower("2 node-a node-b armed", 1),
        "node-c": follower("1 - node-a leads", 1),
      },
      { witnesses: [armed(2, "node-b")] },
    ),
    { leader: "node-a", number: 2, joined: ["node-a", "node-b", "node-c"], told: ["node-a", "node-b", "node-c"] },
  ],
  [
    "cut off in the change: the target was called off, and the giver took its role back",
    found(
      {
        "node-a": primary("2 node-a node-a leads", 2),
        "node-b": follower("2 node-a node-b revoked", 1),
        "node-c": follower("1 - node-a leads", 1),
      },
      { witnesses: [armed(2, "node-b")] },
    ),
    { leader: "node-a", number: 2, joined: ["node-a"], told: ["node-a", "node-b", "node-c"] },
  ],
  [
    "called off before the giver stopped: its change is counted",
    found(
      {
        "node-a": primary("1 - node-a leads", 1),
        "node-b": follower("2 node-a node-b revoked", 1),
        "node-c": follower("1 - node-a leads", 1),
      },
      { witnesses: [armed(2, "node-b")] },
    ),
    { leader: "node-a", number: 2, joined: ["node-a", "node-b", "node-c"], told: ["node-a", "node-b", "node-c"] },
  ],
  [
    "cut off after the change: the giver has not heard, and nobody follows yet",
    found(
      {
        "node-a": down("2 node-a node-b yielding", 1),
        "node-b": primary("2 node-a node-b taken", 2),
        "node-c": follower("1 - node-a leads", 1),
      },
      { witnesses: [armed(2, "node-b")] },
    ),
    { leader: "node-b", number: 2, joined: ["node-b"], told: ["node-a", "node-b", "node-c"] },
  ],
  [
    "a failover that was given up: a candidate is left beside a primary that serves",
    found(
      {
        "node-a": primary("1 - node-a leads", 1),
        "node-b": follower("2 node-a node-b candidate", 1),
        "node-c": follower("1 - node-a leads", 1),
      },
      { witnesses: [candidate(2, "node-b")] },
    ),
    { leader: "node-a", number: 2, joined: ["node-a", "node-b", "node-c"], told: ["node-a", "node-b", "node-c"] },
  ],
  [
    "a node that is absent and never led",
    found({
      "node-a": primary("1 - node-a leads", 1),
      "node-b": follower("1 - node-a leads", 1),
    }),
    { leader: "node-a", number: 1, joined: ["node-a", "node-b"], told: ["node-a", "node-b"] },
  ],
  [
    "a node that is absent and led once: a claim has to have it stopped",
    found(
      {
        "node-a": primary("4 node-c node-a leads", 4),
        "node-c": follower("4 node-c node-a leads", 4),
      },
      { witnesses: threeSwitchovers },
    ),
    { leader: "node-a", number: 4, joined: ["node-a", "node-c"], told: ["node-a", "node-c"], silent: ["node-b"] },
  ],
  [
    "a node that was retired",
    found(
      {
        "node-a": primary("4 node-c node-a leads", 4),
        "node-b": follower("4 node-c node-a leads", 4),
      },
      { members: [a, b], retired: ["node-c"], witnesses: threeSwitchovers },
    ),
    { leader: "node-a", number: 4, joined: ["node-a", "node-b"], told: ["node-a", "node-b"] },
  ],
  [
    "a node that was made anew and is empty",
    found({
      "node-a": primary("1 - node-a leads", 1),
      "node-b": host(null, { data: { state: "empty", systemIdentifier: "" }, postgres: { inRecovery: null } }),
      "node-c": follower("1 - node-a leads", 1),
    }),
    { leader: "node-a", number: 1, joined: ["node-a", "node-c"], told: ["node-a", "node-c"] },
  ],
  [
    "a number that nobody can have come to is no number",
    found({ "node-a": primary("1 - node-a leads", 1) }, { members: [a], witnesses: [armed(900_000_000, "node-x")] }),
    { leader: "node-a", number: 1, joined: ["node-a"], told: ["node-a"] },
  ],
];

const names = (list: Plan["members"]): string[] => list.map(nameOf);

function planOf(of: Found): Plan {
  const decided = planTakingAlong(of);
  assert.ok(decided.may, decided.may ? "" : decided.why.map(formatExplanation).join("\n"));
  return decided.plan;
}

describe("a cluster of the shell protocol is taken along after", () => {
  for (const [what, of, expected] of agree)
    it(what, () => {
      const { leader, number, joined, told, silent } = planOf(of);
      assert.deepEqual(
        { leader: nameOf(leader), number, joined: names(joined), told: names(told), silent: names(silent) },
        { silent: [], ...expected },
      );
    });

  it("its first entry and its tokens are ones that every node lets in, and the count goes on", () => {
    for (const [, of] of agree) {
      const plan = planOf(of);
      const entry = firstEntryOf(plan, { ledger: LEDGER, nonce: key("0").slice(0, 32), at: "2026-11-27T05:52:36Z" });
      assert.deepEqual(entrySchema.parse(encodeEntry(entry)), entry);
      assert.equal(entry.epoch, plan.number);
      assert.ok(plan.silent.every((each) => entry.named.includes(each)));
      for (const each of plan.told) {
        const { token, promoted } = tokenFor(each, plan, LEDGER, key("d"));
        assert.deepEqual(tokenSchema.parse(token), token);
        assert.deepEqual(above([{ ...entry, digest: key("d"), taken: true }], token.entry), []);
        assert.equal(promoted !== null, each === plan.leader);
      }
    }
  });

  it("a node that was not asked has no token: it counts as silent until it follows", () => {
    const plan = planOf((agree[2] as (typeof agree)[number])[1]);
    assert.equal(tokenFor(a, plan, LEDGER, key("d")).token.leader, null);
  });
});

const differ: readonly [string, Found, RegExp][] = [
  [
    "two lead by one change",
    found({
      "node-a": primary("2 - node-a leads", 2),
      "node-b": host("2 node-a node-b leads"),
      "node-c": follower("1 - node-a leads", 1),
    }),
    /node-a and node-b both lead by change 2/,
  ],
  [
    "a node knows a later change than the leader",
    found({
      "node-a": primary("1 - node-a leads", 1),
      "node-b": follower("2 node-a node-c leads", 2),
    }),
    /node-c leads by change 2, as the others know, and could not be asked/,
  ],
  [
    "the leader's disk went back",
    found({
      "node-a": primary("1 - node-a leads", 1),
      "node-b": follower("3 node-b node-a leads", 3),
      "node-c": follower("3 node-b node-a leads", 3),
    }),
    /node-a says "1 - node-a leads", and others know that it leads by change 3: its disk has gone back/,
  ],
  [
    "a promotion by hand",
    found({
      "node-a": primary("1 - node-a leads", 1),
      "node-b": primary("1 - node-a leads", 1),
      "node-c": follower("1 - node-a leads", 1),
    }),
    /node-b takes writes, and node-a leads: it was promoted or started by hand[\s\S]*HINT: stop PostgreSQL on node-b/,
  ],
  [
    "the giver has yielded, and its target has not taken over",
    found(
      {
        "node-a": down("2 node-a node-b yielding", 1),
        "node-b": follower("2 node-a node-b armed", 1),
        "node-c": follower("1 - node-a leads", 1),
      },
      { witnesses: [armed(2, "node-b")] },
    ),
    /node-a led by change 1, and has given its role up/,
  ],
  [
    "a handover that is under way",
    found({
      "node-a": { ...down("2 node-a node-b yielding", 1), handover: "active" },
      "node-b": { ...follower("2 node-a node-b armed", 1), handover: "active" },
      "node-c": follower("1 - node-a leads", 1),
    }),
    /a change of primary is under way: node-a hands over to node-b/,
  ],
  [
    "the leader is down",
    found({
      "node-a": down("1 - node-a leads", 1),
      "node-b": follower("1 - node-a leads", 1),
      "node-c": follower("1 - node-a leads", 1),
    }),
    /node-a leads by change 1, and does not take writes/,
  ],
  [
    "the leader is not there",
    found({
      "node-b": follower("1 - node-a leads", 1),
      "node-c": follower("1 - node-a leads", 1),
    }),
    /node-a leads by change 1, as the others know, and could not be asked/,
  ],
  [
    "nobody was ever made the primary",
    found({ "node-a": host(null), "node-b": host(null) }),
    /no node knows who leads/,
  ],
  [
    "the archive is out of reach",
    found({ "node-a": primary("1 - node-a leads", 1) }, { witnesses: null }),
    /the archive cannot be read/,
  ],
  [
    "a retired node that answers",
    found(
      { "node-a": primary("1 - node-a leads", 1), "node-c": follower("1 - node-a leads", 1) },
      { members: [a, b], retired: ["node-c"] },
    ),
    /node-c answers, and was retired/,
  ],
  [
    "data of another cluster",
    found({
      "node-a": primary("1 - node-a leads", 1),
      "node-b": host("1 - node-a leads", { data: { state: "cluster", systemIdentifier: "7002" } }),
    }),
    /the data on node-b are those of another cluster/,
  ],
];

describe("a cluster of the shell protocol is not taken along where", () => {
  for (const [what, of, message] of differ)
    it(what, () => {
      const decided = planTakingAlong(of);
      assert.ok(!decided.may);
      assert.match(decided.why.map(formatExplanation).join("\n"), message);
    });
});
