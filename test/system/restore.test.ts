import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";
import { AwsClient } from "aws4fetch";
import type { Moment } from "../../model/config/config.ts";
import { DockerCluster, type Outputs, query } from "../support/dockerCluster.ts";
import { archiveHost } from "../support/faults.ts";
import { restoredTo, type Scratch, type Wanted } from "../support/restored.ts";
import { missingLines, passagesOf, runPageLine } from "../support/runbook.ts";
import { until } from "../support/until.ts";

/** One commit on the source, and what names the moment right after it. */
interface Commit {
  readonly value: number;
  readonly lsn: string;
  readonly at: string;
  readonly xid: string;
}

const values = "select coalesce(string_agg(value::text, ',' order by value), '') from commits";
const upTo = (commits: readonly Commit[], last: Commit | undefined) =>
  commits
    .filter(({ value }) => last !== undefined && value <= last.value)
    .map(({ value }) => value)
    .join(",");

/** Commits one after the other on a cluster, while others write beside. */
class Writer {
  readonly commits: Commit[] = [];
  readonly #cluster: DockerCluster;
  node = "node-a";

  constructor(cluster: DockerCluster) {
    this.#cluster = cluster;
    cluster.sql(
      this.node,
      "create table commits (value int primary key); grant select on commits to app; create table noise (n int, t text)",
      "app",
    );
  }

  commit(times = 1): Commit {
    for (let i = 0; i < times; i++) {
      const value = this.commits.length + 1;
      // Each a transaction of its own: the second one says where the first one ended.
      const insert = `with one as (insert into commits values (${value}) returning value) select pg_current_xact_id() from one`;
      const where = "select pg_current_wal_lsn(), clock_timestamp()";
      const psql = ["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-h", "/run/postgresql", "-d", "app"];
      const said = this.#cluster.execAsPostgres(this.node, ...psql, "-c", insert, "-c", where);
      const [xid = "", lsn = "", at = ""] = said.split(/[\n|]/);
      this.commits.push({ value, lsn, at: at.replace(/\+00$/, "+00:00"), xid });
    }
    return this.commits.at(-1) as Commit;
  }

  /** Until the end of the work. */
  async underLoad<T>(work: () => Promise<T>): Promise<T> {
    const insert = "insert into noise select n, repeat(md5(n::text), 20) from generate_series(1, 200) n";
    const loop = `while psql -XAtqc "${insert}" -h /run/postgresql app; do :; done`;
    const container = this.#cluster.container(this.node);
    const load = spawn("docker", ["exec", "-u", "postgres", container, "timeout", "600", "sh", "-c", loop], {
      stdio: "ignore",
    });
    try {
      return await work();
    } finally {
      this.#cluster.exec(this.node, "sh", "-c", "pkill -u postgres -f 'while psql' || true");
      load.kill();
    }
  }

  archived(): void {
    const name = this.#cluster.sql(this.node, "select pg_walfile_name(pg_switch_wal())");
    this.#cluster.exec(
      this.node,
      "sh",
      "-c",
      `timeout 60 sh -c 'until [ -e /var/lib/understudy/*/data/pg_wal/archive_status/${name}.done ]; do sleep 0.1; done'`,
    );
  }
}

/** Names, sizes and times of all that the archive of a stack holds, without the server's own locks of the moment. */
const holds = (cluster: DockerCluster) =>
  cluster
    .exec(archiveHost, "find", "/var/lib/understudy/buckets", "-type", "f", "-printf", "%P %s %T@\\n")
    .split("\n")
    .filter((file) => file !== "" && !file.includes(".vgwlocks/"));

const major = 17;

describe("a new cluster out of another one's archive", () => {
  let source: DockerCluster;
  let made: DockerCluster;
  let writer: Writer;
  let from: Outputs;
  let mark: Commit;

  before(async () => {
    source = await DockerCluster.declare({ primary: "node-a", nodes: ["node-a"], major });
    await source.up();
    from = await source.outputs();
    writer = new Writer(source);
    source.sql("node-a", "create role left_over login password 'left-over-1'");
    // What somebody set by hand there, and would win over this cluster's own settings.
    source.exec(
      "node-a",
      "sh",
      "-c",
      `echo "work_mem = '77MB'" >>/var/lib/understudy/${major}/data/postgresql.auto.conf`,
    );
    source.sql("node-a", "create publication p for table commits", "app");
    await writer.underLoad(async () => {
      writer.commit(5);
      source.exec("node-a", "understudy", "backup", "node-a", "incr");
      writer.commit(3);
      mark = writer.commit();
      source.sql("node-a", "select pg_create_restore_point('before the mistake')");
      writer.commit(3);
    });
    writer.archived();

    made = await DockerCluster.declare({ primary: "node-a", nodes: ["node-a", "node-b"], beside: source, major });
    await made.stack.setConfig("restore.from.stack", source.stack.name);
  });

  after(async () => {
    const names = { rescue: `${source.stack.name}r` };
    await runPageLine(source.stack, names, "pulumi destroy --yes --stack rescue; pulumi stack rm --yes --stack rescue");
    // First the one whose archive the other one's hosts read.
    await source?.dispose();
    await made?.dispose();
  });

  it("refuses a target that can't be reached, with the range that can, and makes nothing", async () => {
    await made.stack.setConfig("restore.target.time", "2020-01-01T00:00:00Z");
    const refused = await made.stack.up();
    assert.notEqual(refused.exitCode, 0);
    assert.match(refused.output, /restore\.target\.time 2020-01-01T00:00:00Z is before the end of the first backup/);
    assert.match(refused.output, /HINT: On timeline 1, any moment from .* UTC \(backup .*\) to .* UTC/);
    assert.equal(made.exec("node-a", "sh", "-c", `ls /var/lib/understudy/${major}`), "");
    // From now on the preview can ask.
    await made.stack.removeConfig("restore.target.time");
    await made.stack.setConfig("restore.target.lsn", "7FFF/0");
    const preview = await made.stack.preview();
    assert.notEqual(preview.exitCode, 0);
    assert.match(preview.output, /restore\.target\.lsn 7FFF\/0 is after the last WAL of timeline 1/);
    await made.stack.removeConfig("restore.target.lsn");
  });

  it("SQL that fails lets nobody in; mended, the same update goes on to the moment that was asked for", async () => {
    const sql = join(made.stack.directory, "mask.sql");
    writeFileSync(sql, "create table masked as select 1; select no_such_column from commits;\n");
    await made.stack.setConfig("restore.sql.app", sql);
    await made.stack.setConfig("restore.target.time", mark.at);
    const refused = await made.stack.up();
    assert.notEqual(refused.exitCode, 0);
    assert.match(refused.output, /SQL on the restored database app failed/);
    assert.match(refused.output, /no_such_column/);
    assert.equal(made.exec("node-a", "sh", "-c", "ss -Hltn 'sport = :5432'"), "");

    writeFileSync(sql, "create table masked as select count(*) from commits;\n");
    const before = holds(source);
    await made.up();
    assert.equal(made.sql("node-a", values, "app"), upTo(writer.commits, mark));
    assert.equal(made.sql("node-a", "select count from masked", "app"), String(mark.value));
    // But for WAL of the source's own, which goes on.
    const after = holds(source);
    assert.deepEqual(
      before.filter((file) => !after.includes(file)),
      [],
    );
    const own = /^\S+\/archive\/\S+\/00000001[0-9A-F]{16}-\S+ /;
    assert.deepEqual(
      after.filter((file) => !before.includes(file) && !own.test(file)),
      [],
    );
  });

  it("has a timeline, an archive, passwords and standbys of its own, and no way back", async () => {
    await until("node-b to stream", 60, () => made.streaming() === 1);
    assert.equal(made.sql("node-b", values, "app"), upTo(writer.commits, mark));
    const own = await made.outputs();
    assert.equal(own.handover.timelines.after, 2);
    const [{ value }] = (await query(own.primaryUri, own.caCertificate, "select max(value) as value from commits")) as [
      { value: number },
    ];
    assert.equal(value, mark.value);
    // The source's password opens nothing here, nor that of a role that config does not know.
    const theirs = new URL(own.primaryUri);
    theirs.password = new URL(from.primaryUri).password;
    await assert.rejects(query(theirs.href, own.caCertificate, "select 1"), /password authentication failed/);
    assert.equal(
      made.sql(
        "node-a",
        "select rolname from pg_authid where rolpassword is not null and rolname !~ '^understudy_' order by 1",
      ),
      "app",
    );
    const held = JSON.parse(made.exec("node-a", "understudy", "backups", "node-a")) as [
      { backup: { archive: { start: string } }[] },
    ];
    assert.equal(held[0].backup.length, 1);
    assert.match(held[0].backup[0]?.archive.start ?? "", /^00000002/);
    for (const node of ["node-a", "node-b"]) {
      const found = made.exec(
        node,
        "sh",
        "-c",
        `grep -rlF ${from.restoreFrom.secretKey} /etc /run /var/lib/understudy/state /var/log/understudy 2>/dev/null; ls -d /run/understudy-restore 2>/dev/null; true`,
      );
      assert.equal(found, "", node);
    }
    assert.equal(made.exec("node-a", "sh", "-c", `ls /var/lib/understudy/${major}`), "data\n");
    assert.equal(made.sql("node-a", "select count(*) from understudy.handover"), "1");
    assert.notEqual(made.sql("node-a", "show work_mem"), "77MB");
  });

  it("what it reads the source's archive with may not write there", async () => {
    const { bucket, endpoint, accessKey, secretKey } = from.restoreFrom;
    const port = execFileSync("docker", ["port", source.container(archiveHost), "443"], { encoding: "utf8" }).trim();
    const aws = new AwsClient({
      accessKeyId: accessKey ?? "",
      secretAccessKey: secretKey ?? "",
      service: "s3",
      region: "us-east-1",
    });
    const ask = async (method: string, path: string): Promise<number | undefined> => {
      const { url, headers } = await aws.sign(`https://${port}/${bucket}/${path}`, { method });
      return new Promise((done, failed) => {
        const options = { method, headers: Object.fromEntries(headers), rejectUnauthorized: false };
        request(url, options, (answer) => done(answer.resume().statusCode))
          .on("error", failed)
          .end();
      });
    };
    assert.equal(await ask("GET", "?list-type=2"), 200, endpoint);
    for (const method of ["PUT", "DELETE"]) assert.equal(await ask(method, "archive/x"), 403, method);
  });

  it("every kind of target, row by row", () => {
    const scratch: Scratch = { cluster: made, host: "node-a", from: from.restoreFrom, major };
    const before = writer.commits[mark.value - 2] as Commit;
    const cases: [Wanted & { target: Moment }, Commit][] = [
      [{ target: { kind: "time", value: mark.at } }, mark],
      [{ target: { kind: "lsn", value: mark.lsn } }, mark],
      [{ target: { kind: "xid", value: mark.xid } }, mark],
      [{ target: { kind: "xid", value: mark.xid }, inclusive: false }, before],
      [{ target: { kind: "name", value: "before the mistake" } }, mark],
      [{ target: { kind: "latest" } }, writer.commits.at(-1) as Commit],
    ];
    for (const [wanted, last] of cases) {
      assert.equal(restoredTo(scratch, wanted, values), upTo(writer.commits, last), JSON.stringify(wanted));
    }
    const [backup = ""] =
      source.exec("node-a", "understudy", "backups", "node-a").match(/\d{8}-\d{6}F_\d{8}-\d{6}I/) ?? [];
    const rows = restoredTo(scratch, { target: { kind: "backup", value: backup } }, values);
    assert.equal(rows, upTo(writer.commits, writer.commits[4]));
  });

  it("is made once: the same value changes nothing, another one is refused, none is as good", async () => {
    source.sql("node-a", "insert into commits values (1000)", "app");
    const again = await made.up();
    assert.deepEqual(
      again.steps.filter(({ type }) => type.startsWith("command:")),
      [],
    );
    await made.stack.setConfig("restore.target.time", writer.commits[0]?.at ?? "");
    const refused = await made.stack.preview();
    assert.notEqual(refused.exitCode, 0);
    assert.match(refused.output, /the cluster of this stack was made from something else/);
    await made.stack.removeConfig("restore");
    await made.up();
    assert.equal(made.sql("node-a", values, "app"), upTo(writer.commits, mark));
  });

  it("the source goes on: its WAL and its next backup are as they would be", () => {
    source.exec("node-a", "understudy", "backup", "node-a", "incr");
    assert.equal(source.sql("node-a", "select count(*) from pg_stat_replication"), "0");
    assert.match(source.exec("node-a", "understudy", "backups", "node-a"), /"status":\{"code":0/);
  });

  it("docs/recovery.md: every command of it [full]", async () => {
    const before = "2 rows";
    const drop = async () => {
      source.sql("node-a", "create table orders as select 1 as id union select 2", "app");
      const moment = source.sql(
        "node-a",
        "select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')",
      );
      writer.commit(2);
      source.sql("node-a", "drop table orders", "app");
      writer.commit(2);
      return moment;
    };
    let moment = "";
    const rescue = `${source.stack.name}r`;
    for (const passage of passagesOf("../recovery.md")) {
      if (passage.kind === "situation") {
        assert.equal(passage.what, "the table orders is dropped");
        moment = await drop();
        continue;
      }
      for (const { line, shows } of passage.commands) {
        const { exitCode, output } = await runPageLine(source.stack, { dev: source.stack.name, rescue }, line, {
          BEFORE: moment,
        });
        const told = `$ ${line}\n${output}`;
        assert.equal(exitCode, 0, told);
        assert.deepEqual(missingLines(shows, output), [], told);
      }
    }
    assert.equal(source.sql("node-a", "select count(*) || ' rows' from orders", "app"), before);
  });
});

describe("[full] recovery across timelines, of another major", () => {
  const older = 15;
  let source: DockerCluster;
  let writer: Writer;
  let scratch: Scratch;

  before(async () => {
    source = await DockerCluster.declare({ primary: "node-a", nodes: ["node-a", "node-b"], major: older });
    await source.up();
    scratch = { cluster: source, host: "node-b", from: (await source.outputs()).restoreFrom, major: older };
    writer = new Writer(source);
  });
  after(async () => {
    await source?.dispose();
  });
  const rows = (wanted: Wanted) => restoredTo(scratch, wanted, values);

  it("[full] a moment before, in and after a planned change of primary", async () => {
    const before = writer.commit(3);
    await source.stack.setConfig("primary", "node-b");
    await source.up();
    writer.node = "node-b";
    const after = writer.commit(3);
    writer.commit(2);
    writer.archived();
    scratch = { ...scratch, host: "node-a" };
    for (const [wanted, last] of [
      [{ target: { kind: "lsn", value: before.lsn } }, before],
      [{ target: { kind: "time", value: before.at } }, before],
      [{ target: { kind: "xid", value: after.xid } }, after],
      [{ target: { kind: "time", value: after.at } }, after],
      [{ target: { kind: "latest" }, timeline: 1 }, before],
      [{ target: { kind: "latest" } }, writer.commits.at(-1)],
    ] as [Wanted, Commit][]) {
      assert.equal(rows(wanted), upTo(writer.commits, last), JSON.stringify(wanted));
    }
  });

  it("[full] a moment on a timeline that the newest one has left out", () => {
    const fork = writer.commits[4] as Commit;
    // As a restore in place by hand would leave it: a timeline 3 that leaves 2 before its end, in the same archive.
    const push = "pgbackrest --config=/etc/understudy/pgbackrest.conf";
    const dataDirectory = "/var/lib/understudy/scratch/15/data.restore";
    const settings = `archive_mode = on\narchive_command = '${push} --stanza=${source.stack.name} --pg1-path=${dataDirectory} --no-archive-async archive-push %p'\n`;
    const branch = "insert into commits values (500) returning value; checkpoint; select pg_switch_wal()";
    restoredTo(scratch, { target: { kind: "lsn", value: fork.lsn }, settings }, branch);
    assert.equal(rows({ target: { kind: "latest" } }), `${upTo(writer.commits, fork)},500`);
    assert.equal(rows({ target: { kind: "latest" }, timeline: 2 }), upTo(writer.commits, writer.commits.at(-1)));
    assert.throws(() => rows({ target: { kind: "latest" }, timeline: 9 }), /no timeline 9/);
  });
});
