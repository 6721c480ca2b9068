import assert from "node:assert/strict";
import { InstanceType } from "@pulumi/aws/types/enums/ec2/index.js";
import { Region } from "@pulumi/aws/types/enums/index.js";
import fc from "fast-check";
import { firewallRules, ruleName } from "../../../model/aws/firewallRules.ts";
import { imageProblem } from "../../../model/aws/images.ts";
import { architectureOf, instanceTypeProblem } from "../../../model/aws/instanceTypes.ts";
import { awsName, ledgerBucket, type Named, nameLimits } from "../../../model/aws/names.ts";
import {
  cloudWatchEndpoint,
  cloudWatchInterfaceService,
  isRegion,
  partitionOf,
  regionZones,
  s3Endpoint,
  s3GatewayService,
  zonesOf,
} from "../../../model/aws/regions.ts";
import { overlapping, planSubnets, vpcCidrProblem } from "../../../model/aws/subnets.ts";
import { shrinkProblem, volumeProblems, zoneProblem } from "../../../model/aws/volume.ts";
import { ipv4Range, networkProblem } from "../../../model/config/network.ts";
import { agents, closed, parseAws, smallest } from "../../support/awsConfigs.ts";

describe("regions of AWS", () => {
  it("are those that the provider knows, but the ones of closed partitions", () => {
    const known = Object.values(Region).filter((region) => !/-iso|^eusc-/.test(region));
    assert.deepEqual(Object.keys(regionZones).sort(), known.sort());
    assert.ok(known.every(isRegion));
  });

  it("have zones, a partition and an S3", () => {
    assert.deepEqual(zonesOf("ca-central-1"), ["ca-central-1a", "ca-central-1b", "ca-central-1d"]);
    assert.equal(partitionOf("us-gov-west-1"), "aws-us-gov");
    assert.equal(s3Endpoint("eu-central-1"), "s3.eu-central-1.amazonaws.com");
    assert.equal(s3Endpoint("cn-north-1"), "s3.cn-north-1.amazonaws.com.cn");
    assert.equal(cloudWatchEndpoint("us-gov-west-1"), "monitoring.us-gov-west-1.amazonaws.com");
  });

  it("have ways to S3 and CloudWatch from a VPC, which China names differently", () => {
    for (const [region, gateway, cloudWatch] of [
      ["eu-central-1", "com.amazonaws.eu-central-1.s3", "com.amazonaws.eu-central-1.monitoring"],
      ["cn-north-1", "com.amazonaws.cn-north-1.s3", "cn.com.amazonaws.cn-north-1.monitoring"],
    ] as const) {
      assert.equal(s3GatewayService(region), gateway);
      assert.equal(cloudWatchInterfaceService(region), cloudWatch);
    }
  });
});

describe("instance types", () => {
  it("of the provider's list are known, but those of before Nitro", () => {
    const refused = Object.values(InstanceType).filter((type) => instanceTypeProblem(type) !== undefined);
    const families = new Set(refused.map((type) => type.split(".")[0]));
    assert.deepEqual(
      [...families].filter(
        (family) =>
          !/^(?:[mc][1-4]|[rc]3|r4|t[12]|x1e?|i[23]|d2|h1|p[23]|g[23]s?|f1|cc2|cr1|hs1|mac.*)$/.test(family ?? ""),
      ),
      [],
    );
  });

  it("have the processor that their name says", () => {
    const arm = [
      "m7g.large",
      "t4g.nano",
      "c7gn.metal",
      "r8gd.16xlarge",
      "a1.large",
      "x2gd.medium",
      "im4gn.large",
      "is4gen.xlarge",
      "hpc7g.4xlarge",
      "g5g.xlarge",
      "p6e-gb200.36xlarge",
      "i8g.large",
    ];
    const x86 = [
      "m7i.large",
      "m7i-flex.large",
      "t3a.micro",
      "g5.xlarge",
      "g4dn.xlarge",
      "c6a.metal",
      "x2iedn.8xlarge",
      "u-6tb1.56xlarge",
      "u7i-12tb.224xlarge",
      "z1d.large",
      "i4i.large",
    ];
    for (const type of arm) assert.equal(architectureOf(type), "arm64", type);
    for (const type of x86) assert.equal(architectureOf(type), "x86_64", type);
    for (const type of [...arm, ...x86]) assert.equal(instanceTypeProblem(type), undefined, type);
    for (const type of ["", "m7g", "m7g.huge", "m7g.large.x", "7g.large", "m7g.0xlarge", "large"])
      assert.ok(instanceTypeProblem(type), type);
  });
});

describe("zones of a VPC that is made", () => {
  it("begin with the first node's: a node that is added moves neither NAT nor bastion", () => {
    const nodes = { "node-b": { zone: "eu-central-1b" }, "node-a": { zone: "eu-central-1c" } };
    const zonesWith = (more: object) => {
      const { network } = parseAws({ ...smallest, nodes: { ...nodes, ...more } }).aws;
      return network.kind === "new" ? network.zones : [];
    };
    assert.deepEqual(zonesWith({}), ["eu-central-1c", "eu-central-1b"]);
    assert.deepEqual(zonesWith({ "node-c": { zone: "eu-central-1a" } }), [
      "eu-central-1c",
      "eu-central-1b",
      "eu-central-1a",
    ]);
  });
});

describe("names in AWS", () => {
  const cluster = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/);
  const node = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?(\.[a-z0-9]{1,20})?$/);
  const kind = fc.constantFrom(...(Object.keys(nameLimits) as Named[]));

  it("fit, and are of letters that AWS takes", () => {
    fc.assert(
      fc.property(kind, cluster, node, (kind, cluster, node) => {
        const name = awsName(kind, cluster, node);
        assert.ok(name.length <= nameLimits[kind], name);
        assert.match(
          name,
          kind === "role" || kind === "alarm" || kind === "secret" || kind === "securityGroup"
            ? /^[\w.-]+[a-z0-9]$/
            : /^[a-z0-9-]+[a-z0-9]$/,
        );
        assert.equal(awsName(kind, cluster, node), name);
      }),
    );
  });

  it("are nobody else's", () => {
    assert.notEqual(awsName("role", "a-b", "c"), awsName("role", "a", "b-c"));
    const long = "x".repeat(40);
    assert.notEqual(awsName("loadBalancer", `${long.slice(1)}a`), awsName("loadBalancer", `${long.slice(1)}b`));
    fc.assert(
      fc.property(fc.tuple(cluster, node), fc.tuple(cluster, node), (first, second) => {
        fc.pre(first.join(" ") !== second.join(" "));
        assert.notEqual(awsName("role", ...first), awsName("role", ...second));
      }),
    );
  });
});

describe("the ledger's bucket", () => {
  it("is called like the archive's, as far as a name can be that long", () => {
    assert.equal(ledgerBucket("acme-archive"), "acme-archive-ledger");
    const [first, second] = ["a", "b"].map((end) => ledgerBucket(`${"x".repeat(62)}${end}`));
    assert.match(first ?? "", /^x{47}-[0-9a-f]{8}-ledger$/);
    assert.equal(first?.length, nameLimits.bucket);
    assert.notEqual(first, second);
  });
});

describe("rules of the security groups", () => {
  const names = (raw: object) => firewallRules(parseAws(raw)).map(ruleName);

  it("open the agents' port among the nodes, in and out, for agents only", () => {
    const added = names(agents).filter((name) => !names({ ...agents, agent: false }).includes(name));
    assert.deepEqual(added, ["nodes-in-nodes-5480", "nodes-out-nodes-5480"]);
    assert.ok(!names(closed).some((name) => name.endsWith("5480")));
  });
});

describe("subnets of a VPC", () => {
  const cidr = fc
    .record({ prefix: fc.integer({ min: 16, max: 24 }), address: fc.nat(0xffffff) })
    .map(({ prefix, address }) => {
      const kept = Number((BigInt(address) >> BigInt(32 - prefix)) << BigInt(32 - prefix));
      return `10.${kept >> 16}.${(kept >> 8) & 255}.${kept & 255}/${prefix}`;
    });
  const zones = fc
    .uniqueArray(fc.constantFrom(..."abcdef"), { minLength: 1 })
    .map((letters) => letters.sort().map((letter) => `us-east-1${letter}`));

  it("lie within it, share no address, and are large enough for AWS", () => {
    fc.assert(
      fc.property(cidr, zones, (cidr, zones) => {
        assert.equal(vpcCidrProblem(cidr), undefined);
        const plan = planSubnets(cidr, zones);
        const all = [...Object.values(plan.private), ...Object.values(plan.public)];
        assert.equal(all.length, 2 * zones.length);
        const outer = ipv4Range(cidr);
        for (const [index, subnet] of all.entries()) {
          assert.equal(networkProblem(subnet), undefined, subnet);
          const { first, last, prefix } = ipv4Range(subnet);
          assert.ok(outer.first <= first && last <= outer.last, `${subnet} in ${cidr}`);
          assert.ok(prefix <= 28, subnet);
          assert.deepEqual(overlapping(subnet, all.toSpliced(index, 1)), []);
        }
      }),
    );
  });

  it("stay where they are when a zone is added", () => {
    fc.assert(
      fc.property(cidr, zones, zones, (cidr, some, others) => {
        const [before, after] = [planSubnets(cidr, some), planSubnets(cidr, [...new Set([...some, ...others])].sort())];
        for (const zone of some) {
          assert.equal(after.private[zone], before.private[zone]);
          assert.equal(after.public[zone], before.public[zone]);
        }
      }),
    );
  });
});

describe("volumes of EBS", () => {
  const gp3 = (sizeGb: number, iops: number, throughput: number | undefined = 125) =>
    volumeProblems({ type: "gp3", sizeGb, iops, throughput });
  const io2 = (sizeGb: number, iops: number) => volumeProblems({ type: "io2", sizeGb, iops, throughput: undefined });

  it("are taken up to every bound, and no further", () => {
    assert.deepEqual(
      [...gp3(10, 3000), ...gp3(10, 5000), ...gp3(160, 80_000, 2000), ...gp3(65_536, 80_000), ...gp3(10, 3000, 750)],
      [],
    );
    assert.deepEqual([...io2(10, 100), ...io2(10, 10_000), ...io2(256, 256_000), ...io2(65_536, 256_000)], []);
    assert.deepEqual(
      [
        gp3(9, 3000),
        gp3(65_537, 3000),
        gp3(10, 2999),
        gp3(10, 5001),
        gp3(159, 80_000),
        gp3(10, 3000, 124),
        gp3(10, 3000, 751),
        gp3(160, 80_000, 2001),
      ].map((found) => found.map(({ key }) => key).join()),
      ["size", "size", "iops", "iops", "iops", "throughput", "throughput", "throughput"],
    );
    assert.deepEqual(
      [io2(9, 100), io2(10, 99), io2(10, 10_001), io2(256, 256_001)].map((found) => found.map(({ key }) => key).join()),
      ["size", "iops", "iops", "iops"],
    );
  });

  it("never shrink", () => {
    assert.equal(shrinkProblem(100, 100), undefined);
    assert.equal(shrinkProblem(100, 101), undefined);
    assert.equal(shrinkProblem(undefined, 10), undefined);
    assert.match(shrinkProblem(100, 99) ?? "", /has 100 GB and can't become smaller: 99 GB/);
  });

  it("never move", () => {
    assert.equal(zoneProblem("a", "eu-central-1a", "eu-central-1a"), undefined);
    assert.match(
      zoneProblem("a", "eu-central-1a", "eu-central-1b") ?? "",
      /^nodes\.a\.zone is eu-central-1b.*in eu-central-1a.*\nHINT: set it back/,
    );
  });
});

describe("images", () => {
  it("are for the host's processor, whatever config says of them", () => {
    assert.equal(imageProblem("ami-1", "arm64", "arm64"), undefined);
    assert.match(imageProblem("ami-1", "x86_64", "arm64") ?? "", /ami-1 is for x86_64.*arm64\nHINT: /);
  });
});
