import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ControlFile, parseControl, readControl } from "../../agent/real/control.ts";
import { lastWholeRecordEnd, shutdownCheckpointEnd, walReader } from "../../agent/real/wal.ts";
import { formatLsn } from "../../model/leadership/index.ts";
import { type ServerMajorName, serverMajors } from "../../model/serverMajors.ts";
import { until } from "../support/until.ts";
import {
  allMajors,
  asServer,
  fetchServers,
  markOfServer,
  newServer,
  query,
  removeDirectory,
  start,
  stop,
  type TestServer,
  testDirectory,
} from "./servers.ts";

const read = async (server: TestServer) => {
  const control = await readControl(server.data);
  assert.ok(control);
  return control;
};

const walDirectory = (server: TestServer): string => join(server.data, serverMajors[server.major].walDirectory);

/** What the server itself reads in its `pg_control`. */
async function asTold(server: TestServer) {
  const [system] = await query<Record<string, string | number>>(
    server,
    `select s.system_identifier::text, s.pg_control_version, c.checkpoint_${lsn(server)}::text as checkpoint, c.redo_${lsn(server)}::text as redo,
       c.timeline_id, r.min_recovery_end_${lsn(server)}::text as min, r.min_recovery_end_timeline, i.bytes_per_wal_segment, i.wal_block_size, i.data_page_checksum_version
     from pg_control_system() s, pg_control_checkpoint() c, pg_control_recovery() r, pg_control_init() i`,
  );
  return system as Record<string, string | number>;
}
const lsn = (server: TestServer): string => serverMajors[server.major].functions.lsn;
const position = (server: TestServer, call: string): string => {
  const { wal, lsn } = serverMajors[server.major].functions;
  return `pg_${call.replace("WAL", wal).replace("LSN", lsn)}()::text`;
};

async function asRead(server: TestServer) {
  const control = await read(server);
  return {
    system_identifier: control.systemIdentifier,
    pg_control_version: control.controlVersion,
    checkpoint: formatLsn(control.checkpoint.lsn),
    redo: formatLsn(control.redo),
    timeline_id: control.checkpoint.timeline,
    min: formatLsn(control.minRecovery.lsn),
    min_recovery_end_timeline: control.minRecovery.timeline,
    bytes_per_wal_segment: control.walSegmentSize,
    wal_block_size: control.walBlockSize,
    data_page_checksum_version: control.dataChecksums,
  };
}

const signalOf = (server: TestServer): void => {
  const { signal } = serverMajors[server.major];
  const text = signal === "recovery.conf" ? "standby_mode = 'on'\nrecovery_target_timeline = 'latest'\n" : "";
  writeFileSync(join(server.data, signal), text);
};

describe("pg_control of real servers", function () {
  this.timeout(60_000);
  let directory: string;
  const servers: TestServer[] = [];
  before(function () {
    this.timeout(600_000);
    fetchServers();
    directory = testDirectory();
  });
  after(() => removeDirectory(directory, servers));

  async function made(name: string, major: ServerMajorName | "full", initdb: readonly string[] = []) {
    const server = await newServer(directory, name, major, initdb);
    servers.push(server);
    return server;
  }

  for (const major of allMajors) {
    it(`${major}: what it says is what the server says, in each state, and where its WAL ends${markOfServer(major)}`, async () => {
      const server = await made(`control-${major}`, major);
      const { controlVersion } = serverMajors[major];
      assert.deepEqual(
        [(await read(server)).state, (await read(server)).controlVersion],
        ["shut down", controlVersion],
      );

      await start(server);
      await query(server, "create table t as select generate_series(1, 5000) as n");
      await query(server, "checkpoint");
      assert.deepEqual(await asRead(server), await asTold(server));
      assert.equal((await read(server)).state, "in production");
      assert.equal((await read(server)).dataChecksums, major === "18" ? 0 : 1);

      // A crash: the WAL ends where the server had written to.
      await query(server, "insert into t select generate_series(1, 20000)");
      const [written] = await query<{ end: string }>(
        server,
        `select ${position(server, "current_WAL_flush_LSN")} as end`,
      );
      await stop(server, "immediate");
      const crashed = await read(server);
      assert.equal(crashed.state, "in production");
      assert.equal(
        formatLsn(await lastWholeRecordEnd(walDirectory(server), crashed.checkpoint, crashed)),
        written?.end,
      );

      await start(server);
      await stop(server);
      const stopped = await read(server);
      assert.equal(stopped.state, "shut down");
      const end = await shutdownCheckpointEnd(walDirectory(server), stopped.checkpoint, stopped);
      assert.equal(await lastWholeRecordEnd(walDirectory(server), stopped.checkpoint, stopped), end);

      // As a standby it replays that record, and there is no other.
      signalOf(server);
      await start(server);
      const recovering: ControlFile = await until(
        "the standby to be in archive recovery",
        10,
        async () => {
          const control = await readControl(server.data);
          return control?.state === "in archive recovery" ? control : undefined;
        },
        15,
      );
      assert.equal(recovering.systemIdentifier, stopped.systemIdentifier);
      const [replayed] = await query<{ end: string }>(
        server,
        `select ${position(server, "last_WAL_replay_LSN")} as end`,
      );
      assert.equal(replayed?.end, formatLsn(end));
      assert.deepEqual(await asRead(server), await asTold(server));
      await stop(server);
      const again = await read(server);
      assert.equal(again.state, "shut down in recovery");
      assert.equal(formatLsn(again.minRecovery.lsn), replayed?.end);
    });
  }

  it("pg_controldata and pg_waldump say the same, through pages, segments and switches", async () => {
    const server = await made("tools", "full", ["--wal-segsize=1"]);
    writeFileSync(join(server.data, "standby.conf"), "wal_keep_size = '500MB'\n");
    await start(server);
    await query(
      server,
      "create table t as select n, repeat('x', n % 900) as filler from generate_series(1, 3000) as n",
    );
    const begin = await read(server);
    await query(server, "select pg_switch_wal(); insert into t select * from t; checkpoint; update t set n = n + 1");
    await query(server, "select pg_switch_wal(); delete from t where n % 2 = 0");
    await stop(server);
    const control = await read(server);
    const { stdout: told } = await asServer(join(server.bin, "pg_controldata"), ["-D", server.data]);
    for (const line of [
      `Database system identifier:           ${control.systemIdentifier}`,
      "Database cluster state:               shut down",
      `Latest checkpoint location:           ${formatLsn(control.checkpoint.lsn)}`,
      `Latest checkpoint's REDO location:    ${formatLsn(control.redo)}`,
      "Bytes per WAL segment:                1048576",
      "WAL block size:                       8192",
    ]) {
      assert.ok(told.includes(`${line}\n`), `${line}\n${told}`);
    }
    const end = await shutdownCheckpointEnd(walDirectory(server), control.checkpoint, control);
    const range = ["-p", walDirectory(server), "-s", formatLsn(begin.checkpoint.lsn), "-e", formatLsn(end)];
    const { stdout } = await asServer(join(server.bin, "pg_waldump"), range);
    const records = [...stdout.matchAll(/ lsn: ([0-9A-F]+)\/([0-9A-F]{8}),.*desc: (\S+)/g)].map(
      ([, upper, lower, kind]) => ({
        start: BigInt(`0x${upper}${lower}`),
        kind,
      }),
    );
    assert.ok(records.length > 5000, `${records.length} records`);
    assert.ok(control.checkpoint.lsn - begin.checkpoint.lsn > 3n * 1048576n, "it has segments enough");
    const reader = walReader(walDirectory(server), begin.checkpoint.timeline, begin);
    for (const [index, { start, kind }] of records.entries()) {
      const record = await reader.record(start);
      assert.ok(record, `a record at ${formatLsn(start)}`);
      if (kind !== "SWITCH") {
        assert.equal((await reader.record(record.end))?.start, records[index + 1]?.start, `behind ${formatLsn(start)}`);
      }
    }
    await reader.close();
    assert.equal(await lastWholeRecordEnd(walDirectory(server), begin.checkpoint, control), end);
  });

  it("a stop with an archive: the checkpoint is the first record of a segment, and its end is still found", async () => {
    const server = await made("first", "17");
    writeFileSync(join(server.data, "standby.conf"), "archive_mode = on\narchive_command = 'true'\n");
    await start(server);
    await query(server, "create table t as select 1 as n");
    await stop(server);
    const control = await read(server);
    assert.equal(control.checkpoint.lsn % BigInt(control.walSegmentSize), 40n);
    const end = await shutdownCheckpointEnd(walDirectory(server), control.checkpoint, control);
    assert.equal(end - control.checkpoint.lsn, 120n);
  });

  it("a server that recovers from a crash says so", async () => {
    const server = await made("crash", "16");
    await start(server);
    await query(server, "create table t as select n, repeat('x', 500) as filler from generate_series(1, 60000) as n");
    await stop(server, "immediate");
    const seen = new Set<string>();
    let ended = false;
    const started = start(server).finally(() => {
      ended = true;
    });
    while (!ended) {
      seen.add((await read(server)).state);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await started;
    // The checkpoint at the end of a recovery is one of a shutdown to pg_control: "shut down" alone is no proof that nobody writes.
    assert.ok(seen.has("in crash recovery") && !seen.has("in archive recovery"), [...seen].join(", "));
  });

  it("there is no shutdown checkpoint where a server was killed", async () => {
    const server = await made("killed", "18");
    await start(server);
    await query(server, "create table t as select 1 as n; checkpoint");
    await stop(server, "immediate");
    const control = await read(server);
    await assert.rejects(
      shutdownCheckpointEnd(walDirectory(server), control.checkpoint, control),
      /has no shutdown checkpoint where pg_control says/,
    );
  });
});

describe("pg_control as a file", () => {
  let directory: string;
  let file: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "us-control-"));
    mkdirSync(join(directory, "global"));
    file = join(directory, "global/pg_control");
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  /** Two whole ones that differ in their first half and in the checksum. */
  const images = ["in-production", "shut-down"].map((name) =>
    readFileSync(new URL(`pg_control-17-${name}`, import.meta.url)),
  );
  const [production, shutDown] = images.map((image) => Buffer.concat([image, Buffer.alloc(8192 - image.length)])) as [
    Buffer,
    Buffer,
  ];
  const torn = Buffer.concat([shutDown.subarray(0, 40), production.subarray(40)]);

  it("is read again when it was read half-written", async () => {
    writeFileSync(file, torn);
    setTimeout(() => writeFileSync(file, shutDown), 12);
    assert.equal((await readControl(directory))?.state, "shut down");
  });

  it("is refused when it stays torn, cut or of another version", async () => {
    writeFileSync(file, torn);
    await assert.rejects(readControl(directory), /checksum does not fit/);
    writeFileSync(file, shutDown.subarray(0, 300));
    await assert.rejects(readControl(directory), /pg_control has 300 bytes/);
    const next = Buffer.from(shutDown);
    next.writeUInt32LE(9999, 8);
    assert.throws(() => parseControl(next), /version 9999, which is not known here$/);
    next.writeUInt32BE(1700, 8);
    assert.throws(() => parseControl(next), /written by a big-endian machine/);
  });

  it("is not there where there is no file; a link or a pipe in its place is refused", async () => {
    assert.equal(await readControl(directory), undefined);
    writeFileSync(join(directory, "elsewhere"), shutDown);
    symlinkSync(join(directory, "elsewhere"), file);
    await assert.rejects(readControl(directory), /ELOOP/);
  });
});
