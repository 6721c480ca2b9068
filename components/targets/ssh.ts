import { local, type types } from "@pulumi/command";
import {
  type ComponentResourceOptions,
  type CustomResourceOptions,
  type Output,
  output,
  type Resource,
  secret,
} from "@pulumi/pulumi";
import type { NodeState, PoolerConfig, SshClusterConfig, SshLogin, SshNodeConfig } from "../../model/config/config.ts";
import type { Endpoint } from "../../model/host.ts";
import { given } from "../given.ts";
import { ClusterPart, named } from "../part.ts";
import { type SshServer, sshConnection } from "./connection.ts";
import type { Fence, FenceChange, Machine, PoolerEndpoints } from "./machine.ts";

export interface SshMachineArgs {
  /** The node as declared; a change of how it is reached runs its steps again. */
  readonly config: SshNodeConfig;
  readonly pooler: PoolerConfig | undefined;
}

/** A host that the user already has. Nothing is made for it, and nothing of it goes when it is removed from config. */
export class SshMachine extends ClusterPart implements Machine {
  readonly node: string;
  readonly connection: Output<types.input.remote.ConnectionArgs>;
  readonly address: Output<string>;
  readonly sshPort: Output<number>;
  readonly postgresPort: number;
  readonly endpoint: Output<Endpoint>;
  readonly names = [];
  readonly poolerEndpoints: PoolerEndpoints | undefined;
  readonly dataDirectory: string;
  /** What the host itself says. */
  readonly memoryBytes = undefined;
  /** The host is the user's: one that was set up anew is told to the program by `reconcile`. */
  readonly instance: Output<string>;
  readonly ready: readonly Resource[] = [];

  constructor(name: string, { config, pooler }: SshMachineArgs, opts?: ComponentResourceOptions) {
    super("understudy:index:SshMachine", name, opts);
    this.node = config.name;
    const at = (port: number) => this.address.apply((host) => ({ host, port }));
    this.connection = sshConnection({ ...login(config), proxy: config.proxy && login(config.proxy) });
    this.address = given(config.address);
    this.sshPort = given(config.port);
    this.postgresPort = config.postgresPort;
    this.endpoint = at(config.postgresPort);
    this.poolerEndpoints = pooler && { primary: at(pooler.port), standbys: at(pooler.readOnlyPort) };
    this.dataDirectory = config.dataDirectory;
    this.instance = output("ssh");
    this.registerOutputs({ address: this.address, endpoint: this.endpoint });
  }
}

/** The machines of all nodes of that state. */
export function sshMachines(
  { nodes, pooler }: SshClusterConfig,
  state: NodeState,
  opts: ComponentResourceOptions,
): Record<string, SshMachine> {
  const wanted = Object.values(nodes).filter((node) => node.state === state);
  return Object.fromEntries(
    wanted.map((node) => [node.name, new SshMachine(node.name, { config: node, pooler }, opts)]),
  );
}

/** The fences of nodes that are to be off: each proves it for the change that `proof` names, or fails. */
export function sshFences(config: SshClusterConfig, change: FenceChange, opts: CustomResourceOptions): Fence[] {
  return Object.values(config.nodes)
    .filter(({ state }) => state === "fenced")
    .map((node) => {
      const { name, fence } = node;
      const how = fence?.command === undefined ? `stated: ${fence?.statement}` : `command: ${fence.command}`;
      const step = new local.Command(
        named(`power-${name}`, opts),
        {
          create: fence?.command === undefined ? "true" : fence.command,
          environment: { CHANGE: change.proof },
          logging: local.Logging.Stderr,
          addPreviousOutputInEnv: false,
        },
        { ...opts, dependsOn: [...change.after] },
      );
      const machine = new SshMachine(name, { config: node, pooler: config.pooler }, opts);
      return {
        node: name,
        machine,
        how,
        step,
        proof: step.environment.apply((known) => known?.CHANGE ?? ""),
        address: machine.address,
        sshPort: machine.sshPort,
        postgresPort: machine.postgresPort,
      };
    });
}

function login({ host, port, user, privateKey, hostKey }: SshLogin): SshServer {
  return {
    host: given(host),
    port: given(port),
    user: given(user),
    privateKey: secret(given(privateKey)),
    hostKey: hostKey === undefined ? undefined : given(hostKey),
  };
}
