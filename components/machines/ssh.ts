import type { types } from "@pulumi/command";
import {
  ComponentResource,
  type ComponentResourceOptions,
  type Output,
  output,
  type Resource,
  secret,
} from "@pulumi/pulumi";
import { mistake } from "../mistake.ts";
import type { SshClusterConfig, SshLogin, SshNodeConfig } from "../model/config.ts";
import { formatProblems, keyPath } from "../model/problems.ts";
import { sshConnection } from "./connection.ts";
import type { Endpoint, Machine } from "./machine.ts";

export interface SshMachineArgs {
  /** The node as declared; a change of how it is reached runs its steps again. */
  readonly config: SshNodeConfig;
}

/** A host that the user already has. Nothing is made for it, and nothing of it goes when it is removed from config. */
export class SshMachine extends ComponentResource implements Machine {
  readonly node: string;
  readonly connection: Output<types.input.remote.ConnectionArgs>;
  readonly address: Output<string>;
  readonly postgresPort: number;
  readonly endpoint: Output<Endpoint>;
  readonly dataDirectory: string;
  /** What the host itself says. */
  readonly memoryBytes = undefined;
  /** The host is the user's: one that was set up anew is told to the program by `reconcile`. */
  readonly instance: Output<string>;
  readonly ready: readonly Resource[] = [];

  constructor(name: string, { config }: SshMachineArgs, opts?: ComponentResourceOptions) {
    super("understudy:index:SshMachine", name, {}, opts);
    this.node = config.name;
    this.connection = sshConnection({ ...login(config), proxy: config.proxy && login(config.proxy) });
    this.address = output(config.address);
    this.postgresPort = config.postgresPort;
    this.endpoint = output({ host: config.address, port: config.postgresPort });
    this.dataDirectory = config.dataDirectory;
    this.instance = output("ssh");
    this.registerOutputs({ address: this.address, endpoint: this.endpoint });
  }
}

/**
 * The machines of all nodes that take part.
 *
 * @throws a mistake where a node is fenced: who runs the machine has to be asked for that, and it can't be yet
 */
export function sshMachines(config: SshClusterConfig, opts: ComponentResourceOptions): Record<string, SshMachine> {
  const nodes = Object.values(config.nodes);
  const fenced = nodes.filter(({ state }) => state === "fenced");
  if (fenced.length > 0) {
    throw mistake(
      formatProblems(
        fenced.map(({ name }) => ({
          key: `${keyPath("nodes", name)}.state`,
          rule: "a host of the target ssh can't be fenced yet: that comes with the change of primary",
          hint: "switch the machine off yourself and set the state to absent",
        })),
      ),
    );
  }
  const active = nodes.filter(({ state }) => state === "active");
  return Object.fromEntries(active.map((node) => [node.name, new SshMachine(node.name, { config: node }, opts)]));
}

function login({ host, port, user, privateKey, hostKey }: SshLogin) {
  return { host, port, user, privateKey: secret(privateKey), hostKey };
}
