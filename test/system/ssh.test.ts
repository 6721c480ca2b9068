import assert from "node:assert/strict";
import pg from "pg";
import { leftovers } from "../support/hosts.ts";
import { SshCluster } from "../support/sshCluster.ts";
import { until } from "../support/until.ts";

const streamingStandbys =
  "select count(*) from pg_stat_replication join pg_stat_ssl using (pid) where ssl and state = 'streaming'";

/** A primary on a host without PostgreSQL, as a user who is not root; a standby behind it, which serves as its bastion. */
describe("the target ssh, on hosts that exist already", () => {
  let cluster: SshCluster;
  let connectionUri: string;

  before(async () => {
    cluster = await SshCluster.start({ "node-a": "bare-trixie", "node-b": "17" });
    await cluster
      .host("node-a")
      .exec(
        "useradd --create-home --shell /bin/bash admin && cp -r /root/.ssh /home/admin/.ssh && chown -R admin: /home/admin/.ssh && echo 'admin ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/admin",
      );
    const { hostKey, address } = cluster.host("node-b");
    const bastion = { ...cluster.node("node-a"), user: "admin" };
    const { accessKey: _, secretKey: __, ...archive } = cluster.archive;
    await cluster.declare({
      target: "ssh",
      primary: "node-a",
      nodes: {
        "node-a": bastion,
        "node-b": {
          ...{ host: address, hostKey, privateKeyFile: cluster.file("node-b") },
          proxy: withoutAddress(bastion),
        },
      },
      archive,
    });
    await cluster.stack.setConfig("archive.accessKey", cluster.s3.accessKey, { secret: true });
    await cluster.stack.setConfig("archive.secretKey", cluster.s3.secretKey, { secret: true });
  });

  after(async () => {
    await cluster?.dispose();
    if (cluster) assert.deepEqual(leftovers(cluster.hosts.prefix), []);
  });

  it("installs PostgreSQL where it is missing, and makes a primary with a streaming standby", async () => {
    assert.equal(await cluster.host("node-a").exec("command -v pgbackrest || true"), "");
    const { output } = await cluster.up();
    assert.match(output, /node-a: installing postgresql-17 pgbackrest/);
    assert.doesNotMatch(output, /node-b: installing/);

    const outputs = (await cluster.stack.outputs({ secrets: true })) as {
      primary: string;
      connectionUri: string;
      nodes: Record<string, { role: string; address: string; port: number; ssh: string }>;
    };
    assert.equal(outputs.primary, "node-a");
    assert.deepEqual(outputs.nodes["node-a"], {
      ...{ role: "primary", address: cluster.host("node-a").address, port: 5432 },
      ssh: `ssh -p ${cluster.host("node-a").sshPort} admin@127.0.0.1`,
    });
    connectionUri = outputs.connectionUri;
    await until("node-b to stream", 30, async () => (await cluster.sql("node-a", streamingStandbys)) === "1");
  });

  it("rows written through connectionUri are on the standby", async () => {
    const client = new pg.Client({ connectionString: connectionUri });
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

  it("a second update changes nothing and logs in nowhere", async () => {
    const logins = () => Promise.all(["node-a", "node-b"].map((node) => cluster.logins(node)));
    const before = await logins();
    assert.ok(before.every((count) => count > 0));
    const { output, steps } = await cluster.up();
    assert.match(output, /\d+ unchanged/);
    assert.deepEqual(steps, []);
    assert.deepEqual(await logins(), before);
  });

  it("a fence that is a lie is found out: a fenced node that answers keeps everybody else from taking over", async () => {
    const { stack } = cluster;
    await until("node-b to follow", 30, async () => (await cluster.sql("node-a", streamingStandbys)) === "1");
    await stack.setConfig("nodes.node-a.fence.command", "true");
    await stack.setConfig("nodes.node-a.state", "fenced");
    await stack.setConfig("maxLossBytes", 64 * 1024 ** 2);
    await stack.setConfig("primary", "node-b");
    const { exitCode, output } = await stack.up();
    assert.notEqual(exitCode, 0);
    assert.match(output, /a node that is declared fenced answers this node\n *HINT: See that it is off/);
    assert.equal(await cluster.sql("node-b", "select pg_is_in_recovery()"), "t");
    assert.equal(await cluster.sql("node-a", "select pg_is_in_recovery()"), "f");
    await stack.setConfig("nodes.node-a.state", "active");
    await stack.setConfig("primary", "node-a");
    await cluster.up();
    await until("node-b to follow", 30, async () => (await cluster.sql("node-a", streamingStandbys)) === "1");
  });

  it("a node that is removed from config leaves the cluster; its host keeps its data and runs on", async () => {
    const content = () =>
      cluster.host("node-b").exec("find /var/lib/understudy /etc/understudy -name '*.conf' -o -name PG_VERSION | sort");
    const before = await content();
    const logins = await cluster.logins("node-b");
    await cluster.stack.removeConfig("nodes.node-b");
    await cluster.up();
    assert.equal(await cluster.sql("node-a", "select count(*) from pg_replication_slots"), "0");
    assert.equal(await content(), before);
    assert.equal(await cluster.logins("node-b"), logins);
    assert.equal(await cluster.sql("node-b", "select count(*) from t", "app"), "10000");
  });

  it("destroy leaves the hosts and their data alone", async () => {
    const { exitCode, output } = await cluster.stack.destroy();
    assert.equal(exitCode, 0, output);
    assert.equal(await cluster.sql("node-a", "select count(*) from t", "app"), "10000");
  });
});

function withoutAddress<T extends { readonly address: string }>({ address: _, ...login }: T): Omit<T, "address"> {
  return login;
}
