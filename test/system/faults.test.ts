import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { leftovers } from "../support/hosts.ts";
import { type ConfigValue, REPOSITORY, type RunResult } from "../support/pulumiStack.ts";
import { SshCluster } from "../support/sshCluster.ts";
import { until } from "../support/until.ts";

/**
 * One cluster on its way from nothing, and on each stretch of it something else is wrong, on both hosts where that saves time.
 * Each update is refused; then the causes are mended, and the next one gets past the steps that had refused, to what is wrong
 * there. In the end it succeeds.
 */
describe("faults: a clear message, nothing half-made, and the next update goes on", () => {
  let cluster: SshCluster;
  /** What config says of nodes and archive in the present stretch. */
  let nodes: Record<string, Record<string, ConfigValue>>;
  let archive: Record<string, ConfigValue>;

  before(async () => {
    cluster = await SshCluster.start(["node-a", "node-b"]);
    nodes = { "node-a": cluster.node("node-a"), "node-b": cluster.node("node-b") };
    archive = cluster.archive;
    await cluster.declare({ target: "ssh", primary: "node-a", nodes, archive, postgresVersion: 15 });
  });

  after(async () => {
    await cluster?.dispose();
    if (cluster) assert.deepEqual(leftovers(cluster.hosts.prefix), []);
  });

  /** An update that has to be refused, with what it said of each resource, or of the whole stack. */
  const refused = async (
    config: Readonly<Record<string, ConfigValue>> = {},
  ): Promise<{ result: RunResult; said: (resource: string) => string }> => {
    await cluster.declare({ nodes, archive, ...config });
    const result = await cluster.stack.up();
    assert.notEqual(result.exitCode, 0, result.output);
    assert.doesNotMatch(result.output, /failed unexpectedly|^\s+at .*:\d+:\d+/m);
    return { result, said: (resource) => diagnosticsOf(result.output, resource) };
  };

  /** Everything on a host that this program could have written, by name. */
  const traces = (node: string): Promise<string> =>
    cluster
      .host(node)
      .exec("find /var/lib/understudy /etc/understudy /etc/systemd/system/understudy* 2>/dev/null | sort || true");

  it("a wrong SSH key, a host that is not there [full]", async () => {
    const wrong = join(cluster.stack.directory, "keys", "wrong");
    const maker = join(REPOSITORY, "scripts/make-secret.mjs");
    const key = JSON.parse(execFileSync(process.execPath, [maker, "ssh-key"], { input: "", encoding: "utf8" }));
    await writeFile(wrong, key.privateKey, { mode: 0o600 });
    const before = await Promise.all(["node-a", "node-b"].map(traces));
    nodes = {
      "node-a": { ...cluster.node("node-a"), privateKeyFile: wrong },
      "node-b": { ...cluster.node("node-b"), port: 1 },
    };
    const { said } = await refused();
    assert.match(
      said("install-node-a"),
      /the host refused the login, node-a \(admin@[\d.]+:22\)\n *HINT: .*authorized_keys/,
    );
    assert.match(
      said("install-node-b"),
      /cannot be reached by SSH: connection refused, node-b \(admin@[\d.]+:1\)\n *HINT: see that the host runs/,
    );
    assert.deepEqual(await Promise.all(["node-a", "node-b"].map(traces)), before);
  });

  it("a changed host key, a port that another program uses", async () => {
    await cluster
      .host("node-b")
      .exec(
        "systemd-run -q --unit squatter perl -MIO::Socket::INET -e '$$s = IO::Socket::INET->new(Listen => 1, LocalPort => 5432) or die; sleep'",
      );
    const before = await Promise.all(["node-a", "node-b"].map(traces));
    nodes = {
      "node-a": { ...cluster.node("node-a"), hostKey: cluster.host("node-b").hostKey },
      "node-b": cluster.node("node-b"),
    };
    const { said } = await refused();
    nodes = { "node-a": cluster.node("node-a"), "node-b": cluster.node("node-b") };
    await cluster.host("node-b").exec("systemctl stop squatter");
    assert.match(
      said("install-node-a"),
      /the host key is not the one that is expected, node-a \(.*\)\n *HINT: if the host was made anew/,
    );
    assert.match(said("install-node-b"), /node-b: port 5432 is in use by 'perl'\n *HINT: .*postgresPort/);
    assert.deepEqual(await Promise.all(["node-a", "node-b"].map(traces)), before);
  });

  it("no free disk, a package that the release does not have [full]", async () => {
    await cluster
      .host("node-a")
      .exec("mkdir /var/lib/understudy && mount -t tmpfs -o size=100m none /var/lib/understudy");
    const before = await Promise.all(["node-a", "node-b"].map(traces));
    const { said } = await refused({ postgresVersion: 14 });
    await cluster.host("node-a").exec("umount /var/lib/understudy");
    assert.match(
      said("install-node-a"),
      /node-a: not enough free disk in \/var\/lib\/understudy: 100 MB free, 256 MB needed.*\n *HINT: Make the data volume larger/,
    );
    assert.match(
      said("install-node-b"),
      /node-b: package postgresql-14 is not in .*package sources\n *HINT: .*postgresVersion/,
    );
    assert.deepEqual(await Promise.all(["node-a", "node-b"].map(traces)), before);
  });

  it("a data directory of another cluster, one that is not empty", async () => {
    await cluster
      .host("node-a")
      .exec("mkdir -p /var/lib/understudy && echo elsewhere >/var/lib/understudy/.understudy-volume");
    await cluster
      .host("node-b")
      .exec("mkdir -p /var/lib/understudy/15/data && echo 15 >/var/lib/understudy/15/data/PG_VERSION");
    const before = await Promise.all(["node-a", "node-b"].map(traces));
    const { said } = await refused({ postgresVersion: 15 });
    assert.match(
      said("install-node-a"),
      /node-a: the data directory \/var\/lib\/understudy is in use by another cluster \(elsewhere\)\n *HINT: .*another dataDirectory/,
    );
    assert.match(said("install-node-b"), /node-b: .*is in use: it is not empty and carries no mark.*\n *HINT: /);
    assert.deepEqual(await Promise.all(["node-a", "node-b"].map(traces)), before);
    for (const node of ["node-a", "node-b"]) {
      await cluster.host(node).exec("rm -rf /var/lib/understudy/.understudy-volume /var/lib/understudy/15");
    }
    // Large enough for an empty cluster, too small for a copy of the primary: see below.
    await cluster.host("node-b").exec("mount -t tmpfs -o size=265m none /var/lib/understudy");
  });

  const noDatabase = async () => {
    const found = await cluster.host("node-a").exec("find /var/lib/understudy -name PG_VERSION");
    assert.equal(found, "", "a database was made without an archive");
  };

  it("an archive that cannot be reached", async () => {
    archive = { ...cluster.archive, endpoint: cluster.archive.endpoint.replace(":443", ":444") };
    const { said } = await refused();
    assert.match(
      said("promote"),
      /node-a: the archive cannot be reached from this node\n(.*\n)+ *HINT: Check archive\.endpoint/,
    );
    await noDatabase();
  });

  it("an archive whose certificate is for another name, and one whose certificate nobody here knows [full]", async () => {
    archive = { ...cluster.archive, endpoint: cluster.s3.endpointByOtherName };
    const { said } = await refused();
    assert.match(
      said("promote"),
      /node-a: the archive's certificate does not name the endpoint\n.*unable to find hostname 'elsewhere\.understudy\.test'(.*\n)+ *HINT: Set archive\.endpoint/,
    );
    const { caFile: _, ...unknown } = cluster.archive;
    await cluster.stack.removeConfig("archive.caFile");
    archive = unknown;
    const { said: then } = await refused();
    assert.match(
      then("promote"),
      /node-a: the archive's certificate is not trusted\n.*unable to verify certificate(.*\n)+ *HINT: Set archive\.caFile/,
    );
    await noDatabase();
  });

  it("an archive that refuses the credentials [full]", async () => {
    archive = { ...cluster.archive, secretKey: "wrong-secret-key-of-tests" };
    const { said, result } = await refused();
    assert.match(
      said("promote"),
      /node-a: the archive refuses the credentials\n(.*\n)+ *HINT: Check archive\.accessKey/,
    );
    assert.doesNotMatch(result.output, /wrong-secret-key-of-tests/);
    await noDatabase();
  });

  it("a bucket that does not exist", async () => {
    archive = { ...cluster.archive, bucket: "another-bucket" };
    const { said } = await refused();
    assert.match(said("promote"), /node-a: the archive's bucket does not exist\n(.*\n)+ *HINT: Create the bucket/);
    await noDatabase();
    archive = cluster.archive;
  });

  it("what a cut-off initdb left is in nobody's way; a disk too small for the copy is told before it is made", async () => {
    await cluster
      .host("node-a")
      .exec(
        "install -d -o postgres -m 700 /var/lib/understudy/15/data.initdb && touch /var/lib/understudy/15/data.initdb/PG_VERSION",
      );
    const { said } = await refused();
    assert.match(
      said("follow-node-b"),
      /node-b: not enough free disk in \/var\/lib\/understudy: \d+ MB free, \d+ MB needed for a copy of node-a\n *HINT: /,
    );
    assert.equal((await cluster.host("node-a").exec("ls /var/lib/understudy/15")).trim(), "data");
    assert.equal(await cluster.host("node-b").exec("ls /var/lib/understudy/15"), "");
    assert.equal(await cluster.sql("node-a", "select pg_is_in_recovery()"), "f");
  });

  it("what a cut-off base backup left is in nobody's way: the update succeeds", async () => {
    await cluster.host("node-b").exec("mount -o remount,size=2g /var/lib/understudy");
    await cluster
      .host("node-b")
      .exec(
        "install -d -o postgres -m 700 /var/lib/understudy/15/data.basebackup && touch /var/lib/understudy/15/data.basebackup/PG_VERSION",
      );
    await cluster.up();
    assert.equal((await cluster.host("node-b").exec("ls /var/lib/understudy/15")).trim(), "data");
    await streams();
  });

  it("a data volume that is not mounted on a later run: nothing is written into its mount point [full]", async () => {
    const host = cluster.host("node-b");
    await host.exec("systemctl stop understudy-postgresql && mount -t tmpfs -o size=1g none /var/lib/understudy");
    const { said } = await refused({ epoch: 1 });
    assert.match(said("preflight"), /node-b: its data volume is not mounted\n *HINT: Mount it/);
    assert.match(said("preflight"), /no role was touched/);
    assert.equal(await host.exec("find /var/lib/understudy -mindepth 1"), "");
    assert.equal(await cluster.sql("node-a", "select pg_is_in_recovery()"), "f");
    await host.exec("umount /var/lib/understudy");
    await cluster.up();
    await streams();
  });

  const streams = () =>
    until("node-b to stream", 60, async () => {
      const query =
        "select count(*) from pg_stat_replication where state = 'streaming' and application_name = 'node-b'";
      return (await cluster.sql("node-a", query)) === "1";
    });
});

/** What the engine reported in the end of the resource, or stack, whose name starts so. */
function diagnosticsOf(output: string, resource: string): string {
  const [, diagnostics = ""] = output.split(/^Diagnostics:$/m);
  const blocks = diagnostics.split(/^ {2}(?=\S+ \(.*\):$)/m);
  return blocks.filter((block) => block.split("\n")[0]?.includes(`(${resource}`)).join("\n");
}
