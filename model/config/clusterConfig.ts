import type { AwsConfig, AwsHost } from "../aws/config.ts";
import type { PostgresMajor } from "../majors.ts";
import type { FenceWord } from "./fenceWord.ts";
import type { Given } from "./later.ts";
import type { Duration } from "./units.ts";

/** What the user declared: parsed, checked as a whole, defaults filled in. Made by `parseConfig` only. */
export type ClusterConfig = DockerClusterConfig | SshClusterConfig | AwsClusterConfig;

export interface DockerClusterConfig extends ClusterBase {
  readonly target: "docker";
  readonly nodes: Readonly<Record<string, DockerNodeConfig>>;
  readonly archive: ArchiveConfig;
}

export interface SshClusterConfig extends ClusterBase {
  readonly target: "ssh";
  readonly nodes: Readonly<Record<string, SshNodeConfig>>;
  /** Hosts that exist already come with an S3 endpoint that exists already. */
  readonly archive: GivenArchiveConfig;
}

export interface AwsClusterConfig extends ClusterBase {
  readonly target: "aws";
  readonly nodes: Readonly<Record<string, AwsNodeConfig>>;
  readonly archive: ArchiveConfig;
  readonly aws: AwsConfig;
}

interface ClusterBase {
  /** Name of the cluster and of its pgBackRest stanza. */
  readonly clusterName: string;
  /** Name of the node that is to be the primary: one of `nodes`, active. */
  readonly primary: string;
  readonly postgresVersion: PostgresMajor;
  /** Whether agents on the hosts decide who leads (docs/decisions/agent.md), and not the host scripts. */
  readonly agent: boolean;
  /** Any text; a change of it runs every step again. */
  readonly reconcile: string;
  /** Number of the last change of primary that this config knows; undefined: no guard. */
  readonly epoch: number | undefined;
  /** What one change of primary may cost; undefined: nothing. */
  readonly accept: Consent | undefined;
  readonly limits: HandoverLimits;
  /** Checked `postgresql.conf` parameters of the user's, as PostgreSQL writes them. */
  readonly settings: Readonly<Record<string, string>>;
  readonly databases: Readonly<Record<string, DatabaseConfig>>;
  readonly users: Readonly<Record<string, UserConfig>>;
  /** Whether data volumes and the bucket are protected from `destroy`. */
  readonly deletionProtection: boolean;
  /** Networks in CIDR notation that clients may come from. */
  readonly clientNetworks: readonly string[];
  /** Where clients keep the CA certificate: what their connection strings name. A relative path starts in their working directory. */
  readonly clientCaFile: string;
  /** Undefined: there are no poolers. */
  readonly pooler: PoolerConfig | undefined;
  /** What the cluster is made from; undefined: from nothing. */
  readonly restore: RestoreConfig | undefined;
  readonly drill: DrillConfig;
}

/** Another cluster's archive, up to a moment. */
export interface RestoreConfig {
  readonly from: RestoreSource;
  readonly target: Moment;
  /** Whether what is at the target itself is still recovered. */
  readonly inclusive: boolean;
  /** Undefined: the newest one. */
  readonly timeline: number | undefined;
  /** Label of the backup that recovery begins with; undefined: the program chooses. */
  readonly backup: string | undefined;
  /** SQL that is run before anybody can connect, by database. */
  readonly sql: Readonly<Record<string, string>>;
}

/** Up to where a cluster is recovered, as config says it. */
export type Moment =
  | { readonly kind: "latest" }
  | { readonly kind: "time" | "lsn" | "xid" | "name" | "backup"; readonly value: string };

/** The archive that is read, and never written to: the output of a stack says where it is, or config. */
export type RestoreSource = StackSource | GivenSource;

export interface StackSource {
  readonly kind: "stack";
  readonly stack: string;
  /** A secret; undefined: the stack's output has it. */
  readonly accessKey: Given<string> | undefined;
  /** A secret. */
  readonly secretKey: Given<string> | undefined;
}

export interface GivenSource {
  readonly kind: "given";
  readonly endpoint: Given<{ readonly host: string; readonly port: number }>;
  readonly bucket: Given<string>;
  /** Without slashes at its ends. */
  readonly prefix: string;
  readonly region: Given<string>;
  /** A secret. */
  readonly accessKey: Given<string>;
  /** A secret. */
  readonly secretKey: Given<string>;
  readonly uriStyle: Given<"path" | "host">;
  /** PEM; "": the hosts' own trust store does. */
  readonly caCertificate: Given<string>;
  readonly verifyTls: boolean;
  readonly stanza: Given<string>;
  /** What it is encrypted with, a secret; "": it is not. */
  readonly key: Given<string>;
}

/** The two PgBouncers of each node: one leads to the primary, one to the standbys. */
export interface PoolerConfig {
  readonly port: number;
  readonly readOnlyPort: number;
  readonly poolMode: "transaction" | "session";
  /** Connections to PostgreSQL for each user and database, from each node. */
  readonly poolSize: number;
  readonly maxClients: number;
  /** How long a change of primary waits for open transactions. */
  readonly pauseTimeoutMs: number;
}

/** What the operator accepts, for the one change of primary that takes over from the leader of `change`. */
export interface Consent {
  /** The change by which the node leads, or led last, whose writes may be lost. */
  readonly change: number;
  /** WAL that may be lost, as far as that can be known. */
  readonly lossBytes: number;
  /** Whether more may be lost, where that can't be known. */
  readonly lossUnknown: boolean;
  /** Whether a node may take over that is not the furthest ahead of those in reach. */
  readonly behind: boolean;
}

/** Beyond these preflight refuses a planned change of primary. */
export interface HandoverLimits {
  /** WAL that the target of a planned change may still have to replay. */
  readonly maxLagBytes: number;
  /** Age of an open transaction on the primary from which on a planned change is refused. */
  readonly maxTransactionAgeSeconds: number;
}

/**
 * active: takes part. fenced: kept out, and proven to be off. absent: its host is left alone and its steps are not run.
 */
export type NodeState = "active" | "fenced" | "absent";
export type NodeConfig = DockerNodeConfig | SshNodeConfig | AwsNodeConfig;

interface NodeBase {
  /** The key under `nodes`: host name, `application_name`, and (as `slotName`) the replication slot. */
  readonly name: string;
  readonly state: NodeState;
  /** Where it gets WAL from while it is a standby; `archive` alone is log shipping. */
  readonly source: "streaming" | "archive";
  /** Whether it answers read-only queries while it is a standby. */
  readonly standby: "hot" | "warm";
  /** Whether the primary waits for it at commit while it is a standby. */
  readonly synchronous: boolean;
  /** How far it stays behind on purpose while it is a standby; undefined: not at all. */
  readonly delay: Duration | undefined;
  /** Port that PostgreSQL listens on, on the host itself. */
  readonly postgresPort: number;
  /** Directory on the host for everything that has to last. */
  readonly dataDirectory: string;
}

export interface DockerNodeConfig extends NodeBase {
  readonly target: "docker";
  /** Memory of the container, in bytes; what PostgreSQL is sized by. */
  readonly memoryBytes: number;
}

export type AwsNodeConfig = NodeBase & AwsHost;

/** How an SSH server is reached. `privateKey` is the content of the file, and a secret. */
export interface SshLogin {
  readonly host: Given<string>;
  readonly port: Given<number>;
  readonly user: Given<string>;
  readonly privateKey: Given<string>;
  /** The server's public key as in known_hosts: type and base64, no comment. Undefined: not checked. */
  readonly hostKey: Given<string> | undefined;
}

export interface SshNodeConfig extends NodeBase, SshLogin {
  readonly target: "ssh";
  /** What the other nodes reach this host by. */
  readonly address: Given<string>;
  /** A bastion to go through. */
  readonly proxy: SshLogin | undefined;
  /** How it is proven that the host is off; always there while `state` is `fenced`. */
  readonly fence: FenceWord | undefined;
}

export type ArchiveConfig = OwnArchiveConfig | GivenArchiveConfig;

interface ArchiveBase {
  readonly region: Given<string>;
  /** Folder within the bucket, without slashes at its ends; "" is the bucket itself. */
  readonly prefix: string;
  /** Undefined: as it was; of a new stack, encrypted. */
  readonly encrypted: boolean | undefined;
  readonly retention: ArchiveRetention;
  readonly schedule: ArchiveSchedule;
  /** Which node a backup's data are read from, where there is a choice. */
  readonly backupFrom: "standby" | "primary";
  /** Where config says that the ledger of agents lies; undefined: there are none, or the target makes a place for it. */
  readonly ledger: LedgerConfig | undefined;
}

/** The stack has one of its own (no `endpoint`): an S3 server with the target docker, a bucket with the target aws. */
export interface OwnArchiveConfig extends ArchiveBase {
  readonly server: "own";
  readonly bucket: string;
}

export interface S3ServerConfig {
  readonly endpoint: Given<{ readonly host: string; readonly port: number }>;
  readonly region: Given<string>;
  readonly uriStyle: Given<"path" | "host">;
  /** PEM of the CA that signed the endpoint's certificate; undefined: the system's trust store. */
  readonly caCertificate: Given<string> | undefined;
  readonly verifyTls: boolean;
}

interface S3Account {
  /** A secret. */
  readonly accessKey: Given<string>;
  /** A secret. */
  readonly secretKey: Given<string>;
}

/** Any S3 endpoint of the user's. */
export interface GivenArchiveConfig extends ArchiveBase, S3ServerConfig, S3Account {
  readonly server: "given";
  readonly bucket: Given<string>;
}

/** Where the ledger of agents lies. */
export interface LedgerConfig extends S3ServerConfig, S3Account {
  readonly bucket: Given<string>;
  /** Folder within the bucket, without slashes at its ends. */
  readonly prefix: string;
}

export interface ArchiveRetention {
  /** How many full backups are kept, with the WAL to recover from the oldest one on. */
  readonly full: number;
  /** How many differential backups are kept; undefined: all that belong to a kept full one. */
  readonly differential: number | undefined;
}

/** systemd `OnCalendar` expressions; undefined: never. */
export interface ArchiveSchedule {
  readonly full: string | undefined;
  readonly differential: string | undefined;
  readonly incremental: string | undefined;
}

/** Drills: whether the archive can be restored is tried, and what comes of it is thrown away. */
export interface DrillConfig {
  /** systemd's `OnCalendar` expression; undefined: only when somebody asks for one. */
  readonly schedule: string | undefined;
  /** How old the last proven restore may be; undefined: as old as it is. */
  readonly maxAgeSeconds: number | undefined;
  /** Queries that have to answer `true`, by database. */
  readonly query: Readonly<Record<string, string>>;
}

export interface DatabaseConfig {
  readonly name: string;
  /** A user: always among `users`. */
  readonly owner: string;
}

export interface UserConfig {
  readonly name: string;
  /** A secret; undefined: generated. */
  readonly password: Given<string> | undefined;
  readonly memberOf: readonly string[];
  /** Undefined: no limit. */
  readonly connectionLimit: number | undefined;
}

/** Nodes that take part, in the order of their names. */
export function activeNodes(config: ClusterConfig): readonly NodeConfig[] {
  return nodesOf(config).filter((node) => node.state === "active");
}

/** Whether a node is to be fenced: what is asked then is a failover, or the end of one. */
export function fencesAny({ nodes }: Pick<ClusterConfig, "nodes">): boolean {
  return Object.values(nodes).some(({ state }) => state === "fenced");
}

/** All declared nodes, in the order of their names, whatever their state. */
export function nodesOf(config: ClusterConfig): readonly NodeConfig[] {
  return Object.keys(config.nodes)
    .sort()
    .map((name) => config.nodes[name] as NodeConfig);
}
