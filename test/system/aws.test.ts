import assert from "node:assert/strict";
import { ledgerBucket } from "../../model/aws/names.ts";
import { figures } from "../standins/aws/cloud/cloudWatch.js";
import { growsMounted } from "../standins/aws/cloud/machine.js";
import { Audit, finish } from "../support/audit.ts";
import { AwsCluster, someNetwork } from "../support/awsCluster.ts";
import { account } from "../support/awsConfigs.ts";
import { byAgents } from "../support/dockerCluster.ts";
import { until } from "../support/until.ts";

const region = "eu-central-1";
const nodes = {
  "node-a": { zone: "eu-central-1a", volume: { size: "10GB" } },
  "node-b": { zone: "eu-central-1b", volume: { size: "10GB" } },
} as const;
const grownNodes = { ...nodes, "node-a": { ...nodes["node-a"], volume: { size: "12GB" } } } as const;
const aws = { account, region, operatorNetworks: ["198.18.0.0/15"], network: { cidr: someNetwork() } } as const;

/** The target aws under the real engine, in a cloud that a stand-in for AWS's plugin makes of containers, loop devices and an S3 server. */
describe("the target aws, in a cloud that stands in for AWS", () => {
  let cluster: AwsCluster;
  let bucket: string;
  /** What is declared of the nodes: with the size that a volume has by now. */
  let sized: typeof nodes | typeof grownNodes = nodes;

  const streams = (primary: string) =>
    until(`a standby of ${primary} to stream`, 30, () => {
      const standbys = "select count(*) from pg_stat_replication where state = 'streaming'";
      return cluster.sql(primary, standbys) === "1";
    });
  const logins = () => ["node-a", "node-b"].map((node) => cluster.logins(node));

  before(async function () {
    // Loop devices are root's.
    if (process.getuid?.() !== 0) this.skip();
    cluster = await AwsCluster.start(region);
    await cluster.declare({ target: "aws", primary: "node-a", nodes, aws });
  });

  after(async () => {
    await cluster?.dispose();
    if (cluster) assert.deepEqual(cluster.leftovers(), []);
  });

  it("from nothing to a primary and a streaming standby, each on a volume of its own", async () => {
    const { output } = await cluster.up();
    assert.doesNotMatch(output, /unable to resolve host/);
    const outputs = await cluster.outputs();
    assert.equal(outputs.primary, "node-a");
    bucket = outputs.archive.bucket;
    await streams("node-a");
    for (const node of Object.keys(nodes)) {
      const mounted = cluster.exec(node, "findmnt", "--noheadings", "--output", "SOURCE,FSTYPE", "/var/lib/understudy");
      assert.match(mounted, /^\/dev\/disk\/nvme1n1 +ext4/);
    }
    assert.deepEqual(cluster.pending(await cluster.made()), { "node-a": [], "node-b": [] });
  });

  it("WAL and a full backup are in the bucket, with nothing but the credentials of the instance", async () => {
    const wal = cluster.sql("node-a", "select pg_walfile_name(pg_switch_wal())");
    await until(`${wal} in the bucket`, 60, () => cluster.objects(bucket).some((object) => object.includes(wal)));
    assert.ok(cluster.objects(bucket).some((object) => /backup\/.*\dF\/backup\.manifest$/.test(object)));
    const conf = cluster.exec("node-a", "cat", "/etc/understudy/pgbackrest.conf");
    assert.match(conf, /^repo1-s3-key-type=auto$/m);
    assert.doesNotMatch(conf, /^repo1-s3-key=|^repo1-s3-key-secret=/m);
  });

  if (byAgents) {
    it("the ledger is in a bucket of its own, where neither postgres nor its instance's role comes", async () => {
      const ledger = ledgerBucket(bucket);
      assert.ok(cluster.objects(ledger).some((object) => object.startsWith("ledger/")));
      const list = (name: string) => {
        const words = `pgbackrest --config=/etc/understudy/pgbackrest.conf --stanza=${cluster.stack.name} --repo1-s3-bucket=${name} repo-ls`;
        return cluster.exec(
          "node-a",
          ...["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "sh", "-c", `${words} 2>&1 || true`],
        );
      };
      assert.match(list(bucket), /^archive$/m);
      assert.match(list(ledger), /\b403\b/);
      const key = "/etc/understudy/agent/ledger-credentials.json";
      assert.equal(cluster.exec("node-a", "stat", "--format=%U %a", key).trim(), "root 600");
    });

    it("another key of the ledger's user is on the nodes before the old one goes [full]", async () => {
      const state = await cluster.stack.exportState();
      const old = (state.deployment.resources ?? []).find(({ urn }) => String(urn).endsWith("::ledger-access-key"));
      const happened = cluster.events().length;
      await cluster.up(["--replace", String(old?.urn)]);
      const done = cluster.events(happened).filter(({ type }) => type === "AccessKey");
      assert.deepEqual(
        done.map(({ event }) => event),
        ["create", "delete"],
      );
      for (const node of Object.keys(nodes)) {
        const known = cluster.exec(node, "cat", "/etc/understudy/agent/ledger-credentials.json");
        assert.equal((JSON.parse(known) as { accessKeyId: string }).accessKeyId, done[0]?.id);
      }
    });
  }

  it("the metadata service answers root and postgres, and nobody else on the host", () => {
    const asked = (user: string) =>
      cluster.exec(
        "node-a",
        "setpriv",
        `--reuid=${user}`,
        "--clear-groups",
        "sh",
        "-c",
        `${askForToken} || echo refused`,
      );
    assert.match(asked("root"), /^\S{20,}$/m);
    assert.match(asked("postgres"), /^\S{20,}$/m);
    assert.equal(asked("understudy").trim(), "refused");
  });

  it("a second update changes nothing and logs in nowhere [full]", async () => {
    const [before, happened] = [logins(), cluster.events().length];
    assert.ok(before.every((count) => count > 0));
    const { steps } = await cluster.up();
    assert.deepEqual(steps, []);
    assert.deepEqual(logins(), before);
    assert.deepEqual(cluster.events(happened), []);
  });

  it("a switchover reads as updates, touches nothing in AWS, and loses nothing", async () => {
    await cluster.declare({ primary: "node-b" });
    const preview = await cluster.stack.preview();
    assert.equal(preview.exitCode, 0, preview.output);
    assert.deepEqual([...new Set(preview.steps.map(({ op }) => op))], ["update"]);
    assert.doesNotMatch(preview.steps.map(({ type }) => type).join("\n"), /^aws:/m);
    const happened = cluster.events().length;
    const audit = await Audit.start(await cluster.outputs());
    try {
      await audit.during(() => cluster.up());
      await streams("node-b");
      const losses = await finish(audit, cluster, "node-b", ["node-a"]);
      for (const { lost, unexplained } of Object.values(losses)) assert.deepEqual([lost, unexplained], [[], []]);
      assert.deepEqual(audit.violations, []);
    } finally {
      await audit.stop();
    }
    assert.deepEqual(cluster.events(happened), []);
  });

  it("a newer image touches no host: the output says which changes are pending", async () => {
    const [before, happened] = [logins(), cluster.events().length];
    cluster.publishImages();
    const { steps } = await cluster.up();
    assert.deepEqual(steps, []);
    assert.deepEqual(logins(), before);
    assert.deepEqual(cluster.events(happened), []);
    assert.deepEqual(cluster.pending(await cluster.made()), { "node-a": ["ami"], "node-b": ["ami"] });
  });

  if (byAgents) {
    it("a host that has an agent is not made anew yet: refused before anything is touched", async () => {
      const happened = cluster.events().length;
      await cluster.declare({ aws: { ...aws, maintain: "node-a" } });
      const { exitCode, output } = await cluster.stack.up();
      assert.notEqual(exitCode, 0);
      assert.match(output, /aws\.maintain: 'node-a' has an agent, .*\n *HINT: /);
      assert.deepEqual(cluster.events(happened), []);
      await cluster.declare({ aws });
    });
  }

  unlessByAgents("a host is replaced on its old volume and address, and no other one is touched", async () => {
    const happened = cluster.events().length;
    const [made, { nodes: before }] = [await cluster.made(), await cluster.outputs()];
    cluster.exec("node-a", "touch", "/var/lib/understudy/state/here");
    await cluster.declare({ aws: { ...aws, maintain: "node-a" } });
    await cluster.up();
    assert.deepEqual(cluster.done(happened), [
      ...["stop host-node-a", "detach data-node-a", "terminate host-node-a"],
      ...["launch host-node-a", "attach data-node-a"],
    ]);
    const now = await cluster.made();
    assert.equal(now.nodes["node-a"]?.volume, made.nodes["node-a"]?.volume);
    assert.notEqual(now.nodes["node-a"]?.instance, made.nodes["node-a"]?.instance);
    assert.deepEqual((await cluster.outputs()).nodes, before);
    cluster.exec("node-a", "rm", "/var/lib/understudy/state/here");
    await streams("node-b");
    assert.deepEqual(cluster.pending(now), { "node-a": [], "node-b": ["ami"] });
    await cluster.declare({ aws });
  });

  it("the host that leads is not maintained, whatever the same update declares [full]", async () => {
    const happened = cluster.events().length;
    await cluster.declare({ aws: { ...aws, maintain: "node-b" } });
    const declared = await cluster.stack.up();
    assert.match(declared.output, /aws\.maintain.*\n?.*HINT: /);
    await cluster.declare({ primary: "node-a" });
    const both = await cluster.stack.up();
    assert.match(both.output, /aws\.maintain: node-b leads\n *HINT: /);
    assert.ok(declared.exitCode !== 0 && both.exitCode !== 0);
    assert.deepEqual(cluster.events(happened), []);
    await cluster.declare({ primary: "node-b", aws });
  });

  unlessByAgents(
    "another instance type stops and starts the host that is maintained, and it follows again [full]",
    async () => {
      const happened = cluster.events().length;
      await cluster.declare({ aws: { ...aws, instanceType: "m7g.xlarge", maintain: "node-a" } });
      await cluster.up();
      assert.deepEqual(cluster.done(happened), ["stop host-node-a", "modify host-node-a", "start host-node-a"]);
      await streams("node-b");
      assert.deepEqual(cluster.pending(await cluster.made()), { "node-a": [], "node-b": ["ami", "instanceType"] });
    },
  );

  it("a volume grows while it is used, and can't shrink [full]", async () => {
    const happened = cluster.events().length;
    sized = grownNodes;
    await cluster.declare({ aws: { ...aws, instanceType: "m7g.xlarge" }, nodes: sized });
    const update = await cluster.stack.up();
    assert.deepEqual(cluster.done(happened), ["grow data-node-a"]);
    assert.equal(cluster.exec("node-a", "blockdev", "--getsize64", "/dev/disk/nvme1n1").trim(), String(12 * 1024 ** 3));
    if (growsMounted()) assert.equal(update.exitCode, 0, update.output);
    else {
      // The kernel lets nobody without CAP_SYS_RESOURCE, which this machine has not, grow what is mounted: a host on EC2 has it.
      assert.match(update.output, /node-a: the file system of \S+ can't be grown\n *HINT: /);
      cluster.growUnmounted("node-a");
      await cluster.up();
    }
    const gigabytes = cluster.exec("node-a", "df", "--block-size=1G", "--output=size", "/var/lib/understudy");
    assert.match(gigabytes, /\b12$/m);
    await streams("node-b");

    await cluster.declare({ nodes });
    const smaller = await cluster.stack.preview();
    assert.notEqual(smaller.exitCode, 0);
    assert.match(
      smaller.output,
      /node-a: the data volume has 12 GB and can't become smaller: 10 GB are declared\n *HINT: /,
    );
    await cluster.declare({ nodes: sized });
  });

  it("a primary that hangs in `stopping` is forced, and EC2 says that it is off, before anybody takes over", async () => {
    const happened = cluster.events().length;
    // Not even a forced stop helps: its shutdown has to be skipped.
    cluster.hang("node-b", "skipped");
    const fenced = { ...sized, "node-b": { ...nodes["node-b"], state: "fenced" } };
    const { handover: last } = await cluster.outputs();
    await cluster.declare({ primary: "node-a", nodes: fenced, accept: { change: last.epoch, lossUnknown: true } });
    await cluster.up();
    const asked = cluster.events(happened).filter(({ event }) => event === "asked to stop");
    assert.deepEqual(
      asked.map(({ force, skipOsShutdown }) => [force, skipOsShutdown]),
      [
        [true, false],
        [true, true],
      ],
    );
    assert.deepEqual(cluster.done(happened), ["stop host-node-b"]);
    const events = cluster.events(happened);
    const stopped = events.find(({ event }) => event === "stop")?.time as string;
    const { handover } = await cluster.outputs();
    const taken = handover.steps.find((step) => / promote node-a /.test(step))?.split(" ")[0] as string;
    assert.ok(stopped < taken, `stopped ${stopped}, taken ${taken}`);
    // Of what the program has in AWS nothing was changed but the role that is denied everything, once node-a led.
    const denied = events.find(({ event }) => event === "put policy");
    assert.ok(denied !== undefined && denied.time > taken, `taken ${taken}, denied ${denied?.time}`);
    assert.deepEqual(
      events.filter(({ event }) => ["create", "update", "delete"].includes(event)),
      [],
    );
    assert.equal(handover.kind, "failover");
    assert.equal(cluster.sql("node-a", "select pg_is_in_recovery()"), "f");
  });

  it("a fenced host that somebody starts gets nothing from the archive, and is stopped again [full]", async () => {
    cluster.docker("start", "node-b");
    const ask = `setpriv --reuid=postgres --regid=postgres --init-groups pgbackrest --config=/etc/understudy/pgbackrest.conf --stanza=${cluster.stack.name} repo-ls`;
    await until("cloud-init to be through", 30, () => cluster.exec("node-b", "systemctl", "is-active", "ssh"));
    assert.match(cluster.exec("node-b", "sh", "-c", `${ask} 2>&1 || true`), /\b403\b/);
    const happened = cluster.events().length;
    await cluster.declare({ reconcile: "again" });
    await cluster.up();
    assert.deepEqual(cluster.done(happened), ["stop host-node-b"]);
  });

  it("the former primary's instance comes back by an update, and follows", async () => {
    const happened = cluster.events().length;
    await cluster.declare({ nodes: sized, accept: {} });
    await cluster.up();
    assert.deepEqual(cluster.done(happened), ["start host-node-b"]);
    assert.ok(cluster.events(happened).some(({ event }) => event === "delete policy"));
    await streams("node-a");
  });

  it("the bastion is replaced behind its address, and lets in as before [full]", async () => {
    const happened = cluster.events().length;
    await cluster.declare({ aws: { ...aws, instanceType: "m7g.xlarge", maintain: "bastion" } });
    await cluster.up();
    assert.deepEqual(cluster.done(happened).sort(), ["launch bastion", "terminate bastion"]);
    await cluster.declare({ reconcile: "through the new one" });
    await cluster.up();
  });

  it("destroy keeps the volumes and the bucket of a stack that is protected", async () => {
    await cluster.declare({ deletionProtection: true });
    const { exitCode, output } = await cluster.stack.destroy();
    assert.equal(exitCode, 0, output);
    const buckets = [`archive-${bucket}`, ...(byAgents ? [`ledger-${ledgerBucket(bucket)}`] : [])];
    const settings = cluster.cloud.state.things.filter(({ name }) => buckets.some((of) => name.startsWith(`${of}-`)));
    assert.deepEqual(
      cluster.cloud.state.things
        .filter((thing) => !settings.some(({ type, id }) => type === thing.type && id === thing.id))
        .map(({ name }) => name)
        .sort(),
      [...buckets, "data-node-a", "data-node-b"].sort(),
    );
    assert.ok(cluster.objects(bucket).some((object) => /backup\.manifest$/.test(object)));
    const again = await cluster.stack.preview();
    assert.notEqual(again.exitCode, 0);
    assert.match(again.output, /archive\.bucket: '\S+' is there already, and this stack has not made it\n *HINT: /);
  });

  it("a second stack in the account, with everything on and no way out but to S3, goes without a trace [full]", async () => {
    const before = cluster.cloud.state.things.map(({ id }) => id).sort();
    const other = await AwsCluster.in(cluster.cloud);
    try {
      await other.declare({
        ...{ target: "aws", primary: "node-a", nodes: { "node-a": nodes["node-a"] }, deletionProtection: false },
        // What the role may do ends at the folder.
        ...{ pooler: { enabled: true }, archive: { prefix: "orders" } },
        aws: {
          ...{ ...aws, network: { cidr: someNetwork(), egress: "none" } },
          ...{ snapshots: { everyHours: 12, keep: 14 }, alarms: { enabled: true }, secretsManager: true },
          endpoint: { domain: "orders.db.internal", loadBalancer: true },
        },
      });
      await other.up();
      const { primary, archive } = await other.outputs();
      assert.equal(primary, "node-a");
      assert.ok(other.objects(archive.bucket).some((object) => /^orders\/backup\/.*backup\.manifest$/.test(object)));
      other.exec("node-a", "systemctl", "start", "understudy-metrics.service");
      const sent = figures(cluster.cloud).map(({ metric, node }) => `${metric} ${node}`);
      for (const figure of ["DiskFree node-a", "BackupAge null"]) assert.ok(sent.includes(figure), sent.join(", "));
      assert.deepEqual((await other.up()).steps, []);
      const { exitCode, output } = await other.stack.destroy();
      assert.equal(exitCode, 0, output);
      assert.deepEqual(cluster.cloud.state.things.map(({ id }) => id).sort(), before);
    } finally {
      await other.leave();
    }
  });
});

/** With agents no host is maintained yet. */
function unlessByAgents(title: string, test: () => Promise<void>): void {
  if (!byAgents) it(title, test);
}

const askForToken =
  "curl --silent --max-time 3 -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' http://169.254.169.254/latest/api/token";
