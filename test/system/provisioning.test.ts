import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { DockerCluster, query } from "../support/dockerCluster.ts";
import { until } from "../support/until.ts";

const execute = promisify(execFile);
const rowsOn = (cluster: DockerCluster, node: string) => cluster.sql(node, "select count(*) from t", "app");

describe("a cluster on docker hosts, from nothing", () => {
  let cluster: DockerCluster;

  before(async () => {
    cluster = await DockerCluster.declare({ primary: "node-a", nodes: ["node-a", "node-b", "node-c"] });
    await cluster.up();
  });

  after(async () => {
    await cluster.dispose();
  });

  it("reports what was made", async () => {
    const outputs = await cluster.outputs();
    assert.equal(outputs.primary, "node-a");
    assert.deepEqual(
      Object.entries(outputs.nodes).map(([name, { role }]) => [name, role]),
      [
        ["node-a", "primary"],
        ["node-b", "standby"],
        ["node-c", "standby"],
      ],
    );
    assert.equal(outputs.handover.kind, "provisioned");
    assert.equal(outputs.handover.to, "node-a");
    assert.equal(outputs.handover.epoch, 1);
  });

  it("10,000 rows written through primaryUri are on both standbys", async () => {
    const { primaryUri, caCertificate } = await cluster.outputs();
    await query(primaryUri, caCertificate, "create table t as select generate_series(1, 10000) as id");
    for (const node of ["node-b", "node-c"])
      await until(`10,000 rows on ${node}`, 20, () => rowsOn(cluster, node) === "10000");
  });

  it("WAL is in the bucket, and pgBackRest has a full backup", async () => {
    const wal = cluster.sql("node-a", "select pg_walfile_name(pg_switch_wal())");
    await until(
      `${wal} to be archived`,
      30,
      () => cluster.sql("node-a", "select last_archived_wal from pg_stat_archiver") >= wal,
    );
    const [info] = JSON.parse(cluster.exec("node-a", "understudy", "backups", "node-a")) as {
      archive: { max: string }[];
      backup: { type: string }[];
    }[];
    assert.ok((info?.archive[0]?.max ?? "") >= wal, `${info?.archive[0]?.max} is before ${wal}`);
    assert.equal(info?.backup[0]?.type, "full");
  });

  it("streams over TLS with one slot of its own for each standby, made for it", () => {
    const senders = cluster.sql(
      "node-a",
      "select string_agg(format('%s %s %s', application_name, ssl, state), ',' order by application_name) from pg_stat_replication join pg_stat_ssl using (pid)",
    );
    assert.equal(senders, "node-b t streaming,node-c t streaming");
    const slots = cluster.sql(
      "node-a",
      "select string_agg(slot_name || ' ' || active, ',' order by slot_name) from pg_replication_slots",
    );
    assert.equal(slots, "understudy_node_b true,understudy_node_c true");
  });

  it("a second update changes nothing and contacts no host", async () => {
    const before = ["node-a", "node-b", "node-c"].map((node) => cluster.logins(node));
    const { output } = await cluster.up();
    assert.match(output, /\d+ unchanged/);
    assert.doesNotMatch(output, /\d+ (updated|created|deleted|replaced)|[+~-] \d+/);
    assert.deepEqual(
      ["node-a", "node-b", "node-c"].map((node) => cluster.logins(node)),
      before,
    );
  });

  it("a changed reconcile runs every step again and changes nothing, while somebody else switches WAL segments", async () => {
    const state = () =>
      ["node-a", "node-b", "node-c"].map((node) =>
        cluster.sql(
          node,
          "select pg_postmaster_start_time(), pg_is_in_recovery(), (select string_agg(rolname || rolpassword, ',' order by 1) from pg_authid)",
        ),
      );
    const before = state();
    const logins = cluster.logins("node-b");
    // Ends at the first segment that pgBackRest's check has asked for, which it leaves empty: see archive.sh.
    const switching = `do $$ begin
      while not exists (select from pg_stat_activity where application_name like 'pgBackRest%' and query like '%pg_switch_wal%')
      loop perform pg_switch_wal(), pg_stat_clear_snapshot(); end loop; end $$`;
    const switcher = execute("docker", [
      ...["exec", cluster.container("node-a"), "setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"],
      ...["psql", "-XAtq", "-h", "/run/postgresql", "-c", "set statement_timeout = '120s'", "-c", switching],
    ]);
    await cluster.stack.setConfig("reconcile", "again");
    await cluster.up();
    await switcher;
    assert.deepEqual(state(), before);
    assert.ok(cluster.logins("node-b") > logins, "the steps did not run");
  });

  for (const node of ["node-a", "node-b"]) {
    it(`a restart of ${node} brings it back in its role${node === "node-a" ? "" : " [full]"}`, async () => {
      cluster.docker("restart", node);
      const standby = node === "node-a" ? "f" : "t";
      await until(`${node} to be back`, 60, () => cluster.sql(node, "select pg_is_in_recovery()") === standby);
      await until("both standbys to stream", 60, () => cluster.streaming() === 2);
    });
  }

  it("a killed host comes back in its role", async () => {
    cluster.docker("kill", "node-a");
    cluster.docker("start", "node-a");
    await until("node-a to be back", 60, () => cluster.sql("node-a", "select pg_is_in_recovery()") === "f");
    await until("both standbys to stream", 60, () => cluster.streaming() === 2);
  });

  it("pg_ctl start on the primary's data directory, past the unit, comes up read-only", async () => {
    cluster.exec("node-a", "systemctl", "stop", "understudy-postgresql");
    const pgctl = (verb: string) =>
      cluster.execAsPostgres(
        "node-a",
        "sh",
        "-c",
        `/usr/lib/postgresql/17/bin/pg_ctl ${verb} -w -D /var/lib/understudy/17/data -o '--config-file=/etc/understudy/postgresql.conf' >/dev/null 2>&1 </dev/null`,
      );
    pgctl("start");
    assert.equal(cluster.sql("node-a", "select pg_is_in_recovery()"), "t");
    pgctl("stop");
    cluster.exec("node-a", "systemctl", "start", "understudy-postgresql");
    await until("node-a to lead again", 60, () => cluster.sql("node-a", "select pg_is_in_recovery()") === "f");
  });

  it("a changed setting is in force everywhere, with a restart only where it needs one [full]", async () => {
    const started = () => ["node-a", "node-b"].map((node) => cluster.sql(node, "select pg_postmaster_start_time()"));
    const before = started();
    await cluster.stack.setConfig("settings.work_mem", "7MB");
    await cluster.up();
    assert.deepEqual(
      ["node-a", "node-b", "node-c"].map((node) => cluster.sql(node, "show work_mem")),
      ["7MB", "7MB", "7MB"],
    );
    assert.deepEqual(started(), before);
    for (const connections of ["180", "90"]) {
      await cluster.stack.setConfig("settings.max_connections", connections);
      await cluster.up();
      assert.equal(cluster.sql("node-a", "show max_connections"), connections);
      await until("both standbys to stream", 60, () => cluster.streaming() === 2);
    }
  });

  it("a new primary that runs with more than is configured now is followed all the same [full]", async () => {
    // A standby keeps what its primary had before the setting was lowered, until it is restarted.
    assert.equal(cluster.sql("node-b", "show max_connections"), "180");
    for (const primary of ["node-b", "node-a"]) {
      await cluster.stack.setConfig("primary", primary);
      await cluster.up();
    }
    await until("both standbys to stream", 60, () => cluster.streaming() === 2);
  });

  it("a promotion done by hand is refused, with what is real", async () => {
    cluster.sql("node-c", "select pg_promote()");
    await cluster.stack.setConfig("reconcile", "after a promotion by hand");
    const { exitCode, output } = await cluster.stack.up();
    assert.notEqual(exitCode, 0);
    assert.match(output, /more than one node takes writes: node-a, node-c/);
    // Put right by hand, as the message asks: the diverged copy is thrown away.
    cluster.exec("node-c", "sh", "-c", "systemctl stop understudy-postgresql && rm -rf /var/lib/understudy/17/data");
    await cluster.up();
    await until("both standbys to stream", 60, () => cluster.streaming() === 2);
  });

  it("a host that is made anew comes back in its role: a standby, and the primary [full]", async () => {
    for (const node of ["node-b", "node-a"]) {
      cluster.exec(node, "touch", "/root/mark");
      await cluster.stack.setConfig(`nodes.${node}.memory`, "1500MB");
      await cluster.up();
      assert.throws(() => cluster.exec(node, "ls", "/root/mark"), `${node} is the old one`);
      assert.equal(cluster.sql(node, "select pg_is_in_recovery()"), node === "node-a" ? "f" : "t");
      await until("both standbys to stream", 60, () => cluster.streaming() === 2);
    }
  });

  it("an added node becomes a standby; the others keep running", async () => {
    const started = () =>
      ["node-a", "node-b", "node-c"].map((node) => cluster.sql(node, "select pg_postmaster_start_time()"));
    const before = started();
    await cluster.stack.setConfig("nodes.node-d.state", "active");
    await cluster.up();
    await until("10,000 rows on node-d", 20, () => rowsOn(cluster, "node-d") === "10000");
    assert.deepEqual(started(), before);
  });

  it("a removed node that is dead blocks nothing: its slot and its host go", async () => {
    cluster.docker("kill", "node-d");
    await cluster.stack.removeConfig("nodes.node-d");
    await cluster.up();
    assert.equal(
      cluster.sql("node-a", "select count(*) from pg_replication_slots where slot_name = 'understudy_node_d'"),
      "0",
    );
    assert.deepEqual(
      cluster.leftovers().filter((name) => name.includes("node-d")),
      [],
    );
  });

  it("destroy leaves nothing behind", async () => {
    const { exitCode, output } = await cluster.stack.destroy();
    assert.equal(exitCode, 0, output);
    assert.deepEqual(cluster.leftovers(), []);
  });
});
