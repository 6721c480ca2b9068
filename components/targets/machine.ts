import type { types } from "@pulumi/command";
import type { Input, Output, Resource } from "@pulumi/pulumi";
import type { ArchiveSource } from "../../model/archive/source.ts";
import type { Endpoint } from "../../model/host.ts";
import type { ArchiveAccess } from "../../model/render/pgbackrest.ts";

/**
 * What every target hands over for one node: a host that can be reached by SSH, and a place for its data.
 * From here on there is one path for all targets.
 */
export interface Machine {
  /** Node name: the key under `nodes` in config. */
  readonly node: string;

  /** How this program and its scripts reach the host. Built by `sshConnection` only, so that equal hosts have equal inputs. */
  readonly connection: Output<types.input.remote.ConnectionArgs>;

  /** Address by which the other nodes reach this host (IP address, or a name that resolves on every node). */
  readonly address: Output<string>;

  /** Port sshd listens on at `address`: the way for nodes to ask one another. */
  readonly sshPort: Input<number>;

  /** Port PostgreSQL listens on at `address`. */
  readonly postgresPort: number;

  /** Where clients (and `status`, on the operator's machine) reach PostgreSQL. Differs from `address` where ports are published. */
  readonly endpoint: Output<Endpoint>;

  /** Further names by which clients reach it or its poolers, for its certificate. */
  readonly names: readonly string[];

  /** Where clients reach the node's poolers; undefined where there are none. */
  readonly poolerEndpoints: PoolerEndpoints | undefined;

  /** Directory on the data volume; survives a replacement of the host. It holds the cluster, the spool and the node's journal. */
  readonly dataDirectory: string;

  /**
   * Memory that PostgreSQL may plan with, in bytes, where the host's own total would mislead (a container sees its whole
   * machine's). Undefined: what the host reports.
   */
  readonly memoryBytes: number | undefined;

  /**
   * Identity of the host's root file system (container id, instance id). A new value means a fresh host on the old data:
   * it is an input of `install` and `configure`, which then run again.
   */
  readonly instance: Output<string>;

  /**
   * What the host still lacks of what is declared, in words, where a target changes a host only when it is told to. Undefined: hosts are
   * always what is declared.
   */
  readonly pending?: Output<readonly string[]>;

  /** The file by which the node sends figures for the target's alarms; undefined: it sends none. */
  readonly metricsConf?: string | undefined;

  /** Resources that must exist before the first step may run on the host (its power step last). */
  readonly ready: readonly Resource[];
}

export interface PoolerEndpoints {
  /** Of the pooler that leads to the primary. */
  readonly primary: Output<Endpoint>;
  /** Of the pooler that leads to the standbys. */
  readonly standbys: Output<Endpoint>;
}

/** The archive's server, where a target makes one. */
export interface ArchiveServer {
  /** Where the nodes reach it. */
  readonly endpoint: Endpoint;
  /** How they do: a secret. */
  readonly access: Output<ArchiveAccess>;
  /** Whose certificate it has. */
  readonly signedBy: "stack" | "public";
  /** How other stacks of this machine read it: by an account that may do nothing else; undefined: they need credentials of the user's. */
  readonly reader?: ArchiveReader;
  /** Where the ledger of agents lies; undefined: the target has made no place for it. */
  readonly ledger?: LedgerPlace | undefined;
  /** What has to be there before a node may ask for either. */
  readonly ready: readonly Resource[];
}

/** A bucket of its own on the archive's server, and an account that may read and make objects there, and nothing else. */
export interface LedgerPlace {
  readonly bucket: string;
  readonly uriStyle: "path" | "host";
  readonly accessKey: Output<string>;
  readonly secretKey: Output<string>;
}

export interface ArchiveReader {
  /** A name that is not the same in every stack. */
  readonly host: string;
  /** Name of its container. */
  readonly container: string;
  readonly accessKey: Output<string>;
  readonly secretKey: Output<string>;
}

/** What a fence is made for. */
export interface FenceChange {
  /** Intent and number of the change: a proof made for another one proves nothing, since the host may have been powered on in between. */
  readonly proof: Output<string>;
  /** The step that has written down who is going to take over: no fence before it. */
  readonly after: readonly Resource[];
}

/** A host that is kept out, and proven to be off. */
export interface Fence {
  readonly node: string;
  readonly machine: Machine;
  /** How it is proven, for the receipt. */
  readonly how: string;
  /** Done when it is proven. */
  readonly step: Resource;
  /** `FenceChange.proof`, given back by what proved it. */
  readonly proof: Output<string>;
  /** Where it would answer if it were not off. */
  readonly address: Output<string>;
  readonly sshPort: Input<number>;
  readonly postgresPort: number;
}

/** The machines of all nodes that take part, by node name. */
export type Machines = Readonly<Record<string, Machine>>;

/** What a target provides. */
export interface Hosts {
  readonly machines: Machines;
  /** Those of absent nodes: they are asked, and otherwise left alone. */
  readonly absent: readonly Machine[];
  /** The archive's server, where the stack makes one of its own. */
  readonly archiveServer: ArchiveServer | undefined;
  /** Lets the hosts reach the archive that the cluster is made from, where that is a container on this machine. */
  reachSource?(source: Output<ArchiveSource>): readonly Resource[];
  /** Stops what is to be fenced, and proves it. */
  fences(change: FenceChange): readonly Fence[];
  /** Lets what the target has beside the hosts, such as a DNS name, lead to the primary, as soon as that is known to lead. */
  followPrimary?(primary: Output<string>): void;
  /** What the host that others are reached through still lacks of what is declared, where there is one. */
  readonly bastionPending?: Output<readonly string[]> | undefined;
  /** What was made, for the stack output that has the target's name. */
  readonly made?: Output<object>;
}
