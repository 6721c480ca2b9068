import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { AwsCluster, someNetwork } from "../support/awsCluster.ts";
import { account } from "../support/awsConfigs.ts";
import { until } from "../support/until.ts";

const region = "eu-central-1";
const INSTANCE = "aws:ec2/instance:Instance";
const nodes = {
  "node-a": { zone: "eu-central-1a", volume: { size: "10GB" } },
  "node-b": { zone: "eu-central-1b", volume: { size: "10GB" } },
} as const;
const bare = { account, region, operatorNetworks: ["198.18.0.0/15"], network: { cidr: someNetwork() } } as const;

/** What keeps a stack in order: keys that are exchanged, images that grow old, a state that is older than AWS. */
describe("the target aws over time [full]", () => {
  let cluster: AwsCluster;
  /** What is declared of `aws`: with the keys that the stack has by now. */
  let aws: typeof bare & { readonly keys?: { readonly operator: readonly string[]; readonly host: readonly string[] } };

  const streams = (primary: string) =>
    until(`a standby of ${primary} to stream`, 30, () => {
      const standbys = "select count(*) from pg_stat_replication where state = 'streaming'";
      return cluster.sql(primary, standbys) === "1";
    });
  const inHost = (resource: string, ...command: string[]) =>
    execFileSync("docker", ["exec", cluster.container(resource), ...command], { encoding: "utf8" });
  const hosts = ["host-node-a", "host-node-b", "bastion", "bastion-eu-central-1b"];
  /** Of each host, who may log in, and by which key it is known. */
  const keys = () =>
    hosts.map((host) => ({
      logins: inHost(host, "cat", "/home/understudy/.ssh/authorized_keys")
        .split("\n")
        .filter((line) => line.endsWith(" understudy"))
        .map((line) => line.split(" ").at(-2) as string),
      known: inHost(host, "cat", "/etc/ssh/ssh_host_ed25519_key.pub").split(" ")[1] as string,
    }));
  /** An update that is killed as soon as what it prints matches. */
  const killedAt = async (pattern: RegExp) => {
    const { exitCode, output } = await cluster.stack.up({ killWhen: (text) => pattern.test(text) });
    assert.match(output, pattern);
    assert.equal(exitCode, 137, output);
    await cluster.stack.cancel();
  };

  before(async function () {
    // Loop devices are root's.
    if (process.getuid?.() !== 0) this.skip();
    cluster = await AwsCluster.start(region);
    aws = bare;
    await cluster.declare({ target: "aws", primary: "node-a", nodes, aws });
    await cluster.up();
  });

  after(async () => {
    await cluster?.dispose();
    if (cluster) assert.deepEqual(cluster.leftovers(), []);
  });

  it("operator keys and host keys are exchanged, wherever an update is cut off: somebody can always log in", async () => {
    const before = keys();
    for (const { logins } of before) assert.equal(logins.length, 1);
    const [old] = before[0]?.logins ?? [];
    await cluster.declare({ aws: { ...bare, keys: { operator: ["2", "1"], host: ["2", "1"] } } });
    // One host has its new keys, others have not.
    await killedAt(/bastion: another SSH key logs in/);
    await killedAt(/node-[ab]: another SSH key logs in/);
    await cluster.up();
    const both = keys();
    for (const [index, { logins, known }] of both.entries()) {
      assert.deepEqual([logins.length, logins[1]], [2, old], hosts[index]);
      assert.notEqual(known, before[index]?.known);
    }
    assert.deepEqual((await cluster.up()).steps, []);

    aws = { ...bare, keys: { operator: ["2"], host: ["2"] } };
    await cluster.declare({ aws });
    await killedAt(/boot-node-[ab]/);
    await cluster.up();
    assert.deepEqual(
      keys(),
      both.map(({ logins, known }) => ({ logins: logins.slice(0, 1), known })),
    );
    await streams("node-a");
    assert.deepEqual((await cluster.up()).steps, []);
    assert.deepEqual(cluster.pending(await cluster.made()), { "node-a": [], "node-b": [] });
  });

  it("a key that no host knows yet can't take the place of all others: the update ends before it changes anything", async () => {
    const before = keys();
    await cluster.declare({ aws: { ...aws, keys: { operator: ["3"], host: aws.keys?.host ?? ["1"] } } });
    const refused = await cluster.stack.up({ env: { UNDERSTUDY_BOOT_SECONDS: "5" } });
    assert.notEqual(refused.exitCode, 0);
    assert.match(refused.output, /none of the keys of aws\.keys\.operator logs in/);
    assert.deepEqual(keys(), before);
    await cluster.declare({ aws });
    await cluster.up();
    assert.deepEqual(keys(), before);
  });

  it("bastions with too old an image are made anew, one in an update, and the preview says so", async () => {
    cluster.publishImages();
    await cluster.declare({ aws: { ...aws, bastion: { maxImageAge: "30d" } } });
    const preview = await cluster.stack.preview();
    assert.match(preview.output, /bastion: its image is \d+ days old, and aws\.bastion\.maxImageAge is 30d/);
    for (const bastion of ["bastion", "bastion-eu-central-1b"]) {
      const happened = cluster.events().length;
      await cluster.up();
      assert.deepEqual(cluster.done(happened).sort(), [`launch ${bastion}`, `terminate ${bastion}`]);
    }
    assert.deepEqual((await cluster.up()).steps, []);
    await cluster.declare({ reconcile: "through the new ones" });
    await cluster.up();
  });

  it("an instance that was exchanged proves nothing, where an older state was imported", async () => {
    const older = await cluster.stack.exportState();
    const instance = (await cluster.made()).nodes["node-b"]?.instance as string;
    const gone = cluster.cloud.get(INSTANCE, instance);
    cluster.publishImages();
    await cluster.declare({ aws: { ...aws, maintain: "node-b" } });
    await cluster.up();
    // EC2 knows what was terminated for a while.
    cluster.cloud.put({ ...gone, hidden: { state: "terminated" } });
    const newer = await cluster.stack.exportState();
    const bring = async (state: object) => {
      const file = join(cluster.stack.directory, "state.json");
      writeFileSync(file, JSON.stringify(state));
      const { exitCode, output } = await cluster.stack.command("stack", "import", "--force", "--file", file);
      assert.equal(exitCode, 0, output);
    };
    await bring(older);
    const fenced = { ...nodes, "node-b": { ...nodes["node-b"], state: "fenced" } };
    await cluster.declare({ nodes: fenced, aws });
    const refused = await cluster.stack.up();
    assert.notEqual(refused.exitCode, 0);
    assert.match(
      refused.output,
      new RegExp(`node-b: its instance ${instance} is terminated, and i-\\w+ \\(running\\) was made for this node too`),
    );
    await bring(newer);
    cluster.cloud.remove(INSTANCE, instance);
    // The newer state knows nothing of what the update with the older one has done on the hosts.
    await cluster.declare({ nodes, reconcile: "after the older state" });
    await cluster.up();
    await streams("node-a");
  });

  it("and all of it goes with the stack", async () => {
    const { exitCode, output } = await cluster.stack.destroy();
    assert.equal(exitCode, 0, output);
    assert.deepEqual(
      cluster.cloud.state.things.map(({ name }) => name),
      [],
    );
  });
});
