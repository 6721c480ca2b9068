import type { AwsClusterConfig } from "../../model/config/clusterConfig.ts";
import { parseConfig } from "../../model/config/config.ts";

export const account = "123456789012";

/** The smallest pair: everything that can be left out is. */
export const smallest = {
  target: "aws",
  primary: "node-a",
  nodes: { "node-a": { zone: "eu-central-1a" }, "node-b": { zone: "eu-central-1b" } },
  aws: { account, region: "eu-central-1", operatorNetworks: ["203.0.113.0/24"] },
} as const;

/** Three nodes over three zones, in a network that exists, with a bastion. */
export const existing = {
  target: "aws",
  primary: "db1",
  nodes: { db1: { zone: "us-east-1a" }, db2: { zone: "us-east-1b" }, db3: { zone: "us-east-1c" } },
  clientNetworks: ["10.0.0.0/16"],
  aws: {
    account,
    region: "us-east-1",
    operatorNetworks: ["203.0.113.0/24"],
    bastion: { enabled: true, subnet: "subnet-0000000000000000f", maxImageAge: "90d" },
    network: {
      vpc: "vpc-0123456789abcdef0",
      subnets: {
        "us-east-1a": "subnet-0000000000000000a",
        "us-east-1b": "subnet-0000000000000000b",
        "us-east-1c": "subnet-0000000000000000c",
      },
      dns: ["10.0.0.2", "10.0.0.3"],
      ntp: ["10.0.0.4"],
      proxy: "http://10.0.0.5:3128",
    },
  },
} as const;

/** A network that nothing gets out of but by ways of its own, with alarms. */
export const closed = {
  ...smallest,
  aws: { ...smallest.aws, network: { egress: "none" }, alarms: { enabled: true } },
} as const;

/** With agents, where nothing gets out, and an organisation has its say on who there is. */
export const agents = {
  ...smallest,
  agent: true,
  aws: {
    ...smallest.aws,
    network: { egress: "none" },
    bucket: { kmsKey: `arn:aws:kms:eu-central-1:${account}:key/66666666-7777-8888-9999-000000000000` },
    roles: { path: "/databases/", permissionsBoundary: `arn:aws:iam::${account}:policy/boundary` },
  },
} as const;

/** Everything on, with keys that are exchanged; one node is fenced, one is absent, one is maintained. */
export const everything = {
  target: "aws",
  primary: "node-a",
  postgresVersion: 15,
  nodes: {
    "node-a": { zone: "eu-west-1a" },
    "node-b": {
      ...{ zone: "eu-west-1b", instanceType: "m7i.xlarge", otherInstanceTypes: ["m6i.xlarge", "m5.xlarge"] },
      capacityReservation: "cr-0123456789abcdef0",
      volume: { type: "io2", size: "200GB", iops: 8000 },
    },
    "node-c": { zone: "eu-west-1c", state: "fenced", fence: { statement: "M. E., 03:12" } },
    "node-d": { zone: "eu-west-1c", state: "absent" },
  },
  pooler: { enabled: true },
  archive: { bucket: "acme-postgres-archive", prefix: "orders" },
  users: { report: {} },
  aws: {
    account,
    region: "eu-west-1",
    operatorNetworks: ["198.51.100.0/24"],
    clientSecurityGroups: ["sg-0123456789abcdef0"],
    network: { cidr: "10.7.0.0/20", egress: "natPerZone" },
    image: "debian-12",
    volume: {
      size: "500GB",
      iops: 6000,
      throughput: 500,
      kmsKey: `arn:aws:kms:eu-west-1:${account}:key/11111111-2222-3333-4444-555555555555`,
    },
    snapshots: { everyHours: 12, keep: 14 },
    bucket: {
      kmsKey: `arn:aws:kms:eu-west-1:${account}:key/66666666-7777-8888-9999-000000000000`,
      keepVersionsDays: 60,
      objectLock: { mode: "governance", days: 14 },
    },
    endpoint: { domain: "orders.db.internal", loadBalancer: true },
    alarms: { enabled: true, topic: `arn:aws:sns:eu-west-1:${account}:oncall` },
    secretsManager: true,
    roles: { path: "/databases/", permissionsBoundary: `arn:aws:iam::${account}:policy/boundary` },
    keys: { operator: ["2", "1"], host: ["2", "1"] },
    tags: { team: "database" },
    maintain: "node-b",
  },
} as const;

export function parseAws(raw: object, stack = "dev"): AwsClusterConfig {
  const config = parseConfig(raw as Record<string, unknown>, { name: stack, readFile: () => "" });
  if (config.target !== "aws") throw new Error(`target ${config.target}`);
  return config;
}
