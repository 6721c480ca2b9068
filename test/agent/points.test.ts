import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { postmaster, serverProcesses, signal } from "../../agent/real/processes.ts";
import { s3Requests, s3Storage } from "../../agent/real/s3.ts";
import type { Json } from "../../agent/surroundings.ts";
import type { HandedOver } from "../../agent/switchover.ts";
import { until as untilEvery } from "../support/until.ts";
import { type ClusterNode, type ClusterOptions, makeCluster, type TestCluster } from "./cluster.ts";
import { startProxy, startStore } from "./s3Fixture.ts";
import { fetchServers, query, removeDirectory, testDirectory } from "./servers.ts";

const until: typeof untilEvery = (what, seconds, condition) => untilEvery(what, seconds, condition, 20);

/** Agents on real servers. The numbers are those of docs/decisions/agent.md, which says where the others of them are tested. */
describe("what the model does not see", function () {
  this.timeout(180_000);
  let directory: string;
  let cluster: TestCluster;
  let a: ClusterNode;
  let b: ClusterNode;
  let c: ClusterNode;
  let cleanups: (() => unknown)[];
  before(function () {
    this.timeout(600_000);
    fetchServers();
  });
  beforeEach(() => {
    directory = testDirectory();
    cleanups = [];
  });
  afterEach(async () => {
    await cluster.stop();
    for (const cleanup of cleanups) await cleanup();
    removeDirectory(directory, []);
  });

  async function begin(names: readonly string[], more: Omit<ClusterOptions, "names"> = {}): Promise<void> {
    cluster = await makeCluster(directory, { names, ...more });
    ({ a, b, c } = cluster.nodes as { a: ClusterNode; b: ClusterNode; c: ClusterNode });
    await cluster.begin();
    await add(a, 1);
    for (const node of Object.values(cluster.nodes)) await has(node, [1]);
  }

  const rows = async ({ server }: ClusterNode): Promise<readonly number[]> =>
    (await query<{ n: number }>(server, "select n from t order by n")).map(({ n }) => n);
  const add = ({ server }: ClusterNode, n: number) => query(server, `insert into t values (${n})`);
  const has = (node: ClusterNode, wanted: readonly number[]) =>
    until(`rows ${wanted} on ${node.server.name}`, 40, async () => String(await rows(node)) === String(wanted));
  const isTold = ({ events }: ClusterNode, what: string) => events.some((event) => event.startsWith(what));
  const serves = (node: ClusterNode) =>
    until(`${node.server.name} to serve`, 60, () => node.agent?.status().phase === "serving");
  /** A process that has ended may stay, until somebody asks what became of it. */
  const leftOf = async (pids: readonly number[], { server }: ClusterNode) =>
    (await serverProcesses(server.data)).filter((pid) => pids.includes(pid));
  const timelines = async ({ postgres }: ClusterNode) => (await postgres.history()).map(({ timeline }) => timeline);
  const follow = async (node: ClusterNode, leader: ClusterNode) =>
    (await cluster.call<{ how: string }>(node, "follow", { leader: leader.me })).how;
  const set = (node: ClusterNode, name: string, value: string) =>
    query(node.server, `alter system set ${name} = '${value}'`).then(() =>
      query(node.server, "select pg_reload_conf()"),
    );

  const prepare = (node: ClusterNode, ...fenced: readonly ClusterNode[]) =>
    cluster.call<{ entry: number }>(node, "prepare", {
      consent: fenced.length > 0 ? { lossUnknown: true } : null,
      fenced: fenced.map(({ me }) => me),
      off: [],
    });
  const promote = (node: ClusterNode, entry: number, ...fenced: readonly ClusterNode[]) =>
    cluster.call(node, "promote", { fenced: fenced.map(({ me }) => ({ node: me, entry })) });
  const demote = (node: ClusterNode, to: ClusterNode) =>
    cluster.call<HandedOver>(node, "demote", { to: to.me, fenced: [] });

  async function failOver(to: ClusterNode, ...fenced: readonly ClusterNode[]): Promise<void> {
    await cluster.call(to, "announce", {});
    const { entry } = await prepare(to, ...fenced);
    await promote(to, entry, ...fenced);
  }

  async function handOver(from: ClusterNode, to: ClusterNode): Promise<void> {
    await prepare(to);
    assert.equal((await demote(from, to)).kind, "taken", to.events.slice(-20).join("\n"));
    await promote(to, 0);
  }

  const starts = async (node: ClusterNode): Promise<void> => {
    await cluster.start(node);
    await cluster.call(node, "announce", {});
  };

  it("1: a crashed primary is recovered as a standby of nobody, and rewound", async () => {
    await begin(["a", "b"]);
    await cluster.powerOff(b);
    await add(a, 2);
    await cluster.powerOff(a);
    await starts(b);
    await failOver(b, a);
    await add(b, 3);

    await starts(a);
    await until("a to hear who leads", 30, () => isTold(a, "hears"));
    await until("its recovery", 30, async () => (await a.postgres.running()) === "recovery");
    assert.deepEqual(await rows(a), [1, 2]);
    assert.equal(await follow(a, b), "rewound", a.events.slice(-20).join("\n"));
    await has(a, [1, 3]);
  });

  it("2: who has taken a change, and is cut off before it is promoted, is promoted when it starts", async () => {
    await begin(["a", "b"]);
    b.onEvent = (event) => {
      if (event === "promotes") cluster.endAgent(b);
    };
    await prepare(b);
    void demote(a, b).catch(() => {});
    await until("b to take it", 60, () => isTold(b, "promotes"));
    await Promise.all([a, b].map(cluster.powerOff));
    assert.ok(!isTold(b, "takes writes"));
    b.onEvent = () => {};
    await starts(b);
    await serves(b);
    assert.deepEqual(await timelines(b), [1, 2]);
    await add(b, 2);
    await starts(a);
    await until("a to hear who leads", 30, () => isTold(a, "hears"));
    await follow(a, b);
    await has(a, [1, 2]);
  });

  it("2: a former primary that takes a later change while it is down is promoted for it", async () => {
    await begin(["a", "b"]);
    await cluster.powerOff(a);
    await prepare(b, a);
    await cluster.powerOff(b);
    await starts(a);
    await until("a to ask for b", 30, () => a.events.some((event) => /^guard .*"verdict":"ask"/.test(event)));
    assert.equal((await a.postgres.control())?.state, "in production");
    await failOver(a, b);
    assert.deepEqual(await timelines(a), [1, 2]);
  });

  it("3: data on a timeline of the leader's number is copied, where somebody else began that timeline", async () => {
    await begin(["a", "b", "c"]);
    await Promise.all([a, c].map(cluster.powerOff));
    await failOver(b, a);
    await add(b, 2);
    await cluster.powerOff(b);
    // The next one does not hear of it.
    for (const name of readdirSync(cluster.wal).filter((each) => each.startsWith("00000002")))
      rmSync(join(cluster.wal, name));
    await starts(c);
    await failOver(c, a, b);
    for (const n of [3, 4, 5, 6]) await add(c, n);
    assert.deepEqual(
      [await timelines(b), await timelines(c)],
      [
        [1, 2],
        [1, 2],
      ],
    );
    await starts(b);
    assert.equal(await follow(b, c), "copied");
    await has(b, [1, 3, 4, 5, 6]);
  });

  it("4: a target that has replayed more than the primary says that it wrote takes nothing", async () => {
    await begin(["a", "b"]);
    // What pg_control says: where the last record begins.
    b.onTheWay = (request) => {
      const said = request as { kind: string; end: { timeline: number; lsn: string }; segmentStart?: string };
      if (said.kind !== "stopped") return request;
      const { segmentStart: _, ...rest } = said;
      return { ...rest, end: { ...said.end, lsn: String(BigInt(said.end.lsn) - 24n) } };
    };
    await prepare(b);
    void demote(a, b).catch(() => {});
    await until("the stop", 30, () => isTold(b, "is told that the primary has stopped"));
    const { lsn } = await a.postgres.lastRecordEnd();
    await until("all of it to be replayed", 30, async () => (await b.postgres.replayEnd()).lsn === lsn);
    await sleep(300);
    assert.ok(!isTold(b, "takes"), b.events.slice(-20).join("\n"));
  });

  it("5: nobody stands down while a backend is left of a postmaster that was killed", async () => {
    await begin(["a", "b"]);
    await query(
      a.server,
      "create procedure go_on() language plpgsql as 'begin loop update t set n = n; commit; perform count(*) from generate_series(1, 5000); end loop; end'",
    );
    const client = new pg.Client({
      host: a.server.directory,
      port: a.server.port,
      user: "postgres",
      database: "postgres",
    });
    client.on("error", () => {});
    await client.connect();
    const going = client.query("call go_on()").catch(() => {});
    cluster.endAgent(a);
    const pid = (await postmaster(a.server.data)) as number;
    signal(pid, "SIGKILL");
    await until("the postmaster's end", 10, async () => (await postmaster(a.server.data)) === undefined);
    const { entry } = await prepare(b, a);
    const backends = await serverProcesses(a.server.data);
    assert.notEqual(backends.length, 0);
    await assert.rejects(promote(b, entry), /not proven to be stopped/);
    await starts(a);
    await promote(b, entry);
    assert.ok(isTold(a, "stands down"));
    assert.deepEqual(await leftOf(backends, a), []);
    await going;
  });

  it("5, 11: who was told to promote serves from then on, and an agent that finds it stops it before it answers", async () => {
    await begin(["a", "b"]);
    const begun = join(directory, "pg/ends-recovery");
    await set(b, "recovery_end_command", `touch ${begun}; sleep 5`);
    await prepare(b);
    const handed = demote(a, b);
    await until("the end of the recovery", 60, () => existsSync(begun));
    assert.equal(b.agent?.status().phase, "starting");
    const [asked, standDown] = [
      { version: 1, kind: "question", endArming: true },
      { version: 1, kind: "standDown", entry: 3, base: { entry: 2, overrides: 0 } },
    ];
    const says = async (request: Json) => (await b.handler?.(a.me, request)) as Record<string, Record<string, unknown>>;
    assert.equal((await says(asked as Json)).answer?.serving, true);
    assert.match(JSON.stringify(await says(standDown as Json)), /refused/);

    const before = await serverProcesses(b.server.data);
    cluster.endAgent(b);
    await cluster.start(b);
    assert.deepEqual(await leftOf(before, b), []);
    assert.equal((await handed).kind, "taken");
    await serves(b);
    assert.deepEqual(await rows(b), [1]);
  });

  it("5: a hanging archive_command holds up no change of primary", async () => {
    await begin(["a", "b"]);
    const hangs = join(directory, "pg/hangs");
    await set(a, "archive_command", `echo $$ >${hangs}; exec sleep 120`);
    cleanups.push(() => signal(Number(readFileSync(hangs, "utf8")), "SIGKILL"));
    await query(a.server, "select pg_switch_wal()");
    await until("it to hang", 20, () => existsSync(hangs));
    const before = await serverProcesses(a.server.data);
    await handOver(a, b);
    assert.deepEqual(await leftOf(before, a), []);
    await add(b, 2);
    await follow(a, b);
    await has(a, [1, 2]);
  });

  it("6: who has gone back to a snapshot within one change does not lead: the archive has more, or a member", async () => {
    await begin(["a", "b"]);
    await cluster.powerOff(a);
    const kept = [a.server.data, join(directory, "state-a")];
    for (const each of kept) execFileSync("cp", ["-a", each, `${each}.snapshot`]);
    await cluster.start(a);
    await serves(a);
    await add(a, 2);
    await query(a.server, "select pg_switch_wal()");
    await has(b, [1, 2]);
    const segments = () => readdirSync(cluster.wal).filter((name) => /^[0-9A-F]{24}$/.test(name));
    await until("the segment in the archive", 30, () => segments().length > 0);
    await cluster.powerOff(a);
    for (const each of kept) {
      rmSync(each, { recursive: true });
      renameSync(`${each}.snapshot`, each);
    }
    for (const at of ["the archive", "b"]) {
      a.events.length = 0;
      b.isCutOff = at === "the archive";
      await cluster.start(a);
      await until(`a to see what ${at} has`, 30, () =>
        a.events.some((event) => event.startsWith(`guard {"verdict":"stay"`) && event.includes(at)),
      );
      assert.ok(!isTold(a, "starts as the primary"), a.events.join("\n"));
      await cluster.powerOff(a);
      for (const name of segments()) rmSync(join(cluster.wal, name));
    }
  });

  it("8: a create that is repeated, or whose reply is lost, is its author's; one that lands late is nobody's", async () => {
    const store = await startStore();
    const proxy = await startProxy(store, ({ method, url }) => method === "PUT" && /entry-\d+$/.test(url ?? ""));
    cleanups.push(
      () => proxy.close(),
      () => store.stop(),
    );
    const ledger = s3Storage(s3Requests({ ...store.options, endpoint: proxy.endpoint }));
    await begin(["a", "b"], { ledger });
    proxy.next("repeat");
    await handOver(a, b);
    await follow(a, b);
    proxy.next("dropReply");
    await handOver(b, a);
    await follow(b, a);

    await prepare(b);
    proxy.next("hold");
    await assert.rejects(demote(a, b), /not known whether the ledger in the archive holds the entry/);
    await proxy.release();
    await add(a, 2);
    assert.deepEqual(await cluster.call(a, "announce", {}), { plan: "claim", entry: 5, over: [b.me] });
    await promote(a, 5);
    assert.ok(!b.events.some((event) => /^takes .*"entry":4/.test(event)));
    await follow(b, a);
    await handOver(a, b);
    assert.deepEqual(b.agent?.status().token, { entry: 6, overrides: 0 });
    assert.deepEqual(await rows(b), [1, 2]);
  });

  it("11: what was said to an arming that has ended says nothing to the next one", async () => {
    await begin(["a", "b"]);
    const late: Json[] = [];
    b.onTheWay = (request) => {
      const { kind } = request as { kind: string };
      if (kind === "offer" || kind === "stopped") late.push(request);
      return request;
    };
    b.ignores = "stopped";
    await prepare(b);
    void demote(a, b).catch(() => {});
    await until("the word of the stop", 30, () => late.length > 1);
    await cluster.powerOff(a);
    await cluster.call(b, "announce", { intent: "00000000-0000-4000-8000-000000000002" });
    await cluster.call(b, "announce", {});
    await starts(a);
    await serves(a);

    await prepare(b);
    const says = async (request: Json) => JSON.stringify(await b.handler?.(a.me, request));
    const [offer, stopped] = late as [Json, Json];
    assert.match(await says(offer), /refused/);
    await says(stopped);
    assert.match(await says({ version: 1, kind: "question", endArming: false }), /"arming":\{"kind":"open"/);
  });

  it("12: a commit that waits for a synchronous standby waits until there is one again, and is nowhere lost", async () => {
    await begin(["a", "b"]);
    for (const node of [a, b]) await set(node, "synchronous_standby_names", "*");
    await add(a, 2);
    await handOver(a, b);
    assert.deepEqual(await rows(b), [1, 2]);
    let isDone = false;
    const waiting = add(b, 3).then(
      () => {
        isDone = true;
      },
      () => {},
    );
    await sleep(300);
    assert.ok(!isDone);
    await follow(a, b);
    await until("the commit", 30, () => isDone);
    await waiting;
    await has(a, [1, 2, 3]);
  });
});
