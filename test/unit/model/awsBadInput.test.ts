import assert from "node:assert/strict";
import { account, agents, everything, existing, smallest } from "../../support/awsConfigs.ts";
import { problemsOf, type Raw } from "./support.ts";

interface Case {
  readonly what: string;
  readonly raw: Raw;
  readonly key: string;
  readonly rule: RegExp;
  readonly hint: RegExp;
}

const aws = (options: object, base: Raw = smallest): Raw => ({ ...base, aws: { ...(base.aws as object), ...options } });
const node = (options: object): Raw => ({
  ...smallest,
  nodes: { ...smallest.nodes, "node-b": { ...smallest.nodes["node-b"], ...options } },
});
const volume = (options: object): Raw => node({ volume: options });
const inPlace = (options: object): Raw => aws({ network: { ...existing.aws.network, ...options } }, existing);
const withLedger = (ledger: object, archive: object = {}): Raw => ({
  ...smallest,
  agent: true,
  archive: { ...archive, ledger: { bucket: "acme-ledger", accessKey: "AK", secretKey: "SK", ...ledger } },
});
const key = (region: string) => `arn:aws:kms:${region}:${account}:key/11111111-2222-3333-4444-555555555555`;

const cases: readonly Case[] = [
  {
    what: "keys without a first one",
    raw: aws({ keys: { operator: [] } }),
    key: "aws.keys.operator",
    rule: /one to four names/,
    hint: /\["2", "1"\]/,
  },
  {
    what: "a key twice",
    raw: aws({ keys: { host: ["2", "2"] } }),
    key: "aws.keys.host",
    rule: /none of them twice/,
    hint: /"2"/,
  },
  {
    what: "a key with a strange name",
    raw: aws({ keys: { operator: ["new_one"] } }),
    key: "aws.keys.operator",
    rule: /letters and digits/,
    hint: /"2"/,
  },
  {
    what: "an image's age that is no number of days",
    raw: aws({ bastion: { maxImageAge: "12h" } }),
    key: "aws.bastion.maxImageAge",
    rule: /whole days/,
    hint: /90d/,
  },
  {
    what: "a name server that is a name",
    raw: inPlace({ dns: ["ns.example.com"] }),
    key: "aws.network.dns",
    rule: /IPv4 addresses, not 'ns\.example\.com'/,
    hint: /10\.0\.0\.2/,
  },
  {
    what: "a time server twice",
    raw: inPlace({ ntp: ["10.0.0.4", "10.0.0.4"] }),
    key: "aws.network.ntp",
    rule: /twice/,
    hint: /remove/,
  },
  {
    what: "a proxy by its name",
    raw: inPlace({ proxy: "http://proxy.example.com:3128" }),
    key: "aws.network.proxy",
    rule: /http:\/\/<IPv4 address>:<port>/,
    hint: /addresses, and no names/,
  },
  {
    what: "a proxy for a VPC that is made",
    raw: aws({ network: { proxy: "http://10.0.0.5:3128" } }),
    key: "aws.network.proxy",
    rule: /is of an existing VPC/,
    hint: /set vpc/,
  },
  {
    what: "another instance type with another processor",
    raw: node({ otherInstanceTypes: ["m7i.large"] }),
    key: "nodes.node-b.otherInstanceTypes",
    rule: /'m7i\.large', which is x86_64, and 'm7g\.large' is arm64/,
    hint: /m6g\.large/,
  },
  {
    what: "another instance type that is none",
    raw: node({ otherInstanceTypes: ["large"] }),
    key: "nodes.node-b.otherInstanceTypes",
    rule: /no EC2 instance type/,
    hint: /m6g\.large/,
  },
  {
    what: "a capacity reservation that is none",
    raw: node({ capacityReservation: "mine" }),
    key: "nodes.node-b.capacityReservation",
    rule: /id of a capacity reservation/,
    hint: /cr-/,
  },
  {
    what: "no aws at all",
    raw: { ...smallest, aws: {} },
    key: "aws.account",
    rule: /required/,
    hint: /get-caller-identity/,
  },
  { what: "no region", raw: aws({ region: "" }), key: "aws.region", rule: /required/, hint: /eu-central-1/ },
  {
    what: "an unknown region",
    raw: aws({ region: "eu-central-9" }),
    key: "aws.region",
    rule: /AWS region/,
    hint: /did you mean eu-central-[12]/,
  },
  {
    what: "an account that is none",
    raw: aws({ account: "1234" }),
    key: "aws.account",
    rule: /twelve digits/,
    hint: /quotes/,
  },
  {
    what: "an unknown option",
    raw: aws({ instancetype: "m7g.large" }),
    key: "aws.instancetype",
    rule: /unknown/,
    hint: /instanceType/,
  },
  { what: "no zone", raw: node({ zone: "" }), key: "nodes.node-b.zone", rule: /required/, hint: /eu-central-1a/ },
  {
    what: "an unknown zone",
    raw: node({ zone: "eu-central-1x" }),
    key: "nodes.node-b.zone",
    rule: /no availability zone of eu-central-1/,
    hint: /eu-central-1a, eu-central-1b, eu-central-1c/,
  },
  {
    what: "a zone of another region",
    raw: node({ zone: "eu-west-1b" }),
    key: "nodes.node-b.zone",
    rule: /no availability zone of eu-central-1/,
    hint: /use one of/,
  },
  {
    what: "one zone for all nodes",
    raw: node({ zone: "eu-central-1a" }),
    key: "nodes",
    rule: /all in eu-central-1a/,
    hint: /acceptOneZone/,
  },
  {
    what: "an option of another target",
    raw: node({ memory: "2GB" }),
    key: "nodes.node-b.memory",
    rule: /target docker/,
    hint: /remove/,
  },
  {
    what: "no operator networks",
    raw: aws({ operatorNetworks: [] }),
    key: "aws.operatorNetworks",
    rule: /empty/,
    hint: /203/,
  },
  {
    what: "operators from everywhere",
    raw: aws({ operatorNetworks: ["0.0.0.0/0"] }),
    key: "aws.operatorNetworks",
    rule: /open to the world/,
    hint: /name the networks/,
  },
  {
    what: "half of the world",
    raw: { ...smallest, clientNetworks: ["10.0.0.0/8", "128.0.0.0/1"] },
    key: "clientNetworks",
    rule: /open to the world/,
    hint: /name the networks/,
  },
  {
    what: "a database for everybody",
    raw: { ...smallest, clientNetworks: ["0.0.0.0/0"] },
    key: "clientNetworks",
    rule: /open to the world/,
    hint: /name the networks/,
  },
  {
    what: "clients with IPv6",
    raw: { ...smallest, clientNetworks: ["fd00::/8"] },
    key: "clientNetworks",
    rule: /IPv4/,
    hint: /name the networks/,
  },
  {
    what: "a network twice",
    raw: { ...smallest, clientNetworks: ["10.0.0.0/8", "10.0.0.0/8"] },
    key: "clientNetworks",
    rule: /twice/,
    hint: /remove one/,
  },
  {
    what: "no client networks in a VPC that exists",
    raw: { ...existing, clientNetworks: [] },
    key: "clientNetworks",
    rule: /required with aws.network.vpc/,
    hint: /config set/,
  },
  {
    what: "more rules than AWS takes",
    raw: { ...smallest, clientNetworks: Array.from({ length: 60 }, (_, i) => `10.${i}.0.0/16`) },
    key: "clientNetworks",
    rule: /63 rules.*AWS takes 60/,
    hint: /fewer/,
  },
  {
    what: "a VPC that overlaps the operators'",
    raw: aws({ operatorNetworks: ["10.42.7.0/24"] }),
    key: "aws.network.cidr",
    rule: /10\.42\.0\.0\/16 overlaps 10\.42\.7\.0\/24/,
    hint: /another network/,
  },
  {
    what: "a VPC with public addresses",
    raw: aws({ network: { cidr: "8.8.0.0/16" } }),
    key: "aws.network.cidr",
    rule: /must lie within 10\.0\.0\.0\/8/,
    hint: /private/,
  },
  {
    what: "a VPC that is too small",
    raw: aws({ network: { cidr: "10.0.0.0/25" } }),
    key: "aws.network.cidr",
    rule: /\/16 to \/24/,
    hint: /private/,
  },
  {
    what: "a VPC with bits behind its prefix",
    raw: aws({ network: { cidr: "10.0.0.1/16" } }),
    key: "aws.network.cidr",
    rule: /bits set after/,
    hint: /private/,
  },
  {
    what: "a VPC that is made and one that exists",
    raw: inPlace({ cidr: "10.0.0.0/16" }),
    key: "aws.network.cidr",
    rule: /made.*existing/,
    hint: /remove/,
  },
  {
    what: "subnets of no VPC",
    raw: aws({ network: { subnets: { "eu-central-1a": "subnet-0000000000000000a" } } }),
    key: "aws.network.subnets",
    rule: /vpc names none/,
    hint: /set vpc/,
  },
  {
    what: "a zone without a subnet",
    raw: inPlace({ subnets: { "us-east-1a": "subnet-0000000000000000a", "us-east-1b": "subnet-0000000000000000b" } }),
    key: "aws.network.subnets.us-east-1c",
    rule: /required/,
    hint: /subnet-/,
  },
  {
    what: "a subnet that is none",
    raw: inPlace({ subnets: { ...existing.aws.network.subnets, "us-east-1a": "subnet-xyz" } }),
    key: "aws.network.subnets.us-east-1a",
    rule: /id of a subnet/,
    hint: /subnet-/,
  },
  {
    what: "a bastion without a public subnet",
    raw: aws({ bastion: { enabled: true } }, existing),
    key: "aws.bastion.subnet",
    rule: /required with aws.network.vpc/,
    hint: /subnet-/,
  },
  {
    what: "a security group that is none",
    raw: aws({ clientSecurityGroups: ["default"] }),
    key: "aws.clientSecurityGroups",
    rule: /not 'default'/,
    hint: /sg-/,
  },
  {
    what: "an instance type that is none",
    raw: aws({ instanceType: "large" }),
    key: "aws.instanceType",
    rule: /no EC2 instance type/,
    hint: /m7g.large/,
  },
  {
    what: "an instance type of the past",
    raw: node({ instanceType: "t2.micro" }),
    key: "nodes.node-b.instanceType",
    rule: /before the Nitro system/,
    hint: /m7g.large/,
  },
  {
    what: "an image that is none",
    raw: aws({ image: "debian-11" }),
    key: "aws.image",
    rule: /debian-12, debian-13/,
    hint: /debian-13/,
  },
  {
    what: "an image without packages of the declared major",
    raw: aws({ image: "debian-12" }),
    key: "aws.image",
    rule: /'debian-12' has PostgreSQL 15, and postgresVersion is 17/,
    hint: /set aws.image to debian-13, set postgresVersion to 15/,
  },
  {
    what: "a major that no image has",
    raw: { ...smallest, postgresVersion: 18 },
    key: "aws.image",
    rule: /postgresVersion is 18/,
    hint: /^set postgresVersion to 17, or use an AMI/,
  },
  {
    what: "an AMI without its processor",
    raw: aws({ image: "ami-0123456789abcdef0" }),
    key: "aws.imageArchitecture",
    rule: /required/,
    hint: /arm64/,
  },
  {
    what: "an AMI for another processor",
    raw: aws({ image: "ami-0123456789abcdef0", imageArchitecture: "x86_64" }),
    key: "nodes.node-a.instanceType",
    rule: /m7g\.large' is arm64.*for x86_64/,
    hint: /x86_64/,
  },
  {
    what: "an image that is not published there",
    raw: {
      ...aws({ region: "cn-north-1" }),
      nodes: { "node-a": { zone: "cn-north-1a" }, "node-b": { zone: "cn-north-1b" } },
    },
    key: "aws.image",
    rule: /not published in cn-north-1/,
    hint: /AMI of your own/,
  },
  {
    what: "a volume that is too small",
    raw: volume({ size: "5GB" }),
    key: "nodes.node-b.volume.size",
    rule: /10GB to 65536GB/,
    hint: /100GB/,
  },
  {
    what: "a volume with half a gigabyte",
    raw: volume({ size: "10752MB" }),
    key: "nodes.node-b.volume.size",
    rule: /whole number of gigabytes/,
    hint: /100GB/,
  },
  {
    what: "more IOPS than the type has",
    raw: volume({ size: "1TB", iops: 80_001 }),
    key: "nodes.node-b.volume.iops",
    rule: /3000 to 80000/,
    hint: /another number/,
  },
  {
    what: "more IOPS than the size allows",
    raw: volume({ size: "10GB", iops: 6000 }),
    key: "nodes.node-b.volume.iops",
    rule: /3000 to 5000.*500 for each of its 10 GB/,
    hint: /larger volume/,
  },
  {
    what: "fewer IOPS than gp3 has",
    raw: volume({ iops: 1000 }),
    key: "nodes.node-b.volume.iops",
    rule: /from 3000/,
    hint: /another number/,
  },
  {
    what: "more throughput than the IOPS allow",
    raw: volume({ throughput: 800 }),
    key: "nodes.node-b.volume.throughput",
    rule: /125 to 750.*quarter of its 3000/,
    hint: /more IOPS/,
  },
  {
    what: "throughput for io2",
    raw: volume({ type: "io2", throughput: 200 }),
    key: "nodes.node-b.volume.throughput",
    rule: /can't be set for io2/,
    hint: /gp3/,
  },
  {
    what: "a broken default of all volumes, told once",
    raw: aws({ volume: { iops: 100_000 } }),
    key: "aws.volume.iops",
    rule: /3000 to 50000/,
    hint: /another number/,
  },
  {
    what: "a key of another region",
    raw: aws({ volume: { kmsKey: key("us-east-1") } }),
    key: "aws.volume.kmsKey",
    rule: /key of us-east-1, not of eu-central-1/,
    hint: /eu-central-1/,
  },
  {
    what: "an alias of a key",
    raw: aws({ bucket: { kmsKey: `arn:aws:kms:eu-central-1:${account}:alias/pg` } }),
    key: "aws.bucket.kmsKey",
    rule: /not of an alias/,
    hint: /arn:aws:kms/,
  },
  {
    what: "a lock without days",
    raw: aws({ bucket: { objectLock: { mode: "governance" } } }),
    key: "aws.bucket.objectLock.days",
    rule: /required with mode/,
    hint: /14/,
  },
  {
    what: "a bucket with a dot",
    raw: { ...smallest, archive: { bucket: "a.b.c" } },
    key: "archive.bucket",
    rule: /dot/,
    hint: /hyphens/,
  },
  {
    what: "a bucket in another region",
    raw: { ...smallest, archive: { region: "us-east-1" } },
    key: "archive.region",
    rule: /not aws.region/,
    hint: /remove/,
  },
  {
    what: "keys for a bucket of the stack's own",
    raw: { ...smallest, archive: { accessKey: "AK" } },
    key: "archive.accessKey",
    rule: /needs archive.endpoint/,
    hint: /remove/,
  },
  {
    what: "a host to be made anew that has an agent",
    raw: { ...aws({ maintain: "node-b" }), agent: true },
    key: "aws.maintain",
    rule: /'node-b' has an agent, which does not take the data of another machine yet/,
    hint: /add a node/,
  },
  {
    what: "a ledger without agents",
    raw: { ...withLedger({}), agent: false },
    key: "archive.ledger",
    rule: /of agents, and there are none/,
    hint: /agent to true/,
  },
  {
    what: "a ledger in the bucket that the stack makes",
    raw: withLedger({}, { bucket: "acme-ledger" }),
    key: "archive.ledger.bucket",
    rule: /is the archive's/,
    hint: /bucket of its own/,
  },
  {
    what: "a ledger at a port that is closed",
    raw: withLedger({ endpoint: "minio.example.com:9000" }),
    key: "archive.ledger.endpoint",
    rule: /port 9000, and nodes get out by port 443 only/,
    hint: /443/,
  },
  {
    what: "a ledger that there is no way to",
    raw: { ...withLedger({ endpoint: "s3.eu-west-1.amazonaws.com" }), aws: agents.aws },
    key: "archive.ledger.endpoint",
    rule: /'s3.eu-west-1.amazonaws.com'.* nothing is reached but s3.eu-central-1.amazonaws.com/,
    hint: /egress to nat/,
  },
  {
    what: "snapshots at odd hours",
    raw: aws({ snapshots: { everyHours: 5 } }),
    key: "aws.snapshots.everyHours",
    rule: /1, 2, 3, 4, 6, 8, 12, 24/,
    hint: /24/,
  },
  {
    what: "snapshots kept and never taken",
    raw: aws({ snapshots: { keep: 5 } }),
    key: "aws.snapshots.everyHours",
    rule: /required/,
    hint: /24/,
  },
  {
    what: "a load balancer without poolers",
    raw: aws({ endpoint: { domain: "db.internal", loadBalancer: true } }),
    key: "aws.endpoint.loadBalancer",
    rule: /needs the poolers/,
    hint: /pooler.enabled/,
  },
  {
    what: "a load balancer without a name",
    raw: aws({ endpoint: { loadBalancer: true } }),
    key: "aws.endpoint.domain",
    rule: /required/,
    hint: /domain/,
  },
  {
    what: "a tag of AWS's",
    raw: aws({ tags: { "aws:x": "1" } }),
    key: "aws.tags",
    rule: /can't have the key 'aws:x'/,
    hint: /another key/,
  },
  {
    what: "a tag that is too long",
    raw: aws({ tags: { a: "x".repeat(257) } }),
    key: "aws.tags",
    rule: /256/,
    hint: /shorten/,
  },
  {
    what: "maintenance of the primary",
    raw: aws({ maintain: "node-a" }),
    key: "aws.maintain",
    rule: /declared primary/,
    hint: /move the primary first/,
  },
  {
    what: "maintenance of nobody",
    raw: aws({ maintain: "node-x" }),
    key: "aws.maintain",
    rule: /not among the nodes/,
    hint: /node-a, node-b/,
  },
  {
    what: "maintenance of a fenced node",
    raw: { ...node({ state: "fenced" }), aws: { ...smallest.aws, maintain: "node-b" } },
    key: "aws.maintain",
    rule: /is fenced/,
    hint: /active/,
  },
  {
    what: "maintenance of no bastion",
    raw: aws({ maintain: "bastion", bastion: { enabled: false } }),
    key: "aws.maintain",
    rule: /there is none/,
    hint: /remove/,
  },
  {
    what: "a node with the bastion's name",
    raw: { ...smallest, nodes: { ...smallest.nodes, bastion: { zone: "eu-central-1c" } } },
    key: "nodes.bastion",
    rule: /bastion's own/,
    hint: /another name/,
  },
  {
    what: "a bastion in a zone without a node",
    raw: aws({ bastion: { zones: ["eu-central-1c"] } }),
    key: "aws.bastion.zones",
    rule: /no node is there/,
    hint: /eu-central-1a, eu-central-1b/,
  },
  {
    what: "bastions in no zone",
    raw: aws({ bastion: { zones: [] } }),
    key: "aws.bastion.zones",
    rule: /is empty/,
    hint: /enabled to false/,
  },
  {
    what: "zones of bastions in an existing VPC",
    raw: aws({ bastion: { ...existing.aws.bastion, zones: ["us-east-1a"] } }, existing),
    key: "aws.bastion.zones",
    rule: /existing one/,
    hint: /bastion\.subnets/,
  },
  {
    what: "a bastion's subnet in a zone without a node",
    raw: aws({ bastion: { enabled: true, subnets: { "us-east-1f": "subnet-0000000000000000f" } } }, existing),
    key: "aws.bastion.subnets.us-east-1f",
    rule: /without a node/,
    hint: /subnet-/,
  },
  {
    what: "one subnet for the bastion, and several",
    raw: aws({ bastion: { ...existing.aws.bastion, subnets: { "us-east-1a": "subnet-0000000000000000f" } } }, existing),
    key: "aws.bastion.subnet",
    rule: /beside subnets/,
    hint: /remove/,
  },
  {
    what: "a word for a fence while the node is active",
    raw: node({ fence: { statement: "it is off" } }),
    key: "nodes.node-b.fence.statement",
    rule: /but the node is active/,
    hint: /config rm/,
  },
  {
    what: "a fence with a word and a command",
    raw: node({ state: "fenced", fence: { statement: "it is off", command: "./off" } }),
    key: "nodes.node-b.fence",
    rule: /both/,
    hint: /remove/,
  },
  {
    what: "a volume that is there, made of a snapshot",
    raw: volume({ adopt: "vol-0123456789abcdef0", snapshot: "snap-0123456789abcdef0" }),
    key: "nodes.node-b.volume.snapshot",
    rule: /beside adopt/,
    hint: /remove/,
  },
  {
    what: "a volume that is no volume",
    raw: volume({ adopt: "snap-0123456789abcdef0" }),
    key: "nodes.node-b.volume.adopt",
    rule: /id of a volume/,
    hint: /vol-/,
  },
  {
    what: "a path of roles that is none",
    raw: aws({ roles: { path: "databases" } }),
    key: "aws.roles.path",
    rule: /begins and ends/,
    hint: /\/databases\//,
  },
  {
    what: "a boundary that is no policy",
    raw: aws({ roles: { permissionsBoundary: "developer" } }),
    key: "aws.roles.permissionsBoundary",
    rule: /ARN/,
    hint: /arn:aws:iam/,
  },
];

describe("bad input of the target aws", () => {
  it("is none of what is legal", () => {
    for (const raw of [smallest, existing, everything]) assert.deepEqual(problemsOf(raw), []);
    assert.deepEqual(problemsOf(node({ zone: "eu-central-1a" })).length, 1);
    assert.deepEqual(
      problemsOf({ ...node({ zone: "eu-central-1a" }), aws: { ...smallest.aws, acceptOneZone: true } }),
      [],
    );
    // gp3's throughput is no default of an io2 volume.
    assert.deepEqual(
      problemsOf({ ...volume({ type: "io2" }), aws: { ...smallest.aws, volume: { throughput: 300 } } }),
      [],
    );
  });

  for (const { what, raw, key: path, rule, hint } of cases) {
    it(`${what}: refused, once, with what to do`, () => {
      const problems = problemsOf(raw);
      const found = problems.filter((problem) => problem.key === path && rule.test(problem.rule));
      assert.equal(found.length, 1, JSON.stringify(problems, undefined, 2));
      assert.match(found[0]?.hint ?? "", hint);
      assert.doesNotMatch(JSON.stringify(problems), /undefined|NaN|\[object/);
    });
  }
});
