import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Drill } from "../../model/hostFacts.ts";
import type { StatusReport } from "../../model/status/report.ts";
import { DockerCluster } from "../support/dockerCluster.ts";
import { archiveHost, cutPower, SmallDisk } from "../support/faults.ts";
import { REPOSITORY } from "../support/pulumiStack.ts";
import { until } from "../support/until.ts";

const execute = promisify(execFile);
const nodes = ["node-a", "node-b"];
const unit = "understudy-drill.service";
const buckets = "/var/lib/understudy/buckets";

describe("a restore drill", () => {
  let cluster: DockerCluster;

  /** A command of the project's, with its exit code. */
  const run = async (script: string, ...words: string[]) => {
    const { environment, name } = cluster.stack;
    const ended = await execute("./scripts/node", [`scripts/${script}`, "--stack", name, ...words], {
      cwd: REPOSITORY,
      env: environment as NodeJS.ProcessEnv,
    }).catch((error: { code: number; stdout: string; stderr: string }) => error);
    return { exitCode: "code" in ended ? ended.code : 0, ...ended, output: ended.stdout + ended.stderr };
  };
  const drill = (...words: string[]) => run("drill.ts", ...words);
  const status = async () => JSON.parse((await run("status.ts", "--json")).stdout) as StatusReport;
  const drillFindings = async () => (await status()).findings.filter(({ what }) => /drill|proven/.test(what));
  const fails = async (why: RegExp) => {
    const failed = await drill();
    assert.equal(failed.exitCode, 1, failed.output);
    assert.match(failed.output, why);
    assert.match(failed.output, /\nHINT: /);
    const [found, ...others] = await drillFindings();
    assert.deepEqual([found?.level, found?.node, others], ["warning", "node-b", []]);
    assert.match(found?.what ?? "", why);
  };

  const shell = (node: string, script: string) => cluster.exec(node, "bash", "-c", script);
  const commit = (statement: string) => {
    cluster.sql("node-a", statement, "app");
    const segment = cluster.sql("node-a", "select pg_walfile_name(pg_switch_wal())");
    shell(
      "node-a",
      `timeout 60 sh -c 'until [ -e /var/lib/understudy/*/data/pg_wal/archive_status/${segment}.done ]; do sleep 0.1; done'`,
    );
    return segment;
  };
  /** What is there on the hosts of a drill that ended. */
  const left = () =>
    nodes.map((node) =>
      shell(
        node,
        `ls -d /var/lib/understudy/drill /run/understudy-drill /var/lib/understudy/state/drill-began /tmp/tmp.* 2>/dev/null; pgrep -u postgres -af drill; pgrep -af '[u]nderstudy drill '; true`,
      ),
    );
  const isServing = () =>
    shell("node-b", `[ -s /var/lib/understudy/drill/data/postmaster.pid ] && echo yes || true`) === "yes\n";

  before(async () => {
    cluster = await DockerCluster.declare({ primary: "node-a", nodes });
    await cluster.stack.setConfig("drill.maxAge", "1h");
    await cluster.stack.setConfig("drill.schedule", "Sat *-*-* 05:00");
    await cluster.stack.setConfig("drill.query.app", "select count(*) >= 1000 from t");
    await cluster.up();
    await until("node-b to stream", 60, () => cluster.streaming() === 1);
    commit("create table t as select generate_series(1, 1000) as id; create index on t (id); grant select on t to app");
  });

  after(async () => {
    await cluster.dispose();
  });

  it("proves the restore on a standby's host, and disturbs nobody; a second one waits for it", async () => {
    assert.match((await drillFindings())[0]?.what ?? "", /^no restore was ever proven$/);
    const failures = "select failed_count from pg_stat_archiver";
    const before = [cluster.sql("node-a", failures), cluster.sql("node-b", "select pg_postmaster_start_time()")];
    const held = shell(archiveHost, `find ${buckets} -type f -path '*/backup/*' -printf '%P %s %T@\\n' | sort`);
    const made = await Promise.all([drill("--json"), drill("--json")]);
    for (const each of made) assert.equal(each.exitCode, 0, each.output);
    const [first, second] = made.map(({ stdout }) => JSON.parse(stdout) as Drill & { node: string });
    assert.deepEqual(first, second);
    assert.equal(first?.node, "node-b");
    assert.equal(first?.checks, "WAL to its end, pg_amcheck, 1 of drill.query, pg_checksums");
    assert.match(first?.recoveredTo ?? "", /^\d{4}-/);

    assert.equal(cluster.streaming(), 1);
    assert.deepEqual(
      [cluster.sql("node-a", failures), cluster.sql("node-b", "select pg_postmaster_start_time()")],
      before,
    );
    assert.equal(shell(archiveHost, `find ${buckets} -type f -path '*/backup/*' -printf '%P %s %T@\\n' | sort`), held);
    // Its promotion has made a timeline of its own, which nobody archives.
    assert.equal(shell(archiveHost, `find ${buckets} -name '00000002*'`), "");
    assert.deepEqual(left(), ["", ""]);
    assert.deepEqual(await drillFindings(), []);
    assert.deepEqual((await status()).archive.provenRestore, {
      node: "node-b",
      endedAt: new Date((first?.endedAt ?? 0) * 1000).toISOString(),
      backup: first?.backup,
      lsn: first?.lsn,
    });
    assert.match((await run("status.ts")).output, /Drill {3}restore proven \d+(\.\d)? s ago on node-b/);
  });

  it("fails where WAL is missing in the archive, and where what is restored lacks what it has to have", async () => {
    const segment = commit("delete from t");
    await fails(/drill\.query\.app does not hold on the restored data: f/);
    assert.deepEqual(left(), ["", ""]);
    commit("insert into t select generate_series(1, 1000)");
    const missing = `file=$(find ${buckets} -name '${segment}-*')`;
    shell(archiveHost, `${missing}; echo "$file" >/root/place; mv "$file" /root/missing`);
    await fails(/recovery ended at \S+, although the archive has WAL up to \S+/);
    // What was proven before stays known.
    assert.equal((await status()).archive.provenRestore?.node, "node-b");
    shell(archiveHost, `mv /root/missing "$(cat /root/place)"`);
  });

  // pgBackRest tries again for some time.
  it("fails where a file of the backup is damaged [full]", async () => {
    const largest = `find ${buckets} -type f -path '*/backup/*' -printf '%s %p\\n' | sort -n | tail -n 1 | cut -d' ' -f2-`;
    shell(
      archiveHost,
      `file=$(${largest}); cp -a "$file" /root/whole; echo "$file" >/root/place
       head -c 4096 /dev/urandom | dd of="$file" bs=1 seek=$(($(stat -c %s "$file") / 2)) conv=notrunc status=none`,
    );
    await fails(/pgBackRest restore failed: /);
    assert.deepEqual(left(), ["", ""]);
    shell(archiveHost, `cat /root/whole >"$(cat /root/place)"`);
  });

  it("killed half-way leaves nothing behind, counts as failed, and the next one makes up for it", async () => {
    const killed = fails(/it was cut off/);
    await until("its server to run", 60, isServing, 20);
    shell("node-b", `kill -9 $(systemctl show --property=MainPID --value ${unit})`);
    await killed;
    assert.deepEqual(left(), ["", ""]);
    const again = await drill();
    assert.equal(again.exitCode, 0, again.output);
    assert.match(again.output, /restore proven on node-b in .*: backup \S+, recovered to \S+ \(last transaction: /);
    assert.deepEqual(await drillFindings(), []);
  });

  it("by schedule: on the first node that does not lead, and no other", async () => {
    const before = shell("node-b", "cat /var/lib/understudy/state/drill");
    for (const node of nodes) cluster.exec(node, "systemctl", "start", "understudy-drill-due.service");
    await until(
      "the drill to end",
      60,
      () => shell("node-b", "cat /var/lib/understudy/state/drill 2>/dev/null || true") !== before,
    );
    assert.equal(shell("node-a", "ls /var/lib/understudy/state/drill* 2>/dev/null || true"), "");
    assert.match(shell("node-a", "systemctl list-timers --all 'understudy-drill*'"), /understudy-drill\.timer/);
  });

  it("refuses where the disk lacks room, and names both figures", async () => {
    const disk = new SmallDisk(cluster, "node-b", 400);
    try {
      await fails(/not enough free disk in \/var\/lib\/understudy: \d+ MB free, \d+ MB needed for the backup/);
      assert.deepEqual(left(), ["", ""]);
    } finally {
      disk.remove();
    }
    await until("node-b to stream", 60, () => cluster.streaming() === 1);
  });

  it("what a host that lost its power has left of one goes with the next [full]", async () => {
    const cut = drill();
    await until("its server to run", 60, isServing, 20);
    const start = cutPower(cluster, "node-b");
    assert.equal((await cut).exitCode, 3);
    start();
    await until("node-b to stream", 120, () => cluster.streaming() === 1);
    assert.match(left()[1] ?? "", /understudy\/drill\n/);
    const again = await drill();
    assert.equal(again.exitCode, 0, again.output);
    assert.deepEqual(left(), ["", ""]);
  });
});
