import assert from "node:assert/strict";
import { AwsCluster, someNetwork } from "../support/awsCluster.ts";
import { account } from "../support/awsConfigs.ts";
import { until } from "../support/until.ts";

const region = "eu-central-1";
const [zoneA, zoneB] = ["eu-central-1a", "eu-central-1b"];
const nodes = {
  "node-a": { zone: zoneA, volume: { size: "10GB" } },
  "node-b": { zone: zoneB, volume: { size: "10GB" } },
} as const;
const fenced = { ...nodes, "node-a": { ...nodes["node-a"], state: "fenced" } };
const word = "M. Example, 03:12: AWS says the zone has no power";
const aws = {
  ...{ account, region, operatorNetworks: ["198.18.0.0/15"], network: { cidr: someNetwork() } },
  endpoint: { domain: "orders.db.internal" },
} as const;

/** What fails in AWS itself: a zone, a service beside, a change that is refused half-way. */
describe("the target aws where AWS fails [full]", () => {
  let cluster: AwsCluster;

  const streams = (primary: string) =>
    until(`a standby of ${primary} to stream`, 30, () => {
      const standbys = "select count(*) from pg_stat_replication where state = 'streaming'";
      return cluster.sql(primary, standbys) === "1";
    });
  const leads = () => {
    const [record] = cluster.cloud.all("aws:route53/record:Record");
    return record?.properties.records as string[];
  };
  /** Of the nodes, which keep them. */
  let addresses: Readonly<Record<string, string>>;
  const changes = (from: number) =>
    cluster.events(from).filter(({ event }) => ["create", "update", "delete"].includes(event));

  before(async function () {
    // Loop devices are root's.
    if (process.getuid?.() !== 0) this.skip();
    cluster = await AwsCluster.start(region);
    await cluster.declare({ target: "aws", primary: "node-a", nodes, aws });
    await cluster.up();
    await streams("node-a");
    const { nodes: known } = await cluster.outputs();
    addresses = Object.fromEntries(Object.entries(known).map(([node, { address }]) => [node, address]));
  });

  after(async () => {
    await cluster?.dispose();
    if (cluster) assert.deepEqual(cluster.leftovers(), []);
  });

  it("each zone has a way in of its own, and a node is reached by that of its zone", async () => {
    const bastions = cluster.cloud.all("aws:ec2/instance:Instance").filter(({ name }) => name.startsWith("bastion"));
    assert.deepEqual(bastions.map(({ name, properties }) => `${name} ${properties.availabilityZone}`).sort(), [
      `bastion ${zoneA}`,
      `bastion-${zoneB} ${zoneB}`,
    ]);
    const gateways = cluster.cloud.all("aws:ec2/natGateway:NatGateway").map(({ name }) => name);
    assert.deepEqual(gateways.sort(), [`nat-${zoneA}`, `nat-${zoneB}`]);
  });

  it("a stack of an earlier version forgets how it switched instances, and touches none", async () => {
    const happened = cluster.events().length;
    await cluster.addFormerPower("node-a");
    const { steps } = await cluster.up();
    assert.deepEqual(
      [...new Set(steps.map(({ op, name }) => `${op} ${name}`))].filter(
        (step) => !/^update (?:dev|.*-stack)/.test(step),
      ),
      ["delete power-node-a"],
    );
    assert.deepEqual(cluster.done(happened), []);
  });

  it("the loss of the primary's zone, the way in with it: nobody takes over while nothing proves that it is off", async () => {
    cluster.loseZone(zoneA);
    // What a failover does not need does not answer either.
    cluster.order(
      { call: "PutRolePolicy", kind: "refuse", code: "ServiceUnavailable", status: 503 },
      { call: "ChangeResourceRecordSets", kind: "refuse", code: "ServiceUnavailable", status: 503 },
      { call: "aws:ec2/getAmi:getAmi", kind: "refuse", code: "Unavailable" },
      // Of survivors nothing is needed either, where the steps run a second time.
      { call: "DescribeVolumes", kind: "refuse", code: "ServiceUnavailable", status: 503 },
    );
    const { handover: last } = await cluster.outputs();
    await cluster.declare({ primary: "node-b", nodes: fenced, accept: { change: last.epoch, lossUnknown: true } });
    const refused = await cluster.stack.up({ env: { UNDERSTUDY_FENCE_SECONDS: "10" } });
    assert.notEqual(refused.exitCode, 0);
    assert.match(
      refused.output,
      /node-a: its instance i-\w+ is not proven to be off \(stopping\): it is not fenced\n *HINT: .*fence\.statement/,
    );
    assert.equal(cluster.sql("node-b", "select pg_is_in_recovery()"), "t");
  });

  it("with the operator's word somebody takes over, without IAM, Route 53 or an image; what they refuse is a warning", async () => {
    const happened = cluster.events().length;
    await cluster.declare({ nodes: { ...fenced, "node-a": { ...fenced["node-a"], fence: { statement: word } } } });
    const { output } = await cluster.up();
    assert.equal(cluster.sql("node-b", "select pg_is_in_recovery()"), "f");
    assert.match(output, /warning: .*primary\.orders\.db\.internal does not lead to .*ServiceUnavailable/);
    assert.match(output, /warning: .*node-a: its role is not denied yet.*ServiceUnavailable/);
    assert.match(output, /HINT: .*tries it again/);
    assert.match(
      output,
      /warning: .*node-b: whether its volume vol-\w+ is as declared is not known: .*ServiceUnavailable/,
    );
    const { handover } = await cluster.outputs();
    assert.equal(handover.kind, "failover");
    assert.ok(JSON.stringify(handover.fence).includes(word));
    assert.deepEqual(changes(happened), []);
    assert.deepEqual(leads(), [addresses["node-a"]]);
  });

  it("the next update does what the services have refused, and the one after it nothing", async () => {
    cluster.order();
    const happened = cluster.events().length;
    await cluster.up();
    assert.deepEqual(leads(), [addresses["node-b"]]);
    assert.ok(cluster.events(happened).some(({ event, name }) => event === "put policy" && name === "role-node-a"));
    assert.deepEqual((await cluster.up()).steps, []);
  });

  it("the zone is back, and has no room at first: the host comes back in the update after that, and follows", async () => {
    cluster.zoneIsBack(zoneA);
    cluster.order({
      ...{ call: "StartInstances", kind: "refuse", times: 3, code: "InsufficientInstanceCapacity", status: 500 },
    });
    await cluster.declare({ nodes, accept: {} });
    const full = await cluster.stack.up();
    assert.match(
      full.output,
      /node-a: its instance i-\w+ can't be started: .*InsufficientInstanceCapacity.*\n *HINT: /,
    );
    assert.notEqual(full.exitCode, 0);
    // There is room for another type.
    cluster.order({
      ...{ call: "StartInstances", kind: "refuse", times: 3, code: "InsufficientInstanceCapacity", status: 500 },
    });
    const other = { ...nodes, "node-a": { ...nodes["node-a"], otherInstanceTypes: ["m6g.large"] } };
    await cluster.declare({ nodes: other });
    const happened = cluster.events().length;
    await cluster.up();
    assert.deepEqual(cluster.done(happened), ["modify host-node-a", "start host-node-a"]);
    await cluster.declare({ nodes });
    await cluster.up();
    await streams("node-b");
    assert.deepEqual(leads(), [addresses["node-b"]]);
  });

  it("a change of a volume that is refused half-way is made by a plain update", async () => {
    cluster.order({
      ...{ call: "update aws:ebs/volume:Volume", name: "data-node-a", kind: "half", times: 1 },
      ...{ code: "VolumeModificationRateExceeded", message: "You've reached the maximum modification rate" },
    });
    const faster = { ...nodes, "node-a": { ...nodes["node-a"], volume: { size: "10GB", iops: 4000 } } };
    await cluster.declare({ nodes: faster });
    const refused = await cluster.stack.up();
    assert.notEqual(refused.exitCode, 0);
    const iops = () =>
      cluster.cloud.all("aws:ebs/volume:Volume").find(({ name }) => name === "data-node-a")?.properties.iops;
    assert.equal(iops(), 3000);
    const { output } = await cluster.up();
    assert.match(output, /may be remembered as done\n *HINT: .*--refresh/);
    assert.equal(iops(), 4000);
    assert.deepEqual((await cluster.up()).steps, []);
  });

  it("a policy that is refused half-way is put in its place by a plain update", async () => {
    cluster.order({
      ...{ call: "update aws:iam/rolePolicy:RolePolicy", name: "role-policy-node-b", kind: "half", times: 1 },
      ...{ code: "AccessDenied", message: "not authorized to perform iam:PutRolePolicy" },
    });
    await cluster.declare({ aws: { ...aws, alarms: { enabled: true } } });
    const refused = await cluster.stack.up();
    assert.notEqual(refused.exitCode, 0);
    const policy = () =>
      String(
        cluster.cloud.all("aws:iam/rolePolicy:RolePolicy").find(({ name }) => name === "role-policy-node-b")?.properties
          .policy,
      );
    assert.doesNotMatch(policy(), /PutMetricData/);
    await cluster.up();
    assert.match(policy(), /PutMetricData/);
    await streams("node-b");
  });

  it("a node that was removed comes back on the volume that it left, with its data", async () => {
    const kept = (await cluster.made()).nodes["node-a"]?.volume as string;
    cluster.exec("node-a", "touch", "/var/lib/understudy/state/here");
    await cluster.declare({ deletionProtection: true });
    await cluster.up();
    await cluster.declare({ nodes: { "node-b": nodes["node-b"] } });
    await cluster.up();
    assert.ok(cluster.cloud.find("aws:ebs/volume:Volume", kept), "the volume stays");
    const volume = { size: "10GB", iops: 4000, adopt: kept };
    await cluster.declare({ nodes: { ...nodes, "node-a": { ...nodes["node-a"], volume } } });
    await cluster.up();
    assert.equal((await cluster.made()).nodes["node-a"]?.volume, kept);
    cluster.exec("node-a", "rm", "/var/lib/understudy/state/here");
    await streams("node-b");
    assert.deepEqual((await cluster.up()).steps, []);
  });

  it("an image that was withdrawn stops no update", async () => {
    cluster.order({ call: "aws:ec2/getAmi:getAmi", kind: "refuse", code: "InvalidAMIID.NotFound" });
    const { output, steps } = await cluster.up();
    assert.deepEqual(steps, []);
    assert.match(output, /host-node-a: its image can't be looked up; the host stays as it is/);
    cluster.order();
  });

  it("and all of it goes with the stack", async () => {
    await cluster.declare({ deletionProtection: false });
    await cluster.up();
    const { exitCode, output } = await cluster.stack.destroy();
    assert.equal(exitCode, 0, output);
    assert.deepEqual(
      cluster.cloud.state.things.map(({ name }) => name),
      [],
    );
  });
});
