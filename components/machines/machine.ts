import type { types } from "@pulumi/command";
import type { Output, Resource } from "@pulumi/pulumi";

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

  /** Port PostgreSQL listens on at `address`. */
  readonly postgresPort: number;

  /** Where clients (and `status`, on the operator's machine) reach PostgreSQL. Differs from `address` where ports are published. */
  readonly endpoint: Output<Endpoint>;

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

  /** Resources that must exist before the first step may run on the host (its power step last). */
  readonly ready: readonly Resource[];
}

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}
