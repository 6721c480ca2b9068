import assert from "node:assert/strict";
import { Audit, finish } from "../support/audit.ts";
import { AwsCluster } from "../support/awsCluster.ts";
import { account } from "../support/awsConfigs.ts";
import { until } from "../support/until.ts";

const region = "eu-central-1";
const nodes = {
  "node-a": { zone: "eu-central-1a", volume: { size: "10GB" } },
  "node-b": { zone: "eu-central-1b", volume: { size: "10GB" } },
} as const;
const aws = { account, region, operatorNetworks: ["198.18.0.0/15"], network: { cidr: "10.99.16.0/20" } } as const;

/** The target aws under the real engine, in a cloud that a stand-in for AWS's plugin makes of containers, loop devices and an S3 server. */
describe("the target aws, in a cloud that stands in for AWS", () => {
  let cluster: AwsCluster;
  let bucket: string;

  const streams = (primary: string) =>
    until(`a standby of ${primary} to stream`, 30, () => {
      const standbys = "select count(*) from pg_stat_replication where state = 'streaming'";
      return cluster.sql(primary, standbys) === "1";
    });
  const logins = () => ["node-a", "node-b"].map((node) => cluster.logins(node));

  before(async () => {
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
    assert.deepEqual(cluster.behind(await cluster.made()), { "node-a": [], "node-b": [] });
  });

  it("WAL and a full backup are in the bucket, with nothing but the credentials of the instance", async () => {
    const wal = cluster.sql("node-a", "select pg_walfile_name(pg_switch_wal())");
    await until(`${wal} in the bucket`, 60, () => cluster.objects(bucket).some((object) => object.includes(wal)));
    assert.ok(cluster.objects(bucket).some((object) => /backup\/.*\dF\/backup\.manifest$/.test(object)));
    const conf = cluster.exec("node-a", "cat", "/etc/understudy/pgbackrest.conf");
    assert.match(conf, /^repo1-s3-key-type=auto$/m);
    assert.doesNotMatch(conf, /^repo1-s3-key=|^repo1-s3-key-secret=/m);
  });

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

  it("a second update changes nothing and logs in nowhere", async () => {
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
});

const askForToken =
  "curl --silent --max-time 3 -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' http://169.254.169.254/latest/api/token";
