import assert from "node:assert/strict";
import type { HostFacts, ServerFacts } from "../../model/hostFacts.ts";
import {
  type Declared,
  type DeclaredNode,
  formatRefusal,
  judge,
  type Outcome,
  underWay,
} from "../../model/preflight/index.ts";
import {
  answers,
  consent,
  declared,
  empty,
  end,
  MiB,
  primary,
  recorded,
  sender,
  slot,
  standby,
  stopped,
  token,
  warm,
  well,
} from "./preflightFixtures.ts";

type World = Readonly<Record<string, HostFacts | null>>;
type Nodes = Readonly<Record<string, Partial<DeclaredNode>>>;

const look = (world: World, change: Partial<Declared> = {}, nodes: Nodes = {}) =>
  judge(declared(change, nodes), answers(world));
const whats = (...args: Parameters<typeof look>) => look(...args).reasons.map(({ what }) => what);
const toB = { primary: "node-b" };
const fenced: Nodes = { "node-a": { state: "fenced" } };

interface Case {
  readonly name: string;
  readonly world: World;
  readonly change?: Partial<Declared>;
  readonly nodes?: Nodes;
  readonly what: RegExp;
  readonly hint?: RegExp;
}

function refuses(cases: readonly Case[]): void {
  for (const { name, world, change, nodes, what, hint } of cases) {
    it(`refuses ${name}`, () => {
      const { reasons } = look(world, change, nodes);
      assert.equal(reasons.length, 1, reasons.map((reason) => reason.what).join("; ") || "nothing was refused");
      assert.match(reasons[0]?.what ?? "", what);
      assert.match(reasons[0]?.hint ?? "", hint ?? /./);
    });
  }
}

/** The one that led is gone; two standbys are left, node-b the furthest ahead. */
const afterDeath = (
  b: Partial<Parameters<typeof standby>[2]> = {},
  c: Partial<Parameters<typeof standby>[2]> = {},
): World => ({
  "node-b": standby({}, {}, { receiver: null, ...b }),
  "node-c": standby({}, {}, { receiver: null, ...c }),
});

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

describe("preflight: a handover under way", () => {
  const at = (facts: HostFacts, handover = "active") => ({ ...facts, handover });
  const known = (world: Readonly<Record<string, HostFacts>>) =>
    Object.entries(world).map(([name, facts]) => ({ ...facts, node: name }));
  const armed = standby({ token: token("node-b", 2, "armed", "node-a") });
  const giving = stopped(primary({ token: token("node-b", 2, "yielding", "node-a") }));
  const taking = standby({ token: token("node-b", 2, "taken", "node-a") });

  it("is one while a target waits for a primary that gives, or that can't be asked, or promotes", () => {
    for (const world of [
      { "node-b": at(armed), "node-c": standby() },
      { ...well, "node-a": at(primary()), "node-b": at(armed) },
      { ...well, "node-a": giving, "node-b": at(armed) },
      { ...well, "node-a": at(giving), "node-b": armed },
      { ...well, "node-a": giving, "node-b": at(taking) },
    ]) {
      assert.equal(underWay(known(world)), "node-a hands over to node-b (epoch 2)");
    }
  });

  it("is none once it has ended, where its unit is gone, or where nobody can answer", () => {
    const b = primary({ token: token("node-b", 2, "leads", "node-a") });
    for (const world of [
      well,
      { ...well, "node-b": armed },
      { ...well, "node-b": at(armed) },
      { "node-a": at(giving), "node-c": standby() },
      { ...well, "node-b": at(b) },
      { ...well, "node-a": at(primary()) },
    ]) {
      assert.equal(underWay(known(world)), undefined);
    }
  });
});

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
