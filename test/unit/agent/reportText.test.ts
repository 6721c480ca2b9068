import assert from "node:assert/strict";
import { type Report, reportSchema } from "../../../agent/report.ts";
import { formatReport } from "../../../agent/reportText.ts";
import { member } from "../../../model/leadership/index.ts";

const a = member("node-a", "a".repeat(64));
const b = member("node-b", "b".repeat(64));

const report: Report = {
  version: 1,
  at: "2026-11-27T19:00:00Z",
  node: a,
  isReady: true,
  phase: "standby",
  control: "in archive recovery",
  timeline: 2,
  leader: b,
  taken: {
    change: { entry: 3, overrides: 0 },
    kind: "claim",
    at: "2026-11-27T18:55:00Z",
    by: b,
    consent: { lossBytes: 16 },
  },
  joined: false,
  source: null,
  members: [a, b],
  promises: [],
  arming: "no",
  start: {
    verdict: "stay",
    message: "node-b leads by change 3, the last that this node knows",
    hint: "it follows as a standby",
  },
  ledger: { isInReach: false, end: "not read: 503 SlowDown" },
  peers: [{ member: b, answer: null }],
  trouble: "2026-11-27T18:59:00Z look: \u001b[2Jit fails",
};

describe("a node's report", () => {
  it("reads as an engineer on call needs it", () => {
    assert.equal(
      formatReport(report),
      `node-a  is a standby that receives from nobody, timeline 2  2026-11-27 19:00:00 UTC

Leads      node-b by change 3 of 2026-11-27 18:55:00 UTC (a claim by node-b)
           with the operator's consent to lose 16 bytes of WAL
           this node has heard of it, and does not have its data yet
Start      node-b leads by change 3, the last that this node knows
           HINT: it follows as a standby
Members    node-a (this node), node-b
Waits      to take over: no
Ledger     not read: 503 SlowDown
Peers      node-b  does not answer
Trouble    2026-11-27T18:59:00Z look:  [2Jit fails
`,
    );
  });

  it("tells what must not be overlooked", () => {
    const heading = (changes: Partial<Report>) => formatReport({ ...report, ...changes }).split("\n")[0];
    assert.match(heading({ phase: "byHand" }) ?? "", /TAKES WRITES, AND DOES NOT LEAD/);
    assert.match(heading({ isReady: false, phase: "unclear" }) ?? "", /its agent is starting, and answers nobody yet/);
    assert.match(heading({ phase: "down", control: null, timeline: null }) ?? "", /has no data/);
    assert.match(formatReport({ ...report, promises: [b] }), /Promised {3}node-b may take over without the ledger\n/);
  });

  it("is checked where it comes in", () => {
    assert.deepEqual(reportSchema.parse(JSON.parse(JSON.stringify(report))), report);
    assert.ok(!reportSchema.safeParse({ ...report, more: 1 }).success);
  });
});
