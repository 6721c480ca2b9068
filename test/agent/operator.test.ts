import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { chmodSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { createConnection } from "node:net";
import { join } from "node:path";
import { markDirectory } from "../../agent/real/directory.ts";
import { agentBundle } from "../support/agentBundle.ts";
import { type Declared, newIntent, provision, update } from "../support/agentUpdate.ts";
import { until } from "../support/until.ts";
import { type LocalHost, makeAgents } from "./agents.ts";
import { asServer, fetchServers, removeDirectory, testDirectory } from "./servers.ts";

describe("agents and their operator, each agent a process with a real server", function () {
  this.timeout(120_000);
  let directory: string;
  let bundle: string;
  let hosts: LocalHost[];
  let a: LocalHost;
  let b: LocalHost;
  let c: LocalHost;
  before(async function () {
    this.timeout(600_000);
    fetchServers();
    directory = testDirectory();
    bundle = agentBundle(directory);
    mkdirSync(join(directory, "ledger"), { mode: 0o700 });
    await markDirectory(join(directory, "ledger"));
    const ledger = { kind: "directory", path: join(directory, "ledger") } as const;
    hosts = await makeAgents(directory, bundle, ledger, ["a", "b", "c"]);
    [a, b, c] = hosts as [LocalHost, LocalHost, LocalHost];
  });
  after(async () => {
    await Promise.all(hosts.map((host) => host.fence()));
    removeDirectory(directory, []);
  });

  const up = (declared: Declared): Promise<void> => update(hosts, declared);
  const rows = async (host: LocalHost): Promise<number | undefined> =>
    (await host.sql<{ n: number }>("select count(*)::int as n from t"))[0]?.n;
  it("says what is wrong with a call before anything is touched", async () => {
    const silent = await a.run(["step", "announce"], "{").then(({ code, stderr }) => ({ code, stderr }));
    assert.equal(silent.code, 2);
    assert.match(silent.stderr, /no JSON\nHINT: /);
    const noAgent = await a.run(["status"]);
    assert.equal(noAgent.code, 3);
    assert.match(noAgent.stderr, /no agent listens at .*\nHINT: see 'systemctl status understudy-agent'/);
    for (const words of [["step", "unknown"], ["step"], ["--unknown"], [], ["status", "more"]])
      assert.equal((await a.run(words)).code, 2, words.join(" "));
    chmodSync(join(directory, "a/run"), 0o755);
    await assert.rejects(a.startAgent(), /run has to belong to user \d+, with mode 700/);
    chmodSync(join(directory, "a/run"), 0o700);
    await Promise.all(hosts.map((host) => host.startAgent()));
    assert.equal(statSync(a.config.socket).mode & 0o777, 0o600);
    const refused = await a.run(["step", "announce"], JSON.stringify({ intent: "1", more: true }));
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /^understudy: a: the request of 'announce' is not of a form .*\nHINT: run an update/);
    assert.equal(refused.stdout, "");
  });

  it("ends a connection that says anything else", async () => {
    for (const text of ["garbage\n", '{"version":2,"call":"status","request":{}}\n', `${"x".repeat(300_000)}\n`]) {
      const socket = createConnection(a.config.socket);
      let said = "";
      socket.on("data", (piece) => {
        said += piece;
      });
      socket.on("error", () => {});
      socket.write(text);
      await new Promise((resolve) => socket.on("close", resolve));
      if (text.startsWith("{")) assert.match(said, /"kind":"refused".*"this agent does not know this request"/);
    }
    assert.equal((await a.run(["status"])).code, 0);
  });

  it("tells of a host that knows nothing yet", async () => {
    const { stdout } = await a.run(["status"]);
    assert.match(stdout, /^a {2}has no data {2}.*UTC\n\nLeads {6}nobody that this node knows of\n/);
  });

  it("makes a cluster; the others copy it", async () => {
    await provision(hosts, "a", randomUUID());
    await a.sql("create table t as select generate_series(1, 1000) as n");
    await up({ primary: "a" });
    await until("both standbys to have it", 30, async () => (await rows(b)) === 1000 && (await rows(c)) === 1000);
    const { stdout } = await a.run(["status"]);
    console.log(stdout.replace(/^/gm, "      "));
    assert.match(stdout, /^a {2}is the primary and takes writes, timeline 1 /);
    assert.match(stdout, /\nLeads {6}a \(this node\) by change 1 of \S+ \S+ UTC \(the first primary by a\)\n/);
    assert.match(stdout, /\nStart {6}it may take writes by change 1: .*b, c know of none\n/);
    assert.match(stdout, /\nPeers {6}b {2}standby; a leads by change 1\n {11}c {2}standby; a leads by change 1\n/);
    const standby = await b.report();
    assert.deepEqual(
      [standby.phase, standby.leader, standby.source, standby.joined, standby.start.verdict],
      ["standby", a.member, a.member, true, "stay"],
    );
  });

  it("a primary that somebody has started as a standby begins one more timeline by its change; the others go on with it", async () => {
    const { binaries, configFile } = a.config.postgres;
    const pgCtl = (...words: string[]) => asServer(join(binaries, "pg_ctl"), ["-D", a.data, "-w", ...words]);
    await a.killAgent();
    await pgCtl("-m", "fast", "stop");
    await pgCtl("-l", "/dev/null", "-o", `--config-file=${configFile}`, "start");
    await a.startAgent();
    const { timeline } = await until("it to serve", 30, async () => {
      const report = await a.report();
      return report.phase === "serving" ? report : undefined;
    });
    assert.equal(timeline, 2);
    await a.sql("insert into t values (1000)");
    await up({ primary: "a" });
    await until("both standbys to have it", 30, async () => (await rows(b)) === 1001 && (await rows(c)) === 1001);
    for (const host of [b, c])
      assert.equal(host.journal().split('"event":"copies"').length, 2, `${host.name} was copied once`);
    await a.sql("delete from t where ctid in (select ctid from t where n = 1000 limit 1)");
  });

  it("hands over and back; who waits reads what happens", async () => {
    const intent = newIntent();
    await Promise.all(hosts.map((host) => host.step("announce", { intent })));
    await b.step("prepare", { intent, consent: null, fenced: [], off: [] });
    const demoted = await a.run(["step", "demote"], JSON.stringify({ intent, to: b.member, fenced: [] }));
    assert.equal(demoted.code, 0, demoted.stderr);
    assert.match(
      demoted.stderr,
      /a: has written change 2 .*\na: is writing a checkpoint.*\na: is stopping PostgreSQL for change 2\na: has stopped PostgreSQL cleanly\n/,
    );
    assert.deepEqual(JSON.parse(demoted.stdout), { kind: "taken", by: b.member, entry: 2 });
    await up({ primary: "b" });
    assert.equal((await b.report()).taken?.kind, "planned");
    await b.sql("insert into t values (1001)");
    await up({ primary: "a" });
    await until("all to have it", 30, async () => (await Promise.all(hosts.map(rows))).every((n) => n === 1001));
    assert.ok(!readdirAside(a), "nothing was copied anew");
  });

  it("goes on when whoever asked is gone", async () => {
    const intent = newIntent();
    await Promise.all(hosts.map((host) => host.step("announce", { intent })));
    await b.step("prepare", { intent, consent: null, fenced: [], off: [] });
    const before = a.journal().length;
    const asking = spawn(process.execPath, [bundle, "step", "demote", "--socket", a.config.socket], {
      stdio: ["pipe", "ignore", "pipe"],
    });
    asking.stdin.end(JSON.stringify({ intent, to: b.member, fenced: [] }));
    await once(asking.stderr, "data");
    asking.kill("SIGKILL");
    await until("b to lead", 60, async () => (await b.report()).phase === "serving");
    await until("a to hear of it", 30, () => a.journal().slice(before).includes('"hears who leads"'));
    await up({ primary: "a" });
  });

  it("fails over with consent, refuses without, and tells whose it was", async () => {
    await a.fence();
    await assert.rejects(
      up({ primary: "b", fenced: ["a"] }),
      /a leads by change \d+ since .* may not be on b[\s\S]*HINT: /,
    );
    await assert.rejects(
      up({ primary: "b", absent: ["a"], consent: { lossUnknown: true } }),
      /not proven to be stopped/,
    );
    await up({ primary: "b", fenced: ["a"], consent: { lossUnknown: true } });
    const { stdout } = await c.run(["status"]);
    console.log(stdout.replace(/^/gm, "      "));
    assert.match(
      stdout,
      /\nLeads {6}b by change \d+ of .* \(a claim by b\)\n {11}with the operator's consent to lose an amount that nobody knows\n/,
    );
    assert.match(stdout, /a {2}does not answer\n/);
    await b.sql("insert into t values (2000)");
    // It hears by itself that it does not lead any more, and follows with the next update.
    await a.startAgent();
    await until("a to hear who leads", 30, async () => (await a.report()).leader === b.member);
    const isReadOnly = async () => (await a.sql<{ r: boolean }>("select pg_is_in_recovery() as r"))[0]?.r === true;
    await until("a to answer as a standby", 60, isReadOnly);
    await up({ primary: "b" });
    await until("a to have it", 30, async () => (await rows(a)) === (await rows(b)));
  });

  it("an agent that was killed finds its server running, and disturbs nobody", async () => {
    const started = () => b.sql<{ at: string }>("select pg_postmaster_start_time()::text as at");
    const [before] = await started();
    await b.killAgent();
    await b.startAgent();
    await until("it to serve", 20, async () => (await b.report()).phase === "serving");
    assert.deepEqual((await started())[0], before);
  });

  it("a standby that somebody promotes by hand is told of, and stops an update; once it is stopped, it follows again", async () => {
    const pgCtl = join(c.config.postgres.binaries, "pg_ctl");
    await asServer(pgCtl, ["-D", c.data, "-w", "promote"]);
    await c.sql("create table by_hand as select 1 as n");
    await until("it to be seen", 20, async () => (await c.report()).phase === "byHand");
    const { stdout } = await c.run(["status"]);
    assert.match(stdout, /^c {2}TAKES WRITES, AND DOES NOT LEAD/);
    assert.match(stdout, /\nLeads {6}b by change/);
    await assert.rejects(up({ primary: "b" }), /follow on c .*\n.*c takes writes[\s\S]*HINT: /);
    // Not for the stop itself: its agent starts it again at once, which pg_ctl would take for the same server.
    await asServer(pgCtl, ["-D", c.data, "-W", "-m", "fast", "stop"]);
    await until("the stop to be seen", 60, async () => (await c.report()).phase !== "byHand");
    await up({ primary: "b" });
    await until("c to have what b has", 30, async () => (await rows(c)) === (await rows(b)));
    assert.deepEqual(await c.sql("select 1 from pg_tables where tablename = 'by_hand'"), []);
  });

  it("writes no secret into its journal", () => {
    for (const host of hosts) {
      const text = host.journal();
      assert.ok(!text.includes(readFileSync(host.config.ledgerKey, "utf8")));
      assert.ok(!/"secret"/.test(text));
      assert.ok(!/PRIVATE KEY/.test(text));
    }
  });
});

const readdirAside = (host: LocalHost): boolean =>
  execFileSync("ls", [join(host.data, "..")], { encoding: "utf8" }).includes("aside");
