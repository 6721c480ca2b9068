import assert from "node:assert/strict";
import type { HostFacts } from "../../../model/hostFacts.ts";
import { type Declared, judge } from "../../../model/preflight/index.ts";
import { answers, consent, declared, primary, recorded, standby, stopped, token } from "./fixtures.ts";
import type { Nodes } from "./look.ts";

describe("preflight: who led last can't be asked", () => {
  const at = "2026-03-01T03:12:45Z-0a1b2c3d";
  const time = Date.parse("2026-03-01T03:12:45Z") / 1000;
  /** node-a led by change 1, was powered on again and does not know whether it may lead. */
  const waits = standby({ token: token("node-a", 1, "leads"), joined: 1, verdict: "wait" }, {}, { receiver: null });
  /** It has heard that node-b took over. */
  const stays: HostFacts = {
    ...stopped(standby({ token: token("node-b", 2, "leads"), joined: 1 }), "in production"),
    verdict: "stay",
  };
  const follows = standby({ token: token("node-a", 1, "leads"), joined: 1 }, {}, { receiver: null });
  const change = recorded({ kind: "failover", epoch: 1, from: "node-a", to: "node-b", intent: at });
  const witness = { epoch: 2, kind: "candidate", node: "node-b", time };
  const lost: Nodes = { "node-b": { state: "fenced" }, "node-c": { state: "absent" } };

  const sources = {
    "by this stack's own record": [{ recorded: change }, {}],
    "by a later record": [
      { recorded: recorded({ from: "node-b", leaderEpoch: 2, epoch: 2 }) },
      { witnesses: [witness] },
    ],
    "by its witness in the archive": [{}, { witnesses: [witness] }],
  } as const;
  for (const [source, [known, further]] of Object.entries(sources)) {
    for (const [who, facts] of Object.entries({ "that has not heard of it": waits, "that has": stays })) {
      it(`makes an older leader ${who} the primary by consent only: known ${source}`, () => {
        const ask = (more: Partial<Declared>) =>
          judge(declared({ ...known, ...more }, lost), answers({ "node-a": facts }), further);
        const refused = ask({}).reasons;
        assert.deepEqual(refused.length, 1, JSON.stringify(refused));
        assert.match(
          refused[0]?.what ?? "",
          /node-b led last, by change 2 of 2026-03-01 03:12:45 UTC, and node-a has not joined it since.*; nothing is accepted/,
        );
        const { reasons, outcome, summary } = ask({ accept: consent(2) });
        assert.deepEqual(reasons, []);
        assert.deepEqual([outcome.kind, outcome.from, outcome.epoch], ["failover", "node-b", 2]);
        assert.match(summary, /failover node-b → node-a, epoch 3/);
      });
    }

    it(`lets nobody take over from who may lead and is not fenced: known ${source}`, () => {
      const whatsOf = (nodes: Nodes) =>
        judge(
          declared({ ...known, accept: consent(2), primary: "node-c" }, { "node-a": { state: "fenced" }, ...nodes }),
          answers({ "node-c": follows }),
          further,
        ).reasons.map(({ what, hint }) => `${what} ${hint}`);
      const [absent, ...more] = whatsOf({ "node-b": { state: "absent" } });
      assert.deepEqual(more, []);
      assert.match(
        absent ?? "",
        /node-b led last, by change 2 of .*is declared absent: nothing proves that it is off.*'nodes\.node-b\.state' fenced/,
      );
      assert.match(whatsOf({ "node-b": { state: "active" } })[0] ?? "", /node-b leads \(epoch 2\), cannot be asked/);
      assert.deepEqual(whatsOf({ "node-b": { state: "fenced" } }), []);
    });
  }

  it("an absent node is asked, and heeded", () => {
    const leads = primary({ token: token("node-b", 2, "leads", "node-a"), changedBy: at }, { senders: [] });
    const { reasons } = judge(
      declared({ primary: "node-c" }, { "node-a": { state: "fenced" }, "node-b": { state: "absent" } }),
      answers({ "node-c": follows }),
      { absent: [{ ...leads, node: "node-b" }] },
    );
    assert.match(
      reasons[0]?.what ?? "",
      /node-b leads since change 2 of 2026-03-01 03:12:45 UTC, and is declared absent/,
    );
  });

  it("what was begun and came to nothing stands in nobody's way", () => {
    const none = (a: HostFacts, witnesses: readonly (typeof witness)[], more: Partial<Declared> = {}) =>
      judge(declared(more, lost), answers({ "node-a": a }), { witnesses }).reasons.map(({ what }) => what);
    assert.deepEqual(none(primary(), [witness], { recorded: change }), [], "it serves, so that it was allowed to");
    assert.deepEqual(none(waits, [{ ...witness, kind: "armed" }]), [], "it never gave its role up");
    assert.deepEqual(none(waits, [witness], { retired: ["node-b"] }), []);
    const revoked = judge(
      declared({ recorded: change }, { "node-c": { state: "absent" } }),
      answers({ "node-a": waits, "node-b": standby({ token: token("node-b", 2, "revoked", "node-a"), joined: 1 }) }),
      { witnesses: [witness] },
    );
    assert.deepEqual(revoked.reasons, []);
  });

  it("a node that takes writes is not made the primary over one that led after it", () => {
    const writes = primary({ token: token("node-a", 1, "leads"), joined: 1 });
    const { reasons } = judge(
      declared({ recorded: recorded({ from: "node-b", leaderEpoch: 2, epoch: 2 }), accept: consent(2) }, lost),
      answers({ "node-a": writes }),
    );
    assert.match(reasons[0]?.what ?? "", /node-a takes writes, although node-b led last, by change 2/);
  });
});
