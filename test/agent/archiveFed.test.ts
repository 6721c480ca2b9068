import assert from "node:assert/strict";
import { mkdirSync, readdirSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import type { HandedOver } from "../../agent/switchover.ts";
import { until as untilEvery } from "../support/until.ts";
import { type ClusterNode, makeCluster, nodeOf, type TestCluster } from "./cluster.ts";
import { fetchServers, query, removeDirectory, testDirectory } from "./servers.ts";

const until: typeof untilEvery = (what, seconds, condition) => untilEvery(what, seconds, condition, 50);
describe("a target that is fed by the archive", function () {
  this.timeout(120_000);
  let directory: string;
  let cluster: TestCluster;
  let a: ClusterNode;
  let b: ClusterNode;
  before(function () {
    this.timeout(600_000);
    fetchServers();
  });
  beforeEach(async () => {
    directory = testDirectory();
    cluster = await makeCluster(directory, { names: ["a", "b"], archiveFed: ["b"] });
    ({ a, b } = cluster.nodes as { a: ClusterNode; b: ClusterNode });
    await cluster.begin();
  });
  afterEach(async () => {
    await cluster.stop();
    removeDirectory(directory, []);
  });

  const rows = async ({ server }: ClusterNode) =>
    (await query<{ n: number }>(server, "select count(*)::int as n from t"))[0]?.n;
  const fill = (from: number, to: number) => query(a.server, `insert into t select generate_series(${from}, ${to})`);
  const isTold = ({ events }: ClusterNode, what: string) => events.some((event) => event.startsWith(what));

  const archivedOfFirst = () => readdirSync(cluster.wal).filter((name) => /^00000001[0-9A-F]{16}$/.test(name));

  /** Nothing reaches the archive any more: a directory has the next name. */
  function blockArchive(): string {
    const segments = readdirSync(cluster.wal).filter((name) => /^[0-9A-F]{24}$/.test(name));
    const next = BigInt(`0x${segments.sort().at(-1)?.slice(8)}`) + 1n;
    const path = join(cluster.wal, `00000001${next.toString(16).toUpperCase().padStart(16, "0")}`);
    mkdirSync(path);
    return path;
  }

  async function handOver(): Promise<void> {
    assert.deepEqual(await cluster.call(b, "prepare", { consent: null, fenced: [], off: [] }), {
      plan: "planned",
      from: a.me,
    });
    const handed = await cluster.call<HandedOver>(a, "demote", { to: nodeOf("b"), fenced: [] });
    assert.equal(handed.kind, "taken", b.events.slice(-20).join("\n"));
    await cluster.call(b, "promote", { fenced: [] });
  }

  it("takes over where the stop's checkpoint is the first record of its segment, which is never archived", async () => {
    const slots = await query(a.server, "select slot_name from pg_replication_slots");
    assert.deepEqual(slots, []);
    await fill(1, 1000);
    // Nothing else comes of the old primary than the word that it has stopped.
    a.ignores = "wal";
    await handOver();
    assert.equal(await rows(b), 1000);
    const [{ size }] = (await query(
      b.server,
      "select setting::bigint as size from pg_settings where name = 'wal_segment_size'",
    )) as [{ size: string }];
    const end = (await b.postgres.history())[0]?.end;
    assert.equal((end ?? 1n) % BigInt(size), 0n, `the old primary's timeline ends at ${end}`);
    const { how } = await cluster.call<{ how: string }>(a, "follow", { leader: b.me });
    assert.equal(how, "rewound", a.events.slice(-30).join("\n"));
    await query(b.server, "insert into t values (2000)");
    await until("the row on the former primary", 30, async () => (await rows(a)) === 1001);
  });

  it("gets what the archive does not have from the old primary itself, to the last record", async () => {
    await fill(1, 10);
    const block = blockArchive();
    await fill(11, 200_000);
    const archived = archivedOfFirst();
    await handOver();
    assert.equal(await rows(b), 200_000);
    assert.ok(isTold(b, "fetches WAL"), b.events.join("\n"));
    const [left] = await b.postgres.history();
    const stopped = a.events.find((event) => event.startsWith("has stopped")) ?? "";
    assert.equal(left?.end, BigInt(/"lsn":"(\d+)"/.exec(stopped)?.[1] ?? 0));
    // A's last segment, which is not whole: under its full name it would be in the way when A leads again.
    await until("what is there of the last segment in the archive", 60, () =>
      readdirSync(cluster.wal).some((name) => /^00000001[0-9A-F]{16}\.partial$/.test(name)),
    );
    assert.deepEqual(archivedOfFirst(), archived);
    rmdirSync(block);
    const { how } = await cluster.call<{ how: string }>(a, "follow", { leader: b.me });
    assert.equal(how, "repointed");
    await query(b.server, "insert into t values (300000)");
    await until("the row on the former primary", 30, async () => (await rows(a)) === 200_001);
  });

  it("says that it waits for the rest, and takes nothing, where the old primary is gone before it has sent it", async () => {
    await fill(1, 10);
    blockArchive();
    await fill(11, 20);
    await cluster.call(b, "prepare", { consent: null, fenced: [], off: [] });
    const handed = cluster.call<HandedOver>(a, "demote", { to: b.me, fenced: [] });
    await until("the stop", 30, () => isTold(b, "is told that the primary has stopped"));
    b.isCutOff = true;
    assert.equal((await handed).kind, "open");
    assert.ok(!isTold(b, "takes"), b.events.join("\n"));
    b.isCutOff = false;
    await cluster.call(a, "announce", {});
    await until("the old primary leads again", 60, async () => (await a.postgres.running()) === "writes");
    assert.equal(await rows(a), 20);
  });
});
