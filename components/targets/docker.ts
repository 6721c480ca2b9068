import { local, type types } from "@pulumi/command";
import {
  all,
  type ComponentResourceOptions,
  type CustomResourceOptions,
  getProject,
  getStack,
  type Input,
  type Output,
  output,
  type Resource,
  runtime,
  secret,
  unsecret,
} from "@pulumi/pulumi";
import * as z from "zod";
import type { ArchiveSource } from "../../model/archive/source.ts";
import {
  type DockerClusterConfig,
  type DockerNodeConfig,
  type NodeState,
  nodesOf,
  type PoolerConfig,
} from "../../model/config/config.ts";
import type { Endpoint } from "../../model/host.ts";
import type { ClusterSecrets, SshKeyPair } from "../clusterSecrets.ts";
import { reported } from "../outcome.ts";
import { ClusterPart, clusterScope, named } from "../part.ts";
import { command } from "../programs.ts";
import type { Update } from "../update.ts";
import { sshConnection } from "./connection.ts";
import type { Fence, FenceChange, Machine, PoolerEndpoints } from "./machine.ts";

const script = (name: string, ...words: readonly (string | number)[]) => command(`docker/${name}`, ...words);

/** What all hosts of a stack share: the name that goes before all names, their network, and whether data is protected. */
export interface DockerStack {
  readonly update: Update;
  /** Containers, volumes and the network of the stack have names that start with it, and it as their label. */
  readonly prefix: string;
  readonly network: Resource;
  /** Whether volumes outlive what they were made for. */
  readonly deletionProtection: boolean;
}

/** Other programs on this machine have stacks of the same name: where names are not plain, the project's is among them. */
export function dockerPrefix(opts: CustomResourceOptions): string {
  const cluster = clusterScope(opts);
  return cluster === "" ? `understudy-${getStack()}` : `understudy-${getProject()}-${getStack()}-${cluster}`;
}

interface DockerStepArgs {
  readonly create: Input<string>;
  readonly delete?: Input<string>;
  readonly stdin?: Output<string>;
  readonly environment?: Readonly<Record<string, Output<string>>>;
  /** @default true, as the plugin has it */
  readonly addPreviousOutputInEnv?: boolean;
}

/** A script of `scripts/docker/`: each looks first and does what is missing, so that it can run again like any other step. */
class DockerStep extends local.Command {
  constructor(name: string, update: Update, args: DockerStepArgs, opts: CustomResourceOptions) {
    const environment = update.environment(args.environment);
    super(named(name, opts), { ...args, environment, logging: local.Logging.Stderr }, opts);
    update.add(this);
  }
}

/** The network of the stack: a bridge of Docker's with a subnet that stays. */
export function dockerStack(config: DockerClusterConfig, update: Update, opts: CustomResourceOptions): DockerStack {
  const prefix = dockerPrefix(opts);
  const network = new DockerStep(
    "network",
    update,
    {
      create: script("network", "create", prefix),
      delete: script("network", "delete", prefix),
    },
    { ...opts, deleteBeforeReplace: true },
  );
  return { update, prefix, network, deletionProtection: config.deletionProtection };
}

/** The archive server of another stack, which a new cluster is made from, on the network of this one. */
export function sourceNetwork(
  stack: DockerStack,
  source: Output<Pick<ArchiveSource, "container" | "endpoint">>,
  opts: CustomResourceOptions,
): Resource {
  const container = unsecret(source.apply((known) => known.container));
  const alias = unsecret(source.apply(({ endpoint }) => endpoint.host));
  const where = all([container, alias]);
  return new DockerStep(
    "source-network",
    stack.update,
    {
      create: where.apply(([name, host]) =>
        name === "" ? "true" : script("network", "join", stack.prefix, name, host),
      ),
      delete: container.apply((name) => (name === "" ? "true" : script("network", "leave", stack.prefix, name))),
    },
    { ...opts, dependsOn: [stack.network], deleteBeforeReplace: true },
  );
}

/** A file that a host has from before its first boot on. */
export interface HostFile {
  readonly path: string;
  /** Octal. */
  readonly mode: string;
  /** A secret, as far as the host's resource goes. */
  readonly content: Input<string>;
}

export interface DockerHostArgs {
  readonly stack: DockerStack;
  /** Name of the container after the prefix; with `_` as `-`, its host name. */
  readonly host: string;
  /** A PostgreSQL major, `bare-<suite>` or `s3`. Another one replaces the container; its data stays. */
  readonly image: string;
  /** Bytes. A change replaces the container; its data stays. */
  readonly memoryBytes: number;
  /** Ports that are published on loopback. A change replaces the container; its data stays. */
  readonly ports: readonly number[];
  /** Further names by which the other hosts reach it. A change replaces the container; its data stays. */
  readonly aliases?: readonly string[];
  /** Kept as they are here: a change puts the file on the host and restarts what reads it. */
  readonly files: readonly HostFile[];
  /** What the host is for, where that is more than to log in to it: waited for at the start, restarted when a file changed. */
  readonly unit?: string;
  /** Whether it runs, is stopped and proven to be off, or is left as it is once it was made. */
  readonly power: "on" | "off" | "as-is";
  /** Where it is off: what for. Proven anew for each change. */
  readonly fence?: FenceChange;
  /** Whether its volume may not be removed by an update at all (removing it from config fails then). */
  readonly protectVolume?: boolean;
  /** Names of the three resources: volume, host, power. They never change. */
  readonly names: { readonly volume: string; readonly host: string; readonly power: string };
}

/** What `scripts/docker/host create` prints. */
export interface HostReport {
  readonly instance: string;
  readonly address: string;
  readonly sshPort: number;
  readonly postgresPort?: number;
  readonly poolerPort?: number;
  /** `port<n>`: where any other port is published. */
  readonly [other: `port${number}`]: number;
}

const identity = z.object({ instance: z.string(), address: z.string(), sshPort: z.int() });
const hostReport = identity.catchall(z.int()) as z.ZodType<unknown> as z.ZodType<HostReport>;

/** A container that boots like a machine, on a volume of its own, as a volume, a host and its power. */
export class DockerHost extends ClusterPart {
  /** What it looks like from outside. Address and ports stay for as long as the host has its name. */
  readonly report: Output<HostReport>;
  readonly address: Output<string>;
  readonly instance: Output<string>;
  /** Done when the host answers. */
  readonly power: local.Command;

  constructor(name: string, args: DockerHostArgs, opts?: ComponentResourceOptions) {
    super("understudy:index:DockerHost", name, opts);
    const { stack, host, names } = args;
    const { update, prefix } = stack;

    // Retained, an unneeded volume stays with its data; protected, it can't even become unneeded. Never both.
    const protection =
      args.protectVolume === true
        ? { protect: stack.deletionProtection }
        : { retainOnDelete: stack.deletionProtection };
    const volume = new DockerStep(
      names.volume,
      update,
      {
        create: script("volume", "create", prefix, `${host}-data`),
        delete: script("volume", "delete", prefix, `${host}-data`),
      },
      { parent: this, deleteBeforeReplace: true, ...protection },
    );

    const create = script(
      ...(["host", "create", prefix, host, "--image", args.image, "--volume", `${host}-data`] as const),
      ...["--memory", args.memoryBytes, "--ports", args.ports.join(",")],
      ...(args.aliases ?? []).flatMap((alias) => ["--alias", alias]),
      ...(args.unit === undefined ? [] : ["--restart-unit", args.unit]),
    );
    const container = new DockerStep(
      names.host,
      update,
      {
        create,
        // Without data to keep nobody has to wait for a clean shutdown.
        delete: script("host", "delete", prefix, host, ...(stack.deletionProtection ? [] : ["--kill"])),
        stdin: secret(hostFiles(args.files)),
      },
      { parent: this, dependsOn: [stack.network, volume], deleteBeforeReplace: true },
    );
    // In a preview, a host whose script is to run again is still where it was: address and ports stay.
    const printed = runtime.isDryRun()
      ? output(update.stored).apply((step) => output(step(names.host)?.stdout ?? container.stdout))
      : container.stdout;
    this.report = reported(names.host, printed, hostReport);
    this.address = this.report.apply(({ address }) => address);
    this.instance = this.report.apply(({ instance }) => instance);

    this.power = new DockerStep(
      names.power,
      update,
      {
        create:
          args.power === "off"
            ? script("host", "stop", prefix, host)
            : script("host", "start", prefix, host, ...(args.unit === undefined ? [] : ["--unit", args.unit])),
        // A container that was made anew is another one to start, or to prove to be off.
        environment: { INSTANCE: this.instance, ...(args.fence ? { CHANGE: args.fence.proof } : {}) },
        addPreviousOutputInEnv: false,
      },
      {
        parent: this,
        dependsOn: [container, ...(args.fence?.after ?? [])],
        ...(args.power === "as-is" ? { ignoreChanges: ["create", "environment"] } : {}),
      },
    );
    this.registerOutputs({ address: this.address, instance: this.instance });
  }
}

function hostFiles(files: readonly HostFile[]): Output<string> {
  return all(files.map(({ content }) => content)).apply((contents) =>
    files
      .map(({ path, mode }, i) => `${path} ${mode} ${Buffer.from(contents[i] as string).toString("base64")}\n`)
      .join(""),
  );
}

/** The files that let the operator log in, and know whom to. */
export function loginFiles(operator: SshKeyPair, hostKey: SshKeyPair): HostFile[] {
  return [
    {
      path: "/root/.ssh/authorized_keys",
      mode: "600",
      content: operator.publicKey.apply((line) => `${line} understudy\n`),
    },
    { path: "/etc/ssh/ssh_host_ed25519_key", mode: "600", content: hostKey.privateKey },
  ];
}

export interface DockerMachineArgs {
  readonly stack: DockerStack;
  /** The node as declared. */
  readonly config: DockerNodeConfig;
  /** PostgreSQL major of the host's image. Another one replaces the container; its data stays. */
  readonly major: number;
  readonly pooler: PoolerConfig | undefined;
  readonly secrets: Pick<ClusterSecrets, "operator" | "hosts">;
  /** Given where the node is fenced. */
  readonly fence?: FenceChange;
}

/** A node's host on this machine: a container. Its ports are published on loopback, so that this works where container addresses can't be reached. */
export class DockerMachine extends ClusterPart implements Machine {
  readonly node: string;
  readonly connection: Output<types.input.remote.ConnectionArgs>;
  readonly address: Output<string>;
  readonly sshPort = sshPort;
  readonly postgresPort: number;
  readonly endpoint: Output<Endpoint>;
  readonly names = [];
  readonly poolerEndpoints: PoolerEndpoints | undefined;
  readonly dataDirectory: string;
  readonly memoryBytes: number;
  readonly instance: Output<string>;
  readonly ready: readonly Resource[];
  readonly power: local.Command;

  constructor(
    name: string,
    { stack, config, major, pooler, secrets, fence }: DockerMachineArgs,
    opts?: ComponentResourceOptions,
  ) {
    super("understudy:index:DockerMachine", name, opts);
    const hostKey = secrets.hosts[name];
    if (!hostKey) throw new Error(`no SSH host key for node ${name}`);
    // Published from the start: with a pooler switched on later, no host has to be made anew.
    const { port, readOnlyPort } = pooler ?? { port: 6432, readOnlyPort: 6433 };
    const host = new DockerHost(
      name,
      {
        stack,
        host: name,
        image: String(major),
        memoryBytes: config.memoryBytes,
        ports: [sshPort, config.postgresPort, port, readOnlyPort],
        files: loginFiles(secrets.operator, hostKey),
        power: fence ? "off" : config.state === "absent" ? "as-is" : "on",
        ...(fence ? { fence } : {}),
        names: { volume: `data-${name}`, host: `host-${name}`, power: `power-${name}` },
      },
      { parent: this },
    );

    this.node = name;
    this.address = host.address;
    this.postgresPort = config.postgresPort;
    this.endpoint = host.report.apply(({ postgresPort }) => ({ host: "127.0.0.1", port: postgresPort as number }));
    this.connection = sshConnection({
      host: "127.0.0.1",
      port: host.report.apply(({ sshPort }) => sshPort as number),
      user: "root",
      privateKey: secrets.operator.privateKey,
      hostKey: hostKey.publicKey,
    });
    this.poolerEndpoints = pooler && {
      primary: host.report.apply((report) => published(report, port)),
      standbys: host.report.apply((report) => published(report, readOnlyPort)),
    };
    this.dataDirectory = config.dataDirectory;
    this.memoryBytes = config.memoryBytes;
    this.instance = host.instance;
    this.power = host.power;
    this.ready = [host.power];
    this.registerOutputs({ address: this.address, endpoint: this.endpoint, instance: this.instance });
  }
}

const sshPort = 22;

/** Where a port of the host's is reached on this machine. */
function published(report: HostReport, port: number): Endpoint {
  return { host: "127.0.0.1", port: (port === 6432 ? report.poolerPort : report[`port${port}`]) as number };
}

/**
 * The hosts of all nodes but fenced ones. The host of a node that is absent is left as it is: it keeps its container and its volume, which go
 * only when the node is removed from config.
 */
export function dockerMachines(
  config: DockerClusterConfig,
  stack: DockerStack,
  secrets: Pick<ClusterSecrets, "operator" | "hosts">,
  opts: ComponentResourceOptions,
): { readonly machines: Record<string, DockerMachine>; readonly absent: readonly DockerMachine[] } {
  const machines = nodesOf(config)
    .filter(({ state }) => state !== "fenced")
    .map((node) => new DockerMachine(node.name, { stack, ...dockerNode(config, node.name), secrets }, opts));
  const are = (state: NodeState) => machines.filter(({ node }) => config.nodes[node]?.state === state);
  return {
    machines: Object.fromEntries(are("active").map((machine) => [machine.node, machine])),
    absent: are("absent"),
  };
}

/** The hosts of fenced nodes: each is stopped, and proven to be off, for the change that is under way. */
export function dockerFences(
  config: DockerClusterConfig,
  stack: DockerStack,
  secrets: Pick<ClusterSecrets, "operator" | "hosts">,
  fence: FenceChange,
  opts: CustomResourceOptions,
): Fence[] {
  return nodesOf(config)
    .filter(({ state }) => state === "fenced")
    .map(({ name }) => {
      const machine = new DockerMachine(name, { stack, ...dockerNode(config, name), secrets, fence }, opts);
      return {
        node: name,
        machine,
        how: "its container is stopped, and nothing starts it again",
        step: machine.power,
        proof: machine.power.environment.apply((known) => known?.CHANGE ?? ""),
        address: machine.address,
        sshPort,
        postgresPort: machine.postgresPort,
      };
    });
}

function dockerNode(config: DockerClusterConfig, node: string): Pick<DockerMachineArgs, "config" | "major" | "pooler"> {
  return { config: config.nodes[node] as DockerNodeConfig, major: config.postgresVersion, pooler: config.pooler };
}
