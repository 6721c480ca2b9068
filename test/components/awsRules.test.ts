import assert from "node:assert/strict";
import fc from "fast-check";
import { nameLimits } from "../../model/aws/names.ts";
import type { PolicyDocument, Statement } from "../../model/aws/policies.ts";
import { awsChange, awsConfig } from "../support/awsArbitrary.ts";
import { parseAws } from "../support/awsConfigs.ts";
import { graphOf } from "../support/awsGraph.ts";
import { type Registered, unwrapped } from "../support/mockEngine.ts";

/** A graph takes half a second to make: `UNDERSTUDY_RUNS=200` for a longer look. */
const numRuns = Number(process.env.UNDERSTUDY_RUNS ?? 5);

const ofType = (graph: readonly Registered[], type: string) =>
  graph.filter((resource) => resource.type.toLowerCase() === `aws:${type.toLowerCase()}`);

type Rule = (graph: readonly Registered[], protectedData: boolean) => void;

const nothingPublic: Rule = (graph) => {
  for (const subnet of ofType(graph, "ec2/subnet:Subnet")) assert.equal(subnet.inputs.mapPublicIpOnLaunch, false);
  for (const instance of ofType(graph, "ec2/instance:Instance")) {
    // Not `false` either: EC2 says `true` of the bastion once that has its address, and the provider would make another one.
    assert.equal(instance.inputs.associatePublicIpAddress, undefined, instance.name);
  }
  for (const { name } of ofType(graph, "ec2/eip:Eip")) assert.match(name, /^(?:nat-address-|bastion-address)/);
  for (const { inputs: given } of ofType(graph, "ec2/eipAssociation:EipAssociation")) {
    const bastion = ofType(graph, "ec2/instance:Instance").find(({ name }) => name.startsWith("bastion"));
    assert.ok(bastion && given.instanceId, "an address of something else than the bastion");
  }
  for (const balancer of ofType(graph, "lb/loadBalancer:LoadBalancer")) assert.equal(balancer.inputs.internal, true);
  for (const rule of ofType(graph, "vpc/securityGroupIngressRule:SecurityGroupIngressRule")) {
    const { cidrIpv4, referencedSecurityGroupId, fromPort, toPort, ipProtocol } = rule.inputs;
    assert.ok(referencedSecurityGroupId || Number(String(cidrIpv4).split("/")[1]) >= 7, rule.name);
    assert.deepEqual([ipProtocol, fromPort], ["tcp", toPort], rule.name);
  }
  for (const group of ofType(graph, "ec2/securityGroup:SecurityGroup")) {
    assert.deepEqual([group.inputs.ingress, group.inputs.egress], [undefined, undefined], group.name);
  }
  for (const route of ofType(graph, "ec2/route:Route")) {
    if (route.inputs.gatewayId !== undefined) assert.equal(route.inputs.routeTableId, "public-routes");
  }
  for (const { inputs: given } of ofType(graph, "ec2/networkInterface:NetworkInterface")) {
    assert.match(String(given.subnetId), /^(?:private-|subnet-)/);
  }
  for (const bucket of ofType(graph, "s3/bucket:Bucket")) {
    const block = graph.find(({ name }) => name === `${bucket.name}-public-access`);
    const flags = ["blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"];
    assert.deepEqual(
      flags.map((flag) => block?.inputs[flag]),
      [true, true, true, true],
    );
  }
};

const everythingEncrypted: Rule = (graph) => {
  for (const volume of ofType(graph, "ebs/volume:Volume")) assert.equal(volume.inputs.encrypted, true, volume.name);
  for (const instance of ofType(graph, "ec2/instance:Instance")) {
    const { rootBlockDevice, metadataOptions, userDataBase64 } = instance.inputs;
    assert.equal((rootBlockDevice as { encrypted: boolean }).encrypted, true, instance.name);
    const { httpTokens, httpPutResponseHopLimit } = metadataOptions as Record<string, unknown>;
    assert.deepEqual([httpTokens, httpPutResponseHopLimit], ["required", 1], instance.name);
    assert.ok(unwrapped(userDataBase64).secret, instance.name);
    assert.ok(instance.options.secretOutputs.includes("userDataBase64"), instance.name);
  }
  for (const balancer of ofType(graph, "lb/loadBalancer:LoadBalancer")) {
    assert.equal(balancer.options.deleteBeforeReplace, true, "two of them would have one name");
  }
  for (const bucket of ofType(graph, "s3/bucket:Bucket")) {
    for (const setting of ["encryption", "versioning", "policy"]) {
      assert.ok(
        graph.some(({ name }) => name === `${bucket.name}-${setting}`),
        setting,
      );
    }
  }
};

/** Everything that grants something, of every policy in the graph. */
function grants(graph: readonly Registered[]): readonly Statement[] {
  return graph.flatMap(({ inputs: given }) =>
    [given.policy, given.assumeRolePolicy]
      .filter((text) => typeof text === "string")
      .flatMap((text) => (JSON.parse(text as string) as PolicyDocument).Statement)
      .filter(({ Effect }) => Effect === "Allow"),
  );
}

const noNeedlessWildcard: Rule = (graph) => {
  for (const statement of grants(graph)) {
    const { Sid, Action, Resource = [], Condition } = statement;
    for (const action of [Action].flat()) assert.match(action, /^[a-z0-9]+:[A-Za-z]+$/, Sid);
    for (const resource of [Resource].flat()) {
      // EC2 can't be told which ones to describe, nor CloudWatch which metric.
      const ownFigures = Action === "cloudwatch:PutMetricData" && JSON.stringify(Condition).includes('"Understudy/');
      if (resource === "*")
        assert.ok(ownFigures || [Action].flat().every((action) => /^ec2:Describe/.test(action)), Sid);
      else if (resource.includes("*")) {
        const inBucket = /^arn:aws:s3:::[a-z0-9-]+\/(?:[a-z/]+\/)?\*$/.test(resource);
        const snapshot =
          resource.endsWith(":snapshot/*") &&
          (Condition !== undefined || Action === "ec2:CreateSnapshot" || Action === "ec2:CreateTags");
        const byTag = resource.includes(":volume/*") && JSON.stringify(Condition).includes("ResourceTag");
        assert.ok(inBucket || snapshot || byTag, `${Sid}: ${resource}`);
      }
    }
  }
};

const dataKept: Rule = (graph, protectedData) => {
  const holding = graph.filter(({ type }) => type === "aws:ebs/volume:Volume" || /^aws:s3\/bucket/.test(type));
  for (const { name, options, inputs: given } of holding) {
    assert.equal(options.retainOnDelete, protectedData, name);
    // Both together would make every update fail that removes one.
    assert.equal(options.protect, false, name);
    if (given.forceDestroy !== undefined) assert.equal(given.forceDestroy, !protectedData, name);
  }
};

const withinLimits: Rule = (graph) => {
  const limits = {
    "iam/role:Role": nameLimits.role,
    "iam/user:User": nameLimits.role,
    "iam/instanceProfile:InstanceProfile": 128,
    "lb/loadBalancer:LoadBalancer": nameLimits.loadBalancer,
    "lb/targetGroup:TargetGroup": nameLimits.targetGroup,
    "ec2/securityGroup:SecurityGroup": nameLimits.securityGroup,
    "cloudwatch/metricAlarm:MetricAlarm": nameLimits.alarm,
    "secretsmanager/secret:Secret": nameLimits.secret,
  };
  for (const [type, limit] of Object.entries(limits)) {
    const found = ofType(graph, type).map(({ inputs: given }) => String(given.name));
    for (const name of found) assert.ok(name.length <= limit && name.length > 0, `${type} ${name}`);
    assert.equal(new Set(found).size, found.length, `${type}: ${found}`);
  }
  for (const { inputs: given } of ofType(graph, "s3/bucket:Bucket")) {
    assert.match(String(given.bucket), /^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/);
  }
};

const inOneAccountAndTagged: Rule = (graph) => {
  const providers = graph.filter(({ type }) => type === "pulumi:providers:aws");
  assert.equal(providers.length, 1);
  const stated = JSON.stringify(providers[0]?.inputs);
  assert.match(stated, /"allowedAccountIds":"\[\\"123456789012\\"\]"/);
  assert.match(stated, /"defaultTags":.*understudy:cluster.*understudy:stack/);
  for (const { type, name, options } of graph) {
    if (type.startsWith("aws:")) assert.match(options.provider, /pulumi:providers:aws::aws::/, name);
  }
};

const nothingSecretInTheOpen: Rule = (graph) => {
  const open = (value: unknown): unknown => {
    const { secret, value: inner } = unwrapped(value);
    if (secret) return "";
    if (Array.isArray(inner)) return inner.map(open);
    return typeof inner === "object" && inner !== null ? Object.values(inner).map(open) : inner;
  };
  const text = JSON.stringify(graph.map(({ inputs: given }) => open(given)));
  for (const hidden of ["PRIVATE", Buffer.from("PRIVATE").toString("base64"), "s3cret"]) {
    assert.ok(!text.includes(hidden), hidden);
  }
};

/** What makes another resource of it, as the provider's documentation says. */
const replacing: Readonly<Record<string, readonly string[]>> = {
  "aws:ebs/volume:Volume": [
    "availabilityZone",
    "encrypted",
    "kmsKeyId",
    "snapshotId",
    "multiAttachEnabled",
    "outpostArn",
  ],
  "aws:s3/bucket:Bucket": ["bucket", "bucketPrefix", "objectLockEnabled"],
  "aws:ec2/networkInterface:NetworkInterface": ["subnetId", "interfaceType"],
  "aws:ec2/vpc:Vpc": ["cidrBlock", "instanceTenancy"],
  "aws:ec2/subnet:Subnet": ["availabilityZone", "cidrBlock", "vpcId"],
};
/** Of an instance: what makes another one of it, and what stops it. */
const disturbing = [
  ...["ami", "subnetId", "availabilityZone", "privateIp", "primaryNetworkInterface", "networkInterfaces", "keyName"],
  ...["placementGroup", "tenancy", "rootBlockDevice", "ebsBlockDevices", "userData", "userDataBase64"],
  ...[
    "capacityReservationSpecification",
    "instanceType",
    "ebsOptimized",
    "cpuOptions",
    "hibernation",
    "enclaveOptions",
    "userDataReplaceOnChange",
  ],
];

function changed(before: Registered, after: Registered, properties: readonly string[]): readonly string[] {
  return properties.filter(
    (property) =>
      !after.options.ignoreChanges.includes(property) &&
      JSON.stringify(before.inputs[property]) !== JSON.stringify(after.inputs[property]),
  );
}

describe("rules over the graph of any legal config of the target aws", function () {
  this.timeout(1_800_000);

  const rules: Readonly<Record<string, Rule>> = {
    "nothing is public but the bastion and the NAT gateways": nothingPublic,
    "everything is encrypted, and asks for IMDSv2": everythingEncrypted,
    "no policy has a wildcard that it can do without": noNeedlessWildcard,
    "all that holds data is kept where config says so": dataKept,
    "names are within AWS's limits, and nobody else's": withinLimits,
    "everything is in the declared account, and tagged": inOneAccountAndTagged,
    "no secret is in the open": nothingSecretInTheOpen,
  };
  it(Object.keys(rules).join("; "), async () => {
    await fc.assert(
      fc.asyncProperty(awsConfig, async (raw) => {
        const config = parseAws(raw, "a-stack-with-quite-a-long-name-0123456");
        const graph = await graphOf(config);
        assert.ok(ofType(graph, "ec2/instance:Instance").length >= Object.keys(config.nodes).length);
        for (const rule of Object.values(rules)) rule(graph, config.deletionProtection);
      }),
      { numRuns },
    );
  });

  it("no legal change replaces a data volume, the bucket or the network, or disturbs another host than the maintained one", async () => {
    await fc.assert(
      fc.asyncProperty(awsChange, async ([first, second]) => {
        const [before, config] = [parseAws(first), parseAws(second)];
        const old = new Map((await graphOf(before)).map((resource) => [`${resource.type} ${resource.name}`, resource]));
        const graph = await graphOf(config);
        const disturbed: string[] = [];
        for (const resource of graph) {
          const known = old.get(`${resource.type} ${resource.name}`);
          if (!known) continue;
          assert.deepEqual(changed(known, resource, replacing[resource.type] ?? []), [], resource.name);
          // The bastion moves when its zone has no node any more.
          const watched = resource.name.startsWith("bastion")
            ? disturbing.filter((name) => name !== "subnetId")
            : disturbing;
          if (resource.type === "aws:ec2/instance:Instance" && changed(known, resource, watched).length > 0) {
            disturbed.push(resource.name.replace(/^host-/, ""));
          }
        }
        assert.ok(
          disturbed.every((name) => name === config.aws.maintain),
          `${disturbed}`,
        );
        assert.notEqual(disturbed[0], config.primary);
        // A volume goes with its node only, and is kept then.
        const now = new Set(graph.map(({ type, name }) => `${type} ${name}`));
        for (const [key, { type, name }] of old) {
          if (type !== "aws:ebs/volume:Volume" || now.has(key)) continue;
          assert.equal(Object.hasOwn(config.nodes, name.slice("data-".length)), false, name);
        }
      }),
      { numRuns },
    );
  });
});
