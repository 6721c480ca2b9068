import type { CustomResourceOptions, Output } from "@pulumi/pulumi";
import type { ClusterConfig } from "../../model/config/config.ts";
import type { ClusterKeys } from "../keys.ts";
import { AwsTarget } from "./aws/target.ts";
import { dockerFences, dockerMachines, dockerStack } from "./docker.ts";
import { DockerS3 } from "./dockerS3.ts";
import type { ArchiveServer, Fence, FenceChange, Machine } from "./machine.ts";
import { sshFences, sshMachines } from "./ssh.ts";

/** The machines of all nodes that take part, by node name. */
export type Machines = Readonly<Record<string, Machine>>;

/** What a target provides. */
export interface Hosts {
  readonly machines: Machines;
  /** The archive's server, where the stack makes one of its own. */
  readonly archiveServer: ArchiveServer | undefined;
  /** Stops what is to be fenced, and proves it. */
  fences(change: FenceChange): readonly Fence[];
  /** Lets what the target has beside the hosts, such as a DNS name, lead to the primary, as soon as that is known to lead. */
  followPrimary?(primary: Output<string>): void;
  /** In what the host that others are reached through is behind what is declared, where there is one. */
  readonly bastionBehind?: Output<readonly string[]> | undefined;
  /** What was made, for the stack output that has the target's name. */
  readonly made?: Output<object>;
}

/** Makes the hosts, or finds those that exist: the one place that tells targets apart. */
export function hostsFor(config: ClusterConfig, keys: ClusterKeys, opts: CustomResourceOptions): Hosts {
  switch (config.target) {
    case "docker": {
      const stack = dockerStack(config, opts);
      const { archive } = config;
      return {
        machines: dockerMachines(config, stack, keys, opts),
        archiveServer:
          archive.server === "own" ? new DockerS3("archive", { stack, bucket: archive.bucket, keys }, opts) : undefined,
        fences: (change) => dockerFences(config, stack, keys, change, opts),
      };
    }
    case "ssh":
      return {
        machines: sshMachines(config, opts),
        archiveServer: undefined,
        fences: (change) => sshFences(config, change, opts),
      };
    case "aws":
      return new AwsTarget("aws", { config, keys }, opts);
    default:
      return config satisfies never;
  }
}

export function machineOf(machines: Machines, node: string): Machine {
  const machine = machines[node];
  if (!machine) throw new Error(`no machine for node ${node}`);
  return machine;
}
