import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import pg from "pg";
import { clientConfig } from "../support/clientConfig.ts";
import { byAgents } from "../support/dockerCluster.ts";
import { leftovers } from "../support/hosts.ts";
import { REPOSITORY, stateUrl } from "../support/pulumiStack.ts";
import { SshCluster } from "../support/sshCluster.ts";
import { until } from "../support/until.ts";

const streamingStandbys =
  "select count(*) from pg_stat_replication join pg_stat_ssl using (pid) where ssl and state = 'streaming'";

/** Somebody's Debian hosts, in German: nothing on them is prepared for the program. One is reached through the other. */
describe("the target ssh, on plain hosts", () => {
  let cluster: SshCluster;
  let toPrimary: pg.ClientConfig;
  /** What Debian's package does by itself, as node-a's user has it. */
  let createcluster: string;

  const sudo = (node: string, command: string) => cluster.host(node).exec(command);
  const follows = (node: string, leader: string) =>
    until(`${node} to follow`, 30, async () => (await cluster.sql(leader, streamingStandbys)) === "1");

  before(async () => {
    cluster = await SshCluster.start(["node-a", "node-b"]);
    const { accessKey: _, secretKey: __, ledger, ...archive } = cluster.archive;
    const bastion = cluster.node("node-b");
    await cluster.declare({
      target: "ssh",
      primary: "node-a",
      postgresVersion: 15,
      nodes: {
        "node-a": { ...cluster.node("node-a"), dataDirectory: "/srv/postgresql/understudy", proxy: bastion },
        "node-b": bastion,
      },
      archive: { ...archive, ...(ledger ? { ledger: { bucket: ledger.bucket } } : {}) },
    });
    for (const [path, account] of Object.entries({
      archive: cluster.s3,
      ...(ledger && { "archive.ledger": ledger }),
    })) {
      await cluster.stack.setConfig(`${path}.accessKey`, account.accessKey, { secret: true });
      await cluster.stack.setConfig(`${path}.secretKey`, account.secretKey, { secret: true });
    }
    createcluster = await sudo("node-a", "cat /etc/postgresql-common/createcluster.conf");
    assert.doesNotMatch(createcluster, /^\s*create_main_cluster/m);
    assert.match(await sudo("node-a", "systemctl show-environment; cat /etc/default/locale"), /LANG=de_DE\.UTF-8/);
  });

  after(async () => {
    await cluster?.dispose();
    if (cluster) assert.deepEqual(leftovers(cluster.hosts.prefix), []);
  });

  it("refuses a host where Debian's own cluster has the port, and touches nothing there", async () => {
    // Its server keeps the output that it was started with open: `docker exec` would wait for it for ever.
    await sudo("node-b", "(apt-get -qq update && apt-get -qq install -y postgresql-15) </dev/null >/root/apt.log 2>&1");
    const traces = () =>
      sudo("node-b", "find /etc /var/lib /usr/local -path '*understudy*' -newer /etc/hostname | sort");
    const isRefused = async () => {
      const { exitCode, output } = await cluster.stack.up();
      assert.notEqual(exitCode, 0);
      assert.match(
        output,
        /node-b: Debian's cluster 15\/main has port 5432\n *HINT: .*postgresPort.*pg_dropcluster --stop 15 main/,
      );
      assert.doesNotMatch(await traces(), /\/etc\/understudy|\/var\/lib\/understudy|systemd/);
    };
    await isRefused();
    // It starts again with the host.
    await sudo("node-b", "pg_ctlcluster 15 main stop");
    await isRefused();
    assert.match(await sudo("node-b", "pg_ctlcluster 15 main start && pg_lsclusters -h"), /15 +main +5432 +online/);
    await sudo("node-b", "pg_dropcluster --stop 15 main");
  });

  it("installs PostgreSQL where it is missing, and makes a primary with a streaming standby", async () => {
    const { output } = await cluster.up();
    assert.match(output, /node-b: installing pgbackrest/);

    const outputs = (await cluster.stack.outputs({ secrets: true })) as {
      primary: string;
      primaryUri: string;
      caCertificate: string;
      nodes: Record<string, { role: string; address: string; port: number; ssh: string }>;
    };
    assert.equal(outputs.primary, "node-a");
    const { address } = cluster.host("node-a");
    assert.deepEqual(outputs.nodes["node-b"], {
      ...{ role: "standby", address: cluster.host("node-b").address, port: 5432 },
      ssh: `ssh -p 22 admin@${cluster.host("node-b").address}`,
    });
    assert.deepEqual([outputs.nodes["node-a"]?.role, outputs.nodes["node-a"]?.address], ["primary", address]);
    toPrimary = clientConfig(outputs.primaryUri, outputs.caCertificate);
    await follows("node-b", "node-a");
  });

  it("makes no cluster of Debian's, and leaves what Debian's package does as it is", async () => {
    assert.equal(await sudo("node-a", "pg_lsclusters -h"), "");
    assert.equal(await sudo("node-a", "cat /etc/postgresql-common/createcluster.conf"), createcluster);
    assert.equal(await sudo("node-a", "ls /etc/postgresql-common | grep understudy || true"), "");
  });

  it("rows written through primaryUri are on the standby", async () => {
    const client = new pg.Client(toPrimary);
    await client.connect();
    try {
      await client.query("create table t as select generate_series(1, 10000) as id");
    } finally {
      await client.end();
    }
    const count = () => cluster.sql("node-b", "select count(*) from t", "app");
    await until("10,000 rows on node-b", 30, async () => (await count()) === "10000");
  });

  it("WAL and a full backup are in the bucket that was given", async () => {
    const wal = await cluster.sql("node-a", "select pg_walfile_name(pg_switch_wal())");
    const archived = () => cluster.s3.objects().some((object) => object.includes(wal));
    await until(`${wal} in the bucket`, 60, archived);
    assert.ok(cluster.s3.objects().some((object) => /backup\/.*\dF\/backup\.manifest$/.test(object)));
  });

  if (byAgents) {
    it("the ledger is in the bucket that was given for it, where the account that postgres has does not reach", async () => {
      const { bucket } = cluster.s3.ledger ?? assert.fail("there is no ledger");
      assert.ok(cluster.s3.objects(bucket).some((object) => object.startsWith(`${cluster.stack.name}/`)));
      const list = (name: string) =>
        sudo(
          "node-a",
          `setpriv --reuid=postgres --regid=postgres --init-groups pgbackrest --config=/etc/understudy/pgbackrest.conf --repo1-s3-bucket=${name} repo-ls`,
        );
      assert.match(await list(cluster.s3.bucket), /archive/);
      await assert.rejects(list(bucket), /403|AccessDenied/);
    });
  }

  it("a second update changes nothing and logs in nowhere", async () => {
    const logins = () => Promise.all(["node-a", "node-b"].map((node) => cluster.logins(node)));
    const before = await logins();
    assert.ok(before.every((count) => count > 0));
    const { output, steps } = await cluster.up();
    assert.match(output, /\d+ unchanged/);
    assert.deepEqual(steps, []);
    assert.deepEqual(await logins(), before);
  });

  it("an outcome in the state that does not fit makes its step run again [full]", async () => {
    const { stack } = cluster;
    const file = join(stack.directory, "state.json");
    const { stdout } = await stack.command("stack", "export", "--show-secrets");
    const broken = stdout.replace(/(\\"memoryBytes\\":)\d+/, "$12,52761e+10");
    assert.notEqual(broken, stdout);
    await writeFile(file, broken);
    assert.equal((await stack.command("stack", "import", "--file", file)).exitCode, 0);
    const { output } = await cluster.up();
    assert.match(output, /install-node-a updated/);
    assert.deepEqual((await cluster.up()).steps, []);
  });

  it("all is well, and the primary changes, in German as in English", async () => {
    const { name, directory } = cluster.stack;
    const env = {
      ...process.env,
      PULUMI_BACKEND_URL: stateUrl(directory),
      PULUMI_CONFIG_PASSPHRASE_FILE: join(directory, "passphrase"),
    };
    const status = async () => {
      const words = ["scripts/status.ts", "--stack", name];
      const run = promisify(execFile)(process.execPath, words, { cwd: REPOSITORY, env });
      return (await run.catch((error: { readonly stdout: string }) => error)).stdout;
    };
    assert.match(await status(), /ALL WELL/);
    await cluster.stack.setConfig("primary", "node-b");
    await cluster.up();
    await follows("node-a", "node-b");
    assert.match(await status(), /ALL WELL/);
  });

  it("a primary whose server was killed comes back as the primary", async () => {
    await sudo("node-b", "kill -9 $(head -n 1 /var/lib/understudy/15/data/postmaster.pid)");
    const writable = async () => (await cluster.sql("node-b", "select pg_is_in_recovery()").catch(() => "t")) === "f";
    await until("node-b to take writes", 60, writable);
    await follows("node-a", "node-b");
  });

  it("a fence that is a lie is found out: a fenced node that answers keeps everybody else from taking over", async () => {
    const { stack } = cluster;
    await stack.setConfig("nodes.node-b.fence.command", "true");
    await stack.setConfig("nodes.node-b.state", "fenced");
    await stack.setConfig("accept.change", 2);
    await stack.setConfig("accept.lossUnknown", true);
    await stack.setConfig("primary", "node-a");
    const { exitCode, output } = await stack.up();
    assert.notEqual(exitCode, 0);
    assert.match(output, /a node that is declared fenced answers this node\n *HINT: See that it is off/);
    assert.equal(await cluster.sql("node-a", "select pg_is_in_recovery()"), "t");
    assert.equal(await cluster.sql("node-b", "select pg_is_in_recovery()"), "f");
    await stack.setConfig("nodes.node-b.state", "active");
    await stack.setConfig("primary", "node-b");
    await cluster.up();
    await follows("node-a", "node-b");
  });

  it("a node that is removed from config leaves the cluster; its host keeps its data and runs on", async () => {
    const content = () => sudo("node-a", "find /srv /etc/understudy -name '*.conf' -o -name PG_VERSION | sort");
    const before = await content();
    const logins = await cluster.logins("node-a");
    await cluster.stack.removeConfig("nodes.node-a");
    await cluster.up();
    assert.equal(await cluster.sql("node-b", "select count(*) from pg_replication_slots"), "0");
    assert.equal(await content(), before);
    assert.equal(await cluster.logins("node-a"), logins);
    assert.equal(await cluster.sql("node-a", "select count(*) from t", "app"), "10000");
  });

  it("destroy leaves the hosts and their data alone", async () => {
    const { exitCode, output } = await cluster.stack.destroy();
    assert.equal(exitCode, 0, output);
    assert.equal(await cluster.sql("node-b", "select count(*) from t", "app"), "10000");
  });
});
