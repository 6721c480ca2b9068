import assert from "node:assert/strict";
import type { HostFacts } from "../../../model/hostFacts.ts";
import { consent, end, MiB, primary, recorded, sender, standby, stopped, token, well } from "./fixtures.ts";
import { fenced, look, type Nodes, refuses, toB, whats } from "./look.ts";

describe("preflight: reality differs", () => {
  const promoted = (fork = end): HostFacts =>
    primary(
      { token: token("node-a"), wal: { ...standby().wal, timeline: 2, forkedAtBytes: fork } },
      { slots: [], senders: [] },
      { currentBytes: end + MiB },
    );
  const cleanly = stopped(primary({ wal: { ...primary().wal, checkpointBytes: end - 120 } }));
  const accepted = { ...toB, accept: consent(1, { lossBytes: MiB }) };

  it("adopts a promotion by hand where the old primary was shut down cleanly: nothing is lost", () => {
    const { reasons, outcome } = look({ "node-a": cleanly, "node-b": promoted(), "node-c": standby() }, toB);
    assert.deepEqual([reasons, outcome.kind, outcome.from], [[], "adopt", "node-a"]);
    assert.deepEqual([outcome.atRisk?.known, outcome.atRisk?.bytes], [true, 0]);
  });

  it("adopts it where the old primary came up read-only, or is fenced, once the loss is accepted", () => {
    const readOnly = standby({ token: token("node-a") }, {}, { receivedBytes: end + MiB, receiver: null });
    const world = { "node-a": readOnly, "node-b": promoted(), "node-c": standby() };
    assert.match(whats(world, toB).join(), /^node-b would lose at least 1 MB of WAL/);
    assert.equal(look(world, accepted).outcome.kind, "adopt");
    assert.deepEqual(whats(world, accepted), []);
    assert.deepEqual(whats({ "node-b": promoted(), "node-c": standby() }, accepted, fenced), []);
  });

  it("takes the role back from a target that is fenced", () => {
    const given = stopped(primary({ token: token("node-b", 2, "yielding", "node-a") }));
    const lost: Nodes = { "node-b": { state: "fenced" } };
    const world = { "node-a": given, "node-c": standby() };
    assert.match(whats(world, {}, lost).join(), /^what node-a would lose can't be known/);
    const { reasons, outcome } = look(world, { accept: accepted.accept }, lost);
    assert.deepEqual([reasons, outcome.kind, outcome.from, outcome.epoch], [[], "return", "node-a", 2]);
  });

  const yielding = stopped(primary({ token: token("node-b", 2, "yielding", "node-a") }));
  const led = (epoch: number) => token("node-b", epoch, "leads", "node-a");
  const bLeads = primary({ token: led(2) }, { slots: [], senders: [sender("node-c")] });
  refuses([
    {
      name: "a promotion by hand that nobody declared",
      world: { "node-a": cleanly, "node-b": promoted(), "node-c": standby() },
      what: /node-b takes writes, but by the tokens node-a leads \(epoch 1\): it was promoted by hand/,
      hint: /config set primary node-b/,
    },
    {
      name: "a promotion by hand while the primary runs",
      world: { ...well, "node-c": promoted() },
      what: /more than one node takes writes: node-a, node-c \(by the tokens node-a leads/,
    },
    {
      name: "to adopt one while the old primary may still write",
      world: {
        "node-a": { ...stopped(primary()), postgres: { unit: "active", inRecovery: null } },
        "node-b": promoted(),
        "node-c": standby(),
      },
      change: toB,
      what: /it is not proven that node-a, which leads by the tokens, takes no writes/,
    },
    {
      name: "to adopt one while the old primary can't be asked",
      world: { "node-a": null, "node-b": promoted(), "node-c": standby() },
      change: toB,
      what: /node-a leads \(epoch 1\), cannot be asked, and is not declared fenced/,
    },
    {
      name: "a third node that was promoted by hand",
      world: { "node-a": cleanly, "node-b": standby(), "node-c": promoted() },
      change: toB,
      what: /node-c takes writes/,
      hint: /primary node-c/,
    },
    {
      name: "a config that a failover made stale",
      world: { "node-a": stopped(primary(), "in production"), "node-b": bLeads, "node-c": standby({ token: led(2) }) },
      what: /node-b leads since epoch 2; node-a, which led at epoch 1, has not joined it since/,
      hint: /config set primary node-b/,
    },
    {
      name: "a change that another checkout has made",
      world: {
        "node-a": standby({ token: led(3) }),
        "node-b": primary({ token: led(3) }, { senders: [sender("node-a")] }),
        "node-c": standby({ token: led(3) }),
      },
      change: { recorded: recorded({ epoch: 2 }) },
      what: /node-b leads \(epoch 3\): the primary was changed by somebody else since this stack's last update \(epoch 2\)/,
    },
    {
      name: "two that lead by the same number",
      world: { ...well, "node-b": standby({ token: token("node-b") }) },
      what: /do not agree who leads: node-a and node-b/,
    },
    {
      name: "to go on while the target of a handover is silent",
      world: { "node-a": yielding, "node-b": null, "node-c": standby() },
      what: /node-a has handed over to node-b \(epoch 2\), which cannot be asked .* stays down on purpose/,
      hint: /'nodes\.node-b\.state' fenced && pulumi config set primary node-a/,
    },
    {
      name: "a third node meanwhile",
      world: { "node-a": yielding, "node-b": null, "node-c": standby() },
      change: { primary: "node-c" },
      what: /node-a has handed over to node-b/,
    },
    {
      name: "a declared primary whose data knows nothing of its role",
      world: { ...well, "node-a": standby({ token: null }) },
      what: /node-a led last \(epoch 1\), but its own data knows nothing of it/,
    },
  ]);

  it("switches back after our own change, whether or not that was recorded as finished", () => {
    const world = {
      "node-a": standby({ token: led(2) }),
      "node-b": primary({ token: led(2) }, { slots: [], senders: [sender("node-a"), sender("node-c")] }),
      "node-c": standby({ token: led(2) }),
    };
    for (const record of [recorded({ kind: "switchover", epoch: 1 }), recorded({ epoch: 2 })]) {
      const { reasons, outcome } = look(world, { recorded: record });
      assert.deepEqual([reasons, outcome.kind, outcome.from], [[], "switchover", "node-b"]);
    }
  });

  describe("of a change that this stack carried out while another update took numbers", () => {
    const own = { recorded: recorded({ epoch: 1, kind: "switchover", intent: "ours" }) };
    const leads = (changedBy: string) =>
      primary({ token: led(3), joined: 3, changedBy }, { slots: [], senders: [sender("node-a"), sender("node-c")] });
    const world = (changedBy: string, former: HostFacts = standby({ token: led(3), joined: 3 })) => ({
      "node-a": former,
      "node-b": leads(changedBy),
      "node-c": standby({ token: led(3), joined: 3 }),
    });

    it("switches back after it", () => {
      const { reasons, outcome } = look(world("ours"), own);
      assert.deepEqual([reasons, outcome.kind, outcome.from], [[], "switchover", "node-b"]);
    });

    it("goes back to one that has not joined since", () => {
      const former = stopped(primary({ joined: 1, token: led(3) }));
      assert.deepEqual(look(world("ours", former), own).outcome.join, { epoch: 3, from: "node-a" });
    });

    it("refuses where it was the other one's", () => {
      for (const changedBy of ["theirs", ""]) {
        assert.match(whats(world(changedBy), own).join(), /the primary was changed by somebody else/);
      }
    });
  });

  describe("of a change that this stack carried out, in an update that was cut off before the former primary had joined it", () => {
    const ownChange = { recorded: recorded({ epoch: 1, kind: "switchover" }) };
    const leads = primary({ token: led(2), joined: 2 }, { slots: [], senders: [] });
    const world = (former: HostFacts) => ({ "node-a": former, "node-b": leads, "node-c": standby({ joined: 1 }) });
    const join = { epoch: 2, from: "node-a" };

    for (const [name, former] of [
      ["that knows what became of it", stopped(primary({ joined: 1, token: led(2) }))],
      ["that does not", stopped(primary({ joined: 1 }), "in production")],
    ] as const) {
      it(`goes back to one ${name}, which joins first`, () => {
        const { reasons, outcome, summary } = look(world(former), ownChange);
        assert.deepEqual([reasons, outcome.kind, outcome.from, outcome.join], [[], "switchover", "node-b", join]);
        assert.match(summary, /node-a joins node-b first/);
      });

      it(`goes back to one ${name} also where that was cut off in its turn`, () => {
        const again = { recorded: recorded({ epoch: 2, kind: "switchover", join }) };
        assert.deepEqual(look(world(former), again).outcome.join, join);
      });
    }

    it("goes on to a third node, which joins first", () => {
      assert.deepEqual(
        look(world(stopped(primary({ joined: 1 }))), { ...ownChange, primary: "node-c" }).outcome.join,
        join,
      );
    });

    it("needs nothing of a node that has joined it", () => {
      const follows = {
        "node-a": standby({ joined: 2, token: led(2) }),
        "node-b": primary({ token: led(2), joined: 2 }, { senders: [sender("node-a")] }),
      };
      assert.deepEqual(look({ ...follows, "node-c": standby() }, ownChange).outcome.join, null);
    });

    it("says what stands against it, as ever", () => {
      const busy = { ...leads, backup: true };
      assert.match(
        whats({ ...world(stopped(primary({ joined: 1 }))), "node-b": busy }, ownChange).join(),
        /^a backup is being taken on node-b$/,
      );
    });
  });

  it("says of a silent target that is declared both that it is silent and that the old primary waits", () => {
    const what = whats({ "node-a": yielding, "node-b": null, "node-c": standby() }, toB);
    assert.equal(what.length, 2);
    assert.match(what.join(), /node-b: the declared primary cannot be asked.*node-a has handed over/);
  });
});
