import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import pg from "pg";
import { type RealPostgres, realPostgres } from "../../agent/real/postgres.ts";
import { postmaster } from "../../agent/real/processes.ts";
import { plainService } from "../../agent/real/service.ts";
import { slotOf } from "../../agent/real/standbySettings.ts";
import type { WalArchive } from "../../agent/real/walArchive.ts";
import type { Upstream } from "../../agent/surroundings.ts";
import { type Member, member } from "../../model/leadership/index.ts";
import { type ServerMajorName, serverMajors } from "../../model/serverMajors.ts";
import { until as untilEvery } from "../support/until.ts";
import {
  allMajors,
  configure,
  copyOf,
  fetchServers,
  markOfServer,
  newServer,
  query,
  removeDirectory,
  serverOwner,
  start,
  stop,
  type TestServer,
  testDirectory,
} from "./servers.ts";

const until: typeof untilEvery = (what, seconds, condition) => untilEvery(what, seconds, condition, 15);

const node = (name: string): Member => member(name, name.charCodeAt(0).toString(16).padStart(64, "0"));
const begunBy = (leader: Member, timeline: number): Upstream["begun"] => ({
  timeline,
  change: { entry: timeline, overrides: 0 },
  by: leader,
});

describe("PostgreSQL, as the agent runs it", function () {
  this.timeout(60_000);
  let directory: string;
  const servers: TestServer[] = [];
  const agents: RealPostgres[] = [];
  before(function () {
    this.timeout(600_000);
    fetchServers();
    directory = testDirectory();
  });
  after(async () => {
    await Promise.all(agents.map((each) => each.stopAtOnce().catch(() => {})));
    await Promise.all(agents.map((each) => each.close()));
    removeDirectory(directory, []);
  });

  type Settings = Readonly<Record<string, string>>;

  interface Node {
    readonly me: Member;
    readonly server: TestServer;
    readonly postgres: RealPostgres;
    readonly archive: { isHushed: boolean; isPushed: boolean; histories: Map<number, string> };
  }

  function agentOf(server: TestServer, all: () => readonly TestServer[], settings: Settings = {}): Node {
    const me = node(server.name);
    const state = { isHushed: false, isPushed: false, histories: new Map<number, string>() };
    const archive: WalArchive = {
      end: async () => undefined,
      timelines: async () => [...state.histories.keys()],
      history: async (timeline) => state.histories.get(timeline) ?? "",
      hush: async (isOn) => {
        state.isHushed = isOn;
      },
      allowPush: async (isAllowed) => {
        state.isPushed = isAllowed;
      },
    };
    const port = (of: Member) => all().find(({ name }) => node(name) === of)?.port;
    const postgres = realPostgres({
      major: server.major,
      me,
      binaries: server.bin,
      dataDirectory: server.data,
      socketDirectory: server.directory,
      port: server.port,
      user: serverOwner,
      service: plainService(server.bin, server.data, join(server.directory, `${server.name}.log`), serverOwner),
      archive,
      conninfo: (source) => `host=127.0.0.1 port=${port(source)} user=postgres application_name=${server.name}`,
      standbySettings: settings,
      primaryFiles: [],
      archiveFed: [],
      writeStandbyFile: async (text) => writeFileSync(join(server.data, "standby.conf"), text, { mode: 0o644 }),
    });
    servers.push(server);
    agents.push(postgres);
    return { me, server, postgres, archive: state };
  }

  async function pair(suffix: string, major: ServerMajorName | "full", settings?: Settings): Promise<[Node, Node]> {
    const one = await newServer(directory, `a-${suffix}`, major);
    // What initdb of 9.6 leaves is of wal_level minimal: no standby comes of it.
    if (major === "9.6") await start(one).then(() => stop(one));
    const two = await copyOf(one, `b-${suffix}`);
    const both = [one, two];
    return [agentOf(one, () => both, settings), agentOf(two, () => both, settings)];
  }
  async function single(suffix: string, major: ServerMajorName | "full"): Promise<Node> {
    const server = await newServer(directory, `s-${suffix}`, major);
    return agentOf(server, () => [server]);
  }

  const count = async ({ server }: Node) =>
    (await query<{ n: number }>(server, "select count(*)::int as n from t"))[0]?.n;
  const hasSignal = ({ server }: Node) => readdirSync(server.data).includes(serverMajors[server.major].signal);

  for (const major of allMajors) {
    it(`${major}: starts, follows, hands over at exactly the end, is promoted, and follows back${markOfServer(major)}`, async () => {
      const [a, b] = await pair(major, major);
      assert.equal(await a.postgres.running(), "nothing");
      await a.postgres.putSignal();
      await assert.rejects(a.postgres.startPrimary(), /is there$/);
      await a.postgres.removeSignal();
      await a.postgres.startPrimary();
      assert.equal(await a.postgres.running(), "writes");
      assert.equal((await a.postgres.control())?.state, "in production");
      await query(a.server, "create table t as select generate_series(1, 100) as n");

      const first = begunBy(a.me, 1);
      await a.postgres.keepSlots(first, [b.me]);
      // An order that is left of a run before promotes nobody.
      writeFileSync(join(b.server.data, "promote"), "");
      await b.postgres.startStandby({ leader: a.me, begun: first });
      assert.ok(!existsSync(join(b.server.data, "promote")));
      assert.equal(await b.postgres.running(), "recovery");
      await until("the rows on the standby", 15, async () => (await count(b)) === 100);
      await query(a.server, "insert into t select generate_series(101, 200)");
      await a.postgres.checkpoint();

      await a.postgres.stopCleanly();
      const end = await a.postgres.lastRecordEnd();
      assert.equal(end.timeline, 1);
      await until("the replay of the last record", 15, async () => (await b.postgres.replayEnd()).lsn >= end.lsn);
      assert.deepEqual(await b.postgres.replayEnd(), end);
      assert.equal(await b.postgres.walEnd(1), end.lsn);
      await until("nothing left of it", 15, async () => (await a.postgres.running()) === "nothing");
      assert.equal(await a.postgres.walEnd(1), end.lsn);
      assert.equal(await a.postgres.walEnd(2), undefined);

      await b.postgres.syncWal();
      await b.postgres.promote();
      assert.equal(await b.postgres.running(), "writes");
      assert.ok(!hasSignal(b));
      await b.postgres.putSignal();
      assert.equal(await count(b), 200);
      assert.deepEqual(await b.postgres.history(), [
        { timeline: 1, end: end.lsn },
        { timeline: 2, end: null },
      ]);
      assert.equal(await b.postgres.walEnd(1), end.lsn);

      const second = begunBy(b.me, 2);
      await b.postgres.keepSlots(second, [a.me]);
      await a.postgres.startStandby({ leader: b.me, begun: second });
      await query(b.server, "insert into t values (201)");
      await until("the row on the former primary", 15, async () => (await count(a)) === 201);
      assert.deepEqual(
        (await a.postgres.history()).map(({ timeline }) => timeline),
        [1, 2],
      );
      const replayed = await a.postgres.replayEnd();
      await a.postgres.stopCleanly();
      assert.equal((await a.postgres.control())?.state, "shut down in recovery");
      assert.ok((await a.postgres.replayEnd()).lsn >= replayed.lsn);
      assert.equal((await a.postgres.replayEnd()).timeline, 2);

      const { wal, lsn } = serverMajors[major].functions;
      const [written] = await query<{ at: string }>(b.server, `select pg_current_${wal}_flush_${lsn}()::text as at`);
      await b.postgres.stopAtOnce();
      assert.equal(await b.postgres.running(), "nothing");
      assert.equal(await b.postgres.walEnd(2), BigInt(`0x${(written?.at ?? "").split("/")[1]}`));
    });
  }

  it("a postmaster that was killed is not 'nothing' while a backend is left of it", async () => {
    const { server, postgres } = await single("killed", "16");
    await postgres.startPrimary();
    await query(
      server,
      "create table t (n int); create procedure go_on() language plpgsql as 'begin loop insert into t values (1); commit; perform count(*) from generate_series(1, 5000); end loop; end'",
    );
    const client = new pg.Client({ host: server.directory, port: server.port, user: "postgres", database: "postgres" });
    client.on("error", () => {});
    await client.connect();
    const going = client.query("call go_on()").catch(() => {});
    const pid = await postmaster(server.data);
    assert.ok(pid);
    process.kill(pid, "SIGKILL");
    await until("the postmaster's end", 10, async () => (await postmaster(server.data)) === undefined);
    assert.equal(await postgres.running(), "unclear");
    await assert.rejects(postgres.stopCleanly(), /ended, and pg_control says "in production"/);
    await assert.rejects(postgres.startPrimary(), /runs already/);
    await postgres.putSignal();
    await assert.rejects(postgres.startStandby(null), /runs already/);
    await postgres.stopAtOnce();
    assert.equal(await postgres.running(), "nothing");
    await going;
    await postgres.startStandby(null);
    assert.equal(await postgres.running(), "recovery");
  });

  it("a stop while it recovers from a crash is no clean one before nothing runs any more", async () => {
    const { server, postgres } = await single("recovers", "17");
    await postgres.startPrimary();
    await query(server, "create table t as select n, repeat('x', 500) as filler from generate_series(1, 60000) as n");
    await postgres.stopAtOnce();
    const starting = postgres.startPrimary().catch((error: Error) => error.message);
    await untilEvery("the recovery", 10, async () => (await postgres.control())?.state === "in crash recovery", 1);
    const stopped = await postgres.stopCleanly().then(
      () => "clean",
      (error: Error) => error.message,
    );
    assert.match(stopped, /^clean$|ended, and pg_control says "in crash recovery"/);
    if (stopped === "clean") assert.equal(await postgres.running(), "nothing");
    await starting;
  });

  it("whoever writes another process's number into postmaster.pid does not get it killed", async () => {
    const { server, postgres } = await single("forged", "15");
    const other = spawn("sleep", ["60"]);
    try {
      writeFileSync(join(server.data, "postmaster.pid"), `${other.pid}\n${server.data}\n`);
      assert.equal(await postgres.running(), "nothing");
      await postgres.stopCleanly();
      await postgres.stopAtOnce();
      assert.equal(other.exitCode ?? other.signalCode, null);
      rmSync(join(server.data, "postmaster.pid"));
    } finally {
      other.kill();
    }
  });

  it("links that the server's user puts in the way lead root nowhere", async () => {
    const { server, postgres } = await single("links", "15");
    const victim = join(directory, "victim");
    writeFileSync(victim, "root's");
    symlinkSync(victim, join(server.data, "standby.signal"));
    await assert.rejects(postgres.putSignal(), /ELOOP/);
    await postgres.removeSignal();
    symlinkSync(victim, join(server.data, "standby.signal.understudy"));
    await postgres.putSignal();
    assert.equal(readFileSync(victim, "utf8"), "root's");
    assert.ok(lstatSync(join(server.data, "standby.signal")).isFile());
    const elsewhere = join(directory, "elsewhere");
    mkdirSync(elsewhere);
    renameSync(server.data, `${server.data}.kept`);
    symlinkSync(elsewhere, server.data);
    await assert.rejects(postgres.putSignal(), /ENOTDIR|ELOOP/);
    assert.deepEqual(readdirSync(elsewhere), []);
    rmSync(server.data);
    renameSync(`${server.data}.kept`, server.data);
  });

  it("a standby gets nothing from a primary whose timeline began otherwise", async () => {
    const [a, b] = await pair("slots", "14");
    await a.postgres.startPrimary();
    await query(a.server, "create table t as select 1 as n");
    const [mine, other] = [begunBy(a.me, 1), begunBy(b.me, 1)];
    assert.notEqual(slotOf(mine, b.me), slotOf(other, b.me));
    await a.postgres.keepSlots(other, [b.me]);
    await b.postgres.startStandby({ leader: a.me, begun: other });
    await until("the row on the standby", 15, async () => (await count(b)) === 1);
    await a.postgres.keepSlots(mine, [b.me]);
    const slots = await query<{ name: string }>(a.server, "select slot_name::text as name from pg_replication_slots");
    assert.deepEqual(slots, [{ name: slotOf(mine, b.me) }]);
    await query(a.server, "insert into t values (2)");
    await until("a refusal in the standby's log", 15, () =>
      readFileSync(join(b.server.directory, `${b.server.name}.log`), "utf8").includes(
        `replication slot "${slotOf(other, b.me)}" does not exist`,
      ),
    );
    assert.equal(await count(b), 1);
    await b.postgres.stopCleanly();
    await until("nothing left of it", 15, async () => (await b.postgres.running()) === "nothing");
    await b.postgres.startStandby({ leader: a.me, begun: mine });
    await until("both rows on the standby", 15, async () => (await count(b)) === 2);
  });

  it("the next timeline is above all that the archive knows", async () => {
    const [a, b] = await pair("numbers", "13");
    await a.postgres.startPrimary();
    await query(a.server, "create table t as select 1 as n");
    await a.postgres.stopCleanly();
    b.archive.histories = new Map([[4, "1\t0/3000000\tno recovery target specified\n"]]);
    await b.postgres.startStandby(null);
    await b.postgres.fetchHistories();
    assert.deepEqual([b.archive.isHushed, b.archive.isPushed], [true, false]);
    await b.postgres.promote();
    assert.deepEqual([b.archive.isHushed, b.archive.isPushed], [false, true]);
    assert.equal((await b.postgres.history()).at(-1)?.timeline, 5);
    await b.postgres.stopCleanly();
    await until("nothing left of it", 15, async () => (await b.postgres.running()) === "nothing");
    assert.equal(b.archive.isPushed, true);
    await b.postgres.startStandby(null);
    assert.equal(b.archive.isPushed, false);
  });

  it("a number that no cluster has come to is not believed, whoever has put it into the archive", async () => {
    const { postgres, archive, server } = await single("far", "16");
    archive.histories = new Map([[0x7fffffff, ""]]);
    await assert.rejects(postgres.fetchHistories(), /has a 7FFFFFFF.history, and no cluster has had so many timelines/);
    assert.equal(archive.isHushed, false);
    assert.deepEqual(
      readdirSync(join(server.data, "pg_wal")).filter((name) => name.endsWith(".history")),
      [],
    );
  });

  it("a data directory of another major is refused; none is none", async () => {
    const { server } = await single("other", "17");
    const { postgres } = agentOf({ ...server, major: "16" }, () => []);
    await assert.rejects(postgres.control(), /is of another major than 16$/);
    const missing = agentOf({ ...server, data: join(directory, "pg/missing") }, () => []);
    assert.equal(await missing.postgres.control(), undefined);
  });

  /** Both are down, and the first one has what the second one, its standby, never got. */
  async function writesAlone(a: Node, b: Node): Promise<void> {
    await a.postgres.startPrimary();
    await query(a.server, "create table t as select generate_series(1, 10) as n");
    const first = begunBy(a.me, 1);
    await a.postgres.keepSlots(first, [b.me]);
    await b.postgres.startStandby({ leader: a.me, begun: first });
    await until("the rows on the standby", 15, async () => (await count(b)) === 10);
    await b.postgres.stopCleanly();
    await query(a.server, "insert into t values (11)");
    await a.postgres.stopCleanly();
    await until("nothing left of it", 15, async () => (await a.postgres.running()) === "nothing");
  }

  it("who follows nobody takes nothing from the archive, and stays on its own timeline", async () => {
    const archive = join(directory, "pg", "archive-alone");
    mkdirSync(archive);
    const [a, b] = await pair("alone", "full", { restore_command: `cp ${archive}/%f "%p"` });
    await writesAlone(a, b);
    const end = await a.postgres.lastRecordEnd();
    await b.postgres.startStandby(null);
    await b.postgres.promote();
    await query(b.server, "insert into t values (12), (13)");
    const wal = (of: Node) => join(of.server.data, "pg_wal");
    const isOther = (name: string) => name.startsWith("00000002");
    const others = readdirSync(wal(b)).filter(isOther);
    assert.ok(others.length > 1);
    for (const name of others) copyFileSync(join(wal(b), name), join(archive, name));

    await a.postgres.startStandby(null);
    await until("all of its own to be replayed", 15, async () => (await a.postgres.replayEnd()).lsn === end.lsn);
    assert.equal((await a.postgres.replayEnd()).timeline, 1);
    assert.deepEqual(readdirSync(wal(a)).filter(isOther), []);
    await a.postgres.stopAtOnce();
    await b.postgres.stopAtOnce();
  });

  it("a rewind fetches WAL that is in the archive, and that checkpoints have removed here", async () => {
    const archive = join(directory, "pg", "archive-rewind");
    mkdirSync(archive);
    const [a, b] = await pair("fetches", "full", { restore_command: `cp ${archive}/%f "%p"` });
    await writesAlone(a, b);
    await a.postgres.startPrimary();
    for (const n of [12, 13]) {
      await query(a.server, "select pg_switch_wal()");
      await query(a.server, `insert into t values (${n})`);
    }
    await a.postgres.stopCleanly();
    await until("nothing left of it", 15, async () => (await a.postgres.running()) === "nothing");
    const wal = join(a.server.data, "pg_wal");
    const segments = readdirSync(wal).filter((name) => /^[0-9A-F]{24}$/.test(name));
    const { lsn } = await a.postgres.lastRecordEnd();
    const last = (lsn / 2n ** 24n).toString(16).toUpperCase().padStart(24, "000000010000000000000000");
    assert.ok(segments.includes(last));
    for (const name of segments.filter((each) => each < last)) renameSync(join(wal, name), join(archive, name));

    await b.postgres.startStandby(null);
    await b.postgres.promote();
    await b.postgres.checkpoint();
    await query(b.server, "insert into t values (21)");
    await a.postgres.becomeCopyOf(b.me, "rewind");
    configure(a.server);
    assert.deepEqual(
      readdirSync(a.server.data).filter((name) => name.startsWith("understudy-")),
      [],
    );
    const second = begunBy(b.me, 2);
    await b.postgres.keepSlots(second, [a.me]);
    await a.postgres.startStandby({ leader: b.me, begun: second });
    await until("the successor's rows", 15, async () => (await count(a)) === 11);
    await Promise.all([a, b].map(({ postgres }) => postgres.stopAtOnce()));
  });

  /** Its programs, which see whether the data lies where a start finds it while they write. */
  function watched(server: TestServer): { readonly server: TestServer; readonly isFound: () => boolean } {
    const bin = join(directory, `watched-${server.name}`);
    const found = join(server.directory, `${server.name}.found`);
    mkdirSync(bin);
    for (const name of readdirSync(server.bin)) symlinkSync(join(server.bin, name), join(bin, name));
    for (const name of ["pg_rewind", "pg_basebackup"]) {
      const looks = `case "$*" in *--dry-run*) ;; *) test ! -e '${server.data}/PG_VERSION' || touch '${found}' ;; esac`;
      rmSync(join(bin, name));
      writeFileSync(join(bin, name), `#!/bin/sh\n${looks}\nexec '${server.bin}/${name}' "$@"\n`, { mode: 0o755 });
    }
    return { server: { ...server, bin }, isFound: () => existsSync(found) };
  }

  it("a former primary becomes a copy of its successor: by a rewind, or by a whole copy; no start finds it meanwhile", async () => {
    const [unwatched, b] = await pair("rejoin", "full");
    const { server, isFound } = watched(unwatched.server);
    const a = agentOf(server, () => [server, b.server]);
    await writesAlone(a, b);

    // Nobody is there to rewind by: the data is as it was, with the signal.
    await assert.rejects(a.postgres.becomeCopyOf(b.me, "rewind"), /pg_rewind failed/);
    assert.equal((await a.postgres.control())?.state, "shut down");
    assert.ok(hasSignal(a));

    await b.postgres.startStandby(null);
    await b.postgres.promote();
    await b.postgres.checkpoint();
    await query(b.server, "insert into t values (12), (13)");
    await a.postgres.becomeCopyOf(b.me, "rewind");
    assert.ok(hasSignal(a));
    // The test's settings lie in the data directory, which a rewind makes the source's.
    configure(a.server);
    const second = begunBy(b.me, 2);
    await b.postgres.keepSlots(second, [a.me]);
    await a.postgres.startStandby({ leader: b.me, begun: second });
    await until("the successor's rows", 15, async () => (await count(a)) === 12);
    await a.postgres.stopCleanly();
    await until("nothing left of it", 15, async () => (await a.postgres.running()) === "nothing");

    await a.postgres.becomeCopyOf(b.me, "copy");
    assert.ok(hasSignal(a));
    const aside = readdirSync(a.server.directory).filter((name) => name.startsWith(`${a.server.name}.aside-`));
    assert.equal(aside.length, 1);
    assert.ok(!readdirSync(a.server.directory).includes(`${a.server.name}.joining`));
    configure(a.server);
    await a.postgres.startStandby({ leader: b.me, begun: second });
    await until("the successor's rows in the copy", 15, async () => (await count(a)) === 12);
    assert.ok(!isFound());
  });
});
