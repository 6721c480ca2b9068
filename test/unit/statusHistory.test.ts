import assert from "node:assert/strict";
import type { Handover, StoredChange } from "../../model/receipt.ts";
import { type History, historyOf } from "../../model/status/history.ts";
import { historyIn, renderHistory } from "../../scripts/status/history.ts";
import { UsageError } from "../../scripts/status/stack.ts";
import { at, failed, read } from "./statusFixtures.ts";

const receipt = (change: Partial<Handover>): Handover => ({
  intent: "i",
  kind: "switchover",
  from: "node-a",
  to: "node-b",
  epoch: 2,
  timelines: { before: 1, after: 2 },
  shutdownLsn: "0/5000028",
  promotedLsn: "0/50000A0",
  steps: [],
  writeGapMs: 141,
  atRisk: { known: true, bytes: 0, lastHeardSeconds: null, why: "" },
  lost: { bytes: 0, transactions: 0, from: null, to: null },
  fence: [],
  ...change,
});
const change = (epoch: number, about: Partial<Handover> | null): StoredChange => ({
  epoch,
  from: about?.from === undefined ? "node-a" : about.from,
  to: about?.to ?? "node-b",
  timeline: about?.timelines?.after ?? epoch,
  at: `2026-03-0${epoch}T03:00:00.123Z`,
  receipt: about === null ? null : receipt({ epoch, ...about }),
});
const unknown = { known: false, bytes: 3 * 1024 ** 2, lastHeardSeconds: 4, why: "" };
const history: History = {
  source: { node: "node-c", role: "primary" },
  changes: [
    change(1, {
      kind: "provisioned",
      from: null,
      to: "node-a",
      timelines: { before: null, after: 1 },
      writeGapMs: null,
      atRisk: null,
    }),
    change(2, {}),
    change(3, {
      kind: "failover",
      from: "node-b",
      to: "node-c",
      timelines: { before: 2, after: 3 },
      writeGapMs: null,
      atRisk: unknown,
      lost: { bytes: 2048, transactions: 17, from: "0/1", to: "0/2" },
    }),
    change(4, {
      kind: "failover",
      from: "node-c",
      timelines: { before: 3, after: 4 },
      writeGapMs: null,
      atRisk: { ...unknown, bytes: 0 },
      lost: null,
    }),
    change(5, null),
  ],
};

describe("status: history", () => {
  it("is a table, the newest first", () => {
    const text = renderHistory(historyOf("c", at, history), { width: 120, color: false });
    assert.equal(
      text,
      `
CHANGE  WHEN (UTC)           KIND          PRIMARY          TIMELINE  WRITE GAP  AT RISK       LOST
5       2026-03-05 03:00:00  not finished  node-a → node-b  5         –          –             –
4       2026-03-04 03:00:00  failover      node-c → node-b  3 → 4     –          not known     not known yet
3       2026-03-03 03:00:00  failover      node-b → node-c  2 → 3     –          3 MB or more  17 commits, 2 kB
2       2026-03-02 03:00:00  switchover    node-a → node-b  1 → 2     141 ms     nothing       nothing
1       2026-03-01 03:00:00  provisioned   node-a           1         –          –             –`.slice(1),
    );
  });

  it("leaves columns out where there is no room, and never who and what was lost", () => {
    const text = renderHistory(historyOf("c", at, history), { width: 80, color: false });
    assert.doesNotMatch(text, /TIMELINE/);
    assert.match(text, /PRIMARY.*LOST/);
  });

  it("asks the primary; without one, the standby that knows most; and says so where nobody answers", () => {
    const answer = (name: string, inRecovery: boolean, epochs: number[]) => ({
      name,
      reading: read({ inRecovery, changes: epochs.map((epoch) => change(epoch, {})) }),
    });
    const picked = (...answers: Parameters<typeof historyIn>[0]) => historyIn(answers).source;
    assert.deepEqual(picked(answer("node-a", true, [1, 2]), answer("node-b", false, [1])), {
      node: "node-b",
      role: "primary",
    });
    const silent = { name: "node-c", reading: failed("nothing listens (10.0.0.13:5432)") };
    assert.deepEqual(picked(silent, answer("node-a", true, [1]), answer("node-b", true, [1, 2])), {
      node: "node-b",
      role: "standby",
    });
    assert.throws(
      () => picked(silent),
      (error) =>
        error instanceof UsageError && /no primary is in reach.*\n.*node-c: nothing listens/.test(error.message),
    );
  });
});
