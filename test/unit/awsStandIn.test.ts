import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { distributions, imageQuery } from "../../model/aws/images.ts";
import { architectures } from "../../model/aws/instanceTypes.ts";
import { archivePolicy, fencedPolicy, type PolicyDocument } from "../../model/aws/policies.ts";
import { UNKNOWN } from "../../offline/lib/values.js";
import { check } from "../standins/aws/check.js";
import { findImage, published } from "../standins/aws/cloud/images.js";
import { diff } from "../standins/aws/diff.js";
import { configOf } from "../standins/aws/providerConfig.js";
import { decision } from "../standins/aws/services/policy.mjs";
import { typeOf, types } from "../standins/aws/types/all.js";
import { sources, unconfirmed } from "../standins/aws/types/replaces.js";

const INSTANCE = "aws:ec2/instance:Instance";
const VOLUME = "aws:ebs/volume:Volume";
const STATE = "aws:ec2transitgateway/instanceState:InstanceState";

/** `[name, required]` of every argument, as the package's own types have them. */
function argumentsOf(type: string): Map<string, boolean> {
  const [, path = "", name = ""] = /^aws:(.*):(.*)$/.exec(type) ?? [];
  const file = new URL(`../../node_modules/@pulumi/aws/${path}.d.ts`, import.meta.url);
  const text = readFileSync(file, "utf8").split(`export interface ${name}Args {`)[1] ?? "";
  return new Map(
    [...text.matchAll(/^ {4}(\w+)(\??): pulumi\.Input/gm)].map(([, key = "", mark]) => [key, mark === ""]),
  );
}

describe("the stand-in for AWS's plugin: its types", () => {
  for (const [name, { fields, computed }] of Object.entries(types)) {
    it(`${name} has inputs and outputs that the package has, and requires those that it requires`, () => {
      const known = argumentsOf(name);
      assert.ok(known.size > 0);
      const required = [...known].filter(([, needed]) => needed).map(([key]) => key);
      assert.deepEqual(
        Object.keys(fields).filter((field) => !known.has(field)),
        [],
      );
      assert.deepEqual(
        Object.keys(fields)
          .filter((field) => fields[field]?.required)
          .sort(),
        required.sort(),
      );
      const [, path = ""] = /^aws:(.*):/.exec(name) ?? [];
      const described = readFileSync(new URL(`../../node_modules/@pulumi/aws/${path}.d.ts`, import.meta.url), "utf8");
      assert.deepEqual(
        computed.filter((output) => !described.includes(`readonly ${output}: pulumi.Output`)),
        [],
      );
    });
  }

  it("are those that the program uses, by its own snapshots", () => {
    const used = ["smallest", "existing", "agents", "everything"].flatMap((config) => {
      const file = new URL(`../golden/aws/${config}.json`, import.meta.url);
      assert.ok(existsSync(file));
      return (JSON.parse(readFileSync(file, "utf8")) as { resource: string; inputs: Record<string, unknown> }[])
        .map(({ resource, inputs }) => ({ type: resource.split(" ")[0] as string, inputs }))
        .filter(({ type }) => type.startsWith("aws:"));
    });
    const problems = used.flatMap(({ type, inputs }) => {
      if (types[type] === undefined) return [type];
      return check(type, typeOf(type), inputs as never, {}).failures.map(({ reason }) => reason);
    });
    assert.deepEqual([...new Set(problems)], []);
  });

  it("are refused where they are not described", () => {
    assert.throws(() => typeOf("aws:rds/instance:Instance"), /has no type 'aws:rds\/instance:Instance'\nHINT: /);
  });
});

describe("the stand-in for AWS's plugin: check", () => {
  const failures = (type: string, inputs: object) => check(type, typeOf(type), inputs as never, {}).failures;

  it("tells what is missing", () => {
    assert.deepEqual(failures(VOLUME, { size: 10 }), [
      { property: "availabilityZone", reason: `Missing required argument: ${VOLUME} needs 'availabilityZone'` },
    ]);
    assert.deepEqual(
      failures(STATE, {}).map(({ property }) => property),
      ["instanceId", "state"],
    );
  });

  it("guesses nothing about an input that it does not know", () => {
    const [failure] = failures(INSTANCE, { ami: "ami-1", hibernation: true });
    assert.match(failure?.reason ?? "", /does not know 'hibernation'/);
  });

  it("refuses two of which only one can be", () => {
    const [failure] = failures(INSTANCE, { ami: "ami-1", primaryNetworkInterface: {}, subnetId: "subnet-1" });
    assert.match(failure?.reason ?? "", /Conflicting .*'primaryNetworkInterface' and 'subnetId'/);
  });

  it("takes what is not known yet", () => {
    assert.deepEqual(failures(VOLUME, { availabilityZone: UNKNOWN }), []);
  });

  it("gives the provider's tags to what has tags; its own go first", () => {
    const { inputs } = check(
      VOLUME,
      typeOf(VOLUME),
      { availabilityZone: "z", tags: { Name: "own" } },
      { Name: "all", team: "db" },
    );
    assert.deepEqual(inputs.tags, { Name: "own", team: "db" });
    const state = check(STATE, typeOf(STATE), { instanceId: "i", state: "running" }, { team: "db" });
    assert.equal(state.inputs.tags, undefined);
  });
});

describe("the stand-in for AWS's plugin: diff", () => {
  const replaced = (type: string, olds: object, news: object) =>
    [...diff(type, typeOf(type), olds as never, news as never)].map(
      ([name, { replaces }]) => `${name}${replaces ? " anew" : ""}`,
    );
  const host = {
    ...{
      ami: "ami-1",
      instanceType: "m7g.large",
      ebsOptimized: true,
      userDataReplaceOnChange: true,
      userDataBase64: "YQ==",
    },
    ...{
      rootBlockDevice: { encrypted: true, volumeSize: 16 },
      primaryNetworkInterface: { networkInterfaceId: "eni-1" },
    },
  };

  it("is empty where nothing changed", () => {
    assert.deepEqual(replaced(INSTANCE, host, structuredClone(host)), []);
  });

  it("makes another instance of another image, interface or user data, and none of another type or profile", () => {
    assert.deepEqual(replaced(INSTANCE, host, { ...host, ami: "ami-2" }), ["ami anew"]);
    assert.deepEqual(replaced(INSTANCE, host, { ...host, primaryNetworkInterface: UNKNOWN }), [
      "primaryNetworkInterface anew",
    ]);
    assert.deepEqual(replaced(INSTANCE, host, { ...host, userDataBase64: "Yg==" }), ["userDataBase64 anew"]);
    assert.deepEqual(replaced(INSTANCE, host, { ...host, instanceType: "m7g.xlarge" }), ["instanceType"]);
    assert.deepEqual(replaced(INSTANCE, host, { ...host, iamInstanceProfile: "p" }), ["iamInstanceProfile"]);
  });

  it("goes by userDataReplaceOnChange, and by what of the root disk changed", () => {
    const kept = { ...host, userDataReplaceOnChange: false };
    assert.deepEqual(replaced(INSTANCE, kept, { ...kept, userDataBase64: "Yg==" }), ["userDataBase64"]);
    const disk = (change: object) => ({ ...host, rootBlockDevice: { ...host.rootBlockDevice, ...change } });
    assert.deepEqual(replaced(INSTANCE, host, disk({ volumeSize: 20 })), ["rootBlockDevice"]);
    assert.deepEqual(replaced(INSTANCE, host, disk({ encrypted: false })), ["rootBlockDevice anew"]);
  });

  it("keeps a volume that grows, and makes another one of another zone, key or snapshot", () => {
    const volume = { availabilityZone: "a", encrypted: true, kmsKeyId: "k", size: 10, type: "gp3", iops: 3000 };
    assert.deepEqual(replaced(VOLUME, volume, { ...volume, size: 12, type: "io2", iops: 4000 }), [
      "type",
      "size",
      "iops",
    ]);
    assert.deepEqual(
      replaced(VOLUME, volume, { ...volume, availabilityZone: "b", encrypted: false, kmsKeyId: "l", snapshotId: "s" }),
      ["availabilityZone anew", "encrypted anew", "kmsKeyId anew", "snapshotId anew"],
    );
  });

  it("attaches anew where volume or instance is another one, and switches a state in place", () => {
    const type = "aws:ec2/volumeAttachment:VolumeAttachment";
    const attachment = {
      deviceName: "/dev/sdf",
      instanceId: "i-1",
      volumeId: "vol-1",
      stopInstanceBeforeDetaching: true,
    };
    assert.deepEqual(replaced(type, attachment, { ...attachment, instanceId: UNKNOWN }), ["instanceId anew"]);
    assert.deepEqual(replaced(type, attachment, { ...attachment, stopInstanceBeforeDetaching: false }), [
      "stopInstanceBeforeDetaching",
    ]);
    const on = { instanceId: "i-1", state: "running" };
    assert.deepEqual(replaced(STATE, on, { ...on, state: "stopped", force: true }), ["state", "force"]);
    assert.deepEqual(replaced(STATE, on, { ...on, instanceId: "i-2" }), ["instanceId anew"]);
  });
});

describe("the stand-in for AWS's plugin: what makes another resource", () => {
  for (const [name, { fields }] of Object.entries(types)) {
    const source = sources[name];
    if (source === undefined) continue;
    const { replaces, inPlace, conditional = [], file, commit } = source;

    it(`${name} is as its source has it: ${file}`, () => {
      assert.match(commit, /^[0-9a-f]{40}$/);
      assert.deepEqual(
        Object.keys(fields).filter(
          (field) => fields[field]?.replaces && !unconfirmed.properties.includes(`${name} ${field}`),
        ),
        Object.keys(fields).filter((field) => replaces.includes(field)),
      );
      const told = [...replaces, ...inPlace, ...conditional];
      assert.deepEqual(
        told.filter((field) => !(field in fields)),
        [],
      );
      assert.equal(new Set(told).size, told.length);
      for (const field of conditional) assert.ok(!fields[field]?.replaces, field);
    });
  }

  it("is unconfirmed for all else, and that is written down", () => {
    assert.deepEqual(
      Object.keys(types)
        .filter((name) => !(name in sources))
        .sort(),
      [...unconfirmed.types].sort(),
    );
    const untold = Object.entries(sources).flatMap(([name, { replaces, inPlace, conditional = [] }]) =>
      Object.keys(types[name]?.fields ?? {})
        .filter((field) => ![...replaces, ...inPlace, ...conditional].includes(field))
        .map((field) => `${name} ${field}`),
    );
    assert.deepEqual(untold.sort(), [...unconfirmed.properties].sort());
  });

  it("depends on more than the property for private DNS and for the peer of a rule", () => {
    const replaced = (type: string, olds: object, news: object) =>
      [...diff(type, typeOf(type), olds as never, news as never).values()].some(({ replaces }) => replaces);
    const ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint";
    for (const [vpcEndpointType, anew] of [
      ["Interface", false],
      ["Gateway", true],
    ] as const) {
      const endpoint = { vpcEndpointType, privateDnsEnabled: false };
      assert.equal(replaced(ENDPOINT, endpoint, { ...endpoint, privateDnsEnabled: true }), anew);
    }
    const RULE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule";
    const rule = { securityGroupId: "sg-1", fromPort: 22, toPort: 22, ipProtocol: "tcp" };
    const network = { ...rule, cidrIpv4: "10.0.0.0/8" };
    assert.equal(replaced(RULE, network, { ...rule, cidrIpv4: "10.1.0.0/16" }), false);
    assert.equal(replaced(RULE, network, { ...rule, referencedSecurityGroupId: "sg-2" }), true);
  });
});

describe("the stand-in for AWS's plugin: policies of roles", () => {
  const account = "123456789012";
  const role = archivePolicy({
    ...{ partition: "aws", region: "eu-central-1", account, bucket: "b", prefix: "orders", kmsKey: undefined },
  });
  const decide = ({ Statement }: PolicyDocument, action: string, resource: string, owner = account) =>
    decision(Statement as never, { action, resource, context: { "aws:ResourceAccount": [owner] } });

  it("let a node use its folder of the archive, and nothing else", () => {
    assert.equal(decide(role, "s3:PutObject", "arn:aws:s3:::b/orders/archive/1"), "allow");
    assert.equal(decide(role, "s3:ListBucket", "arn:aws:s3:::b"), "allow");
    assert.equal(decide(role, "s3:PutObject", "arn:aws:s3:::b/other/archive/1"), "no_match");
    assert.equal(decide(role, "s3:PutObject", "arn:aws:s3:::c/orders/archive/1"), "no_match");
    assert.equal(decide(role, "s3:DeleteObjectVersion", "arn:aws:s3:::b/orders/archive/1"), "no_match");
    assert.equal(decide(role, "s3:PutObject", "arn:aws:s3:::b/orders/archive/1", "999999999999"), "no_match");
  });

  it("let a fenced one do nothing, whatever else is allowed", () => {
    const both = { ...role, Statement: [...role.Statement, ...fencedPolicy().Statement] };
    assert.equal(decide(both, "s3:GetObject", "arn:aws:s3:::b/orders/archive/1"), "deny");
  });

  it("are refused where they say more than the stand-in understands", () => {
    const Condition = { NumericLessThan: { "s3:TlsVersion": "1.2" } };
    const statement = { Sid: "S", Effect: "Deny", Action: "s3:*", Resource: "*", Condition } as const;
    assert.throws(
      () => decide({ ...role, Statement: [statement] }, "s3:GetObject", "arn:aws:s3:::b/k"),
      /NumericLessThan/,
    );
  });
});

describe("the stand-in for AWS's plugin: the rest", () => {
  it("has every image that the program looks for, and gives the newest one", () => {
    for (const name of Object.keys(distributions) as (keyof typeof distributions)[]) {
      for (const architecture of architectures) {
        const query = imageQuery({ kind: "distribution", name }, architecture);
        const found = findImage(published, query);
        assert.equal(found.architecture, architecture);
        const newer = { ...found, id: "ami-newer", published: found.published + 1 };
        assert.equal(findImage([...published, newer], query).id, "ami-newer");
        assert.throws(() => findImage([...published, newer], { ...query, mostRecent: false }), /more than one result/);
      }
    }
    assert.throws(() => findImage(published, { filters: [{ name: "image-id", values: ["ami-0"] }] }), /no results/);
  });

  it("reads the provider's configuration as the SDK sends it", () => {
    const sent = {
      region: "eu-central-1",
      allowedAccountIds: '["123456789012"]',
      defaultTags: '{"tags":{"team":"db"}}',
    };
    assert.deepEqual(configOf(sent), {
      ...{ region: "eu-central-1", allowedAccountIds: ["123456789012"], defaultTags: { team: "db" } },
    });
  });
});
