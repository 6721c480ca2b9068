import assert from "node:assert/strict";
import { type Declared, type Finding, formatRefusal, judge, type NodeFacts } from "../../components/model/preflight.ts";

const declared: Declared = {
  primary: "node-a",
  clusterId: "cluster-1",
  epoch: undefined,
  recordedSystemIdentifier: undefined,
};

const empty: NodeFacts = {
  node: "node-a",
  clusterId: "cluster-1",
  data: { state: "empty", systemIdentifier: "", timeline: 0, controlState: "" },
  postgres: { unit: "inactive", inRecovery: null },
  token: null,
  disk: { totalBytes: 100, freeBytes: 50 },
  archive: { ready: 0 },
};
const leader: NodeFacts = {
  ...empty,
  data: { state: "cluster", systemIdentifier: "700", timeline: 1, controlState: "in production" },
  postgres: { unit: "active", inRecovery: false },
  token: { epoch: 1, from: "", to: "node-a", state: "taken" },
};
const standby: NodeFacts = {
  ...leader,
  node: "node-b",
  data: { ...leader.data, controlState: "in archive recovery" },
  postgres: { unit: "active", inRecovery: true },
  token: null,
};

const found = (facts: NodeFacts): Finding => ({ node: facts.node, reachable: true, facts });
const silent = (node: string): Finding => ({ node, reachable: false, reason: "cannot be reached by SSH" });
const on = (node: string, facts: NodeFacts): NodeFacts => ({ ...facts, node });

function reasons(findings: readonly Finding[], change: Partial<Declared> = {}): string[] {
  return judge({ ...declared, ...change }, findings).reasons.map(({ what }) => what);
}

describe("preflight", () => {
  it("lets a new cluster be made where no node has data", () => {
    const verdict = judge(declared, [found(empty), found(on("node-b", empty))]);
    assert.deepEqual(verdict, { reasons: [], warnings: [], fresh: true, systemIdentifier: "", epoch: 0 });
  });

  it("passes what is as declared, and is not fresh", () => {
    const verdict = judge(declared, [found(leader), found(standby), found(on("node-c", empty))]);
    assert.deepEqual(verdict, { reasons: [], warnings: [], fresh: false, systemIdentifier: "700", epoch: 1 });
  });

  it("passes a primary that is down but leads by its token: a crash is not a change", () => {
    const down = { ...leader, postgres: { unit: "failed", inRecovery: null } };
    assert.deepEqual(reasons([found(down), found(standby)]), []);
  });

  it("is not stopped by a standby that cannot be asked, and says so", () => {
    const verdict = judge(declared, [found(leader), silent("node-b")]);
    assert.deepEqual(verdict.reasons, []);
    assert.deepEqual(verdict.warnings, ["node-b cannot be asked: cannot be reached by SSH"]);
  });

  const refusals: readonly (readonly [
    name: string,
    findings: readonly Finding[],
    change: Partial<Declared>,
    pattern: RegExp,
  ])[] = [
    [
      "a declared primary that cannot be asked",
      [silent("node-a"), found(standby)],
      {},
      /node-a: the declared primary cannot be asked/,
    ],
    [
      "a new cluster while a node that may have data is silent",
      [found(empty), silent("node-b")],
      {},
      /no node has data, and node-b cannot be asked/,
    ],
    [
      "a new cluster in place of one that was",
      [found(empty)],
      { recordedSystemIdentifier: "700" },
      /this stack had a cluster/,
    ],
    [
      "an empty primary beside a standby with data",
      [found(empty), found(standby)],
      {},
      /declared the primary and has no data, while node-b has/,
    ],
    [
      "another primary, running",
      [found(leader), found(standby)],
      { primary: "node-b" },
      /node-a is the primary, node-b is declared/,
    ],
    [
      "another primary, stopped",
      [found({ ...leader, postgres: { unit: "inactive", inRecovery: null } }), found(standby)],
      { primary: "node-b" },
      /node-a is the primary, node-b is declared/,
    ],
    [
      "a promotion done by hand",
      [
        found({ ...leader, postgres: { unit: "failed", inRecovery: null } }),
        found({ ...standby, postgres: { unit: "active", inRecovery: false } }),
      ],
      {},
      /node-b is the primary, node-a is declared/,
    ],
    [
      "two that take writes",
      [found(leader), found({ ...leader, node: "node-b" })],
      {},
      /more than one node takes writes: node-a, node-b/,
    ],
    [
      "two clusters",
      [found(leader), found({ ...standby, data: { ...standby.data, systemIdentifier: "701" } })],
      {},
      /different clusters/,
    ],
    [
      "a cluster that is not the recorded one",
      [found(leader)],
      { recordedSystemIdentifier: "701" },
      /not the one of this stack/,
    ],
    [
      "the volume of another cluster",
      [found({ ...leader, clusterId: "cluster-2" })],
      {},
      /belongs to another cluster \(cluster-2\)/,
    ],
    [
      "a volume that is not mounted",
      [
        found(leader),
        found({ ...on("node-b", empty), clusterId: "", data: { ...empty.data, state: "missing-volume" } }),
      ],
      {},
      /node-b: its data volume is not mounted/,
    ],
    [
      "a stale config",
      [found({ ...leader, token: { epoch: 3, from: "node-b", to: "node-a", state: "taken" } })],
      { epoch: 2 },
      /at epoch 3, the config knows 2/,
    ],
    [
      "a standby declared the primary of nobody",
      [found(on("node-a", standby))],
      {},
      /it is a standby, and no reachable node is known to lead/,
    ],
  ];
  for (const [name, findings, change, pattern] of refusals) {
    it(`refuses ${name}`, () => {
      const what = reasons(findings, change);
      assert.equal(what.length, 1, what.join("; "));
      assert.match(what[0] ?? "", pattern);
    });
  }

  it("gives all reasons at once, each with a hint", () => {
    const { reasons: all } = judge(declared, [
      found({ ...leader, clusterId: "cluster-2" }),
      found({ ...standby, data: { ...standby.data, systemIdentifier: "701" } }),
    ]);
    assert.equal(all.length, 2);
    assert.equal(formatRefusal(all).match(/HINT: /g)?.length, 2);
  });
});
