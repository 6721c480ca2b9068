import type {
  AwsBastion,
  AwsConfig,
  AwsEndpoint,
  AwsHost,
  AwsKeys,
  AwsNetwork,
  AwsRoles,
  AwsSnapshots,
  BastionPlace,
  ExistingNetwork,
  NewNetwork,
} from "../../aws/config.ts";
import { firstKey } from "../../aws/config.ts";
import type { AwsImage, Distribution } from "../../aws/images.ts";
import type { Architecture } from "../../aws/instanceTypes.ts";
import type { Region } from "../../aws/regions.ts";
import { keyPath, type Problem } from "../problems.ts";
import {
  alarmOptions,
  awsOptions,
  bastionOptions,
  endpointOptions,
  keyOptions,
  roleOptions,
} from "../schema/awsOptions.ts";
import { bucketOptions, objectLockOptions, snapshotOptions } from "../schema/awsStorageOptions.ts";
import { asObject, type OptionValues, readOptions } from "../schema/option.ts";
import { readNetwork, readNetworkList, readZoneSubnets } from "./awsNetwork.ts";

type Values = OptionValues<typeof awsOptions>;

/** What of `aws` nodes are read with: their defaults. */
export interface AwsDefaults {
  readonly region: Region | undefined;
  readonly instanceType: string;
  /** As config has it: a node's own keys win. */
  readonly volume: Readonly<Record<string, unknown>>;
}

export interface AwsReading {
  readonly defaults: AwsDefaults;
  /** Everything else, once the nodes are known. */
  finish(nodes: Readonly<Record<string, AwsHost>>): AwsConfig;
}

/** Reads `aws`. With problems it comes back incomplete: the caller throws then, once everything is read. */
export function readAws(raw: unknown, problems: Problem[]): AwsReading {
  const values = readOptions(awsOptions, raw, "aws", problems);
  const object = asObject(raw);
  if (object && Object.keys(object).length > 0 && values.operatorNetworks?.length === 0) {
    problems.push({ key: "aws.operatorNetworks", rule: "is empty", hint: awsOptions.operatorNetworks.hint });
  }
  const { kmsKey, ...volume } = readVolumeDefaults(values.volume, problems);
  checkKey(kmsKey, "aws.volume.kmsKey", values.region, problems);
  return {
    defaults: { region: values.region, instanceType: values.instanceType ?? "m7g.large", volume },
    finish: (nodes) => {
      // By the names of nodes, so that one that is added does not move what is in the first zone: a single NAT gateway, and the bastion of those without one.
      const names = Object.keys(nodes).sort();
      const zones = [...new Set(names.map((name) => nodes[name]?.zone ?? ""))].filter(Boolean);
      const network = readNetwork(values.network, { region: values.region, zones }, problems);
      const bastion = readBastion(values.bastion, network, problems);
      const operatorNetworks = values.operatorNetworks ?? [];
      readNetworkList("aws.operatorNetworks", operatorNetworks, problems);
      return {
        account: values.account ?? "",
        region: values.region ?? "us-east-1",
        acceptOneZone: values.acceptOneZone ?? false,
        network,
        operatorNetworks,
        bastion,
        clientSecurityGroups: readSecurityGroups(values.clientSecurityGroups, problems),
        image: readImage(values, problems),
        volumeKey: kmsKey,
        snapshots: readSnapshots(values.snapshots, problems),
        bucket: readBucket(values, problems),
        endpoint: readEndpoint(values.endpoint, problems),
        alarms: readAlarms(values.alarms, problems),
        roles: readRoles(values.roles, problems),
        keys: readKeys(values.keys, problems),
        secretsManager: values.secretsManager ?? false,
        tags: readTags(values.tags, problems),
        maintain: values.maintain,
      };
    },
  };
}

function readVolumeDefaults(raw: unknown, problems: Problem[]): { kmsKey: string | undefined; [key: string]: unknown } {
  // Type, size and the like are told where a node has them; here it is the key alone, and what is unknown.
  const { kmsKey } = readOptions(awsOptions.volume.options, raw, "aws.volume", problems);
  const { kmsKey: _, ...given } = asObject(raw) ?? {};
  return { ...given, kmsKey };
}

function checkKey(arn: string | undefined, key: string, region: Region | undefined, problems: Problem[]): void {
  const [, , , keyRegion] = arn?.split(":") ?? [];
  if (arn === undefined || region === undefined || keyRegion === region) return;
  problems.push({ key, rule: `is a key of ${keyRegion}, not of ${region}`, hint: `set a key of ${region}` });
}

function readBastion(raw: unknown, network: AwsNetwork, problems: Problem[]): AwsBastion | undefined {
  const values = readOptions(bastionOptions, raw, "aws.bastion", problems);
  // Nothing leads into a network that is made, but what is made with it.
  if (!(values.enabled ?? network.kind === "new")) return undefined;
  const places =
    network.kind === "new" ? newPlaces(values, network, problems) : existingPlaces(values, network, problems);
  const named = places.map((place, index) => ({
    ...place,
    name: index === 0 || place.zone === undefined ? "bastion" : `bastion-${place.zone}`,
  }));
  return {
    instanceType: values.instanceType ?? "t4g.nano",
    maxImageDays: readImageAge(values.maxImageAge, problems),
    places: named,
  };
}

function readImageAge(age: string | undefined, problems: Problem[]): number | undefined {
  if (age === undefined) return undefined;
  const days = Number(/^([1-9]\d{0,3})d$/.exec(age)?.[1]);
  if (days >= 1) return days;
  const { rule, hint } = bastionOptions.maxImageAge;
  problems.push({ key: "aws.bastion.maxImageAge", rule, hint });
  return undefined;
}

type BastionValues = OptionValues<typeof bastionOptions>;
type Places = readonly Omit<BastionPlace, "name">[];

/** In the order of the VPC's zones, so that the first one stays where it is. */
function newPlaces({ zones, subnet, subnets }: BastionValues, network: NewNetwork, problems: Problem[]): Places {
  for (const [key, value] of Object.entries({ subnet, subnets })) {
    if (value === undefined) continue;
    const hint = "remove it: the VPC that is made has one";
    problems.push({ key: `aws.bastion.${key}`, rule: "is of an existing VPC, and none is named", hint });
  }
  const key = "aws.bastion.zones";
  const wanted = zones ?? network.zones;
  if (wanted.length === 0 && network.zones.length > 0) {
    problems.push({ key, rule: "is empty", hint: "remove it, or set aws.bastion.enabled to false" });
  }
  for (const zone of wanted) {
    if (network.zones.includes(zone)) continue;
    problems.push({
      key,
      rule: `has '${zone}', and no node is there`,
      hint: `use some of ${network.zones.join(", ")}`,
    });
  }
  return network.zones.filter((zone) => wanted.includes(zone)).map((zone) => ({ zone, subnet: undefined }));
}

function existingPlaces(
  { zones, subnet, subnets }: BastionValues,
  network: ExistingNetwork,
  problems: Problem[],
): Places {
  const hint = bastionOptions.subnets.hint;
  if (zones !== undefined) {
    const rule = "is of a VPC that is made, and aws.network.vpc names an existing one";
    problems.push({ key: "aws.bastion.zones", rule, hint: "name the zones in aws.bastion.subnets" });
  }
  if (subnet !== undefined && subnets !== undefined) {
    problems.push({ key: "aws.bastion.subnet", rule: "is given beside subnets", hint: "remove one of them" });
  }
  if (subnets === undefined) {
    if (subnet === undefined) {
      problems.push({
        key: "aws.bastion.subnet",
        rule: "is required with aws.network.vpc",
        hint: bastionOptions.subnet.hint,
      });
    }
    return [{ zone: undefined, subnet }];
  }
  const key = "aws.bastion.subnets";
  const byZone = readZoneSubnets(subnets, { key, hint }, problems);
  if (!byZone || Object.keys(byZone).length === 0) {
    problems.push({ key, rule: bastionOptions.subnets.rule, hint });
    return [];
  }
  for (const zone of Object.keys(byZone)) {
    if (Object.hasOwn(network.subnets, zone)) continue;
    problems.push({ key: keyPath(key, zone), rule: "is a zone without a node", hint });
  }
  return Object.keys(network.subnets)
    .filter((zone) => Object.hasOwn(byZone, zone))
    .map((zone) => ({ zone, subnet: byZone[zone] }));
}

function readSecurityGroups(groups: readonly string[] | undefined, problems: Problem[]): readonly string[] {
  const key = "aws.clientSecurityGroups";
  for (const group of groups ?? []) {
    if (/^sg-(?:[0-9a-f]{8}|[0-9a-f]{17})$/.test(group)) continue;
    const rule = `must hold ids of security groups, not '${group}'`;
    problems.push({ key, rule, hint: awsOptions.clientSecurityGroups.hint });
  }
  return [...new Set(groups)].sort();
}

function readImage({ image = "debian-13", imageArchitecture, region }: Values, problems: Problem[]): AwsImage {
  const key = "aws.imageArchitecture";
  if (image.startsWith("ami-")) {
    if (imageArchitecture === undefined) {
      const hint = awsOptions.imageArchitecture.hint;
      problems.push({ key, rule: "is required where aws.image is an AMI", hint });
    }
    return { kind: "ami", id: image, architecture: imageArchitecture ?? "x86_64" };
  }
  if (imageArchitecture !== undefined) {
    const hint = "remove it: there is an image for each processor";
    problems.push({ key, rule: "is for an AMI of your own", hint });
  }
  if (region?.startsWith("cn-") || region?.startsWith("us-gov-")) {
    const hint = "set an AMI of your own, and imageArchitecture";
    problems.push({ key: "aws.image", rule: `'${image}' is not published in ${region}`, hint });
  }
  return { kind: "distribution", name: image as Distribution };
}

/** Whether hosts with this image can be of this processor, as far as config knows. */
export function imageFits(image: AwsImage, architecture: Architecture): boolean {
  return image.kind === "distribution" || image.architecture === architecture;
}

function readSnapshots(raw: unknown, problems: Problem[]): AwsSnapshots | undefined {
  const { everyHours, keep } = readOptions(snapshotOptions, raw, "aws.snapshots", problems);
  if (everyHours !== undefined) return { everyHours, keep: keep ?? 7 };
  if (keep !== undefined) {
    const hint = snapshotOptions.everyHours.hint;
    problems.push({ key: "aws.snapshots.everyHours", rule: "is required with aws.snapshots.keep", hint });
  }
  return undefined;
}

function readBucket({ bucket, region }: Values, problems: Problem[]): AwsConfig["bucket"] {
  const { kmsKey, keepVersionsDays, objectLock } = readOptions(bucketOptions, bucket, "aws.bucket", problems);
  checkKey(kmsKey, "aws.bucket.kmsKey", region, problems);
  const lock = readOptions(objectLockOptions, objectLock, "aws.bucket.objectLock", problems);
  for (const [key, other] of [
    ["mode", "days"],
    ["days", "mode"],
  ] as const) {
    if (lock[key] !== undefined || lock[other] === undefined) continue;
    const path = `aws.bucket.objectLock.${key}`;
    problems.push({ key: path, rule: `is required with ${other}`, hint: objectLockOptions[key].hint });
  }
  const { mode, days } = lock;
  return {
    kmsKey,
    keepVersionsDays: keepVersionsDays ?? 30,
    objectLock: mode === undefined || days === undefined ? undefined : { mode, days },
  };
}

function readEndpoint(raw: unknown, problems: Problem[]): AwsEndpoint | undefined {
  const { domain, loadBalancer } = readOptions(endpointOptions, raw, "aws.endpoint", problems);
  if (domain !== undefined) return { domain, loadBalancer: loadBalancer ?? false };
  if (loadBalancer) {
    const rule = "is required with aws.endpoint.loadBalancer: the certificates have names of that domain";
    problems.push({ key: "aws.endpoint.domain", rule, hint: endpointOptions.domain.hint });
  }
  return undefined;
}

function readAlarms(raw: unknown, problems: Problem[]): AwsConfig["alarms"] {
  const { enabled, topic } = readOptions(alarmOptions, raw, "aws.alarms", problems);
  return enabled === true ? { topic } : undefined;
}

function readRoles(raw: unknown, problems: Problem[]): AwsRoles {
  const { path, permissionsBoundary } = readOptions(roleOptions, raw, "aws.roles", problems);
  return { path: path ?? "/", permissionsBoundary };
}

function readKeys(raw: unknown, problems: Problem[]): AwsKeys {
  const values = readOptions(keyOptions, raw, "aws.keys", problems);
  const of = (kind: keyof AwsKeys) => {
    const names = values[kind] ?? [firstKey];
    const fit = names.length >= 1 && names.length <= 4 && new Set(names).size === names.length;
    if (!fit || !names.every((name) => /^[a-z0-9]{1,20}$/.test(name))) {
      problems.push({ key: `aws.keys.${kind}`, rule: keyOptions[kind].rule, hint: keyOptions[kind].hint });
    }
    return names;
  };
  return { operator: of("operator"), host: of("host") };
}

function readTags(raw: unknown, problems: Problem[]): Readonly<Record<string, string>> {
  const key = "aws.tags";
  const tags = asObject(raw);
  if (!tags || Object.keys(tags).length > 40) {
    problems.push({ key, rule: awsOptions.tags.rule, hint: awsOptions.tags.hint });
    return {};
  }
  for (const [name, value] of Object.entries(tags)) {
    const plain = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u;
    const text = String(value);
    if (name.length > 128 || text.length > 256 || !plain.test(name) || !plain.test(text) || typeof value === "object") {
      const rule = `must have keys of up to 128 and values of up to 256 letters, digits and _.:/=+-@, unlike '${name}'`;
      problems.push({ key, rule, hint: "shorten it" });
    } else if (/^(?:aws:|understudy:)/i.test(name) || name === "Name") {
      const rule = `can't have the key '${name}': AWS and this program set it`;
      problems.push({ key, rule, hint: "give it another key" });
    }
  }
  return Object.fromEntries(Object.entries(tags).map(([name, value]) => [name, String(value)]));
}
