import assert from "node:assert/strict";
import { existsSync, readdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import type { HandedOver } from "../../agent/switchover.ts";
import { until as untilEvery } from "../support/until.ts";
import { type ClusterNode, makeCluster, secondLedger, type TestCluster } from "./cluster.ts";
import { fetchServers, query, removeDirectory, testDirectory } from "./servers.ts";

const until: typeof untilEvery = (what, seconds, condition) => untilEvery(what, seconds, condition, 50);

/** Agents on real servers: what the search has of the decisions, and the simulation of agents, as it is on disks. */
describe("when the ledger or a machine is lost", function () {
  this.timeout(180_000);
  let directory: string;
  let cluster: TestCluster;
  let a: ClusterNode;
  let b: ClusterNode;
  let c: ClusterNode;
  before(function () {
    this.timeout(600_000);
    fetchServers();
  });
  beforeEach(async () => {
    directory = testDirectory();
    cluster = await makeCluster(directory, { names: ["a", "b", "c"] });
    ({ a, b, c } = cluster.nodes as { a: ClusterNode; b: ClusterNode; c: ClusterNode });
    await cluster.begin();
    await add(a, 1);
  });
  afterEach(async () => {
    await cluster.stop();
    removeDirectory(directory, []);
  });

  const rows = async ({ server }: ClusterNode): Promise<number> =>
    (await query<{ n: number }>(server, "select count(*)::int as n from t"))[0]?.n ?? -1;
  const add = ({ server }: ClusterNode, n: number) => query(server, `insert into t values (${n})`);
  const all = () => [a.me, b.me, c.me].sort();
  const statusOf = ({ agent }: ClusterNode) => agent?.status();
  const entries = (ledger: string) =>
    readdirSync(join(directory, ledger))
      .filter((name) => /^entry-\d+$/.test(name))
      .sort();
  const lose = () => renameSync(join(directory, "ledger"), join(directory, "lost"));
  const find = () => renameSync(join(directory, "lost"), join(directory, "ledger"));
  const hasFollowed = (node: ClusterNode, count: number) =>
    until(`${count} rows on ${node.server.name}`, 30, async () => (await rows(node)) === count);

  async function switchover(from: ClusterNode, to: ClusterNode): Promise<void> {
    await cluster.call(to, "prepare", { consent: null, fenced: [], off: [] });
    const handed = await cluster.call<HandedOver>(from, "demote", { to: to.me, fenced: [] });
    assert.equal(handed.kind, "taken", to.events.slice(-20).join("\n"));
    await cluster.call(to, "promote", { fenced: [] });
    await cluster.call(from, "follow", { leader: to.me });
  }

  it("the primary that serves has another one in its place; the old one is closed; who was kept off is told", async () => {
    lose();
    await assert.rejects(
      cluster
        .call(b, "prepare", { consent: null, fenced: [], off: [] })
        .then(() => cluster.call(a, "demote", { to: b.me, fenced: [] })),
      /cannot be read/,
    );
    await cluster.powerOff(c);
    const replace = (keptOff: readonly ClusterNode[]) =>
      cluster.call<{ entry: number }>(a, "replace", {
        ledger: secondLedger,
        nodes: all(),
        keptOff: keptOff.map(({ me }) => me),
        consent: null,
      });
    await assert.rejects(replace([]), /not proven to be stopped.*c/);
    assert.deepEqual(entries("ledger-2"), []);
    await replace([c]);
    await add(a, 2);
    assert.deepEqual(statusOf(a)?.token, { entry: 3, overrides: 0 });
    assert.deepEqual(entries("ledger-2"), ["entry-000000002", "entry-000000003"]);
    await cluster.call(b, "follow", { leader: a.me });
    await hasFollowed(b, 2);
    // Again: nothing is left to do.
    await replace([c]);
    assert.deepEqual(entries("ledger-2"), ["entry-000000002", "entry-000000003"]);

    find();
    await until("the closing entry", 30, () => entries("ledger").includes("entry-000000002"));
    await cluster.start(c);
    await cluster.call(c, "announce", {});
    await assert.rejects(cluster.call(c, "tell", { leader: b.me, ledger: secondLedger }), /does not say that it leads/);
    await cluster.call(c, "tell", { leader: a.me, ledger: secondLedger });
    await cluster.call(c, "follow", { leader: a.me });
    await hasFollowed(c, 2);
    await switchover(a, b);
    await add(b, 3);
    await hasFollowed(a, 3);
    assert.deepEqual(entries("ledger"), ["entry-000000001", "entry-000000002"]);
  });

  it("an agent that is killed before it has begun the new one begins it when it is back", async () => {
    lose();
    await cluster.powerOff(b);
    await cluster.powerOff(c);
    renameSync(join(directory, "ledger-2"), join(directory, "away"));
    const replaced = cluster.call(a, "replace", {
      ledger: secondLedger,
      nodes: all(),
      keptOff: [b.me, c.me].sort(),
      consent: null,
    });
    await assert.rejects(replaced, /is not the ledger's directory/);
    a.life.isOver = true;
    renameSync(join(directory, "away"), join(directory, "ledger-2"));
    await cluster.start(a);
    await until("the claim in the new ledger", 30, () => entries("ledger-2").length === 2);
    await until("its claim to be taken", 10, () => statusOf(a)?.token.overrides === 0);
    await add(a, 2);
  });

  it("the primary is lost, too: another node takes over for it, with consent only", async () => {
    await hasFollowed(b, 1);
    lose();
    await cluster.powerOff(a);
    const replace = (consent: object | null) =>
      cluster.call(b, "replace", { ledger: secondLedger, nodes: all(), keptOff: [a.me], consent });
    await assert.rejects(replace(null), /is not the primary/);
    await replace({ lossUnknown: true });
    await add(b, 2);
    await cluster.call(c, "follow", { leader: b.me });
    await hasFollowed(c, 2);
    assert.deepEqual(statusOf(c)?.token, statusOf(b)?.token);
  });

  it("an override is written down by itself, as soon as the ledger is there again", async () => {
    await hasFollowed(b, 1);
    lose();
    await cluster.powerOff(a);
    await cluster.call(b, "override", { nodes: all(), keptOff: [a.me] });
    await add(b, 2);
    assert.deepEqual(statusOf(b)?.token, { entry: 1, overrides: 1 });
    find();
    await until("the claim", 40, () => statusOf(b)?.token.overrides === 0);
    assert.ok(existsSync(join(directory, "ledger/entry-000000002")));
    // The old primary hears of it, and does not lead.
    await cluster.start(a);
    await until("the old primary", 30, () => statusOf(a)?.leader === b.me);
    assert.notEqual(await a.postgres.running(), "writes");
  });

  it("data of another machine does nothing before it was adopted, by that machine's name", async () => {
    await cluster.powerOff(a);
    await cluster.start(a, { machine: "a-2" });
    await cluster.call(a, "announce", {});
    assert.match(statusOf(a)?.message ?? "", /last used on another machine \(a; this is a-2\)/);
    await assert.rejects(
      cluster.call(a, "prepare", { consent: { lossUnknown: true }, fenced: [], off: [] }),
      /another machine/,
    );
    await assert.rejects(cluster.call(a, "adopt", { machine: "z" }), /last used on the machine a, and not on z/);
    assert.notEqual(await a.postgres.running(), "writes");
    await cluster.call(a, "adopt", { machine: "a" });
    await until("it to lead", 60, async () => (await a.postgres.running()) === "writes");
    await add(a, 2);
    await cluster.powerOff(a);
    await cluster.start(a, { machine: "a-2" });
    await until("it to lead again", 60, async () => (await a.postgres.running()) === "writes");
  });

  it("a member goes only where it is proven to be gone, and does not answer; then no failover asks for it", async () => {
    const members = (gone: readonly ClusterNode[]) =>
      cluster.call(a, "members", { list: [a.me, b.me].sort(), gone: gone.map(({ me }) => me) });
    await assert.rejects(members([c]), /c would be a member no more, and answers/);
    await cluster.powerOff(c);
    await assert.rejects(members([]), /nothing proves that it cannot come back/);
    await members([c]);
    await cluster.call(b, "follow", { leader: a.me });
    await hasFollowed(b, 1);
    await cluster.powerOff(a);
    const plan = await cluster.call<{ entry: number; over: readonly string[] }>(b, "prepare", {
      consent: { lossUnknown: true },
      fenced: [a.me],
      off: [],
    });
    assert.deepEqual(plan.over, [a.me]);
    await cluster.call(b, "promote", { fenced: [{ node: a.me, entry: plan.entry }] });
    await add(b, 2);
  });
});
