import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chownSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer, type Server } from "node:net";
import { join } from "node:path";
import { readControl } from "../../agent/real/control.ts";
import { putMark, walMark } from "../../agent/real/mark.ts";
import { archiveIds, pgbackrestFiles } from "../../agent/real/pgbackrest.ts";
import { runAs } from "../../agent/real/programs.ts";
import { lastWholeRecordEnd } from "../../agent/real/wal.ts";
import { type WalArchive, walArchive } from "../../agent/real/walArchive.ts";
import { directoryFiles } from "../../agent/real/walDirectory.ts";
import { agentArchiveCommand, agentRestoreCommand } from "../../model/render/pgbackrest.ts";
import { until as untilEvery } from "../support/until.ts";
import { startStore, type TestStore } from "./s3Fixture.ts";
import {
  asServer,
  fetchServers,
  newServer,
  pgCtl,
  query,
  removeDirectory,
  serverOwner,
  start,
  stop,
  type TestServer,
  testDirectory,
  user,
} from "./servers.ts";

const until: typeof untilEvery = (what, seconds, condition) => untilEvery(what, seconds, condition, 50);
const stanza = "main";
const run = runAs(serverOwner);

/** An archive, the commands by which PostgreSQL uses it, and how to break it. */
interface TestArchive {
  readonly archiveCommand: string;
  readonly restoreCommand: string;
  archive(server: TestServer): WalArchive;
  /** Before anything is archived. The server runs. */
  create(server: TestServer): Promise<void>;
}

describe("the archive of WAL", function () {
  this.timeout(90_000);
  let directory: string;
  let store: TestStore;
  let pgbackrest: string;
  const servers: TestServer[] = [];
  before(async function () {
    this.timeout(600_000);
    fetchServers();
    pgbackrest = execFileSync("scripts/setup/tools.sh", ["pgbackrest"], { encoding: "utf8" }).trim();
    directory = testDirectory();
    store = await startStore();
    writeFileSync(join(directory, "store-ca.crt"), store.ca.certificate);
  });
  after(async () => {
    removeDirectory(directory, servers);
    await store?.stop();
  });

  const systemIdentifierOf = (server: TestServer) => async () =>
    (await readControl(server.data))?.systemIdentifier ?? "none";

  function ownDirectory(name: string): string {
    const path = join(directory, "pg", name);
    mkdirSync(path);
    chownSync(path, user.uid, user.gid);
    return path;
  }

  async function inDirectory(name: string): Promise<TestArchive & { path: string }> {
    const path = ownDirectory(`wal-${name}`);
    const flags = join(directory, `flags-${name}`);
    await putMark(path, walMark);
    return {
      path,
      archiveCommand: `test -e ${flags}/pushes && test ! -e ${path}/%f && cp %p ${path}/%f`,
      restoreCommand: `test ! -e ${flags}/quiet && cp ${path}/%f "%p"`,
      archive: (server) =>
        walArchive({ files: directoryFiles(path, run), flags, run, systemIdentifier: systemIdentifierOf(server) }),
      create: async () => {},
    };
  }

  interface PgbackrestArchive extends TestArchive {
    /** With other options of its own. */
    with(server: TestServer, options: Readonly<Record<string, string>>): WalArchive;
  }

  async function byPgbackrest(name: string, server: TestServer): Promise<PgbackrestArchive> {
    const own = ownDirectory(`pgbackrest-${name}`);
    const flags = join(directory, `flags-${name}`);
    const { accessKeyId, secretAccessKey } = await store.admin.credentials();
    const options = {
      "repo1-path": `/${name}`,
      "repo1-type": "s3",
      "repo1-s3-bucket": store.admin.bucket,
      "repo1-s3-endpoint": "localhost",
      "repo1-s3-key": accessKeyId,
      "repo1-s3-key-secret": secretAccessKey,
      "repo1-s3-region": store.admin.region,
      "repo1-s3-uri-style": "path",
      "repo1-storage-ca-file": join(directory, "store-ca.crt"),
      "repo1-storage-port": String(store.port),
      "repo1-cipher-type": "aes-256-cbc",
      "repo1-cipher-pass": "a key of the test's",
      "compress-type": "zst",
      "spool-path": own,
      "lock-path": own,
      "log-path": own,
      "log-level-file": "off",
      "log-level-stderr": "warn",
      "archive-async": "y",
    };
    let number = 0;
    function configured(more: Readonly<Record<string, string>>): string {
      number += 1;
      const path = join(own, `${number}.conf`);
      const lines = Object.entries({ ...options, ...more }).map(([key, value]) => `${key}=${value}\n`);
      const ownLines = [`pg1-path=${server.data}`, `pg1-port=${server.port}`, `pg1-socket-path=${server.directory}`];
      writeFileSync(path, `[global]\n${lines.join("")}[${stanza}]\n${ownLines.join("\n")}\npg1-user=postgres\n`);
      chownSync(path, user.uid, user.gid);
      return path;
    }
    const archiveBy = (of: TestServer, config: string): WalArchive => {
      const systemIdentifier = systemIdentifierOf(of);
      const files = pgbackrestFiles({ program: pgbackrest, config, stanza, run, systemIdentifier });
      return walArchive({ files, flags, run, systemIdentifier });
    };
    const config = configured({});
    const command = `${pgbackrest} --config=${config} --stanza=${stanza}`;
    return {
      archiveCommand: agentArchiveCommand(flags, command),
      restoreCommand: agentRestoreCommand(flags, command),
      archive: (of) => archiveBy(of, config),
      with: (of, more) => archiveBy(of, configured(more)),
      create: async () => {
        await asServer(pgbackrest, [`--config=${config}`, `--stanza=${stanza}`, "stanza-create"]);
      },
    };
  }

  async function newArchived(name: string): Promise<TestServer> {
    const server = await newServer(directory, name, "full");
    servers.push(server);
    return server;
  }

  function archives(server: TestServer, { archiveCommand, restoreCommand }: TestArchive): void {
    const file = join(server.data, "standby.conf");
    const quoted = (command: string) => `'${command.replaceAll("'", "''")}'`;
    writeFileSync(
      file,
      [
        "archive_mode = on",
        `archive_command = ${quoted(archiveCommand)}`,
        `restore_command = ${quoted(restoreCommand)}`,
        "",
      ].join("\n"),
    );
    chownSync(file, user.uid, user.gid);
  }

  const position = (text: string): bigint => {
    const [upper, lower] = text.split("/");
    return (BigInt(`0x${upper}`) << 32n) | BigInt(`0x${lower}`);
  };
  const lsn = async (server: TestServer, expression: string): Promise<bigint> =>
    position((await query<{ at: string }>(server, `select (${expression})::text as at`))[0]?.at ?? "");
  const segmentBytes = 16n * 1024n * 1024n;
  const roundedUp = (at: bigint): bigint => ((at + segmentBytes - 1n) / segmentBytes) * segmentBytes;

  /** Ends the segment; where the switch's record ends. */
  async function switched(server: TestServer): Promise<bigint> {
    await query(server, "create table if not exists t (n int)");
    await query(server, "insert into t values (1)");
    return roundedUp(await lsn(server, "pg_switch_wal()"));
  }

  async function holdsItsTimelines(server: TestServer, given: TestArchive): Promise<void> {
    const archive = given.archive(server);
    archives(server, given);
    await start(server);
    await given.create(server);
    assert.equal(await archive.end(1), undefined);
    assert.deepEqual(await archive.timelines(), []);

    // Nobody may push yet.
    const first = await switched(server);
    await until("a failed push", 20, async () => {
      const [row] = await query<{ n: number }>(server, "select failed_count::int as n from pg_stat_archiver");
      return (row?.n ?? 0) > 0;
    });
    assert.equal(await archive.end(1), undefined);
    await archive.allowPush(true);
    await until("the switch in the archive", 70, async () => (await archive.end(1)) === first);

    // A segment that is all in the middle of one record.
    const before = await lsn(server, "pg_current_wal_insert_lsn()");
    await query(server, "select pg_logical_emit_message(false, 'test', repeat('x', 40 * 1024 * 1024))");
    const middle = roundedUp(before);
    await until("the middle of the record in the archive", 70, async () => (await archive.end(1)) === middle);
    const second = await switched(server);
    await until("the second switch in the archive", 70, async () => (await archive.end(1)) === second);

    // Nothing that was archived is missing after a crash.
    await query(server, "insert into t select generate_series(1, 600000)");
    await until("some of that in the archive", 70, async () => ((await archive.end(1)) ?? 0n) > second);
    await stop(server, "immediate");
    const control = await readControl(server.data);
    assert.ok(control);
    const mine = await lastWholeRecordEnd(join(server.data, "pg_wal"), control.checkpoint, control);
    assert.ok(mine >= ((await archive.end(1)) ?? 0n), "the archive has more than the server that wrote it");

    // A new timeline; what was not full of the old one counts for nothing.
    writeFileSync(join(server.data, "standby.signal"), "");
    await start(server);
    await pgCtl(server, "-w", "promote");
    const ended = await archive.end(1);
    await until("the history in the archive", 70, async () => String(await archive.timelines()) === "2");
    const third = await switched(server);
    await until("the new timeline in the archive", 70, async () => (await archive.end(2)) === third);
    assert.equal(await archive.end(1), ended);
    assert.equal(await archive.end(3), undefined);
    assert.equal(await archive.history(2), readFileSync(join(server.data, "pg_wal/00000002.history"), "utf8"));
    await assert.rejects(archive.history(3));

    // Nothing is given to a standby while it is quiet.
    const asked = ["-c", given.restoreCommand.replace("%f", "00000002.history").replace("%p", `${server.data}/got`)];
    await archive.hush(true);
    await assert.rejects(asServer("sh", asked));
    await archive.hush(false);
    await asServer("sh", asked);
    assert.equal(readFileSync(join(server.data, "got"), "utf8"), await archive.history(2));

    // Its own initdb: servers of the same one have one system identifier.
    const other = await newServer(directory, `other-${server.name}`, "full", ["--lc-time=C"]);
    await assert.rejects(given.archive(other).end(2), /not of/);
    assert.deepEqual(leftovers(), []);
  }

  const temporary = () => readdirSync("/tmp").filter((name) => name.startsWith("understudy-wal-"));
  // Others on this machine may have some.
  const others = new Set(temporary());
  const leftovers = () => temporary().filter((name) => !others.has(name));

  it("in a directory: how far it holds each timeline, to the record; its history files; what PostgreSQL may do", async () => {
    await holdsItsTimelines(await newArchived("d"), await inDirectory("d"));
  });

  it("by pgBackRest, in a bucket, encrypted: the same", async () => {
    const server = await newArchived("p");
    await holdsItsTimelines(server, await byPgbackrest("p", server));
  });

  it("a directory without its mark, such as an empty mount point, cannot tell", async () => {
    const server = await newArchived("m");
    const given = await inDirectory("m");
    renameSync(join(given.path, walMark.name), join(given.path, "gone"));
    await assert.rejects(given.archive(server).end(1), /is not the directory of the archive/);
    await assert.rejects(given.archive(server).timelines(), /is not the directory of the archive/);
  });

  it("a file in it that is no WAL, or another system's, is no answer", async () => {
    const server = await newArchived("w");
    const given = await inDirectory("w");
    const segment = join(given.path, "000000010000000000000007");
    writeFileSync(segment, "something else".padEnd(8192), { mode: 0o644 });
    await assert.rejects(given.archive(server).end(1), /does not begin as WAL does/);
    rmSync(segment);
    writeFileSync(join(given.path, "000000010000000000000007.partial"), "");
    assert.equal(await given.archive(server).end(1), undefined);
  });

  describe("pgBackRest that cannot tell", () => {
    let server: TestServer;
    let given: PgbackrestArchive;
    before(async () => {
      server = await newArchived("u");
      given = await byPgbackrest("u", server);
      await start(server);
    });

    const noAnswer = /did not end within 10000 ms|cannot tell/;
    const cannotTell = async (archive: WalArchive, why: RegExp) => {
      await assert.rejects(archive.end(1), why);
      await assert.rejects(archive.timelines(), why);
    };

    it("there is no stanza yet, and then there is one", async () => {
      await cannotTell(given.archive(server), /cannot tell what the archive holds: missing stanza path/);
      await given.create(server);
      assert.deepEqual(await given.archive(server).timelines(), []);
    });
    it("another key", async () => {
      await cannotTell(
        given.with(server, { "repo1-cipher-pass": "another" }),
        /cannot tell what the archive holds: \[(?:Crypto|Format)Error\]|in JSON/,
      );
    });
    it("a bucket that is not there, and credentials that are refused", async () => {
      await cannotTell(given.with(server, { "repo1-s3-bucket": "none" }), /cannot tell|404/);
      await cannotTell(given.with(server, { "repo1-s3-key-secret": "wrong" }), /cannot tell.*403|403/);
    });
    it("nobody listens, and somebody who takes the connection and says nothing", async () => {
      const closed = await listening();
      const port = (closed.address() as AddressInfo).port;
      try {
        await assert.rejects(given.with(server, { "repo1-storage-port": String(port) }).timelines(), noAnswer);
      } finally {
        closed.close();
      }
      await assert.rejects(given.with(server, { "repo1-storage-port": String(port) }).timelines(), noAnswer);
    });
  });

  const listening = (): Promise<Server> =>
    new Promise((resolve) => {
      const listener = createServer(() => {});
      listener.listen(0, "127.0.0.1", () => resolve(listener));
    });

  it("what `info` says is believed only where it has looked, and for this very system", () => {
    const said = (code: number, system = "7712923449872966181") =>
      `[{"name":"main","archive":[{"database":{"id":1,"repo-key":1},"id":"15-1","max":null,"min":null}],"backup":[],"cipher":"none",` +
      `"db":[{"id":1,"repo-key":1,"system-id":${system},"version":"15"}],"repo":[{"cipher":"none","key":1,"status":{"code":${code},"message":"as it is"}}],` +
      `"status":{"code":${code},"message":"as it is"}}]`;
    assert.deepEqual(archiveIds(said(0), "main", "7712923449872966181"), ["15-1"]);
    assert.deepEqual(archiveIds(said(2), "main", "7712923449872966181"), ["15-1"]);
    for (const code of [1, 3, 4, 5, 99])
      assert.throws(() => archiveIds(said(code), "main", "7712923449872966181"), /as it is/);
    // A number of JavaScript's would be the same for both.
    assert.throws(
      () => archiveIds(said(0, "7712923449872966180"), "main", "7712923449872966181"),
      /is not of the system/,
    );
    assert.throws(() => archiveIds(said(0), "other", "7712923449872966181"), /tells of the stanza main/);
    for (const text of ["", "[]", "{}", "[{}]", "<html>", said(0).replace("15-1", "../..")])
      assert.throws(() => archiveIds(text, "main", "7712923449872966181"));
  });
});
