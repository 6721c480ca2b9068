import { isIPv4 } from "node:net";
import { egresses } from "../../aws/config.ts";
import { distributions } from "../../aws/images.ts";
import { architectures, instanceTypeProblem } from "../../aws/instanceTypes.ts";
import { type Region, regionZones } from "../../aws/regions.ts";
import { isHostName } from "../../names.ts";
import { bucketOptions, keyOption, snapshotOptions, volumeOptions } from "./awsStorageOptions.ts";
import { anything, duration, flag, list, matching, type Option, oneOf, text } from "./option.ts";

/** An identifier of EC2's: `vpc-0123456789abcdef0`. */
const id = (kind: string) => new RegExp(`^${kind}-(?:[0-9a-f]{8}|[0-9a-f]{17})$`);
const regions = Object.keys(regionZones) as [Region, ...Region[]];

export const instanceTypeOption = (byDefault: string, effect: string) =>
  ({
    schema: text(instanceTypeProblem),
    description: "EC2 instance type.",
    rule: "must be an EC2 instance type of the Nitro system",
    hint: "set one such as m7g.large",
    default: byDefault,
    effect,
  }) as const satisfies Option<string>;

const whereMaintained = "of the host that `aws.maintain` names; the others stay as they are";

const ofNewHosts = "of hosts that are made from then on";

function isProxy(text: string): boolean {
  const found = /^http:\/\/(\d+(?:\.\d+){3})(?::(\d{1,5}))?\/?$/.exec(text);
  return found !== null && isIPv4(found[1] ?? "") && Number(found[2] ?? 80) >= 1 && Number(found[2] ?? 80) <= 65_535;
}

export const networkOptions = {
  cidr: {
    schema: matching((value) => value.length > 0),
    description: "Network of the VPC that is made: private, /16 to /24. Each zone has its fixed part of it.",
    rule: "must be a network in CIDR notation such as 10.42.0.0/16",
    hint: "use a private network of /16 to /24, such as 10.42.0.0/16",
    default: "10.42.0.0/16",
    effect: "none on a VPC that is there: it stays what it is",
  },
  egress: {
    schema: oneOf(...egresses),
    description:
      "How hosts reach the internet for packages, in a VPC that is made: `natPerZone` (a gateway in each zone with a node), `nat` (one, which goes with its zone), or `none`, with an image that has all packages.",
    rule: `must be one of ${egresses.join(", ")}`,
    hint: `use ${egresses.join(", ")}`,
    default: "`natPerZone` where nodes are in several zones, else `nat`",
    effect: "routes change; hosts stay",
  },
  vpc: {
    schema: matching((value) => id("vpc").test(value)),
    description: "An existing VPC, instead of one that is made.",
    rule: "must be the id of a VPC",
    hint: "set it such as vpc-0123456789abcdef0",
    default: "a VPC is made",
    effect: "refused by AWS while there are hosts: a cluster does not move",
  },
  subnets: {
    type: "Readonly<Record<string, string>>",
    schema: anything(),
    description: "Private subnets of an existing VPC: zone to subnet. Every zone with a node needs one.",
    rule: "must be an object: zone to the id of a subnet",
    hint: "set it such as: pulumi config set --path aws.network.subnets.eu-central-1a subnet-0123456789abcdef0",
    default: "none; required with `vpc`",
    effect: `another subnet: ${whereMaintained}`,
  },
  routeTables: {
    schema: list(),
    description:
      "Route tables of the existing VPC that get a gateway endpoint for S3. Leave it out where there is one.",
    rule: "must be a list of ids of route tables",
    hint: "set it such as: pulumi config set --path 'aws.network.routeTables[0]' rtb-0123456789abcdef0",
    default: "none: no endpoint is made",
    effect: "routes change; hosts stay",
  },
  dns: {
    schema: list(),
    description: "Name servers of the existing VPC, where they are hosts of your own: their IPv4 addresses.",
    rule: "must be a list of IPv4 addresses",
    hint: "set it such as: pulumi config set --path 'aws.network.dns[0]' 10.0.0.2",
    default: "none: those that the VPC gives out, and no rule for hosts of your own",
    effect: `rules of a security group change; on the host: ${ofNewHosts}`,
  },
  ntp: {
    schema: list(),
    description: "Time servers of the existing VPC, where they are hosts of your own: their IPv4 addresses.",
    rule: "must be a list of IPv4 addresses",
    hint: "set it such as: pulumi config set --path 'aws.network.ntp[0]' 10.0.0.3",
    default: "none: AWS's own, which images use",
    effect: `rules of a security group change; on the host: ${ofNewHosts}`,
  },
  proxy: {
    schema: matching((value) => isProxy(value)),
    description:
      "HTTP proxy of the existing VPC that packages come through. Nothing else does: S3 needs a way of its own (`routeTables`, or an endpoint that is there).",
    rule: "must be http://<IPv4 address>:<port>",
    hint: "set it such as http://10.0.0.4:3128; a security group knows addresses, and no names",
    default: "none",
    effect: `rules of a security group change; on the host: ${ofNewHosts}`,
  },
} as const satisfies Record<string, Option>;

export const bastionOptions = {
  enabled: {
    schema: flag(),
    description:
      "Whether there is a host with a public address that forwards SSH to the nodes. Without it, operators need a way into the VPC.",
    rule: "must be true or false",
    hint: "use true or false",
    default: "true for a VPC that is made, false for an existing one",
    effect: "every node is reached another way; nothing else changes",
  },
  instanceType: instanceTypeOption("t4g.nano", "replaced while `aws.maintain` is `bastion`"),
  zones: {
    schema: list(),
    description:
      "Zones that have a bastion each, in a VPC that is made. A node is reached through the bastion of its zone, else through the first one: with a bastion in each zone, no zone is the way to another.",
    rule: "must be a list of zones that have a node",
    hint: "set it such as: pulumi config set --path 'aws.bastion.zones[0]' eu-central-1b",
    default: "every zone with a node",
    effect: "bastions come and go; nodes of those zones are reached another way",
  },
  subnet: {
    schema: matching((value) => id("subnet").test(value)),
    description: "Public subnet of an existing VPC, for one bastion.",
    rule: "must be the id of a subnet",
    hint: "set it such as subnet-0123456789abcdef0",
    default: "a subnet of the VPC that is made; with `aws.network.vpc` this or `subnets` is required",
    effect: "the bastion is made anew, with its address",
  },
  subnets: {
    type: "Readonly<Record<string, string>>",
    schema: anything(),
    description: "Public subnets of an existing VPC: zone to subnet, with a bastion in each, instead of `subnet`.",
    rule: "must be an object: zone to the id of a subnet",
    hint: "set it such as: pulumi config set --path aws.bastion.subnets.eu-central-1a subnet-0123456789abcdef0",
    default: "none",
    effect: "bastions come and go; nodes of those zones are reached another way",
  },
  maxImageAge: {
    schema: duration(),
    description:
      "How old the image of a bastion may be, in whole days. An older one is made anew from the newest image, one bastion an update, never while a node is fenced. The preview says so.",
    rule: "must be a duration of whole days, such as 90d",
    hint: "write it such as 90d",
    default: "none: only `aws.maintain` makes a bastion anew",
    effect: "a bastion with an older image is made anew, with the same address",
  },
} as const satisfies Record<string, Option>;

export const endpointOptions = {
  domain: {
    schema: matching((value) => isHostName(value) && value.includes(".") && value.length <= 200),
    description:
      "Domain of a private DNS zone that is made. `primary.<domain>` is the primary's address, a few seconds after a change.",
    rule: "must be a domain of lower-case letters, digits, hyphens and dots",
    hint: "set a domain that is nobody else's in the VPC, such as db.example.internal",
    default: "none: no endpoint is made",
    effect: "new names, and new certificates that have them",
  },
  loadBalancer: {
    schema: flag(),
    description: "Whether `pooler.<domain>` is a network load balancer in front of every node's poolers.",
    rule: "must be true or false",
    hint: "use true or false",
    default: "false",
    effect: "made or removed; sessions through it end then",
  },
} as const satisfies Record<string, Option>;

export const alarmOptions = {
  enabled: {
    schema: flag(),
    description:
      "Whether CloudWatch alarms watch instances, volumes, disk space, replication, the archive and backups. Nodes send their figures for it once a minute.",
    rule: "must be true or false",
    hint: "use true or false",
    default: "false",
    effect: "a timer on each node; with `egress: none`, the VPC gets an endpoint for CloudWatch",
  },
  topic: {
    schema: matching((value) => /^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}$/.test(value)),
    description: "SNS topic that is told of alarms, and of their end.",
    rule: "must be the ARN of an SNS topic",
    hint: "set it such as arn:aws:sns:eu-central-1:123456789012:oncall",
    default: "none",
    effect: "none on the cluster",
  },
} as const satisfies Record<string, Option>;

const keyNames = (what: string) =>
  ({
    schema: list(),
    description: `Names of ${what}. The first is used, the others are accepted too. To rotate: put a new name first, 'pulumi up'; then remove the old one, 'pulumi up'.`,
    rule: "must be a list of one to four names of letters and digits, none of them twice",
    hint: 'set it such as \'["2", "1"]\', and once that update is through \'["2"]\'',
    default: '["1"]',
    effect: "the step `boot` changes the keys on every host; nothing restarts",
  }) as const satisfies Option<readonly string[]>;

export const keyOptions = {
  operator: keyNames("the SSH keys that this program and operators log in with"),
  host: keyNames("the SSH keys that hosts are known by"),
} as const satisfies Record<string, Option>;

export const roleOptions = {
  path: {
    schema: matching((value) => value.length <= 512 && /^\/(?:[\x21-\x7e]+\/)?$/.test(value)),
    description: "Path of the roles and instance profiles that are made, as an organisation's rules may ask for it.",
    rule: "must be a path that begins and ends with a slash",
    hint: "set it such as /databases/",
    default: "/",
    effect: "of roles that are made from then on",
  },
  permissionsBoundary: {
    schema: matching((value) => /^arn:aws[a-z-]*:iam::(?:\d{12}|aws):policy\/[\w+=,.@/-]{1,600}$/.test(value)),
    description: "Policy that bounds what the roles that are made may do, whatever else they are allowed.",
    rule: "must be the ARN of an IAM policy",
    hint: "set it such as arn:aws:iam::123456789012:policy/boundary",
    default: "none",
    effect: "the roles change; nothing else",
  },
} as const satisfies Record<string, Option>;

export const awsOptions = {
  account: {
    schema: matching((value) => /^\d{12}$/.test(value)),
    description:
      "AWS account that everything is made in. With credentials of another one, the update fails before it begins.",
    rule: "must be the twelve digits of an AWS account",
    hint: "set it, in quotes; 'aws sts get-caller-identity' prints it",
    required: true,
    effect: "every host is another",
  },
  region: {
    type: "string",
    schema: oneOf(...regions),
    description: "Region that everything is made in.",
    rule: "must be an AWS region",
    hint: "set one such as eu-central-1",
    required: true,
    effect: "every host is another",
  },
  acceptOneZone: {
    schema: flag(),
    description: "Whether several nodes may all be in one availability zone, and go with it.",
    rule: "must be true or false",
    hint: "use true or false",
    default: "false",
    effect: "none on the cluster",
  },
  network: {
    schema: anything(),
    description: "The VPC: one that is made, or an existing one.",
    rule: "must be an object",
    hint: "set cidr, or vpc and subnets, under it",
    default: "a VPC is made",
    effect: "see its keys",
    options: networkOptions,
  },
  operatorNetworks: {
    schema: list(),
    description:
      "Networks that operators and this program come from: into the bastion where there is one, else to port 22 of the nodes.",
    rule: "must be a list of IPv4 networks in CIDR notation",
    hint: "add one with: pulumi config set --path 'aws.operatorNetworks[0]' 203.0.113.0/24",
    required: true,
    effect: "rules of a security group change",
  },
  bastion: {
    schema: anything(),
    description: "The way in for operators.",
    rule: "must be an object",
    hint: "set enabled under it",
    default: "none",
    effect: "see its keys",
    options: bastionOptions,
  },
  clientSecurityGroups: {
    schema: list(),
    description:
      "Security groups that clients are in. With them, `clientNetworks` opens no port and only says whom PostgreSQL itself lets in.",
    rule: "must be a list of ids of security groups",
    hint: "add one with: pulumi config set --path 'aws.clientSecurityGroups[0]' sg-0123456789abcdef0",
    default: "none: `clientNetworks` decides",
    effect: "rules of a security group change",
  },
  instanceType: instanceTypeOption("m7g.large", `stopped and started, or made anew: ${whereMaintained}`),
  image: {
    schema: matching((value) => Object.hasOwn(distributions, value) || id("ami").test(value)),
    description:
      "What hosts boot from: a distribution's newest image, with the PostgreSQL that it has (`debian-12`: 15, `debian-13`: 17, `ubuntu-24.04`: 16), or an AMI of Debian or Ubuntu with cloud-init.",
    rule: `must be one of ${Object.keys(distributions).join(", ")}, or the id of an AMI`,
    hint: "use debian-13, or set an AMI and imageArchitecture",
    default: "debian-13",
    effect: `made anew, data stays: ${whereMaintained}`,
  },
  imageArchitecture: {
    schema: oneOf(...architectures),
    description: "Processor that an AMI of your own is for; instance types have to match it.",
    rule: `must be one of ${architectures.join(", ")}`,
    hint: `use ${architectures.join(" or ")}`,
    default: "none; required where `image` is an AMI",
    effect: "none by itself",
  },
  volume: {
    schema: anything(),
    description: "Data volume of every node that says nothing else.",
    rule: "must be an object",
    hint: "set size under it",
    effect: "see its keys",
    options: { ...volumeOptions, kmsKey: keyOption("data volumes", "volumes that are made from then on") },
  },
  snapshots: {
    schema: anything(),
    description: "Snapshots of the data volumes by schedule, beside the backups in the bucket.",
    rule: "must be an object",
    hint: "set everyHours and keep under it",
    default: "none",
    effect: "see its keys",
    options: snapshotOptions,
  },
  bucket: {
    schema: anything(),
    description: "The bucket that is made for the archive (`archive.bucket` names it).",
    rule: "must be an object",
    hint: "set kmsKey, keepVersionsDays or objectLock under it",
    effect: "see its keys",
    options: bucketOptions,
  },
  endpoint: {
    schema: anything(),
    description: "Names by which clients reach the primary and the poolers.",
    rule: "must be an object",
    hint: "set domain under it",
    default: "none",
    effect: "see its keys",
    options: endpointOptions,
  },
  alarms: {
    schema: anything(),
    description: "CloudWatch alarms.",
    rule: "must be an object",
    hint: "set enabled and topic under it",
    default: "none",
    effect: "see its keys",
    options: alarmOptions,
  },
  roles: {
    schema: anything(),
    description: "What an organisation asks of every role that is made.",
    rule: "must be an object",
    hint: "set path or permissionsBoundary under it",
    default: "none",
    effect: "see its keys",
    options: roleOptions,
  },
  keys: {
    schema: anything(),
    description: "SSH keys, which the stack makes and keeps: how to exchange them.",
    rule: "must be an object",
    hint: "set operator or host under it",
    default: "one of each",
    effect: "see its keys",
    options: keyOptions,
  },
  secretsManager: {
    schema: flag(),
    description: "Whether every user's password is put into Secrets Manager too, for applications to read.",
    rule: "must be true or false",
    hint: "use true or false",
    default: "false",
    effect: "none on the cluster",
  },
  tags: {
    type: "Readonly<Record<string, string>>",
    schema: anything(),
    description: "Tags of everything that is made, beside the stack's own.",
    rule: "must be an object: key to text, 40 at most",
    hint: "set one with: pulumi config set --path aws.tags.team database",
    default: "none",
    effect: "tags change; nothing else",
  },
  maintain: {
    schema: matching((value) => value.length > 0),
    description:
      "The one node (or `bastion`, or `bastion-<zone>`) whose host may be stopped or made anew, to become what is declared: image, instance type, user data. Never the declared primary.",
    rule: "must be the name of a node, or of a bastion",
    hint: "name a standby, or move the primary first",
    default: "none: hosts stay as they are",
    effect: "that host is stopped, or made anew on its old data; its PostgreSQL is away meanwhile",
  },
} as const satisfies Record<string, Option>;
