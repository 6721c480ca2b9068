import assert from "node:assert/strict";
import {
  type Handover,
  handoverOf,
  type JournalEntry,
  parseJournal,
  type ReceiptSources,
  type StoredChange,
} from "../../../model/receipt.ts";
import type { PromoteOutcome } from "../../../model/stepOutcomes.ts";

const start = Date.parse("2026-03-01T03:00:00.000Z");
const entry = (
  at: number,
  node: string,
  step: string,
  change: Partial<JournalEntry> = {},
  detail?: JournalEntry["detail"],
): JournalEntry => ({
  intent: "i2",
  node,
  step,
  outcome: "finished",
  startedMs: start + at,
  tookMs: 5,
  ...change,
  ...(detail ? { detail } : {}),
});

const promoted: PromoteOutcome = {
  ...{ primary: "node-b", from: "node-a", systemIdentifier: "7", timeline: 2, epoch: 2, restored: "" },
};
const provisioned: StoredChange = {
  epoch: 1,
  from: null,
  to: "node-a",
  timeline: 1,
  at: "2026-01-01T00:00:00Z",
  receipt: null,
};
const nothing = { known: true, bytes: 0, lastHeardSeconds: null, why: "" };
const some = { known: false, bytes: 512, lastHeardSeconds: 3, why: "node-a cannot be asked" };

const switchover = [
  entry(0, "node-b", "announce"),
  entry(8, "node-b", "promise", {}, { kind: "switchover", epoch: 2, atRisk: nothing }),
  entry(10, "node-b", "prepare"),
  entry(20, "node-a", "checkpoint"),
  entry(30, "node-a", "stop", {}, { shutdownLsn: "0/5000028" }),
  entry(90, "node-b", "take", {}, { shutdownLsn: "0/05000028" }),
  entry(95, "node-b", "writable", {}, { timeline: 2, promotedLsn: "0/50000A0", writableMs: start + 140 }),
  entry(200, "node-a", "follow"),
];
const failover = [
  entry(8, "node-b", "promise", {}, { kind: "failover", epoch: 2, atRisk: some }),
  entry(90, "node-b", "take", {}, { fenced: "node-a" }),
  entry(95, "node-b", "writable", {}, { timeline: 2, promotedLsn: "0/5000200", writableMs: start + 140 }),
];
const made = (change: Partial<ReceiptSources>): Handover =>
  handoverOf({
    intent: "i2",
    promoted,
    journals: switchover,
    stored: [provisioned],
    fences: [{ node: "node-a", how: "its container is stopped" }],
    ...change,
  });
const row = (receipt: Handover): StoredChange => ({
  epoch: 2,
  from: "node-a",
  to: "node-b",
  timeline: 2,
  at: "2026-03-01T03:00:00Z",
  receipt,
});

describe("the receipt of a change of primary", () => {
  it("of a planned one: gap by the hosts' clocks, nothing lost, no fence", () => {
    const { steps, ...rest } = made({});
    assert.deepEqual(rest, {
      intent: "i2",
      kind: "switchover",
      from: "node-a",
      to: "node-b",
      epoch: 2,
      timelines: { before: 1, after: 2 },
      shutdownLsn: "0/5000028",
      promotedLsn: "0/50000A0",
      writeGapMs: 110,
      atRisk: nothing,
      lost: { bytes: 0, transactions: 0, from: null, to: null },
      fence: [],
    });
    assert.equal(steps[0], "2026-03-01T03:00:00.000Z announce node-b finished 5 ms");
    assert.equal(steps.length, switchover.length - 1, "what was promised is no step");
  });

  it("of a new cluster", () => {
    const receipt = made({
      promoted: { ...promoted, primary: "node-a", from: "", timeline: 1, epoch: 1 },
      journals: [],
    });
    assert.deepEqual(
      [receipt.kind, receipt.from, receipt.timelines, receipt.atRisk, receipt.lost?.bytes],
      ["provisioned", null, { before: null, after: 1 }, null, 0],
    );
  });

  it("of a forced one: what was at risk, what proves the fence, and nothing known of a loss before the old primary is back", () => {
    const receipt = made({ journals: failover });
    assert.deepEqual(
      [receipt.kind, receipt.writeGapMs, receipt.shutdownLsn, receipt.atRisk, receipt.lost, receipt.fence],
      ["failover", null, null, some, null, [{ node: "node-a", how: "its container is stopped" }]],
    );
  });

  it("is that of the last change, whatever updates come after it; a rejoin amends what was lost, once", () => {
    const before = made({ journals: failover });
    const later = (more: readonly JournalEntry[], receipt = before) =>
      made({ intent: "i3", journals: [...failover, ...more], stored: [provisioned, row(receipt)], fences: [] });
    assert.deepEqual(later([entry(900, "node-c", "follow", { intent: "i3" })]), before);
    const lost = { from: "0/5000200", to: "0/5000900", bytes: 1792, transactions: 7 };
    const amended = later([
      entry(900, "node-a", "rejoin", { intent: "i3" }, { lost }),
      entry(910, "node-a", "follow", { intent: "i3" }),
    ]);
    assert.deepEqual(amended, { ...before, lost });
    const failed = later([entry(900, "node-a", "rejoin"), entry(910, "node-a", "follow", { outcome: "failed" })]);
    assert.equal(failed.lost, null);
    assert.deepEqual(later([entry(990, "node-a", "follow", { intent: "i4" })], amended), amended);
  });

  it("an old primary that is back without having been counted is not said to have lost nothing", () => {
    const journals = [
      ...failover,
      entry(900, "node-a", "rejoin", {}, { lost: null }),
      entry(910, "node-a", "follow", {}),
    ];
    assert.deepEqual(made({ journals }).lost, { bytes: null, transactions: null, from: null, to: null });
    assert.equal(made({ journals: [...failover, entry(910, "node-a", "follow")] }).lost?.bytes, 0);
  });

  it("of an update that was killed after the promotion is made by the next one, with the steps of both", () => {
    const journals = [...switchover.slice(0, -1), entry(5000, "node-a", "follow", { intent: "i3" })];
    const receipt = made({ intent: "i3", journals });
    assert.deepEqual([receipt.intent, receipt.kind, receipt.writeGapMs], ["i2", "switchover", 110]);
    assert.match(receipt.steps.at(-1) ?? "", /follow node-a/);
  });

  it("of a primary that took its role back", () => {
    const receipt = made({
      promoted: { ...promoted, primary: "node-a", timeline: 1 },
      journals: [entry(30, "node-a", "stop", {}, { shutdownLsn: "0/5000028" }), entry(900, "node-a", "promote")],
    });
    assert.deepEqual(
      [receipt.kind, receipt.from, receipt.to, receipt.timelines, receipt.lost?.bytes],
      ["return", "node-a", "node-a", { before: 1, after: 1 }, 0],
    );
  });

  it("reads journals that end in the middle of a line", () => {
    const line = JSON.stringify(entry(0, "node-a", "announce"));
    assert.equal(parseJournal([line, line.slice(0, 30)]).length, 1);
  });
});
