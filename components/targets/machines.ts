import type { CustomResourceOptions } from "@pulumi/pulumi";
import type { ClusterConfig } from "../../model/config/config.ts";
import type { ClusterSecrets } from "../clusterSecrets.ts";
import type { Update } from "../update.ts";
import { AwsTarget } from "./aws/target.ts";
import { dockerFences, dockerMachines, dockerStack, sourceNetwork } from "./docker.ts";
import { DockerS3 } from "./dockerS3.ts";
import type { Hosts, Machine, Machines } from "./machine.ts";
import { sshFences, sshMachines } from "./ssh.ts";

/** Makes the hosts, or finds those that exist: the one place that tells targets apart. */
export function hostsFor(
  config: ClusterConfig,
  secrets: ClusterSecrets,
  update: Update,
  opts: CustomResourceOptions,
): Hosts {
  switch (config.target) {
    case "docker": {
      const stack = dockerStack(config, update, opts);
      const { archive } = config;
      return {
        ...dockerMachines(config, stack, secrets, opts),
        archiveServer:
          archive.server === "own"
            ? new DockerS3("archive", { stack, bucket: archive.bucket, secrets, hasLedger: config.agent }, opts)
            : undefined,
        reachSource: (source) => [sourceNetwork(stack, source, opts)],
        fences: (change) => dockerFences(config, stack, secrets, change, opts),
      };
    }
    case "ssh":
      return {
        machines: sshMachines(config, "active", opts),
        absent: Object.values(sshMachines(config, "absent", opts)),
        archiveServer: undefined,
        fences: (change) => sshFences(config, change, opts),
      };
    case "aws":
      return new AwsTarget("aws", { config, secrets, update }, opts);
    default:
      return config satisfies never;
  }
}

export function machineOf(machines: Machines, node: string): Machine {
  const machine = machines[node];
  if (!machine) throw new Error(`no machine for node ${node}`);
  return machine;
}
