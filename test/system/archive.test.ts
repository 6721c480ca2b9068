import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { restoredAnswer } from "../support/archiveCheck.ts";
import { DockerCluster } from "../support/dockerCluster.ts";
import { archiveHost } from "../support/faults.ts";
import { REPOSITORY } from "../support/pulumiStack.ts";
import { until } from "../support/until.ts";

const execute = promisify(execFile);
const nodes = ["node-a", "node-b"];

interface Info {
  readonly cipher: string;
  readonly backup: readonly { readonly label: string; readonly type: string }[];
}

describe("the archive", () => {
  let cluster: DockerCluster;
  let key: string;

  const info = (node: string) => (JSON.parse(cluster.exec(node, "understudy", "backups", node)) as [Info])[0];
  const labels = (node = "node-a") => info(node).backup.map(({ label }) => label);
  const backup = (node: string, type: string) =>
    JSON.parse(cluster.exec(node, "understudy", "backup", node, type)) as { backup: string; from?: string };
  /** Both nodes' timers come at the same moment. */
  const timersFire = (type: string) => {
    for (const node of nodes)
      cluster.exec(node, "systemctl", "start", "--no-block", `understudy-backup-${type}.service`);
  };
  const atRest = (type: string) =>
    until("the scheduled backups to end", 120, () =>
      nodes.every((node) => {
        const unit = `understudy-backup-${type}.service`;
        const state = cluster.exec(node, "systemctl", "show", "--property=ActiveState", "--value", unit).trim();
        return state === "inactive" || state === "failed";
      }),
    );
  /** A command of the project's, with its exit code. */
  const run = async (script: string, ...words: string[]) => {
    const { environment, name } = cluster.stack;
    const ended = await execute("./scripts/node", [`scripts/${script}`, "--stack", name, ...words], {
      cwd: REPOSITORY,
      env: environment as NodeJS.ProcessEnv,
    }).catch((error: { code: number; stdout: string; stderr: string }) => error);
    return { exitCode: "code" in ended ? ended.code : 0, output: ended.stdout + ended.stderr };
  };
  const findings = async () => {
    const { output } = await run("status.ts", "--json");
    return (JSON.parse(output) as { findings: { what: string }[] }).findings.map(({ what }) => what);
  };

  before(async () => {
    cluster = await DockerCluster.declare({ primary: "node-a", nodes });
    await cluster.up();
    key = String((await cluster.stack.outputs({ secrets: true })).archiveKey);
    cluster.sql("node-a", "create table t as select generate_series(1, 1000) as id", "app");
    await until("node-b to stream", 60, () => cluster.streaming() === 1);
  });

  after(async () => {
    await cluster.dispose();
  });

  it("of a new stack is encrypted: the store has nothing that can be read", () => {
    assert.match(key, /^[A-Za-z0-9]{32}$/);
    assert.equal(info("node-a").cipher, "aes-256-cbc");
    // In a bundle a cipher's header is left out: there, at least nothing begins as zstd does.
    const script = `cd /var/lib/understudy/buckets; for file in $(find . -type f -size +0 | grep -E '/(archive|backup)/'); do
      case $file in */bundle/*) [ "$(head -c 4 "$file" | od -An -tx1)" != ' 28 b5 2f fd' ] ;; *) [ "$(head -c 8 "$file")" = Salted__ ] ;; esac || echo "$file"
    done`;
    assert.equal(cluster.exec(archiveHost, "sh", "-c", script), "");
  });

  it("its key is root's and postgres', and in no log", () => {
    for (const node of nodes) {
      const modes = cluster.exec(
        node,
        ...["stat", "-c", "%n %U %a", "/etc/understudy/pgbackrest.conf", "/var/lib/understudy/archive-key"],
      );
      assert.equal(modes, "/etc/understudy/pgbackrest.conf postgres 600\n/var/lib/understudy/archive-key root 600\n");
      const found = cluster.exec(
        node,
        ...["sh", "-c", `journalctl -q --no-pager | grep -c -F ${key}; grep -r -l -F ${key} /var/log; true`],
      );
      assert.equal(found, "0\n");
    }
  });

  it("restores with the key, to the last row, and not without it", () => {
    cluster.sql("node-a", "insert into t values (1001)", "app");
    cluster.sql("node-a", "select pg_switch_wal()");
    assert.equal(restoredAnswer(cluster, "node-b", "select count(*) from t", "app"), "1001");
    const restore = (without: string) => `
      cd /tmp && rm -rf scratch && install -d -m 700 scratch && grep -v '${without}' /etc/understudy/pgbackrest.conf >scratch/conf
      mkdir scratch/data; pgbackrest --config=/tmp/scratch/conf --stanza=${cluster.stack.name} --pg1-path=/tmp/scratch/data \
        --no-delta --log-level-stderr=error restore 2>&1 && cat scratch/data/PG_VERSION; rm -rf scratch`;
    assert.equal(cluster.execAsPostgres("node-b", "bash", "-c", restore("^#")).trim(), "17");
    const refused = cluster.execAsPostgres("node-b", "bash", "-c", restore("^repo1-cipher"));
    assert.match(refused, /ERROR: .*backup\.info|no backup set|encrypted/);
  });

  it("stays encrypted: another declaration is refused in the preview, before any host is touched", async () => {
    await cluster.stack.setConfig("archive.encrypted", false);
    const logins = nodes.map((node) => cluster.logins(node));
    for (const refused of [await cluster.stack.preview(), await cluster.stack.up()]) {
      assert.notEqual(refused.exitCode, 0);
      assert.match(refused.output, /an archive that is there stays encrypted/);
      assert.match(refused.output, /HINT: .*another archive\.prefix/);
    }
    assert.deepEqual(
      nodes.map((node) => cluster.logins(node)),
      logins,
    );
    await cluster.stack.removeConfig("archive.encrypted");
  });

  it("a backup reads from the standby, and is started by the primary alone", async () => {
    const before = labels();
    assert.deepEqual(backup("node-b", "full"), { backup: "none" });
    assert.deepEqual(backup("node-a", "full"), { backup: "full", from: "node-b" });
    assert.equal(labels().length, before.length + 1);
    timersFire("incr");
    await atRest("incr");
    assert.equal(labels().length, before.length + 2);
    assert.equal(info("node-a").backup.at(-1)?.type, "incr");
    assert.equal(restoredAnswer(cluster, "node-b", "select count(*) from t", "app"), "1001");
  });

  it("two backups at once: the second one waits for the first [full]", async () => {
    const before = labels();
    const node = cluster.container("node-a");
    const start = () => execute("docker", ["exec", node, "understudy", "backup", "node-a", "incr"]);
    const ended = Promise.all([start(), start()]);
    let most = 0;
    let going = true;
    void ended.finally(() => {
      going = false;
    });
    await until("both backups", 240, () => {
      const running = cluster.sql(
        "node-a",
        "select count(distinct pid) from pg_stat_activity join pg_locks using (pid) where application_name like 'pgBackRest [backup]%' and locktype = 'advisory'",
      );
      most = Math.max(most, Number(running));
      return !going;
    });
    await ended;
    assert.ok(most <= 1, `${most} at once`);
    assert.equal(labels().length, before.length + 2);
  });

  it("nobody but the leader is let in to read, and for nothing else", () => {
    const reach = (node: string, ...words: string[]) => {
      try {
        return cluster.execAsPostgres(node, "/usr/local/lib/understudy/backup-reach", ...words);
      } catch (error) {
        return String((error as { stderr?: string }).stderr);
      }
    };
    assert.match(reach("node-a", "postgres@node-b", "probe"), /^ready pgBackRest/);
    assert.match(reach("node-b", "postgres@node-a", "probe"), /it leads/);
    assert.match(reach("node-a", "postgres@node-b", "id"), /nothing else/);
    // It is pgBackRest's side of a backup all the same, which ends where nobody asks it anything.
    const other = reach("node-a", "postgres@node-b", "pgbackrest --pg1-path=/etc restore; id backup:remote");
    assert.doesNotMatch(other, /uid=/);
  });

  it("a scheduled backup that failed shows in status, and is gone once one succeeds", async () => {
    cluster.exec(archiveHost, "systemctl", "stop", "understudy-s3");
    try {
      timersFire("incr");
      await atRest("incr");
    } finally {
      cluster.exec(archiveHost, "systemctl", "start", "understudy-s3");
    }
    await until("status to tell of it", 60, async () =>
      (await findings()).some((what) => /scheduled incremental backup failed: .*archive cannot be reached/.test(what)),
    );
    await until("a backup", 60, () => backup("node-a", "incr").backup === "incr");
    assert.deepEqual(
      (await findings()).filter((what) => /backup/.test(what)),
      [],
    );
  });

  it("says when a backup was due after the last one", async () => {
    cluster.exec(
      "node-a",
      "sed",
      "-i",
      "s/^OnCalendar=.*/OnCalendar=minutely/",
      "/etc/systemd/system/understudy-backup-full.timer",
    );
    const held = JSON.parse(cluster.exec("node-a", "understudy", "backups", "node-a", "due")) as {
      info: [{ backup: { type: string; timestamp: { start: number } }[] }];
      schedules: { type: string; due: number }[];
    };
    const last = held.info[0].backup.filter(({ type }) => type === "full").at(-1)?.timestamp.start ?? 0;
    assert.equal(held.schedules.find(({ type }) => type === "full")?.due, (Math.floor(last / 60) + 1) * 60);
  });

  it("after a change of primary the other node starts the backups, and reads from the former one", async () => {
    await cluster.stack.setConfig("primary", "node-b");
    await cluster.up();
    await until("node-a to stream", 60, () => cluster.streaming("node-b") === 1);
    const before = labels();
    assert.deepEqual(backup("node-a", "incr"), { backup: "none" });
    assert.deepEqual(backup("node-b", "incr"), { backup: "incr", from: "node-a" });
    timersFire("incr");
    await atRest("incr");
    assert.equal(labels().length, before.length + 2);
  });

  it("npm run backups shows it all, and a hole", async () => {
    const whole = await run("backups.ts");
    assert.equal(whole.exitCode, 0, whole.output);
    assert.match(whole.output, /^\S+ · \d+ backups · encrypted\n/);
    assert.match(whole.output, /^TL 1 +━/m);
    assert.match(whole.output, /^TL 2 +┗/m);
    assert.equal(whole.output.match(/the last WAL$/gm)?.length, labels().length, whole.output);

    const oldest = info("node-b") as Info & { backup: readonly { archive: { stop: string } }[] };
    const stop = oldest.backup[0]?.archive.stop ?? "";
    const next =
      stop.slice(0, 16) + (Number.parseInt(stop.slice(16), 16) + 1).toString(16).toUpperCase().padStart(8, "0");
    cluster.exec(archiveHost, "sh", "-c", `find /var/lib/understudy/buckets -name '${next}-*' -delete`);
    const torn = await run("backups.ts");
    assert.equal(torn.exitCode, 1);
    assert.match(torn.output, new RegExp(`hole: ${next} \\(1 WAL file\\)`));
  });

  it("may be another one, encrypted or not: the same update makes it, with a full backup [full]", async () => {
    const { primary } = await cluster.outputs();
    await cluster.stack.setConfig("archive.prefix", "plain");
    await cluster.stack.setConfig("archive.encrypted", false);
    await cluster.up();
    assert.deepEqual([info(primary).cipher, labels(primary).length], ["none", 1]);
    assert.equal((await run("backups.ts")).exitCode, 0);
    assert.ok(
      cluster.exec(primary, "cat", "/var/lib/understudy/archive-key").includes(key),
      "the host has lost the key",
    );
    await cluster.stack.removeConfig("archive.prefix");
    await cluster.stack.removeConfig("archive.encrypted");
    await cluster.up();
    assert.equal(info(primary).cipher, "aes-256-cbc");
    // What the other one got meanwhile is pushed to this one, too.
    assert.match((await run("backups.ts")).output, /the last WAL$/m);

    // As a version that knows no keys leaves it.
    for (const node of nodes) cluster.exec(node, "sed", "-i", "/cipher/d", "/etc/understudy/pgbackrest.conf");
    await cluster.stack.setConfig("reconcile", "after an earlier version");
    await cluster.up();
    assert.equal(info(primary).cipher, "aes-256-cbc");
  });
});
