import type { FenceWord } from "../config/fenceWord.ts";
import type { AwsImage } from "./images.ts";
import type { Region } from "./regions.ts";
import type { NetworkServices } from "./userData.ts";
import type { VolumeConfig } from "./volume.ts";

/** What `aws` declares: parsed, checked as a whole, defaults filled in. Made by `readAws` only. */
export interface AwsConfig {
  /** Twelve digits. */
  readonly account: string;
  readonly region: Region;
  /** Whether all nodes may be in one zone. */
  readonly acceptOneZone: boolean;
  readonly network: AwsNetwork;
  /** Networks that operators come from: to the bastion where there is one, else to the nodes. */
  readonly operatorNetworks: readonly string[];
  /** Undefined: operators reach the nodes' own addresses. */
  readonly bastion: AwsBastion | undefined;
  /** Security groups that clients are in. Empty: they are told by `clientNetworks` alone. */
  readonly clientSecurityGroups: readonly string[];
  readonly image: AwsImage;
  /** ARN of the key that data volumes made from now on are encrypted with; undefined: the account's own. */
  readonly volumeKey: string | undefined;
  readonly snapshots: AwsSnapshots | undefined;
  readonly bucket: AwsBucket;
  readonly endpoint: AwsEndpoint | undefined;
  readonly alarms: AwsAlarms | undefined;
  readonly roles: AwsRoles;
  readonly keys: AwsKeys;
  readonly secretsManager: boolean;
  readonly tags: Readonly<Record<string, string>>;
  /** The one host, or `bastion`, that may be stopped or replaced to become what is declared. */
  readonly maintain: string | undefined;
}

export type AwsNetwork = NewNetwork | ExistingNetwork;

export interface NewNetwork {
  readonly kind: "new";
  readonly cidr: string;
  /** Zones that have a node; in the first one is the NAT gateway where there is a single one. */
  readonly zones: readonly string[];
  /** How hosts get out, for packages: a NAT gateway, one in each zone, or not at all. */
  readonly egress: Egress;
}

export interface ExistingNetwork {
  readonly kind: "existing";
  readonly vpc: string;
  /** Private subnet of each zone that has a node. */
  readonly subnets: Readonly<Record<string, string>>;
  /** Those that get a way to S3 that leaves no network. */
  readonly routeTables: readonly string[];
  /** What nodes use in the place of AWS's. */
  readonly services: NetworkServices;
}

/** The name of the SSH keys that a stack starts with. */
export const firstKey = "1";

/** SSH keys by their names: the first of each is used, the others are accepted too. Neither is ever empty. */
export interface AwsKeys {
  /** That operators and this program log in with. */
  readonly operator: readonly string[];
  /** That hosts are known by. */
  readonly host: readonly string[];
}

export const egresses = ["nat", "natPerZone", "none"] as const;
export type Egress = (typeof egresses)[number];

const ofAws: NetworkServices = { dns: [], ntp: [], proxy: undefined };

export function servicesOf(network: AwsNetwork): NetworkServices {
  return network.kind === "existing" ? network.services : ofAws;
}

/** Whether nothing gets out but by ways of the VPC's own. */
export function isClosed(network: AwsNetwork): boolean {
  return network.kind === "new" && network.egress === "none";
}

export interface AwsBastion {
  readonly instanceType: string;
  /** Days after which an image is too old for a bastion, which is made anew then; undefined: it stays. */
  readonly maxImageDays: number | undefined;
  /** Each with an address of its own; the first one is for nodes whose zone has none. Never empty. */
  readonly places: readonly BastionPlace[];
}

export interface BastionPlace {
  /** `bastion`, of all but the first with its zone. */
  readonly name: string;
  /** Undefined: of an existing VPC's one subnet, whose zone is not known. */
  readonly zone: string | undefined;
  /** Public subnet of an existing VPC; undefined: that of its zone in the new one. */
  readonly subnet: string | undefined;
}

export interface AwsSnapshots {
  readonly everyHours: number;
  readonly keep: number;
}

export interface AwsBucket {
  /** ARN; undefined: S3's own keys. */
  readonly kmsKey: string | undefined;
  /** How long versions stay that were overwritten or deleted. */
  readonly keepVersionsDays: number;
  readonly objectLock: { readonly mode: ObjectLockMode; readonly days: number } | undefined;
}

export const objectLockModes = ["governance", "compliance"] as const;
export type ObjectLockMode = (typeof objectLockModes)[number];

export interface AwsEndpoint {
  /** Domain of a private zone of the stack's own. */
  readonly domain: string;
  /** Whether a network load balancer stands before the poolers. */
  readonly loadBalancer: boolean;
}

/** What every role is made with. */
export interface AwsRoles {
  readonly path: string;
  /** ARN. */
  readonly permissionsBoundary: string | undefined;
}

export interface AwsAlarms {
  /** ARN of what is told; undefined: alarms are there to be looked at. */
  readonly topic: string | undefined;
}

/** volume: one that is there becomes the node's. snapshot: a new one is made of it. */
export interface VolumeOrigin {
  readonly kind: "volume" | "snapshot";
  readonly id: string;
}

/** What a node has on this target alone. */
export interface AwsHost {
  readonly target: "aws";
  /** Availability zone of its volume; a node never leaves it. */
  readonly zone: string;
  readonly instanceType: string;
  /** Types that the instance becomes where AWS has no room for its own when it is started. */
  readonly otherInstanceTypes: readonly string[];
  /** Id of the capacity reservation that it is in; undefined: none, or any that is open. */
  readonly capacityReservation: string | undefined;
  readonly volume: VolumeConfig;
  /** What the volume is made from, or is, when it is first made; undefined: a new, empty one. */
  readonly volumeFrom: VolumeOrigin | undefined;
  /** How its instance is stopped once it is fenced: `clean` lets it shut down by itself for two minutes first. */
  readonly stop: "clean" | "force";
  /** What proves that it is off where EC2 can't tell. */
  readonly fence: FenceWord | undefined;
}

/** Names by which clients reach what stands in front of the nodes. */
export function endpointNames({ domain, loadBalancer }: AwsEndpoint): {
  readonly primary: string;
  readonly pooler: string | undefined;
} {
  return { primary: `primary.${domain}`, pooler: loadBalancer ? `pooler.${domain}` : undefined };
}
