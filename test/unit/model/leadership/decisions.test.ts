/** What the search leaves constant: which ledger, which machine, where WAL ends; and what a person reads. */
import { strict as assert } from "node:assert";
import {
  claim,
  type Entry,
  entryAfter,
  explain,
  explainStart,
  formatExplanation,
  formatLsn,
  type Inquiry,
  initialEntry,
  isOfMachine,
  ledgerRead,
  lostWal,
  mayFollow,
  mayStart,
  mayTakeOffer,
  mayTakeOver,
  member,
  noInquiry,
  notArmed,
  ownLedger,
  type Reading,
  type Standing,
  startBy,
  stoodDown,
  type Token,
  unread,
} from "../../../../model/leadership/index.ts";

const a = member("node-a", "a1");
const b = member("node-b", "b1");
const c = member("node-c", "c1");
const at = "2026-11-27T05:52:36Z";
const first: Entry = {
  ...initialEntry(a, [a, b, c], { ledger: "one", number: 1, epoch: 1, nonce: "", at, previous: "" }),
  digest: "d1",
  taken: true,
};
const claimOf = (who: typeof a, over: readonly (typeof a)[]): Entry => ({
  ...entryAfter(
    first,
    {
      kind: "claim",
      by: who,
      to: who,
      over,
      base: { entry: 1, overrides: 0 },
      held: { entry: 1, overrides: 0 },
      consent: { lossUnknown: true },
      members: first.members,
    },
    { nonce: "", at },
  ),
  digest: "d2",
  taken: false,
});
const token: Token = {
  ledger: "one",
  digest: "d1",
  entry: 1,
  overrides: 0,
  leader: a,
  members: [a, b, c],
  promises: [],
};
const read = (...entries: readonly Entry[]): Reading => ({ kind: "read", entries });

describe("an inquiry", () => {
  it("is another one each time that a node stands down", () => {
    const before = stoodDown({ inquiry: noInquiry } as Standing);
    assert.notEqual(before.inquiry, noInquiry);
    assert.notEqual(stoodDown(before).inquiry, before.inquiry);
    assert.deepEqual(before.inquiry, noInquiry);
  });
});

describe("whether a reading is of the node's own ledger", () => {
  const cases: [string, Reading, string][] = [
    ["it is", read(first), "own"],
    ["it goes on", read(first, claimOf(b, [a])), "own"],
    ["out of reach", unread("403 Forbidden"), "unread"],
    ["empty", read(), "cut"],
    ["another id", read({ ...first, ledger: "two" }), "another"],
    ["another entry under the same number", read({ ...first, digest: "d9" }), "another"],
  ];
  for (const [what, reading, kind] of cases)
    it(`${what}: ${kind}`, () => assert.equal(ownLedger(token, reading).kind, kind));

  it("ends below the node's own entry: cut", () => {
    assert.deepEqual(ownLedger({ ...token, entry: 2, digest: "d2" }, read(first)), { kind: "cut", end: 1 });
  });

  it("a guard that finds another ledger needs every member", () => {
    const inquiry: Inquiry = ledgerRead(token, noInquiry, read({ ...first, ledger: "two" }));
    const start = mayStart(a, token, notArmed, inquiry);
    assert.ok(start.kind === "ask");
    assert.deepEqual(start.silent, [b, c]);
    assert.equal(start.basis.kind, "members");
  });
});

describe("a disk that is not where it was", () => {
  it("another machine's token is no token", () => {
    assert.ok(isOfMachine("i-1", "i-1"));
    assert.ok(!isOfMachine("i-1", "i-2"));
  });

  it("somebody has more WAL of this node's own timeline", () => {
    const mine = { timeline: 3, lsn: 0x3000060n };
    const lost = lostWal(mine, [
      { at: "archive", end: { timeline: 2, lsn: 0x9000000n } },
      { at: b, end: { timeline: 3, lsn: 0x3000061n } },
    ]);
    assert.equal(lost?.at, b);
    assert.equal(lostWal(mine, [{ at: b, end: mine }]), undefined);
  });

  it("data starts without standby.signal only if it was promoted for this change and last ran as a primary", () => {
    const standing = { token, promoted: { entry: 1, overrides: 0 } } as Standing;
    assert.equal(startBy(standing, { asPrimary: true, hasBackupLabel: false }), "start");
    assert.equal(startBy(standing, { asPrimary: false, hasBackupLabel: false }), "promotion");
    assert.equal(startBy(standing, { asPrimary: true, hasBackupLabel: true }), "promotion");
    assert.equal(startBy({ ...standing, promoted: null }, { asPrimary: true, hasBackupLabel: false }), "promotion");
    assert.equal(
      startBy({ ...standing, token: { ...token, entry: 2 } }, { asPrimary: true, hasBackupLabel: false }),
      "promotion",
    );
  });
});

describe("where replay ends", () => {
  const arming = { kind: "entry", entry: 2, secret: "s" } as const;
  const end = { timeline: 1, lsn: 0x3000098n };
  const decide = (replayed: typeof end, secret = "s") =>
    mayTakeOffer(b, token, arming, { secret, entry: 2, end }, replayed);

  it("exactly where the primary stopped", () => assert.deepEqual(decide(end), { may: true, entry: 2 }));
  it("not before, not further, not on another timeline", () => {
    for (const replayed of [
      { ...end, lsn: end.lsn - 1n },
      { ...end, lsn: end.lsn + 1n },
      { ...end, timeline: 2 },
    ]) {
      const decided = decide(replayed);
      assert.ok(!decided.may && decided.why.kind === "otherEnd");
    }
  });
  it("where the segment begins that holds nothing but the stop's checkpoint, and nowhere else before it", () => {
    const stopped = { secret: "s", entry: 2, end, segmentStart: end.lsn - 160n };
    const at = (replayed: typeof end) => mayTakeOffer(b, token, arming, stopped, replayed);
    assert.ok(at({ ...end, lsn: end.lsn - 160n }).may);
    assert.ok(at(end).may);
    for (const replayed of [
      { ...end, lsn: end.lsn - 161n },
      { ...end, lsn: end.lsn - 159n },
      { ...end, lsn: end.lsn - 160n, timeline: 2 },
    ])
      assert.ok(!at(replayed).may);
  });
  it("not by the message for another arming", () => {
    const decided = decide(end, "of before");
    assert.ok(!decided.may && decided.why.kind === "otherArming");
  });
  it("an LSN is written as PostgreSQL does", () => {
    assert.equal(formatLsn(0x1_0300_0060n), "1/3000060");
    assert.equal(formatLsn(0n), "0/0");
  });
});

describe("what a person reads", () => {
  it("a failover without consent: who leads, by which change, since when, and what can be declared", () => {
    const reading = read(first);
    const decided = claim({ me: b, my: token, serving: false, reading, answers: new Map(), consent: null });
    assert.ok(!decided.may);
    assert.equal(
      formatExplanation(explain(decided.why, reading)),
      "node-a leads by change 1 since 2026-11-27T05:52:36Z; what it acknowledged may not be on node-b, and how much is not known\n" +
        "    HINT: make node-a active and let it hand over, or declare it fenced and accept the loss (accept.lossUnknown, or accept.lossBytes)",
    );
  });

  it("a claim over somebody who is not proven stopped", () => {
    const reading = read(first, claimOf(b, [a]));
    const decided = mayTakeOver(
      b,
      token,
      false,
      { kind: "entry", entry: 2, secret: "s" },
      reading.kind === "read" ? reading.entries : [],
      new Map(),
    );
    assert.ok(!decided.may);
    assert.equal(
      formatExplanation(explain(decided.why, reading)),
      "these may lead, and are not proven to be stopped after entry 2: node-a by change 1 of 2026-11-27T05:52:36Z\n" +
        "    HINT: make node-a active, declare it fenced, or retire it",
    );
  });

  it("a guard that waits for whom an open entry names", () => {
    const reading = read(first, claimOf(b, [a]));
    const start = mayStart(a, token, notArmed, ledgerRead(token, noInquiry, reading));
    assert.equal(
      formatExplanation(explainStart(start, reading)),
      "it stays read-only and asks on: entries above its own name node-b by change 2 of 2026-11-27T05:52:36Z; silent: node-b\n" +
        "    HINT: make node-b reachable; or declare a primary, and node-b fenced",
    );
  });

  it("a guard without the ledger", () => {
    const start = mayStart(a, token, notArmed, { ...noInquiry, reading: unread("403 Forbidden") });
    assert.match(
      explainStart(start, unread("403 Forbidden")).message,
      /cannot be read: 403 Forbidden.*silent: node-b, node-c$/,
    );
  });

  it("a later leader than the one to be followed", () => {
    const answer = { token, joined: true, arming: notArmed, serving: true };
    const decided = mayFollow(c, { ...token, entry: 2, leader: b }, notArmed, false, a, answer);
    assert.ok(!decided.may && decided.why.kind === "olderLeader");
    assert.match(explain(decided.why, read(first)).message, /knows change 2, and node-a leads by change 1/);
  });
});
