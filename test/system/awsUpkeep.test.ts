import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Orphan } from "../../model/aws/orphans.ts";
import { deleteResource } from "../standins/aws/cloud/resources.js";
import { AwsCluster, someNetwork } from "../support/awsCluster.ts";
import { account } from "../support/awsConfigs.ts";
import { REPOSITORY } from "../support/pulumiStack.ts";
import { until } from "../support/until.ts";

const run = promisify(execFile);
const region = "eu-central-1";
const INSTANCE = "aws:ec2/instance:Instance";
const nodes = {
  "node-a": { zone: "eu-central-1a", volume: { size: "10GB" } },
  "node-b": { zone: "eu-central-1b", volume: { size: "10GB" } },
} as const;
const bare = { account, region, operatorNetworks: ["198.18.0.0/15"], network: { cidr: someNetwork() } } as const;

/** What keeps a stack in order: keys that are exchanged, images that grow old, a state that is older than AWS, what a killed update left. */
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
    await cluster.declare({ target: "aws", primary: "node-a", nodes, aws, deletionProtection: false });
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

  it("a node whose volume is gone comes back on a snapshot of it, with its data", async () => {
    cluster.exec("node-b", "touch", "/var/lib/understudy/state/here");
    const volume = (await cluster.made()).nodes["node-b"]?.volume as string;
    const snapshot = await cluster.snapshot("node-b");
    await cluster.declare({ nodes: { "node-a": nodes["node-a"] } });
    await cluster.up();
    assert.equal(cluster.cloud.find("aws:ebs/volume:Volume", volume), undefined);
    await cluster.declare({
      nodes: { ...nodes, "node-b": { ...nodes["node-b"], volume: { size: "10GB", snapshot } } },
    });
    await cluster.up();
    assert.notEqual((await cluster.made()).nodes["node-b"]?.volume, volume);
    cluster.exec("node-b", "rm", "/var/lib/understudy/state/here");
    await streams("node-a");
    assert.deepEqual((await cluster.up()).steps, []);
    // The option may go once the volume is there.
    await cluster.declare({ nodes });
    assert.deepEqual(
      (await cluster.up()).steps.filter(({ type }) => type.startsWith("aws:")),
      [],
    );
  });

  it("what a killed update has left is found, and comes into the state or is removed as it is said", async () => {
    // Not synchronously: the API that it asks is in this process. It ends with 1 where something is left.
    const orphans = async () => {
      const words = [join(REPOSITORY, "scripts/orphans.ts"), "--json", "--stack", cluster.stack.name];
      const options = { cwd: REPOSITORY, env: cluster.stack.environment as NodeJS.ProcessEnv };
      const { stdout } = await run(join(REPOSITORY, "scripts/node"), words, options).catch(
        (error: { code?: number; stdout: string; stderr: string }) => {
          assert.equal(error.code, 1, error.stderr);
          return error;
        },
      );
      return JSON.parse(stdout) as Orphan[];
    };
    assert.deepEqual(await orphans(), []);
    // A third node, of which AWS has made a role, a volume and, with a load balancer, its group when the update is killed.
    const third = { ...nodes, "node-c": { zone: "eu-central-1b", volume: { size: "10GB" } } };
    const late = { kind: "late", times: 1 } as const;
    const makes = { "aws:iam/role:Role": "role-node-c", "aws:ebs/volume:Volume": "data-node-c" };
    const group = "aws:ec2/securityGroup:SecurityGroup";
    cluster.order(
      ...Object.entries(makes).map(([type, name]) => ({ call: `create ${type}`, name, ...late })),
      ...[{ call: `create ${group}`, name: "balancer-group", ...late }],
    );
    const from = cluster.events().length;
    const endpoint = { domain: "orders.db.internal", loadBalancer: true };
    await cluster.declare({ nodes: third, pooler: { enabled: true }, aws: { ...aws, endpoint } });
    const running = cluster.stack.spawnUp();
    await until("all three to be made", 240, () => {
      const made = cluster.events(from).filter(({ event }) => event === "create");
      return [...Object.values(makes), "balancer-group"].every((name) => made.some((one) => one.name === name));
    });
    running.signal("SIGKILL");
    await running.result;
    await cluster.stack.cancel();

    const left = await orphans();
    // Rules, too, where the kill came while they were made.
    const isRule = ({ kind }: Orphan) => kind === "ec2 security-group-rule";
    const found = left.filter((one) => !isRule(one)).map(({ kind }) => kind);
    assert.deepEqual(found.sort(), ["ec2 security-group", "ec2 volume", "iam role"]);
    // What nobody was told of the end of is brought in or removed: two are kept, the group and rules go.
    for (const { id, remove } of left.filter(isRule)) {
      assert.match(remove, /^aws ec2 revoke-security-group-ingress --security-group-rule-ids sgr-/);
      await deleteResource(cluster.cloud, "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", id);
    }
    const of = (kind: string) => left.find((one) => one.kind === kind) as Orphan;
    assert.match(of("ec2 security-group").remove, /^aws ec2 delete-security-group --group-id sg-/);
    await deleteResource(cluster.cloud, group, of("ec2 security-group").id);
    for (const kind of ["iam role", "ec2 volume"]) {
      const [pulumi, verb = "", ...words] = (of(kind).keep ?? "").replaceAll("'", "").split(" ");
      assert.deepEqual([pulumi, verb], ["pulumi", "import"]);
      const imported = await cluster.stack.command(verb, "--yes", "--skip-preview", ...words);
      assert.equal(imported.exitCode, 0, imported.output);
    }
    assert.deepEqual(await orphans(), []);
    const cleared = await cluster.stack.refresh({ args: ["--clear-pending-creates"] });
    assert.equal(cleared.exitCode, 0, cleared.output);
    cluster.order();
    const last = cluster.events().length;
    const { output } = await cluster.up();
    assert.doesNotMatch(output, /pending operations/);
    const again = cluster.events(last).filter(({ event }) => event === "create");
    assert.ok(again.some(({ name }) => name === "balancer-group"));
    for (const name of Object.values(makes))
      assert.ok(!again.some((one) => one.name === name), `${name} is made twice`);
    assert.equal((await cluster.made()).nodes["node-c"]?.volume, of("ec2 volume").id);
    await until("both standbys to stream", 30, () => {
      const standbys = "select count(*) from pg_stat_replication where state = 'streaming'";
      return cluster.sql("node-a", standbys) === "2";
    });
    const settled = await cluster.stack.preview({ args: ["--expect-no-changes"] });
    assert.equal(settled.exitCode, 0, settled.output);
    assert.deepEqual(await orphans(), []);
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
