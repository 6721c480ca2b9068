import fc from "fast-check";
import { distributions } from "../../model/aws/images.ts";
import { zonesOf } from "../../model/aws/regions.ts";
import { account } from "./awsConfigs.ts";

/** A config of the target aws as `pulumi config` holds it. */
export type RawAws = Record<string, unknown> & { aws: Record<string, unknown>; nodes: Record<string, RawNode> };
type RawNode = Record<string, unknown> & { zone: string };

const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
/** Without the keys that are undefined: as if they had not been set. */
const given = <T extends object>(object: T) =>
  Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as T;

const names = ["a", "node-b", "n.c", `long-${"x".repeat(46)}`] as const;
const region = fc.constantFrom("eu-central-1", "us-east-1", "ap-northeast-2");
const instanceType = fc.constantFrom(
  "m7g.large",
  "r8gd.16xlarge",
  "m7i.large",
  "t3.medium",
  "c7gn.metal",
  "x2iedn.8xlarge",
);
const key = (inRegion: string) => `arn:aws:kms:${inRegion}:${account}:key/11111111-2222-3333-4444-555555555555`;

/** Volumes that EBS takes: IOPS by size, throughput by IOPS. */
export const volume = fc
  .record({
    gp3: fc.boolean(),
    size: fc.integer({ min: 10, max: 4000 }),
    iops: fc.integer({ min: 3000, max: 80_000 }),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
  })
  .map(({ gp3, size, iops, share }) => {
    const allowed = Math.max(3000, Math.min(iops, size * (gp3 ? 500 : 1000)));
    const throughput = 125 + Math.floor(share * (Math.min(2000, Math.floor(allowed / 4)) - 125));
    return { type: gp3 ? "gp3" : "io2", size: `${size}GB`, iops: allowed, ...(gp3 ? { throughput } : {}) };
  });

const cidr = fc
  .record({ prefix: fc.integer({ min: 16, max: 24 }), block: fc.integer({ min: 0, max: 255 }) })
  .map(({ prefix, block }) => `10.${block}.0.0/${prefix}`);

const clientNetwork = fc.integer({ min: 0, max: 255 }).map((block) => `172.16.${block}.0/24`);
const id = (kind: string) =>
  fc.integer({ min: 0, max: 99 }).map((number) => `${kind}-${String(number).padStart(17, "0")}`);

const someKeys = fc.constantFrom(["1"], ["2", "1"], ["2"]);

/** Legal configs, of every shape there is. */
export const awsConfig: fc.Arbitrary<RawAws> = region.chain((inRegion) => {
  const zones = zonesOf(inRegion as "eu-central-1");
  const node = (active: boolean) =>
    fc
      .record({
        zone: fc.constantFrom(...zones),
        instanceType: maybe(instanceType),
        volume: maybe(volume),
        state: active ? fc.constant(undefined) : maybe(fc.constantFrom("fenced", "absent")),
        stop: maybe(fc.constantFrom("clean", "force")),
        capacityReservation: maybe(id("cr")),
      })
      .map(given);
  const nodes = fc
    .tuple(node(true), maybe(node(false)), maybe(node(false)), maybe(node(false)))
    .map(
      (list) => given(Object.fromEntries(names.map((name, index) => [name, list[index]]))) as Record<string, RawNode>,
    );
  const subnets = fc.constant(
    Object.fromEntries(zones.map((zone, index) => [zone, `subnet-${String(index).padStart(17, "0")}`])),
  );
  const network = fc.oneof(
    fc.record({ cidr: maybe(cidr), egress: maybe(fc.constantFrom("nat", "natPerZone", "none")) }).map(given),
    fc
      .record({
        vpc: id("vpc"),
        subnets,
        routeTables: fc.uniqueArray(id("rtb"), { maxLength: 2 }),
        dns: maybe(fc.constantFrom(["10.0.0.2"], ["10.0.0.2", "10.0.0.3"])),
        ntp: maybe(fc.constant(["10.0.0.4"])),
        proxy: maybe(fc.constantFrom("http://10.0.0.5:3128", "http://10.0.0.5")),
      })
      .map(given),
  );
  return fc
    .record({
      nodes,
      network,
      bastion: fc.boolean(),
      clientNetworks: fc.uniqueArray(clientNetwork, { minLength: 1, maxLength: 4 }),
      clientSecurityGroups: fc.uniqueArray(id("sg"), { maxLength: 3 }),
      agent: fc.boolean(),
      pooler: fc.boolean(),
      loadBalancer: fc.boolean(),
      domain: maybe(fc.constantFrom("db.internal", "a.b.example")),
      image: maybe(fc.constantFrom(...(["debian-12", "debian-13", "ubuntu-24.04"] as const))),
      instanceType: maybe(instanceType),
      kmsKey: maybe(fc.constant(key(inRegion))),
      bucketKey: maybe(fc.constant(key(inRegion))),
      objectLock: maybe(
        fc.record({ mode: fc.constantFrom("governance", "compliance"), days: fc.integer({ min: 1, max: 400 }) }),
      ),
      bucket: maybe(fc.constantFrom("acme-archive", "another-archive")),
      prefix: maybe(fc.constantFrom("orders", "a/b")),
      ownEndpoint: fc.boolean(),
      snapshots: maybe(fc.record({ everyHours: fc.constantFrom(1, 12, 24), keep: fc.integer({ min: 1, max: 30 }) })),
      alarms: fc.boolean(),
      secretsManager: fc.boolean(),
      keys: maybe(fc.record({ operator: someKeys, host: someKeys })),
      tags: fc.constantFrom({}, { team: "x" }),
      deletionProtection: fc.boolean(),
      maintain: fc.nat(4),
    })
    .map((shape) => {
      const existing = "vpc" in shape.network;
      const candidates = [
        ...Object.entries(shape.nodes).flatMap(([name, { state }]) =>
          name !== names[0] && state === undefined ? [name] : [],
        ),
        ...(shape.bastion ? ["bastion"] : []),
      ];
      return {
        target: "aws",
        primary: names[0],
        postgresVersion: distributions[shape.image ?? "debian-13"].postgres,
        nodes: shape.nodes,
        clientNetworks: shape.clientNetworks,
        deletionProtection: shape.deletionProtection,
        // With an archive of the user's, agents need a ledger of his, too; and a host with an agent is not made anew yet.
        agent: shape.agent && !shape.ownEndpoint && [undefined, "bastion"].includes(candidates[shape.maintain]),
        pooler: { enabled: shape.pooler || (shape.loadBalancer && shape.domain !== undefined) },
        archive: shape.ownEndpoint
          ? { endpoint: "s3.example.com", bucket: "of-somebody", accessKey: "AK", secretKey: "SK" }
          : given({ bucket: shape.bucket, prefix: shape.prefix }),
        aws: given({
          account,
          region: inRegion,
          acceptOneZone: true,
          operatorNetworks: ["203.0.113.0/24"],
          network: shape.network,
          bastion: {
            enabled: shape.bastion,
            ...(existing && shape.bastion ? { subnet: "subnet-0000000000000ffff" } : {}),
          },
          clientSecurityGroups: shape.clientSecurityGroups,
          image: shape.image,
          instanceType: shape.instanceType,
          volume: given({ kmsKey: shape.kmsKey }),
          bucket: given({ kmsKey: shape.bucketKey, objectLock: shape.objectLock }),
          endpoint: shape.domain === undefined ? undefined : { domain: shape.domain, loadBalancer: shape.loadBalancer },
          snapshots: shape.snapshots,
          alarms: { enabled: shape.alarms },
          secretsManager: shape.secretsManager,
          keys: shape.keys,
          tags: shape.tags,
          maintain: candidates[shape.maintain],
        }),
      };
    }) as fc.Arbitrary<RawAws>;
});

/** Another legal config of the same stack: whatever of it may change while there are hosts, has. */
export const awsChange: fc.Arbitrary<readonly [RawAws, RawAws]> = fc
  .tuple(awsConfig, awsConfig)
  .map(([before, other]) => {
    const { region: _, network: __, ...changed } = other.aws;
    const at = (config: RawAws) => config.aws.region as "eu-central-1";
    const zones = zonesOf(at(before));
    const moved = Object.fromEntries(
      Object.entries(other.nodes).map(([name, node]) => [
        name,
        { ...node, zone: zones[zonesOf(at(other)).indexOf(node.zone) % zones.length] as string },
      ]),
    );
    const local = JSON.parse(JSON.stringify(changed).replaceAll(at(other), at(before))) as Record<string, unknown>;
    const existing = "vpc" in (before.aws.network as object);
    const { enabled } = other.aws.bastion as { enabled: boolean };
    const bastion = { enabled, ...(existing && enabled ? { subnet: "subnet-0000000000000ffff" } : {}) };
    const { network, region: inRegion } = before.aws;
    return [before, { ...other, nodes: moved, aws: { ...local, bastion, network, region: inRegion } }] as const;
  });
