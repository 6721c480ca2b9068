// Written by `npm run docs` from model/config/schema. Do not edit.

import type { Input } from "@pulumi/pulumi";
import type { Duration, Size } from "../model/config/units.ts";

/** What a cluster is to be. The target says where its hosts come from. */
export type ClusterArgs = DockerClusterArgs | SshClusterArgs | AwsClusterArgs;

/** A cluster of the target `docker`. */
export interface DockerClusterArgs extends CommonArgs {
  /**
   * Where hosts come from: `docker` makes containers, `ssh` uses hosts that exist already, `aws` makes EC2 instances.
   *
   * Rule: must be one of docker, ssh, aws. A change: every host is another.
   */
  readonly target: "docker";
  /**
   * The nodes, by name. A name is a host name and, with `understudy_` in front, a replication slot.
   *
   * Rule: must be an object: node name to options. A change: nodes are added and removed; the others stay.
   */
  readonly nodes: Readonly<Record<string, DockerNodeArgs>>;
}

/** A cluster of the target `ssh`. */
export interface SshClusterArgs extends CommonArgs {
  /**
   * Where hosts come from: `docker` makes containers, `ssh` uses hosts that exist already, `aws` makes EC2 instances.
   *
   * Rule: must be one of docker, ssh, aws. A change: every host is another.
   */
  readonly target: "ssh";
  /**
   * The nodes, by name. A name is a host name and, with `understudy_` in front, a replication slot.
   *
   * Rule: must be an object: node name to options. A change: nodes are added and removed; the others stay.
   */
  readonly nodes: Readonly<Record<string, SshNodeArgs>>;
}

/** A cluster of the target `aws`. */
export interface AwsClusterArgs extends CommonArgs {
  /**
   * Where hosts come from: `docker` makes containers, `ssh` uses hosts that exist already, `aws` makes EC2 instances.
   *
   * Rule: must be one of docker, ssh, aws. A change: every host is another.
   */
  readonly target: "aws";
  /**
   * The nodes, by name. A name is a host name and, with `understudy_` in front, a replication slot.
   *
   * Rule: must be an object: node name to options. A change: nodes are added and removed; the others stay.
   */
  readonly nodes: Readonly<Record<string, AwsNodeArgs>>;
  /**
   * What the target `aws` makes, and where.
   *
   * Rule: must be an object. A change: see its keys.
   *
   * @default none; required with the target `aws`
   */
  readonly aws: AwsArgs;
}

/** What the target `aws` makes, and where. */
export interface AwsArgs {
  /**
   * AWS account that everything is made in. With credentials of another one, the update fails before it begins.
   *
   * Rule: must be the twelve digits of an AWS account. A change: every host is another.
   */
  readonly account: string;
  /**
   * Region that everything is made in.
   *
   * Rule: must be an AWS region. A change: every host is another.
   */
  readonly region: string;
  /**
   * Whether several nodes may all be in one availability zone, and go with it.
   *
   * Rule: must be true or false. A change: none on the cluster.
   *
   * @default false
   */
  readonly acceptOneZone?: boolean;
  /**
   * The VPC: one that is made, or an existing one.
   *
   * Rule: must be an object. A change: see its keys.
   *
   * @default a VPC is made
   */
  readonly network?: AwsNetworkArgs;
  /**
   * Networks that operators and this program come from: into the bastion where there is one, else to port 22 of the
   * nodes.
   *
   * Rule: must be a list of IPv4 networks in CIDR notation. A change: rules of a security group change.
   */
  readonly operatorNetworks: readonly string[];
  /**
   * The way in for operators.
   *
   * Rule: must be an object. A change: see its keys.
   *
   * @default none
   */
  readonly bastion?: AwsBastionArgs;
  /**
   * Security groups that clients are in. With them, `clientNetworks` opens no port and only says whom PostgreSQL itself
   * lets in.
   *
   * Rule: must be a list of ids of security groups. A change: rules of a security group change.
   *
   * @default none: `clientNetworks` decides
   */
  readonly clientSecurityGroups?: readonly string[];
  /**
   * EC2 instance type.
   *
   * Rule: must be an EC2 instance type of the Nitro system. A change: stopped and started, or made anew: of the host
   * that `aws.maintain` names; the others stay as they are.
   *
   * @default m7g.large
   */
  readonly instanceType?: string;
  /**
   * What hosts boot from: a distribution's newest image, with the PostgreSQL that it has (`debian-12`: 15, `debian-13`:
   * 17, `ubuntu-24.04`: 16), or an AMI of Debian or Ubuntu with cloud-init.
   *
   * Rule: must be one of debian-12, debian-13, ubuntu-24.04, or the id of an AMI. A change: made anew, data stays: of
   * the host that `aws.maintain` names; the others stay as they are.
   *
   * @default debian-13
   */
  readonly image?: string;
  /**
   * Processor that an AMI of your own is for; instance types have to match it.
   *
   * Rule: must be one of arm64, x86_64. A change: none by itself.
   *
   * @default none; required where `image` is an AMI
   */
  readonly imageArchitecture?: "arm64" | "x86_64";
  /**
   * Data volume of every node that says nothing else.
   *
   * Rule: must be an object. A change: see its keys.
   */
  readonly volume?: AwsVolumeArgs;
  /**
   * Snapshots of the data volumes by schedule, beside the backups in the bucket.
   *
   * Rule: must be an object. A change: see its keys.
   *
   * @default none
   */
  readonly snapshots?: AwsSnapshotsArgs;
  /**
   * The bucket that is made for the archive (`archive.bucket` names it).
   *
   * Rule: must be an object. A change: see its keys.
   */
  readonly bucket?: AwsBucketArgs;
  /**
   * Names by which clients reach the primary and the poolers.
   *
   * Rule: must be an object. A change: see its keys.
   *
   * @default none
   */
  readonly endpoint?: AwsEndpointArgs;
  /**
   * CloudWatch alarms.
   *
   * Rule: must be an object. A change: see its keys.
   *
   * @default none
   */
  readonly alarms?: AwsAlarmsArgs;
  /**
   * What an organisation asks of every role that is made.
   *
   * Rule: must be an object. A change: see its keys.
   *
   * @default none
   */
  readonly roles?: AwsRolesArgs;
  /**
   * SSH keys, which the stack makes and keeps: how to exchange them.
   *
   * Rule: must be an object. A change: see its keys.
   *
   * @default one of each
   */
  readonly keys?: AwsKeysArgs;
  /**
   * Whether every user's password is put into Secrets Manager too, for applications to read.
   *
   * Rule: must be true or false. A change: none on the cluster.
   *
   * @default false
   */
  readonly secretsManager?: boolean;
  /**
   * Tags of everything that is made, beside the stack's own.
   *
   * Rule: must be an object: key to text, 40 at most. A change: tags change; nothing else.
   *
   * @default none
   */
  readonly tags?: Readonly<Record<string, string>>;
  /**
   * The one node (or `bastion`, or `bastion-<zone>`) whose host may be stopped or made anew, to become what is declared:
   * image, instance type, user data. Never the declared primary.
   *
   * Rule: must be the name of a node, or of a bastion. A change: that host is stopped, or made anew on its old data; its
   * PostgreSQL is away meanwhile.
   *
   * @default none: hosts stay as they are
   */
  readonly maintain?: string;
}

/** The VPC: one that is made, or an existing one. */
export interface AwsNetworkArgs {
  /**
   * Network of the VPC that is made: private, /16 to /24. Each zone has its fixed part of it.
   *
   * Rule: must be a network in CIDR notation such as 10.42.0.0/16. A change: none on a VPC that is there: it stays what
   * it is.
   *
   * @default 10.42.0.0/16
   */
  readonly cidr?: string;
  /**
   * How hosts reach the internet for packages, in a VPC that is made: `natPerZone` (a gateway in each zone with a node),
   * `nat` (one, which goes with its zone), or `none`, with an image that has all packages.
   *
   * Rule: must be one of nat, natPerZone, none. A change: routes change; hosts stay.
   *
   * @default `natPerZone` where nodes are in several zones, else `nat`
   */
  readonly egress?: "nat" | "natPerZone" | "none";
  /**
   * An existing VPC, instead of one that is made.
   *
   * Rule: must be the id of a VPC. A change: refused by AWS while there are hosts: a cluster does not move.
   *
   * @default a VPC is made
   */
  readonly vpc?: string;
  /**
   * Private subnets of an existing VPC: zone to subnet. Every zone with a node needs one.
   *
   * Rule: must be an object: zone to the id of a subnet. A change: another subnet: of the host that `aws.maintain`
   * names; the others stay as they are.
   *
   * @default none; required with `vpc`
   */
  readonly subnets?: Readonly<Record<string, string>>;
  /**
   * Route tables of the existing VPC that get a gateway endpoint for S3. Leave it out where there is one.
   *
   * Rule: must be a list of ids of route tables. A change: routes change; hosts stay.
   *
   * @default none: no endpoint is made
   */
  readonly routeTables?: readonly string[];
  /**
   * Name servers of the existing VPC, where they are hosts of your own: their IPv4 addresses.
   *
   * Rule: must be a list of IPv4 addresses. A change: rules of a security group change; on the host: of hosts that are
   * made from then on.
   *
   * @default none: those that the VPC gives out, and no rule for hosts of your own
   */
  readonly dns?: readonly string[];
  /**
   * Time servers of the existing VPC, where they are hosts of your own: their IPv4 addresses.
   *
   * Rule: must be a list of IPv4 addresses. A change: rules of a security group change; on the host: of hosts that are
   * made from then on.
   *
   * @default none: AWS's own, which images use
   */
  readonly ntp?: readonly string[];
  /**
   * HTTP proxy of the existing VPC that packages come through. Nothing else does: S3 needs a way of its own
   * (`routeTables`, or an endpoint that is there).
   *
   * Rule: must be http://<IPv4 address>:<port>. A change: rules of a security group change; on the host: of hosts that
   * are made from then on.
   *
   * @default none
   */
  readonly proxy?: string;
}

/** The way in for operators. */
export interface AwsBastionArgs {
  /**
   * Whether there is a host with a public address that forwards SSH to the nodes. Without it, operators need a way into
   * the VPC.
   *
   * Rule: must be true or false. A change: every node is reached another way; nothing else changes.
   *
   * @default true for a VPC that is made, false for an existing one
   */
  readonly enabled?: boolean;
  /**
   * EC2 instance type.
   *
   * Rule: must be an EC2 instance type of the Nitro system. A change: replaced while `aws.maintain` is `bastion`.
   *
   * @default t4g.nano
   */
  readonly instanceType?: string;
  /**
   * Zones that have a bastion each, in a VPC that is made. A node is reached through the bastion of its zone, else
   * through the first one: with a bastion in each zone, no zone is the way to another.
   *
   * Rule: must be a list of zones that have a node. A change: bastions come and go; nodes of those zones are reached
   * another way.
   *
   * @default every zone with a node
   */
  readonly zones?: readonly string[];
  /**
   * Public subnet of an existing VPC, for one bastion.
   *
   * Rule: must be the id of a subnet. A change: the bastion is made anew, with its address.
   *
   * @default a subnet of the VPC that is made; with `aws.network.vpc` this or `subnets` is required
   */
  readonly subnet?: string;
  /**
   * Public subnets of an existing VPC: zone to subnet, with a bastion in each, instead of `subnet`.
   *
   * Rule: must be an object: zone to the id of a subnet. A change: bastions come and go; nodes of those zones are
   * reached another way.
   *
   * @default none
   */
  readonly subnets?: Readonly<Record<string, string>>;
  /**
   * How old the image of a bastion may be, in whole days. An older one is made anew from the newest image, one bastion
   * an update, never while a node is fenced. The preview says so.
   *
   * Rule: must be a duration of whole days, such as 90d. A change: a bastion with an older image is made anew, with the
   * same address.
   *
   * @default none: only `aws.maintain` makes a bastion anew
   */
  readonly maxImageAge?: Duration;
}

/** Data volume of every node that says nothing else. */
export interface AwsVolumeArgs {
  /**
   * Type of the EBS volume.
   *
   * Rule: must be one of gp3, io2. A change: changed online.
   *
   * @default gp3
   */
  readonly type?: "gp3" | "io2";
  /**
   * Size, in whole gigabytes. It can grow, and never shrink.
   *
   * Rule: must be a size of whole gigabytes, 10GB or more. A change: changed online; the file system grows with it; a
   * smaller one is refused.
   *
   * @default 100GB
   */
  readonly size?: Size;
  /**
   * Operations a second; what is allowed follows from type and size.
   *
   * Rule: must be a whole number. A change: changed online.
   *
   * @default 3000
   */
  readonly iops?: number;
  /**
   * Throughput of a gp3 volume in MiB/s; a quarter of its IOPS at most.
   *
   * Rule: must be a whole number. A change: changed online.
   *
   * @default 125; io2 has none
   */
  readonly throughput?: number;
  /**
   * KMS key of your own for data volumes.
   *
   * Rule: must be the ARN of a KMS key, not of an alias. A change: volumes that are made from then on.
   *
   * @default AWS's own key: encrypted in any case
   */
  readonly kmsKey?: string;
}

/** Snapshots of the data volumes by schedule, beside the backups in the bucket. */
export interface AwsSnapshotsArgs {
  /**
   * How often a snapshot is taken of each data volume.
   *
   * Rule: must be one of 1, 2, 3, 4, 6, 8, 12, 24. A change: none on the cluster.
   *
   * @default none: no snapshots
   */
  readonly everyHours?: number;
  /**
   * How many snapshots of each volume are kept.
   *
   * Rule: must be a whole number from 1 to 1000. A change: what is too old goes with the next snapshot.
   *
   * @default 7
   */
  readonly keep?: number;
}

/** The bucket that is made for the archive (`archive.bucket` names it). */
export interface AwsBucketArgs {
  /**
   * KMS key of your own for the bucket.
   *
   * Rule: must be the ARN of a KMS key, not of an alias. A change: objects that are written from then on; the older ones
   * keep their key.
   *
   * @default AWS's own key: encrypted in any case
   */
  readonly kmsKey?: string;
  /**
   * How long a version stays that was overwritten or deleted: time to undo a mistake, or an attack.
   *
   * Rule: must be a whole number from 1 to 3650. A change: what is too old goes within a day.
   *
   * @default 30
   */
  readonly keepVersionsDays?: number;
  /**
   * Versions that can't be deleted before their time, by nobody.
   *
   * Rule: must be an object. A change: see its keys.
   *
   * @default none
   */
  readonly objectLock?: AwsBucketObjectLockArgs;
}

/** Versions that can't be deleted before their time, by nobody. */
export interface AwsBucketObjectLockArgs {
  /**
   * `governance`: who has a permission of its own may still delete. `compliance`: nobody may, the account's root
   * neither.
   *
   * Rule: must be one of governance, compliance. A change: holds for objects that are written from then on; can't be
   * switched off again.
   *
   * @default none: no object lock; required with `days`
   */
  readonly mode?: "governance" | "compliance";
  /**
   * How long no version of an object can be deleted, from when it was written.
   *
   * Rule: must be a whole number from 1 to 36500. A change: holds for objects that are written from then on.
   *
   * @default none; required with `mode`
   */
  readonly days?: number;
}

/** Names by which clients reach the primary and the poolers. */
export interface AwsEndpointArgs {
  /**
   * Domain of a private DNS zone that is made. `primary.<domain>` is the primary's address, a few seconds after a
   * change.
   *
   * Rule: must be a domain of lower-case letters, digits, hyphens and dots. A change: new names, and new certificates
   * that have them.
   *
   * @default none: no endpoint is made
   */
  readonly domain?: string;
  /**
   * Whether `pooler.<domain>` is a network load balancer in front of every node's poolers.
   *
   * Rule: must be true or false. A change: made or removed; sessions through it end then.
   *
   * @default false
   */
  readonly loadBalancer?: boolean;
}

/** CloudWatch alarms. */
export interface AwsAlarmsArgs {
  /**
   * Whether CloudWatch alarms watch instances, volumes, disk space, replication, the archive and backups. Nodes send
   * their figures for it once a minute.
   *
   * Rule: must be true or false. A change: a timer on each node; with `egress: none`, the VPC gets an endpoint for
   * CloudWatch.
   *
   * @default false
   */
  readonly enabled?: boolean;
  /**
   * SNS topic that is told of alarms, and of their end.
   *
   * Rule: must be the ARN of an SNS topic. A change: none on the cluster.
   *
   * @default none
   */
  readonly topic?: string;
}

/** What an organisation asks of every role that is made. */
export interface AwsRolesArgs {
  /**
   * Path of the roles and instance profiles that are made, as an organisation's rules may ask for it.
   *
   * Rule: must be a path that begins and ends with a slash. A change: of roles that are made from then on.
   *
   * @default /
   */
  readonly path?: string;
  /**
   * Policy that bounds what the roles that are made may do, whatever else they are allowed.
   *
   * Rule: must be the ARN of an IAM policy. A change: the roles change; nothing else.
   *
   * @default none
   */
  readonly permissionsBoundary?: string;
}

/** SSH keys, which the stack makes and keeps: how to exchange them. */
export interface AwsKeysArgs {
  /**
   * Names of the SSH keys that this program and operators log in with. The first is used, the others are accepted too.
   * To rotate: put a new name first, 'pulumi up'; then remove the old one, 'pulumi up'.
   *
   * Rule: must be a list of one to four names of letters and digits, none of them twice. A change: the step `boot`
   * changes the keys on every host; nothing restarts.
   *
   * @default ["1"]
   */
  readonly operator?: readonly string[];
  /**
   * Names of the SSH keys that hosts are known by. The first is used, the others are accepted too. To rotate: put a new
   * name first, 'pulumi up'; then remove the old one, 'pulumi up'.
   *
   * Rule: must be a list of one to four names of letters and digits, none of them twice. A change: the step `boot`
   * changes the keys on every host; nothing restarts.
   *
   * @default ["1"]
   */
  readonly host?: readonly string[];
}

/** Of every cluster, whatever the target. */
export interface CommonArgs {
  /**
   * Name of the node that is to be the primary. A change of it moves the primary: a switchover, or a failover where the
   * one that leads is `fenced`.
   *
   * Rule: must be the name of a node. A change: the primary changes.
   */
  readonly primary: string;
  /**
   * Major version of PostgreSQL.
   *
   * Rule: must be one of 13, 14, 15, 16, 17, 18. A change: refused where there is data: an upgrade is a cluster of its
   * own.
   *
   * @default 17
   */
  readonly postgresVersion?: 13 | 14 | 15 | 16 | 17 | 18;
  /**
   * Name of the cluster, of its pgBackRest stanza and of what a target makes.
   *
   * Rule: must be 1 to 40 lower-case letters, digits and inner hyphens. A change: refused where there is data: it names
   * the backups.
   *
   * @default the stack's name
   */
  readonly clusterName?: string;
  /**
   * Any text. A change of it runs every step again, for when hosts were repaired by hand.
   *
   * Rule: must be text. A change: every step runs again and changes what is wrong only.
   *
   * @default none
   */
  readonly reconcile?: string;
  /**
   * Whether agents on the hosts decide who leads, and not the host scripts. Unfinished: for new clusters, to try it. It
   * is to become the only way.
   *
   * Rule: must be true or false. A change: refused where there is data.
   *
   * @default false
   */
  readonly agent?: boolean;
  /**
   * Guard: the number of the last change of primary that this config knows. If reality is past it, the update is
   * refused.
   *
   * Rule: must be a whole number. A change: none on the cluster.
   *
   * @default no guard
   */
  readonly epoch?: number;
  /**
   * What a failover may lose, and whatever else one change of primary needs consent to. Where it is proven that nothing
   * is lost, none is needed.
   *
   * Rule: must be an object. A change: none on the cluster.
   *
   * @default nothing
   */
  readonly accept?: AcceptArgs;
  /**
   * How far behind the target of a planned change of primary may be when it begins: WAL that it has not replayed.
   *
   * Rule: must be a whole number of bytes, or a size: a number and one of B, kB, MB, GB, TB. A change: none on the
   * cluster.
   *
   * @default 16MB
   */
  readonly maxLagBytes?: number | Size;
  /**
   * A transaction that is open on the primary for longer than this refuses a planned change: it would be broken off.
   *
   * Rule: must be a duration: a number and one of us, ms, s, min, h, d. A change: none on the cluster.
   *
   * @default 1min
   */
  readonly maxTransactionAge?: Duration;
  /**
   * Further `postgresql.conf` settings, by name; checked against the major. They win over what follows from the host's
   * size.
   *
   * Rule: must be an object: setting to value. A change: reload of every node, or restart where PostgreSQL asks for it.
   *
   * @default none
   */
  readonly settings?: Readonly<Record<string, string | number | boolean>>;
  /**
   * The bucket that WAL and backups go to.
   *
   * Rule: must be an object. A change: see its keys.
   *
   * @default `docker`: an S3 server of the stack's own; `aws`: a bucket of the stack's own
   */
  readonly archive?: ArchiveArgs;
  /**
   * What a new cluster is made from: another one's archive, up to a moment. Used once, by the update that makes the
   * cluster.
   *
   * Rule: must be an object. A change: refused on a cluster that exists; taken off, it changes nothing.
   *
   * @default none: an empty cluster is made
   */
  readonly restore?: RestoreArgs;
  /**
   * Drills: the last backup and all WAL after it are restored beside, checked, and thrown away. `npm run drill` makes
   * one at any time.
   *
   * Rule: must be an object. A change: see its keys.
   *
   * @default none by themselves
   */
  readonly drill?: DrillArgs;
  /**
   * Databases to make, by name. The stack's connection URIs are for the first of them by name, as its owner.
   *
   * Rule: must be an object: database name to options. A change: databases are made; one that is taken off the list is
   * left alone.
   *
   * @default `app`, owned by `app`
   */
  readonly databases?: Readonly<Record<string, DatabaseArgs>>;
  /**
   * Users to make, by name, beside the owners of the databases.
   *
   * Rule: must be an object: user name to options. A change: users are made and changed; one that is taken off the list
   * is left alone.
   *
   * @default the owners of the databases
   */
  readonly users?: Readonly<Record<string, UserArgs>>;
  /**
   * PgBouncer on every node: clients of any node are led to the primary, or to the standbys.
   *
   * Rule: must be an object. A change: see its keys.
   *
   * @default none
   */
  readonly pooler?: PoolerArgs;
  /**
   * Whether the data volumes and the bucket survive `pulumi destroy`.
   *
   * Rule: must be true or false. A change: none on the cluster.
   *
   * @default true
   */
  readonly deletionProtection?: boolean;
  /**
   * Networks, in CIDR notation, that clients may come from (over TLS, with SCRAM).
   *
   * Rule: must be a list of networks in CIDR notation. A change: reload of every node.
   *
   * @default `docker`: all, since ports are published on loopback only; `ssh`: 10.0.0.0/8, 172.16.0.0/12,
   * 192.168.0.0/16, fd00::/8; `aws`: the network of the VPC that is made; of an existing one, config has to name them
   */
  readonly clientNetworks?: readonly string[];
  /**
   * Where clients keep the CA certificate: the connection strings name this file. A relative path starts in the client's
   * working directory.
   *
   * Rule: must be a path, without control characters and without a ~ at its start. A change: none on the cluster: the
   * connection strings change.
   *
   * @default `understudy-<clusterName>-ca.crt`
   */
  readonly clientCaFile?: string;
}

/**
 * What a failover may lose, and whatever else one change of primary needs consent to. Where it is proven that nothing
 * is lost, none is needed.
 */
export interface AcceptArgs {
  /**
   * Number of the change by which the old primary, whose writes may be lost, became the primary. Preflight names it when
   * it refuses. Once another node has taken over, this consent is spent: no later change uses it.
   *
   * Rule: must be the number of a change of primary. A change: none on the cluster.
   */
  readonly change: number;
  /**
   * How much WAL may be lost, as far as that can be known.
   *
   * Rule: must be a whole number of bytes, or a size: a number and one of B, kB, MB, GB, TB. A change: none on the
   * cluster.
   *
   * @default 0
   */
  readonly lossBytes?: number | Size;
  /**
   * Whether more than that may be lost: where the former primary can't be asked, nobody knows what it acknowledged last.
   *
   * Rule: must be true or false. A change: none on the cluster.
   *
   * @default false
   */
  readonly lossUnknown?: boolean;
  /**
   * Whether a node may take over that is not the furthest ahead of those in reach.
   *
   * Rule: must be true or false. A change: none on the cluster.
   *
   * @default false
   */
  readonly behind?: boolean;
}

/** The bucket that WAL and backups go to. */
export interface ArchiveArgs {
  /**
   * Name of the S3 bucket.
   *
   * Rule: must be a name that S3 allows. A change: a new archive with a new full backup; the old bucket is left alone.
   *
   * @default `understudy-<clusterName>` where the stack makes the bucket; else required
   */
  readonly bucket?: Input<string>;
  /**
   * S3 endpoint, reached over HTTPS. Without it, the target `docker` makes an S3 server of its own; `ssh` needs it.
   *
   * Rule: must be host, host:port or https://host[:port]. A change: a new archive with a new full backup.
   *
   * @default none
   */
  readonly endpoint?: Input<string>;
  /**
   * Region of the bucket.
   *
   * Rule: must be the name of a region. A change: reload of the archive's configuration on every node.
   *
   * @default "us-east-1"
   */
  readonly region?: Input<string>;
  /**
   * Folder within the bucket, where several clusters share it.
   *
   * Rule: must be a path of letters, digits and '!', '_', '.', '-' without '.' and '..'. A change: a new archive with a
   * new full backup.
   *
   * @default the bucket's top
   */
  readonly prefix?: string;
  /**
   * Whether WAL and backups are encrypted before they leave the host (AES-256-CBC), with a key that the stack makes (the
   * output `archiveKey`). Lost key = lost archive.
   *
   * Rule: must be true or false. A change: only together with another archive (`prefix`, `bucket` or `endpoint`);
   * refused otherwise.
   *
   * @default `true` for a new stack; else what the archive is
   */
  readonly encrypted?: boolean;
  /**
   * Access key of the endpoint; goes with `endpoint`. It becomes a secret.
   *
   * Rule: must be printable ASCII without blanks. A change: reload of the archive's configuration on every node.
   */
  readonly accessKey?: Input<string>;
  /**
   * Secret key of the endpoint; goes with `endpoint`. It becomes a secret.
   *
   * Rule: must be printable ASCII without blanks. A change: reload of the archive's configuration on every node.
   */
  readonly secretKey?: Input<string>;
  /**
   * Whether the bucket's name stands in the path or in front of the endpoint's host name.
   *
   * Rule: must be one of path, host. A change: reload of the archive's configuration on every node.
   *
   * @default `host` for endpoints of AWS, else `path`
   */
  readonly uriStyle?: "path" | "host";
  /**
   * File on the operator's machine with the CA certificate (PEM) of the endpoint.
   *
   * Rule: must be the path of a file. A change: reload of the archive's configuration on every node.
   *
   * @default the hosts' own trust store
   */
  readonly caFile?: string;
  /**
   * The CA certificate (PEM) of the endpoint itself; instead of `caFile`.
   *
   * Rule: must be a certificate in PEM format. A change: reload of the archive's configuration on every node.
   *
   * @default what is in `caFile`
   */
  readonly caCertificate?: Input<string>;
  /**
   * Whether the endpoint's certificate is checked.
   *
   * Rule: must be true or false. A change: reload of the archive's configuration on every node.
   *
   * @default true
   */
  readonly verifyTls?: boolean;
  /**
   * Where the ledger of agents lies (`agent`): a place that the archive's account, which postgres has, cannot reach.
   *
   * Rule: must be an object. A change: each agent starts anew, and looks for the ledger there: copy all of its objects
   * before.
   *
   * @default made by the targets `docker` and `aws`; required with `agent` and `archive.endpoint`
   */
  readonly ledger?: ArchiveLedgerArgs;
  /**
   * How many backups are kept.
   *
   * Rule: must be an object. A change: what is too old goes with the next backup.
   */
  readonly retention?: ArchiveRetentionArgs;
  /**
   * When backups are taken. The node that is primary then starts them.
   *
   * Rule: must be an object. A change: reload of the timers.
   */
  readonly schedule?: ArchiveScheduleArgs;
  /**
   * Which node scheduled backups read the data from: a hot standby that streams and is not far behind, where there is
   * one, or always the primary.
   *
   * Rule: must be one of standby, primary. A change: counts from the next backup on.
   *
   * @default "standby"
   */
  readonly backupFrom?: "standby" | "primary";
}

/** Where the ledger of agents lies (`agent`): a place that the archive's account, which postgres has, cannot reach. */
export interface ArchiveLedgerArgs {
  /**
   * Bucket of the ledger: another one than the archive's.
   *
   * Rule: must be a name that S3 allows. A change: each agent starts anew, and looks for the ledger there: copy all of
   * its objects before.
   */
  readonly bucket: Input<string>;
  /**
   * Access key of an account that may list the bucket, get and put objects. It becomes a secret.
   *
   * Rule: must be printable ASCII without blanks. A change: each agent starts anew.
   */
  readonly accessKey: Input<string>;
  /**
   * Secret key that goes with `accessKey`. It becomes a secret.
   *
   * Rule: must be printable ASCII without blanks. A change: each agent starts anew.
   */
  readonly secretKey: Input<string>;
  /**
   * Folder within the bucket, where several clusters share it.
   *
   * Rule: must be a path of letters, digits and '_', '.', '-' without '.' and '..'. A change: each agent starts anew,
   * and looks for the ledger there: copy all of its objects before.
   *
   * @default `clusterName`
   */
  readonly prefix?: string;
  /**
   * S3 endpoint of the ledger, reached over HTTPS.
   *
   * Rule: must be host, host:port or https://host[:port]. A change: each agent starts anew, and looks for the ledger
   * there: copy all of its objects before.
   *
   * @default that of the archive, with its `region`, `uriStyle`, CA certificate and `verifyTls`
   */
  readonly endpoint?: Input<string>;
  /**
   * Region of the ledger's bucket; goes with `archive.ledger.endpoint`.
   *
   * Rule: must be the name of a region. A change: each agent starts anew.
   *
   * @default "us-east-1"
   */
  readonly region?: Input<string>;
  /**
   * Whether the bucket's name stands in the path or in front of the endpoint's host name.
   *
   * Rule: must be one of path, host. A change: each agent starts anew.
   *
   * @default `host` for endpoints of AWS, else `path`
   */
  readonly uriStyle?: "path" | "host";
  /**
   * File on the operator's machine with the CA certificate (PEM) of the endpoint.
   *
   * Rule: must be the path of a file. A change: each agent starts anew.
   *
   * @default the hosts' own trust store
   */
  readonly caFile?: string;
  /**
   * The CA certificate (PEM) of the endpoint itself; instead of `caFile`.
   *
   * Rule: must be a certificate in PEM format. A change: each agent starts anew.
   *
   * @default what is in `caFile`
   */
  readonly caCertificate?: Input<string>;
  /**
   * Whether the endpoint's certificate is checked.
   *
   * Rule: must be true or false. A change: each agent starts anew.
   *
   * @default true
   */
  readonly verifyTls?: boolean;
}

/** How many backups are kept. */
export interface ArchiveRetentionArgs {
  /**
   * How many full backups are kept, with all WAL from the oldest of them on.
   *
   * Rule: must be a whole number from 1 to 9999999. A change: what is too old goes with the next backup.
   *
   * @default 2
   */
  readonly full?: number;
  /**
   * How many differential backups are kept.
   *
   * Rule: must be a whole number from 1 to 9999999. A change: what is too old goes with the next backup.
   *
   * @default all that belong to a kept full backup
   */
  readonly differential?: number;
}

/** When backups are taken. The node that is primary then starts them. */
export interface ArchiveScheduleArgs {
  /**
   * When a full backup is taken: a systemd OnCalendar expression, or `off`.
   *
   * Rule: must be a systemd OnCalendar expression or off. A change: reload of the timers.
   *
   * @default "Sun *-*-* 02:00"
   */
  readonly full?: string;
  /**
   * When a differential backup is taken: a systemd OnCalendar expression, or `off`.
   *
   * Rule: must be a systemd OnCalendar expression or off. A change: reload of the timers.
   *
   * @default "off"
   */
  readonly differential?: string;
  /**
   * When an incremental backup is taken: a systemd OnCalendar expression, or `off`.
   *
   * Rule: must be a systemd OnCalendar expression or off. A change: reload of the timers.
   *
   * @default "Mon..Sat *-*-* 02:00"
   */
  readonly incremental?: string;
}

/**
 * What a new cluster is made from: another one's archive, up to a moment. Used once, by the update that makes the
 * cluster.
 */
export interface RestoreArgs {
  /**
   * The archive that the data come from.
   *
   * Rule: must be an object. A change: refused on a cluster that exists.
   */
  readonly from: RestoreFromArgs;
  /**
   * Up to where it is recovered: `latest`, or one of the keys below.
   *
   * Rule: must be latest, or an object with one of time, lsn, xid, name and backup. A change: refused on a cluster that
   * exists.
   *
   * @default latest: all WAL that the archive has
   */
  readonly target?: "latest" | RestoreTargetArgs;
  /**
   * Whether what is at `time`, `lsn` or `xid` itself is still recovered.
   *
   * Rule: must be true or false. A change: refused on a cluster that exists.
   *
   * @default true
   */
  readonly inclusive?: boolean;
  /**
   * The timeline that is followed to its end, or to the target.
   *
   * Rule: must be the number of a timeline. A change: refused on a cluster that exists.
   *
   * @default the newest one; with `target.backup` its own
   */
  readonly timeline?: number;
  /**
   * The backup that recovery begins with.
   *
   * Rule: must be the label of a backup. A change: refused on a cluster that exists.
   *
   * @default the newest one that ends before the target; with `target.xid` and `target.name`, whose time nobody knows,
   * the oldest
   */
  readonly backup?: string;
  /**
   * SQL that is run before anybody can connect, as the superuser: database name to the path of a file on the operator's
   * machine. What fails ends the update, and nothing of the data is served.
   *
   * Rule: must be an object: database name to the path of a file. A change: none once the cluster is made; before that,
   * the next update goes by it.
   *
   * @default none
   */
  readonly sql?: Readonly<Record<string, string>>;
}

/** The archive that the data come from. */
export interface RestoreFromArgs {
  /**
   * Stack whose archive it is: its output `restoreFrom` has the keys below, but for credentials of an archive that the
   * stack did not make itself.
   *
   * Rule: must be the name of a stack: name, or organization/project/name. A change: none once the cluster is made;
   * before that, the next update goes by it.
   *
   * @default none: the keys below say where the archive is
   */
  readonly stack?: string;
  /**
   * S3 endpoint of the source's archive, reached over HTTPS.
   *
   * Rule: must be host, host:port or https://host[:port]. A change: none once the cluster is made; before that, the next
   * update goes by it.
   *
   * @default none; required without `stack`
   */
  readonly endpoint?: Input<string>;
  /**
   * Bucket of the source's archive.
   *
   * Rule: must be a name that S3 allows. A change: none once the cluster is made; before that, the next update goes by
   * it.
   *
   * @default none; required without `stack`
   */
  readonly bucket?: Input<string>;
  /**
   * Folder within the bucket.
   *
   * Rule: must be a path of letters, digits and '!', '_', '.', '-' without '.' and '..'. A change: none once the cluster
   * is made; before that, the next update goes by it.
   *
   * @default the bucket's top
   */
  readonly prefix?: string;
  /**
   * Region of the bucket.
   *
   * Rule: must be the name of a region. A change: none once the cluster is made; before that, the next update goes by
   * it.
   *
   * @default "us-east-1"
   */
  readonly region?: Input<string>;
  /**
   * Access key for the source's archive. Use one that may only read: nothing is ever written there. It becomes a secret.
   *
   * Rule: must be printable ASCII without blanks. A change: none once the cluster is made; before that, the next update
   * goes by it.
   *
   * @default none; required, but with the `stack` of an S3 server that the target `docker` made
   */
  readonly accessKey?: Input<string>;
  /**
   * Secret key that goes with `accessKey`. It becomes a secret.
   *
   * Rule: must be printable ASCII without blanks. A change: none once the cluster is made; before that, the next update
   * goes by it.
   *
   * @default none; required, but with the `stack` of an S3 server that the target `docker` made
   */
  readonly secretKey?: Input<string>;
  /**
   * Whether the bucket's name stands in the path or in front of the endpoint's host name.
   *
   * Rule: must be one of path, host. A change: none once the cluster is made; before that, the next update goes by it.
   *
   * @default `host` for endpoints of AWS, else `path`
   */
  readonly uriStyle?: "path" | "host";
  /**
   * File on the operator's machine with the CA certificate (PEM) of the endpoint.
   *
   * Rule: must be the path of a file. A change: none once the cluster is made; before that, the next update goes by it.
   *
   * @default the hosts' own trust store
   */
  readonly caFile?: string;
  /**
   * The CA certificate (PEM) of the endpoint itself; instead of `caFile`.
   *
   * Rule: must be a certificate in PEM format. A change: none once the cluster is made; before that, the next update
   * goes by it.
   *
   * @default what is in `caFile`
   */
  readonly caCertificate?: Input<string>;
  /**
   * Whether the endpoint's certificate is checked.
   *
   * Rule: must be true or false. A change: none once the cluster is made; before that, the next update goes by it.
   *
   * @default true
   */
  readonly verifyTls?: boolean;
  /**
   * pgBackRest's stanza: the source's `clusterName`.
   *
   * Rule: must be 1 to 40 lower-case letters, digits and inner hyphens. A change: none once the cluster is made; before
   * that, the next update goes by it.
   *
   * @default none; required without `stack`
   */
  readonly stanza?: Input<string>;
  /**
   * What the source's archive is encrypted with: the output `archiveKey` of its stack. It becomes a secret.
   *
   * Rule: must be printable ASCII without blanks. A change: none once the cluster is made; before that, the next update
   * goes by it.
   *
   * @default none: it is not encrypted
   */
  readonly key?: Input<string>;
}

/** Up to where it is recovered: `latest`, or one of the keys below. */
export interface RestoreTargetArgs {
  /**
   * A moment: ISO 8601, with a zone.
   *
   * Rule: must be a time with a zone. A change: none once the cluster is made; before that, the next update goes by it.
   *
   * @default none
   */
  readonly time?: string;
  /**
   * A position in the WAL, as `pg_current_wal_lsn()` gives it.
   *
   * Rule: must be a position in the WAL. A change: none once the cluster is made; before that, the next update goes by
   * it.
   *
   * @default none
   */
  readonly lsn?: string;
  /**
   * A transaction, as `pg_current_xact_id()` gives it.
   *
   * Rule: must be the number of a transaction. A change: none once the cluster is made; before that, the next update
   * goes by it.
   *
   * @default none
   */
  readonly xid?: string;
  /**
   * A point that was named before, by `pg_create_restore_point('…')`.
   *
   * Rule: must be 1 to 63 characters of printable ASCII. A change: none once the cluster is made; before that, the next
   * update goes by it.
   *
   * @default none
   */
  readonly name?: string;
  /**
   * A backup, and no WAL that came after it.
   *
   * Rule: must be the label of a backup. A change: none once the cluster is made; before that, the next update goes by
   * it.
   *
   * @default none
   */
  readonly backup?: string;
}

/**
 * Drills: the last backup and all WAL after it are restored beside, checked, and thrown away. `npm run drill` makes
 * one at any time.
 */
export interface DrillArgs {
  /**
   * When a drill is made: a systemd OnCalendar expression, or `off`. The first active node by name that does not lead
   * makes it. It reads the whole last backup from the archive.
   *
   * Rule: must be a systemd OnCalendar expression or off. A change: reload of the timers.
   *
   * @default "off"
   */
  readonly schedule?: string;
  /**
   * How old the last restore that was proven may be: `npm run status` warns of an older one.
   *
   * Rule: must be a duration: a number and one of us, ms, s, min, h, d. A change: none on the cluster.
   *
   * @default `35d` with a `schedule`; else none
   */
  readonly maxAge?: Duration;
  /**
   * What has to be true of the restored data: database name to a query whose one answer has to be `true`. It runs as the
   * owner of the database.
   *
   * Rule: must be an object: database name to a query. A change: counts from the next drill on.
   *
   * @default none
   */
  readonly query?: Readonly<Record<string, string>>;
}

/** PgBouncer on every node: clients of any node are led to the primary, or to the standbys. */
export interface PoolerArgs {
  /**
   * Whether every node has a PgBouncer that leads to the primary, and one that leads to the standbys.
   *
   * Rule: must be true or false. A change: poolers are installed and started, or stopped; PostgreSQL goes on.
   *
   * @default false; the stack `dev` has it on
   */
  readonly enabled?: boolean;
  /**
   * Port of the pooler that leads to the primary, whichever node it is on.
   *
   * Rule: must be a port number. A change: the poolers restart, their clients reconnect; target `docker`: the hosts are
   * made anew, data stays.
   *
   * @default 6432
   */
  readonly port?: number;
  /**
   * Port of the pooler that leads to the hot standbys; to the primary where none answers.
   *
   * Rule: must be a port number. A change: the poolers restart, their clients reconnect; target `docker`: the hosts are
   * made anew, data stays.
   *
   * @default 6433
   */
  readonly readOnlyPort?: number;
  /**
   * PgBouncer's `pool_mode`. With `session`, a change of primary cuts sessions as it does without a pooler: it is not
   * paused for.
   *
   * Rule: must be one of transaction, session. A change: reload of the poolers: clients stay connected.
   *
   * @default `transaction`
   */
  readonly poolMode?: "transaction" | "session";
  /**
   * PgBouncer's `default_pool_size`: connections to PostgreSQL at most, for each pair of user and database, from each
   * node.
   *
   * Rule: must be a whole number from 1 to 10000. A change: reload of the poolers: clients stay connected.
   *
   * @default 20
   */
  readonly poolSize?: number;
  /**
   * PgBouncer's `max_client_conn`: connections of clients to each of a node's poolers at most.
   *
   * Rule: must be a whole number from 1 to 50000. A change: reload of the poolers: clients stay connected.
   *
   * @default 1000
   */
  readonly maxClients?: number;
  /**
   * How long a change of primary waits for open transactions before it is given up, with nothing changed.
   *
   * Rule: must be a duration from 100ms to 20s. A change: none until the primary changes.
   *
   * @default 5s
   */
  readonly pauseTimeout?: Duration;
}

/** Of every node, whatever the target. */
export interface NodeArgs {
  /**
   * `active`: takes part. `fenced`: kept out, and proven to be off. `absent`: its host is left alone and its steps are
   * not run.
   *
   * Rule: must be one of active, fenced, absent. A change: the node joins or leaves; the others stay.
   *
   * @default active
   */
  readonly state?: "active" | "fenced" | "absent";
  /**
   * Where the node gets WAL from while it is a standby: the primary, or the archive alone (log shipping).
   *
   * Rule: must be one of streaming, archive. A change: reload of that node.
   *
   * @default streaming
   */
  readonly source?: "streaming" | "archive";
  /**
   * Whether it answers read-only queries while it is a standby.
   *
   * Rule: must be one of hot, warm. A change: restart of that node.
   *
   * @default hot
   */
  readonly standby?: "hot" | "warm";
  /**
   * Whether a commit waits for this node while it is a standby that has caught up. Where several nodes say so, a commit
   * waits for any one of them.
   *
   * Rule: must be true or false. A change: reload of the primary.
   *
   * @default false
   */
  readonly synchronous?: boolean;
  /**
   * How far it stays behind on purpose while it is a standby.
   *
   * Rule: must be a duration: a number and one of us, ms, s, min, h, d. A change: reload of that node.
   *
   * @default none
   */
  readonly delay?: Duration;
}

/** A node of the target `docker`. */
export interface DockerNodeArgs extends NodeArgs {
  /**
   * Memory of the container, by which PostgreSQL is sized too.
   *
   * Rule: must be a size: a number and one of B, kB, MB, GB, TB. A change: restart of that node's PostgreSQL.
   *
   * @default 1GB
   */
  readonly memory?: Size;
}

/** A node of the target `ssh`. */
export interface SshNodeArgs extends NodeArgs {
  /**
   * Host name or IP address by which this program reaches the host.
   *
   * Rule: must be a host name or an IP address. A change: the steps run again, on the other host.
   */
  readonly host: Input<string>;
  /**
   * Port of its SSH server.
   *
   * Rule: must be a port: a whole number from 1 to 65535. A change: the steps run again.
   *
   * @default 22
   */
  readonly port?: Input<number>;
  /**
   * User to log in as; one other than root needs `sudo` without a password.
   *
   * Rule: must be the name of a Unix user. A change: the steps run again.
   *
   * @default root
   */
  readonly user?: Input<string>;
  /**
   * File on the operator's machine with the private key to log in with, without a passphrase.
   *
   * Rule: must be the path of a file. A change: the steps run again where the key itself is another.
   *
   * @default none; required without `privateKey`
   */
  readonly privateKeyFile?: string;
  /**
   * The private key itself, OpenSSH or PEM format, without a passphrase; instead of `privateKeyFile`. It becomes a
   * secret.
   *
   * Rule: must be a private key. A change: the steps run again.
   *
   * @default what is in `privateKeyFile`
   */
  readonly privateKey?: Input<string>;
  /**
   * Public key of its SSH server, as in `known_hosts` (`ssh-keyscan` prints it). Without it the server is not checked:
   * set it wherever it can be known.
   *
   * Rule: must be an OpenSSH public key: its type, then base64. A change: the steps run again.
   */
  readonly hostKey?: Input<string>;
  /**
   * IP address, or name that resolves on every node, by which the other nodes reach this one.
   *
   * Rule: must be a host name or an IP address. A change: reload of every node.
   *
   * @default `host`
   */
  readonly address?: Input<string>;
  /**
   * Port that PostgreSQL listens on.
   *
   * Rule: must be a port: a whole number from 1 to 65535. A change: restart of that node, reload of the others.
   *
   * @default 5432
   */
  readonly postgresPort?: number;
  /**
   * Directory on the host for the data, WAL and journal of the node; best a file system of its own.
   *
   * Rule: must be an absolute path of letters, digits, '.', '_' and '-', below a directory of its own. A change: refused
   * where the node has data: move the data by hand first.
   *
   * @default /var/lib/understudy
   */
  readonly dataDirectory?: string;
  /**
   * SSH server to go through (a bastion).
   *
   * Rule: must be an object. A change: the steps run again.
   *
   * @default none
   */
  readonly proxy?: SshNodeProxyArgs;
  /**
   * How it is proven that the host is off while the node is `fenced`: `command` or `statement`.
   *
   * Rule: must be an object. A change: of a fenced node: it is fenced again.
   *
   * @default none; required while the node is `fenced`
   */
  readonly fence?: SshNodeFenceArgs;
}

/** SSH server to go through (a bastion). */
export interface SshNodeProxyArgs {
  /**
   * Host name or IP address by which this program reaches the host.
   *
   * Rule: must be a host name or an IP address. A change: the steps run again, on the other host.
   */
  readonly host: Input<string>;
  /**
   * Port of its SSH server.
   *
   * Rule: must be a port: a whole number from 1 to 65535. A change: the steps run again.
   *
   * @default 22
   */
  readonly port?: Input<number>;
  /**
   * User to log in as; one other than root needs `sudo` without a password.
   *
   * Rule: must be the name of a Unix user. A change: the steps run again.
   *
   * @default root
   */
  readonly user?: Input<string>;
  /**
   * File on the operator's machine with the private key to log in with, without a passphrase.
   *
   * Rule: must be the path of a file. A change: the steps run again where the key itself is another.
   *
   * @default none; required without `privateKey`
   */
  readonly privateKeyFile?: string;
  /**
   * The private key itself, OpenSSH or PEM format, without a passphrase; instead of `privateKeyFile`. It becomes a
   * secret.
   *
   * Rule: must be a private key. A change: the steps run again.
   *
   * @default what is in `privateKeyFile`
   */
  readonly privateKey?: Input<string>;
  /**
   * Public key of its SSH server, as in `known_hosts` (`ssh-keyscan` prints it). Without it the server is not checked:
   * set it wherever it can be known.
   *
   * Rule: must be an OpenSSH public key: its type, then base64. A change: the steps run again.
   */
  readonly hostKey?: Input<string>;
}

/** How it is proven that the host is off while the node is `fenced`: `command` or `statement`. */
export interface SshNodeFenceArgs {
  /**
   * Command that switches the host off and looks that it is off; run on the operator's machine. Exit code 0 is the
   * proof. It is shown by previews: no secret in it.
   *
   * Rule: must be one line of 3 to 500 characters. A change: of a fenced node: it is fenced again.
   *
   * @default none
   */
  readonly command?: string;
  /**
   * The operator's word that the host is off: who says so, and how it was seen. Only while the node is `fenced`; the
   * receipt repeats it.
   *
   * Rule: must be one line of 3 to 500 characters. A change: of a fenced node: it is fenced again.
   *
   * @default none
   */
  readonly statement?: string;
}

/** A node of the target `aws`. */
export interface AwsNodeArgs extends NodeArgs {
  /**
   * Availability zone of the node's volume, and so of the node.
   *
   * Rule: must be a zone of aws.region. A change: refused on a node that exists: a volume does not move.
   */
  readonly zone: string;
  /**
   * EC2 instance type.
   *
   * Rule: must be an EC2 instance type of the Nitro system. A change: that host is stopped and started, while
   * `aws.maintain` names it.
   *
   * @default `aws.instanceType`
   */
  readonly instanceType?: string;
  /**
   * Types that the instance becomes, in this order, where AWS has no room for its own when it is started. It keeps the
   * one that it has got, until `aws.maintain` names the node after a refresh.
   *
   * Rule: must be a list of EC2 instance types of the Nitro system, with the same processor. A change: none on a host
   * that runs.
   *
   * @default none: the update fails where there is no room
   */
  readonly otherInstanceTypes?: readonly string[];
  /**
   * On-demand capacity reservation that the instance is in, so that AWS has room for it whenever it is started. You make
   * the reservation, for its type and zone.
   *
   * Rule: must be the id of a capacity reservation. A change: the host is stopped and started, while `aws.maintain`
   * names it.
   *
   * @default none: an open reservation that fits is used
   */
  readonly capacityReservation?: string;
  /**
   * The node's data volume.
   *
   * Rule: must be an object. A change: see its keys.
   *
   * @default `aws.volume`, key by key
   */
  readonly volume?: AwsNodeVolumeArgs;
  /**
   * How the instance of a fenced node is stopped. `force`: EC2 does not wait for it, since a host that is fenced is not
   * trusted to stop itself. `clean`: it may shut down for two minutes first.
   *
   * Rule: must be one of clean, force. A change: of a fenced node: it is fenced again.
   *
   * @default force
   */
  readonly stop?: "clean" | "force";
  /**
   * What proves that the host is off where EC2 can't tell, because it says `stopping` for hours (in a lost zone):
   * `command` or `statement`. What EC2 itself proves needs neither.
   *
   * Rule: must be an object. A change: of a fenced node: it is fenced again.
   *
   * @default none: EC2 has to say that the instance is stopped, or terminated
   */
  readonly fence?: AwsNodeFenceArgs;
}

/** The node's data volume. */
export interface AwsNodeVolumeArgs {
  /**
   * Type of the EBS volume.
   *
   * Rule: must be one of gp3, io2. A change: changed online.
   *
   * @default gp3
   */
  readonly type?: "gp3" | "io2";
  /**
   * Size, in whole gigabytes. It can grow, and never shrink.
   *
   * Rule: must be a size of whole gigabytes, 10GB or more. A change: changed online; the file system grows with it; a
   * smaller one is refused.
   *
   * @default 100GB
   */
  readonly size?: Size;
  /**
   * Operations a second; what is allowed follows from type and size.
   *
   * Rule: must be a whole number. A change: changed online.
   *
   * @default 3000
   */
  readonly iops?: number;
  /**
   * Throughput of a gp3 volume in MiB/s; a quarter of its IOPS at most.
   *
   * Rule: must be a whole number. A change: changed online.
   *
   * @default 125; io2 has none
   */
  readonly throughput?: number;
  /**
   * Id of a volume that is there and becomes the node's, as when its node was removed and comes back. It has to be in
   * the node's zone and of the declared size, type and speed.
   *
   * Rule: must be the id of a volume. A change: none on a node that has its volume.
   *
   * @default none: an empty volume is made
   */
  readonly adopt?: string;
  /**
   * Id of a snapshot that the node's volume is made of, when it is made.
   *
   * Rule: must be the id of a snapshot. A change: none on a node that has its volume.
   *
   * @default none: an empty volume is made
   */
  readonly snapshot?: string;
}

/**
 * What proves that the host is off where EC2 can't tell, because it says `stopping` for hours (in a lost zone):
 * `command` or `statement`. What EC2 itself proves needs neither.
 */
export interface AwsNodeFenceArgs {
  /**
   * Command that switches the host off and looks that it is off; run on the operator's machine. Exit code 0 is the
   * proof. It is shown by previews: no secret in it.
   *
   * Rule: must be one line of 3 to 500 characters. A change: of a fenced node: it is fenced again.
   *
   * @default none
   */
  readonly command?: string;
  /**
   * The operator's word that the host is off: who says so, and how it was seen. Only while the node is `fenced`; the
   * receipt repeats it.
   *
   * Rule: must be one line of 3 to 500 characters. A change: of a fenced node: it is fenced again.
   *
   * @default none
   */
  readonly statement?: string;
}

/** A database. */
export interface DatabaseArgs {
  /**
   * User that owns the database; one that `users` does not name is made as well.
   *
   * Rule: must be a name of lower-case letters, digits and underscores, 63 at most. A change: the owner changes.
   *
   * @default a user of the database's name
   */
  readonly owner?: string;
}

/** A user. */
export interface UserArgs {
  /**
   * Password. It becomes a secret.
   *
   * Rule: must be 8 to 200 characters of printable ASCII. A change: the password changes; open sessions stay.
   *
   * @default generated
   */
  readonly password?: Input<string>;
  /**
   * Roles that it is a member of: other users, or PostgreSQL's `pg_read_all_data` and the like.
   *
   * Rule: must be a list of names. A change: memberships are granted; others that were granted by hand stay.
   *
   * @default none
   */
  readonly memberOf?: readonly string[];
  /**
   * How many sessions it may have at once.
   *
   * Rule: must be a whole number from 0 to 262143. A change: new sessions heed it.
   *
   * @default no limit
   */
  readonly connectionLimit?: number;
}
