import assert from "node:assert/strict";
import { formatRefusal } from "../../../model/preflight/index.ts";
import { declared, empty, end, MiB, primary, sender, slot, standby, stopped, warm, well } from "./fixtures.ts";
import { afterDeath, look, refuses, toB, type World, whats } from "./look.ts";

describe("preflight: a switchover", () => {
  it("passes where all is well, with nothing at risk", () => {
    const { reasons, outcome, summary } = look(well, toB);
    assert.deepEqual(reasons, []);
    assert.deepEqual(
      [outcome.kind, outcome.from, outcome.epoch, outcome.atRisk?.bytes],
      ["switchover", "node-a", 1, 0],
    );
    assert.match(summary, /^switchover node-a → node-b, epoch 2, at risk: nothing.*; node-b is 0 B behind$/);
  });

  it("passes to a warm standby, and past a node that is absent", () => {
    assert.deepEqual(whats({ ...well, "node-b": warm(standby()) }, toB, { "node-b": { standby: "warm" } }), []);
    const { "node-c": _, ...two } = well;
    assert.deepEqual(whats(two, toB, { "node-c": { state: "absent" } }), []);
  });

  it("passes with lag below the limit, a short transaction, a slot that is there already, a failover slot in step", () => {
    const leader = primary(
      {},
      {
        senders: [sender("node-b", end - 15 * MiB), sender("node-c")],
        slots: [
          slot("cdc", { type: "logical", database: "app", failover: true }),
          slot("mine", { temporary: true, type: "logical" }),
        ],
      },
      { oldestTransaction: { seconds: 59, pid: 7, user: "app" } },
    );
    const target = standby({}, { slots: [slot("cdc", { type: "logical", failover: true, synced: true })] });
    assert.deepEqual(whats({ ...well, "node-a": leader, "node-b": target }, toB), []);
  });

  it("warns of a slot that somebody else streams over", () => {
    const leader = primary({}, { slots: [slot("pg_receivewal")] });
    assert.match(look({ ...well, "node-a": leader }, toB).warnings.join(), /pg_receivewal.*stays there/);
  });

  const leading = (...args: Parameters<typeof primary>): World => ({ ...well, "node-a": primary(...args) });
  const target = (...args: Parameters<typeof standby>): World => ({ ...well, "node-b": standby(...args) });
  const settings = (change: object) => ({ settings: { ...(standby().sql?.settings as object), ...change } as never });
  refuses([
    {
      name: "a target without data",
      world: { ...well, "node-b": empty },
      change: toB,
      what: /node-b: it is declared the primary and has no data, while node-a has/,
    },
    {
      name: "a target that is stopped",
      world: { ...well, "node-b": stopped(standby()) },
      change: toB,
      what: /PostgreSQL does not run on it/,
    },
    {
      name: "a target that is not connected",
      world: leading({}, { senders: [sender("node-c")] }),
      change: toB,
      what: /node-b does not stream from node-a: .*no standby of node-a/,
    },
    {
      name: "a target whose receiver is gone",
      world: {
        "node-a": primary({}, { senders: [sender("node-c")] }),
        "node-b": standby({}, {}, { receiver: null }),
        "node-c": standby(),
      },
      change: toB,
      what: /does not stream from node-a: it is not connected/,
    },
    {
      name: "a target that still catches up",
      world: leading({}, { senders: [{ ...sender("node-b"), state: "catchup" }] }),
      change: toB,
      what: /it is in state catchup/,
    },
    {
      name: "a target that is too far behind",
      world: leading({}, { senders: [sender("node-b", end - 17 * MiB)] }),
      change: toB,
      what: /17 MB behind node-a, more than maxLagBytes \(16 MB\)/,
    },
    {
      name: "a target fed by the archive",
      world: well,
      change: toB,
      nodes: { "node-b": { source: "archive" } },
      what: /fed by the archive only/,
      hint: /source' streaming/,
    },
    {
      name: "smaller settings",
      world: target({}, settings({ max_connections: 50 })),
      change: toB,
      what: /less than node-a: max_connections 50 \(node-a: 100\)$/,
    },
    {
      name: "an archive backlog",
      world: leading({ archive: { ready: 6 } }),
      change: toB,
      what: /6 segments of WAL wait to be archived on node-a/,
    },
    {
      name: "a failing archiver",
      world: leading({}, {}, { failingWal: "000000010000000000000009" }),
      change: toB,
      what: /can't archive WAL \(0+10+9 failed/,
    },
    {
      name: "no free slot",
      world: target({}, settings({ max_replication_slots: 1 })),
      change: toB,
      what: /no free slot for each of its 2 standbys: 2 needed, 1 of max_replication_slots \(1\) free/,
    },
    {
      name: "no free wal sender",
      world: target(
        {},
        { ...settings({ max_wal_senders: 16 }), senders: Array.from({ length: 15 }, () => sender("other")) },
      ),
      change: toB,
      what: /no free wal sender.*: 1 of max_wal_senders \(16\)/,
    },
    {
      name: "a primary that could not be rewound",
      world: leading({ rewindable: false }),
      change: toB,
      what: /neither checksums nor wal_log_hints/,
    },
    {
      name: "paused replay",
      world: target({}, {}, { replayPaused: true }),
      change: toB,
      what: /replay is paused on node-b/,
      hint: /pg_wal_replay_resume/,
    },
    {
      name: "a declared delay",
      world: well,
      change: toB,
      nodes: { "node-b": { delay: "1h" } },
      what: /stays behind on purpose \(delay 1h\)/,
      hint: /config rm/,
    },
    {
      name: "a delay that is still in force",
      world: target({}, {}, { delaySeconds: 60 }),
      change: toB,
      what: /stays behind on purpose \(delay 60 s\)/,
    },
    {
      name: "a backup by SQL",
      world: leading({}, { backups: 1 }),
      change: toB,
      what: /a backup is being taken on node-a/,
    },
    {
      name: "a backup by pgBackRest",
      world: leading({ backup: true }),
      change: toB,
      what: /a backup is being taken on node-a/,
    },
    {
      name: "a long transaction",
      world: leading({}, {}, { oldestTransaction: { seconds: 61, pid: 77, user: "app" } }),
      change: toB,
      what: /open on node-a for 61 s \(pid 77, user app\)/,
      hint: /pg_terminate_backend\(77\)/,
    },
    {
      name: "a prepared transaction",
      world: leading({}, {}, { preparedTransactions: 1 }),
      change: toB,
      what: /1 prepared transaction on node-a/,
    },
    {
      name: "too little disk",
      world: target({ disk: { totalBytes: 1, freeBytes: 511 * MiB } }),
      change: toB,
      what: /node-b has too little free disk for a primary: 511 MB, 512 MB needed/,
    },
    {
      name: "a logical slot",
      world: leading({}, { slots: [slot("cdc", { type: "logical", database: "app" })] }),
      change: toB,
      what: /logical slot cdc \(database app\) on node-a would not be there/,
      hint: /failover slot/,
    },
    {
      name: "a logical slot before 17",
      world: leading({}, { major: 15, slots: [slot("cdc", { type: "logical", database: "app" })] }),
      change: toB,
      what: /logical slot cdc/,
      hint: /^Drop it/,
    },
    {
      name: "a failover slot that is not in step",
      world: {
        ...target({}, { slots: [slot("cdc", { type: "logical", failover: true, synced: false })] }),
        "node-a": primary({}, { slots: [slot("cdc", { type: "logical", database: "app", failover: true })] }),
      },
      change: toB,
      what: /logical slot cdc .*not in step/,
    },
    {
      name: "another node that cannot be asked",
      world: { ...well, "node-c": null },
      change: toB,
      what: /node-c takes part and cannot be asked/,
      hint: /nodes\.node-c\.state' absent/,
    },
    {
      name: "a leader that takes no writes",
      world: { ...well, "node-a": stopped(primary(), "in production") },
      change: toB,
      what: /node-a leads \(epoch 1\) and takes no writes now/,
      hint: /config set primary node-a/,
    },
    {
      name: "a leader that cannot be asked and is not fenced",
      world: { ...well, "node-a": null },
      change: toB,
      what: /node-a leads \(epoch 1\), cannot be asked, and is not declared fenced/,
      hint: /nodes\.node-a\.state' fenced && pulumi config set primary node-b/,
    },
    {
      name: "a leader that is declared absent",
      world: afterDeath(),
      change: toB,
      nodes: { "node-a": { state: "absent" } },
      what: /node-a led last, by change 1, and is declared absent/,
      hint: /'nodes\.node-a\.state' fenced/,
    },
    {
      name: "a leader that is not declared any more",
      world: afterDeath(),
      change: { ...toB, nodes: declared().nodes.slice(1) },
      what: /node-a led last, by change 1, and is not declared any more/,
    },
  ]);

  it("tells every reason at once", () => {
    const world = {
      "node-a": primary(
        { rewindable: false, backup: true, archive: { ready: 100 } },
        { senders: [], slots: [slot("cdc", { type: "logical" })] },
        { failingWal: "0", preparedTransactions: 2, oldestTransaction: { seconds: 100, pid: 1, user: "x" } },
      ),
      "node-b": standby(
        { disk: { totalBytes: 1, freeBytes: 1 } },
        settings({ max_connections: 1, max_replication_slots: 0, max_wal_senders: 0 }),
        { replayPaused: true },
      ),
      "node-c": null,
    };
    const { reasons } = look(world, toB, { "node-b": { delay: "1h" } });
    assert.equal(reasons.length, 15, formatRefusal(reasons));
    assert.equal(new Set(reasons.map(({ what }) => what)).size, 15);
  });
});
