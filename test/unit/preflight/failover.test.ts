import assert from "node:assert/strict";
import type { ServerFacts } from "../../../model/hostFacts.ts";
import { type Declared, type DeclaredNode, judge, type Outcome } from "../../../model/preflight/index.ts";
import {
  answers,
  consent,
  declared,
  empty,
  end,
  MiB,
  primary,
  recorded,
  standby,
  stopped,
  token,
  well,
} from "./fixtures.ts";
import { afterDeath, fenced, look, type Nodes, refuses, toB, type World, whats } from "./look.ts";

describe("preflight: a failover", () => {
  const accepted = { ...toB, accept: consent(1) };

  it("passes where the loss is accepted, and says what is at risk", () => {
    const { reasons, outcome, summary } = look(afterDeath(), accepted, fenced);
    assert.deepEqual(reasons, []);
    assert.deepEqual([outcome.kind, outcome.from], ["failover", "node-a"]);
    assert.deepEqual([outcome.atRisk?.known, outcome.atRisk?.bytes, outcome.atRisk?.lastHeardSeconds], [false, 0, 12]);
    assert.match(
      summary,
      /^failover node-a → node-b, epoch 2, at risk: what can't be known \(.*last heard from 12 s ago\)$/,
    );
  });

  it("counts what the receivers were told of, and what others have", () => {
    const receiver = { status: "streaming", host: "h", timeline: 1, latestEndBytes: end + 5 * MiB, heardSeconds: 40 };
    const { outcome, reasons } = look(afterDeath({}, { receiver }), accepted, fenced);
    assert.equal(outcome.atRisk?.bytes, 5 * MiB);
    assert.match(
      reasons[0]?.what ?? "",
      /node-b would lose at least 5 MB of WAL, and it can't be known what else.*accept.lossBytes is 0 B, accept.lossUnknown true/,
    );
    const enough = { ...toB, accept: consent(1, { lossBytes: 5 * MiB }) };
    assert.deepEqual(whats(afterDeath({}, { receiver }), enough, fenced), []);
  });

  it("passes to a node that is behind where that is accepted", () => {
    const world = afterDeath({ receivedBytes: end - MiB, replayedBytes: end - MiB });
    const accept = consent(1, { lossBytes: MiB, behind: true });
    assert.deepEqual(whats(world, { ...toB, accept }, fenced), []);
  });

  it("takes no consent that was given for another change, or that does not say that more than is known may be lost", () => {
    const refusal = (change: Partial<Declared>) => whats(afterDeath(), { ...toB, ...change }, fenced).join();
    assert.match(refusal({ accept: consent(0) }), /accept is for change 0, and node-a led last, by change 1$/);
    assert.match(refusal({ accept: consent(2) }), /accept is for change 2, and node-a led last, by change 1$/);
    assert.match(refusal({ accept: consent(1, { lossUnknown: false }) }), /accept.lossUnknown false$/);
  });

  it("goes on by the same consent, however often the target has tried before", () => {
    const tried = (epoch: number) => ({ "node-b": standby({ token: token("node-b", epoch, "candidate", "node-a") }) });
    const asked = (epoch: number, before: Outcome) => look(tried(epoch), { ...accepted, recorded: before }, gone);
    const gone: Nodes = { ...fenced, "node-c": { state: "fenced" } };
    const second = asked(2, look({ "node-b": standby() }, accepted, gone).outcome);
    const third = asked(3, second.outcome);
    const fourth = asked(4, third.outcome);
    assert.deepEqual(
      [second, third, fourth].map(({ reasons, outcome }) => [reasons, outcome.leaderSince]),
      [
        [[], 1],
        [[], 1],
        [[], 1],
      ],
    );
    // Another checkout has nothing but the token to go by.
    assert.match(
      look(tried(4), accepted, gone).reasons[0]?.what ?? "",
      /accept is for change 1, and node-a led last, by change 3/,
    );
  });

  it("is asked anew of who came back with a token of an earlier time that the leader led", () => {
    // node-a led by 1, node-b by 2, and node-a by 3 again; node-c was off all the time.
    const world = { "node-c": standby({ token: token("node-a", 1, "leads"), joined: 1 }, {}, { receiver: null }) };
    const lost: Nodes = { "node-a": { state: "fenced" }, "node-b": { state: "fenced" } };
    const witness = (epoch: number, node: string) => ({ epoch, node, kind: "candidate", time: 0 });
    const witnesses = [witness(2, "node-b"), witness(3, "node-a")];
    const ask = (change: number, more: Partial<Declared> = {}) =>
      judge(declared({ primary: "node-c", accept: consent(change), ...more }, lost), answers(world), { witnesses });
    for (const before of [
      {},
      { recorded: recorded({ from: "node-a", leaderEpoch: 3, epoch: 3 }) },
      { recorded: recorded({ kind: "failover", from: "node-b", to: "node-a", leaderEpoch: 2, epoch: 2 }) },
    ]) {
      for (const spent of [1, 2])
        assert.match(ask(spent, before).reasons[0]?.what ?? "", /node-a led last, by change 3/);
      const { reasons, outcome } = ask(3, before);
      assert.deepEqual([reasons, outcome.from, outcome.leaderSince], [[], "node-a", 3]);
    }
  });

  it("goes on where tries of before have counted further than this stack knows", () => {
    const tried = {
      "node-b": standby(),
      "node-c": standby({ token: token("node-c", 3, "candidate", "node-a"), joined: 1 }),
    };
    const before = recorded({ kind: "failover", from: "node-a", to: "node-c", epoch: 1 });
    const { reasons, outcome } = look(tried, { primary: "node-c", accept: consent(1), recorded: before }, fenced);
    assert.deepEqual([reasons, outcome.leaderSince], [[], 1]);
  });

  it("names all that is accepted already in the command that accepts more", () => {
    const world = afterDeath({ receivedBytes: end - MiB, replayedBytes: end - MiB });
    const hints = (accept: Declared["accept"]) =>
      look(world, { ...toB, accept }, fenced).reasons.map(({ hint }) => hint);
    const [first = ""] = hints(null);
    const given = JSON.parse(/accept '(.*)'$/.exec(first)?.[1] ?? "null");
    const [second = "", ...more] = hints({ lossBytes: 0, lossUnknown: false, behind: false, ...given });
    assert.deepEqual(more, []);
    assert.deepEqual(
      hints({
        lossBytes: 0,
        lossUnknown: false,
        behind: false,
        ...JSON.parse(/accept '(.*)'$/.exec(second)?.[1] ?? "null"),
      }),
      [],
    );
  });

  it("says of a consent that is left over that it is", () => {
    const warnings = (change: Partial<Declared>) => look(well, change).warnings;
    assert.match(warnings({ accept: consent(0) }).join(), /^accept, for change 0, is spent: remove it/);
    assert.match(
      warnings({ accept: consent(1) }).join(),
      /^accept, for change 1, is not used by this update: remove it/,
    );
    assert.deepEqual(look(afterDeath(), accepted, fenced).warnings, []);
  });

  it("passes after a handover in which the old primary died", () => {
    const world = { ...afterDeath(), "node-b": standby({ token: token("node-b", 2, "revoked", "node-a") }) };
    const { reasons, outcome } = look(world, accepted, fenced);
    assert.deepEqual([reasons, outcome.kind, outcome.from, outcome.epoch], [[], "failover", "node-a", 2]);
  });

  it("passes where no token is left, and everybody else is accounted for", () => {
    const unknown = { ...toB, accept: consent(0) };
    const lost = { "node-b": standby({ token: null }), "node-c": standby({ token: null }) };
    assert.equal(look(lost, unknown, fenced).outcome.kind, "failover");
    assert.deepEqual(whats(lost, unknown, fenced), []);
  });

  const behindC = afterDeath({ receivedBytes: end - MiB, replayedBytes: end - MiB });
  refuses([
    {
      name: "a loss that can't be known and is not accepted",
      world: afterDeath(),
      change: toB,
      nodes: fenced,
      what: /what node-b would lose can't be known: .*; nothing is accepted/,
      hint: /accept the loss: pulumi config set accept '\{"change":1,"lossUnknown":true\}'$/,
    },
    {
      name: "a target that is not the furthest ahead",
      world: behindC,
      change: { ...toB, accept: consent(1, { lossBytes: 2 * MiB }) },
      nodes: fenced,
      what: /node-b is not the furthest ahead: node-c is 1 MB further/,
      hint: /primary node-c; .*config set accept '\{"change":1,"lossBytes":2097152,"lossUnknown":true,"behind":true\}'$/,
    },
    {
      name: "a node on an older timeline",
      world: {
        ...afterDeath(),
        "node-c": standby({ wal: { ...standby().wal, timeline: 2 } }, {}, { receivedBytes: 0, replayedBytes: 0 }),
      },
      change: accepted,
      nodes: fenced,
      what: /node-c is on timeline 2/,
    },
    {
      name: "paused replay on the target",
      world: afterDeath({ replayPaused: true }),
      change: accepted,
      nodes: fenced,
      what: /replay is paused on node-b/,
    },
    {
      name: "a declared delay of the target",
      world: afterDeath(),
      change: accepted,
      nodes: { ...fenced, "node-b": { delay: "1h" } },
      what: /stays behind on purpose/,
    },
    {
      name: "a silent follower",
      world: { ...afterDeath(), "node-c": null },
      change: accepted,
      nodes: fenced,
      what: /node-c takes part and cannot be asked/,
    },
    {
      name: "a target that does not run",
      world: { ...afterDeath(), "node-b": stopped(standby(), "shut down in recovery") },
      change: accepted,
      nodes: fenced,
      what: /PostgreSQL does not run on it/,
    },
  ]);

  describe("with synchronous replication", () => {
    const names = ["node-b", "node-c"];
    const both: Nodes = { ...fenced, "node-b": { synchronous: true }, "node-c": { synchronous: true } };
    const waited = { id: "1", names };
    const inForce = { ...toB, recorded: recorded({ synchronous: waited }) };
    const told = { awaited: { epoch: 1, id: "1" } };
    const behind = standby({}, {}, { receivedBytes: end - MiB, replayedBytes: end - MiB });
    const dead = (sql: Partial<ServerFacts> = told): World => ({ "node-b": standby({}, sql), "node-c": behind });

    it("nothing is lost by the furthest ahead of all of them", () => {
      const { reasons, outcome } = look(dead(), inForce, both);
      assert.deepEqual(reasons, []);
      assert.deepEqual([outcome.atRisk?.known, outcome.atRisk?.bytes], [true, 0]);
      assert.deepEqual(outcome.synchronous, waited, "an update that is cut off is run again");
    });

    const unknown: readonly (readonly [string, World, Partial<Declared>, Nodes])[] = [
      [
        "only one of two is in reach",
        { "node-b": standby({}, told) },
        inForce,
        { ...both, "node-c": { synchronous: true, state: "absent" } },
      ],
      ["the declaration came with the failover", dead(), { ...toB, recorded: recorded() }, both],
      [
        "the target is none of them",
        dead(),
        { ...toB, recorded: recorded({ synchronous: { id: "1", names: ["node-c"] } }) },
        both,
      ],
      ["commits were not seen to wait", dead({}), inForce, both],
      ["commits have waited for others since", dead({ awaited: { epoch: 1, id: "0" } }), inForce, both],
      ["they waited by an earlier change of primary", dead({ awaited: { epoch: 0, id: "1" } }), inForce, both],
      ["a role's commits don't wait", dead({ ...told, weakCommits: true }), inForce, both],
      ["commits don't wait by default", dead(), { ...inForce, commitsWait: false }, both],
      ["it was taken off since", dead(), inForce, { ...fenced, "node-b": { synchronous: true } }],
    ];
    for (const [name, world, change, nodes] of unknown) {
      it(`something may be lost where ${name}`, () => {
        assert.equal(look(world, change, nodes).outcome.atRisk?.known, false);
      });
    }

    describe("while the primary leads", () => {
      const nodes: Nodes = { "node-b": { synchronous: true }, "node-c": { synchronous: true } };
      const waiting = (synchronousStandbyNames: string, change: World = {}): World => ({
        ...well,
        "node-a": primary({}, {}, { synchronousStandbyNames }),
        ...change,
      });
      const outcome = (world: World, of: Nodes, change: Partial<Declared> = {}) =>
        look(world, { intent: "2", recorded: recorded({ synchronous: waited }), ...change }, of).outcome;
      const all = 'ANY 1 ("node-b", "node-c")';

      it("stays what it was while commits have waited without a break", () => {
        for (const world of [waiting(all), waiting('ANY 1 ("node-b")')]) {
          assert.deepEqual(outcome(world, nodes).synchronous, waited);
          assert.deepEqual(outcome(world, nodes).released, []);
        }
        assert.deepEqual(outcome(waiting(all, { "node-c": null }), nodes).released, [], "it may come back by itself");
      });

      it("is another one when somebody else is to be waited for, or nobody was", () => {
        const first = outcome(waiting(""), nodes, { recorded: recorded() }).synchronous;
        assert.deepEqual(first?.names, names);
        for (const [world, of] of [
          [waiting(""), nodes],
          [waiting(all), { "node-b": { synchronous: true } }],
          [waiting(all), { ...nodes, "node-a": { synchronous: true } }],
          [waiting(all, { "node-c": empty }), nodes],
        ] as const) {
          assert.notEqual(outcome(world, of).synchronous?.id, "1");
        }
        assert.equal(outcome(waiting(all), {}).synchronous, null);
        assert.equal(outcome(waiting(all), nodes, { commitsWait: false }).synchronous, null);
      });

      it("lets go of one that is not declared any more, that is fenced, or that has to be copied or rewound", () => {
        const c = (of: Partial<DeclaredNode>): Nodes => ({ ...nodes, "node-c": { synchronous: true, ...of } });
        assert.deepEqual(outcome(waiting(all), c({ synchronous: false })).released, ["node-c"]);
        assert.deepEqual(outcome(waiting(all, { "node-c": null }), c({ state: "fenced" })).released, ["node-c"]);
        assert.deepEqual(outcome(waiting(all, { "node-c": null }), c({ state: "absent" })).released, ["node-c"]);
        assert.deepEqual(outcome(waiting(all, { "node-c": empty }), nodes).released, ["node-c"]);
        assert.deepEqual(outcome(waiting(all, { "node-c": standby({ joined: 0 }) }), nodes).released, ["node-c"]);
        assert.deepEqual(outcome(waiting('ANY 1 ("node-c")', { "node-c": empty }), nodes).released, ["node-c"]);
      });
    });
  });
});
