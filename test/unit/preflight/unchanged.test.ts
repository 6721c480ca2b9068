import assert from "node:assert/strict";
import { formatRefusal } from "../../../model/preflight/index.ts";
import { empty, end, primary, recorded, standby, stopped, token, well } from "./fixtures.ts";
import { look, refuses, toB, whats } from "./look.ts";

describe("preflight: no change of primary", () => {
  describe("a changed archive", () => {
    const moved = { archive: "s3:443/other/" };
    const { "node-c": _away, ...two } = well;

    it("is passed where every member takes part, and where it is not known yet", () => {
      assert.deepEqual(whats(well, moved), []);
      assert.deepEqual(
        whats({ ...well, "node-c": null }, { archive: undefined }, { "node-c": { state: "absent" } }),
        [],
      );
      assert.deepEqual(whats({ ...well, "node-b": empty }, moved), []);
    });

    refuses([
      {
        name: "while a member is fenced",
        world: two,
        change: moved,
        nodes: { "node-c": { state: "fenced" } },
        what: /the archive changes from s3:443\/bucket\/ to s3:443\/other\/, and node-c does not take part/,
        hint: /Set 'archive' back/,
      },
      {
        name: "in the update that changes the primary",
        world: well,
        change: { ...moved, ...toB },
        what: /the archive changes from .*, and the primary from node-a to node-b, in one update/,
      },
    ]);
  });

  it("lets a new cluster be made where no node has data", () => {
    const { reasons, outcome } = look({ "node-a": empty, "node-b": empty });
    assert.deepEqual(reasons, []);
    assert.deepEqual(
      outcome,
      recorded({ fresh: true, systemIdentifier: "", epoch: 0, from: "", leaderEpoch: 0, leaderSince: 0 }),
    );
  });

  it("passes what is as declared, and is not fresh", () => {
    const { reasons, warnings, outcome } = look({ ...well, "node-c": empty });
    assert.deepEqual([reasons, warnings], [[], []]);
    assert.deepEqual(outcome, recorded());
  });

  it("says the same whatever changes by itself: lag, transactions, time", () => {
    const later = primary({ archive: { ready: 3 } }, {}, { currentBytes: 2 * end, preparedTransactions: 2 });
    assert.deepEqual(look({ ...well, "node-a": later }).outcome, look(well).outcome);
  });

  it("passes a primary that is down but leads by its token: a crash is not a change", () => {
    assert.deepEqual(whats({ ...well, "node-a": stopped(primary(), "in production") }), []);
  });

  it("passes a primary that took its role back, one that is about to, and a handover that was revoked", () => {
    const back = primary({ token: token("node-a", 2, "leads", "node-a") });
    const revoked = standby({ token: token("node-b", 2, "revoked", "node-a") });
    assert.deepEqual(whats({ ...well, "node-a": back, "node-b": revoked }), []);
    const yielding = stopped(primary({ token: token("node-b", 2, "yielding", "node-a") }));
    const { reasons, outcome } = look({ ...well, "node-a": yielding, "node-b": revoked });
    assert.deepEqual([reasons, outcome.kind, outcome.from, outcome.epoch], [[], "none", "node-a", 2]);
  });

  it("is not stopped by a standby that cannot be asked, and says so", () => {
    const { reasons, warnings } = look({ ...well, "node-b": null });
    assert.deepEqual(reasons, []);
    assert.deepEqual(warnings, ["node-b cannot be asked: cannot be reached by SSH"]);
  });

  const other = standby();
  refuses([
    {
      name: "a declared primary that cannot be asked, with the way to a failover to who is furthest ahead",
      world: { ...well, "node-a": null, "node-c": standby({}, {}, { receivedBytes: end + 1 }) },
      what: /node-a: the declared primary cannot be asked/,
      hint: /set --path 'nodes\.node-a\.state' fenced && pulumi config set primary node-c/,
    },
    {
      name: "a new cluster while a node that may have data is silent",
      world: { "node-a": empty, "node-b": null },
      what: /no node has data, and node-b cannot be asked/,
    },
    {
      name: "a new cluster while a node that may have data is fenced",
      world: { "node-a": empty, "node-c": empty },
      nodes: { "node-b": { state: "fenced" } },
      what: /no node has data, and node-b is fenced/,
    },
    {
      name: "a new cluster in place of one that was",
      world: { "node-a": empty },
      change: { recorded: recorded() },
      what: /this stack had a cluster/,
    },
    {
      name: "an empty primary beside a standby with data",
      world: { "node-a": empty, "node-b": other },
      what: /declared the primary and has no data, while node-b has/,
    },
    {
      name: "two clusters",
      world: { ...well, "node-b": { ...other, data: { ...other.data, systemIdentifier: "701" } } },
      what: /different clusters: node-a 700, node-b 701/,
    },
    {
      name: "a cluster that is not the recorded one",
      world: well,
      change: { recorded: recorded({ systemIdentifier: "701" }) },
      what: /not the one of this stack \(701\)/,
    },
    {
      name: "the volume of another cluster",
      world: { "node-a": primary({ clusterId: "cluster-2" }) },
      what: /belongs to another cluster \(cluster-2\)/,
    },
    {
      name: "a volume that is not mounted",
      world: { ...well, "node-b": { ...empty, clusterId: "", data: { ...empty.data, state: "missing-volume" } } },
      what: /node-b: its data volume is not mounted/,
    },
    {
      name: "a config older than the last change",
      world: { ...well, "node-a": primary({ token: token("node-a", 3, "taken", "node-b") }) },
      change: { epoch: 2 },
      what: /at epoch 3, node-a leads; the config knows 2/,
      hint: /config set epoch 3/,
    },
    {
      name: "a standby declared the primary of nobody",
      world: { "node-a": standby({ token: null }), "node-b": standby({ token: null }), "node-c": empty },
      what: /node-a is declared the primary, but it is a standby, and no reachable node is known to lead/,
    },
  ]);

  it("gives all reasons at once, each with a hint", () => {
    const { reasons } = look({
      ...well,
      "node-a": primary({ clusterId: "cluster-2" }),
      "node-b": { ...other, data: { ...other.data, systemIdentifier: "701" } },
    });
    assert.equal(reasons.length, 2);
    assert.equal(formatRefusal(reasons).match(/HINT: /g)?.length, 2);
  });
});
