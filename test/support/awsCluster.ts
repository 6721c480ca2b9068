import { execFileSync } from "node:child_process";
import { randomInt } from "node:crypto";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { serveApi } from "../standins/aws/api/server.js";
import { objects } from "../standins/aws/cloud/buckets.js";
import type { Cloud, Thing } from "../standins/aws/cloud/cloud.js";
import { createCloud, removeCloud } from "../standins/aws/cloud/create.js";
import { type Fault, order } from "../standins/aws/cloud/faults.js";
import type { Stubbornness } from "../standins/aws/cloud/instances.js";
import { snapshotOf } from "../standins/aws/cloud/volumes.js";
import { account } from "./awsConfigs.ts";
import { declare } from "./configFile.ts";
import { byAgents, type Outputs } from "./dockerCluster.ts";
import { leftovers } from "./hosts.ts";
import { type ConfigValue, PulumiStack, REPOSITORY, type RunResult } from "./pulumiStack.ts";

const INSTANCE = "aws:ec2/instance:Instance";

/** Takes all of a host's network interfaces down, or up. */
const links = (state: "up" | "down") => `for link in /sys/class/net/eth*; do ip link set "\${link##*/}" ${state}; done`;

/** Something that happened in the cloud. */
export interface CloudEvent {
  readonly time: string;
  readonly event: string;
  /** `Instance`, `Volume`. */
  readonly type: string;
  /** Of the resource in the program. */
  readonly name: string;
  readonly id: string;
  readonly [more: string]: unknown;
}

/** What the output `aws` says. */
export interface Made {
  readonly nodes: Readonly<
    Record<string, { readonly instance: string; readonly volume: string; readonly pending: readonly string[] }>
  >;
}

/** A network for a VPC: another one each time, because VPCs of runs at the same time are networks of one machine. */
export const someNetwork = () => `10.${64 + randomInt(64)}.${16 * randomInt(16)}.0/20`;

/** A stack of the target aws in a cloud of its own, which a stand-in for AWS's plugin makes of containers. */
export class AwsCluster {
  readonly stack: PulumiStack;
  readonly cloud: Cloud;
  /** Known when the cloud is gone, too. */
  readonly #prefix: string;

  readonly #api: { close(): Promise<void> };

  private constructor(stack: PulumiStack, cloud: Cloud, api: { close(): Promise<void> }) {
    this.stack = stack;
    this.cloud = cloud;
    this.#api = api;
    this.#prefix = cloud.state.name;
  }

  static async start(region: string): Promise<AwsCluster> {
    const folder = mkdtempSync(join(tmpdir(), "understudy-cloud-"));
    return AwsCluster.in(await createCloud(folder, { account, region }));
  }

  /** A stack of its own in a cloud that is there. */
  static async in(cloud: Cloud): Promise<AwsCluster> {
    const plugin = join(REPOSITORY, "test/standins/aws");
    const api = await serveApi(cloud);
    const env = {
      UNDERSTUDY_AWS_STANDIN: cloud.folder,
      PATH: `${plugin}${delimiter}${process.env.PATH}`,
      // For the SDK of the steps.
      AWS_ENDPOINT_URL: api.url,
      AWS_ACCESS_KEY_ID: "AKIATEST",
      AWS_SECRET_ACCESS_KEY: "test",
      AWS_EC2_METADATA_DISABLED: "true",
    };
    return new AwsCluster(await PulumiStack.create({ env }), cloud, api);
  }

  declare(config: Readonly<Record<string, ConfigValue>>): Promise<void> {
    return declare(this.stack, { ...(byAgents ? { agent: true } : {}), ...config });
  }

  /** `pulumi up`, which has to succeed. */
  async up(args: readonly string[] = []): Promise<RunResult> {
    const result = await this.stack.up({ args });
    if (result.exitCode !== 0) throw new Error(`pulumi up failed with ${result.exitCode}:\n${result.output}`);
    return result;
  }

  async outputs(): Promise<Outputs> {
    return (await this.stack.outputs({ secrets: true })) as unknown as Outputs;
  }

  /** What happened in the cloud since the event with number `from`. */
  events(from = 0): CloudEvent[] {
    const text = readFileSync(join(this.cloud.folder, "events.jsonl"), "utf8");
    return text
      .split("\n")
      .filter(Boolean)
      .slice(from)
      .map((line) => JSON.parse(line) as CloudEvent);
  }

  /** What was done to hosts and disks since the event with number `from`, in order: `stop host-node-a`. */
  done(from: number): string[] {
    const physical = ["launch", "terminate", "stop", "start", "modify", "attach", "detach", "grow"];
    return this.events(from)
      .filter(({ event }) => physical.includes(event))
      .map(({ event, name }) => `${event} ${name}`);
  }

  /** What goes wrong from now on, and nothing else. */
  order(...faults: readonly Fault[]): void {
    order(this.cloud, faults);
  }

  /** The nodes' instances and the bastions that are in a zone. */
  hostsIn(zone: string): readonly Thing[] {
    return this.cloud.all(INSTANCE).filter(({ properties }) => properties.availabilityZone === zone);
  }

  /** A host hangs, and stops when EC2 has done this to it. */
  hang(node: string, stubborn: Stubbornness): void {
    const [host] = this.cloud.all(INSTANCE).filter(({ name }) => name === `host-${node}`);
    this.cloud.note(INSTANCE, host?.id ?? "", { stubborn });
    this.docker("pause", node);
  }

  /** A zone is gone: nothing in it answers, nothing in it stops. */
  loseZone(zone: string): void {
    for (const { id } of this.hostsIn(zone)) {
      const container = `${this.cloud.state.name}-${id}`;
      this.cloud.note(INSTANCE, id, { stubborn: "never" });
      // One that is only paused still takes connections: its kernel does.
      execFileSync("docker", ["exec", container, "sh", "-c", links("down")]);
      execFileSync("docker", ["pause", container], { stdio: "ignore" });
    }
  }

  /** The zone is back: what was to stop has stopped, the rest goes on. */
  zoneIsBack(zone: string): void {
    for (const { id, hidden } of this.hostsIn(zone)) {
      const container = `${this.cloud.state.name}-${id}`;
      const stops = hidden?.state === "stopping";
      execFileSync("docker", [stops ? "kill" : "unpause", container], { stdio: "ignore" });
      if (!stops) execFileSync("docker", ["exec", container, "sh", "-c", links("up")]);
      this.cloud.note(INSTANCE, id, { stubborn: undefined, state: undefined });
    }
  }

  /** A newer image of the distribution, for both kinds of processors, as its publisher brings out every few weeks. */
  publishImages(): void {
    const newer = this.cloud.state.images
      .filter(({ name }) => name.startsWith("debian-13"))
      .map((image) => ({ ...image, id: `${image.id.slice(0, -1)}f`, published: image.published + 1 }));
    this.cloud.change((state) => ({ ...state, images: [...state.images, ...newer] }));
  }

  /** The container that a host is now. */
  container(resource: string): string {
    const [instance] = this.cloud.all("aws:ec2/instance:Instance").filter(({ name }) => name === resource);
    if (!instance) throw new Error(`no instance ${resource}`);
    return `${this.cloud.state.name}-${instance.id}`;
  }

  /** What a host does by itself, or somebody to it in AWS's console: `pause` is a host that hangs. */
  docker(verb: "start" | "pause", node: string): void {
    execFileSync("docker", [verb, this.container(`host-${node}`)], { stdio: "ignore" });
  }

  /** Runs a command on a node's host, as root, behind the program's back. */
  exec(node: string, ...command: string[]): string {
    return execFileSync("docker", ["exec", this.container(`host-${node}`), ...command], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });
  }

  /** One query on one node as the superuser, by its local socket. */
  sql(node: string, query: string, database = "postgres"): string {
    const psql = ["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-h", "/run/postgresql", "-d", database, "-c", query];
    return this.exec(node, "setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", ...psql).trim();
  }

  /** What an operator does where the kernel does not let a mounted file system grow. */
  growUnmounted(node: string): void {
    const steps = [
      "systemctl stop understudy-postgresql",
      "umount /var/lib/understudy",
      "e2fsck -fp /dev/disk/nvme1n1",
      "resize2fs /dev/disk/nvme1n1",
      "systemctl start var-lib-understudy.mount understudy-postgresql",
    ];
    this.exec(node, "sh", "-exc", steps.join("\n"));
  }

  /** A snapshot of a node's volume, as AWS takes one of a volume that is used; gives its id. */
  async snapshot(node: string): Promise<string> {
    this.exec(node, "sync");
    return snapshotOf(this.cloud, (await this.made()).nodes[node]?.volume as string);
  }

  /** What stacks of earlier versions have for a node besides: the provider's resource that switched its instance. */
  async addFormerPower(node: string): Promise<void> {
    const state = await this.stack.exportState();
    const resources = state.deployment.resources ?? [];
    const host = resources.find(({ urn }) => String(urn).endsWith(`::host-${node}`)) as Record<string, unknown>;
    const type = "aws:ec2transitgateway/instanceState:InstanceState";
    const inputs = { instanceId: host.id, state: "running" };
    const former = {
      ...{ urn: String(host.urn).replace("aws:ec2/instance:Instance::host-", `${type}::power-`), type, custom: true },
      ...{ id: host.id, inputs, outputs: inputs, parent: host.parent, provider: host.provider },
    };
    const file = join(this.stack.directory, "with-former-power.json");
    writeFileSync(
      file,
      JSON.stringify({ ...state, deployment: { ...state.deployment, resources: [...resources, former] } }),
    );
    const { exitCode, output } = await this.stack.command("stack", "import", "--file", file);
    if (exitCode !== 0) throw new Error(output);
  }

  /** Names of the objects in a bucket. */
  objects(bucket: string): string[] {
    return objects(this.cloud, bucket);
  }

  /** How many logins the SSH server of a host has seen. */
  logins(node: string): number {
    return Number(this.exec(node, "sh", "-c", "journalctl -q --no-pager | grep -c 'Accepted publickey' || true"));
  }

  /** The stack's output `aws`. */
  async made(): Promise<Made> {
    return (await this.stack.outputs()).aws as Made;
  }

  /** What of each host is not as declared. */
  pending({ nodes }: Made): Record<string, readonly string[]> {
    return Object.fromEntries(Object.entries(nodes).map(([node, { pending }]) => [node, pending]));
  }

  /** What is left on this machine of the cloud. */
  leftovers(): string[] {
    return [
      ...leftovers(this.#prefix),
      ...execFileSync("losetup", ["--list", "--noheadings", "--output", "BACK-FILE"], { encoding: "utf8" })
        .split("\n")
        .filter((file) => file.startsWith(this.cloud.folder)),
    ];
  }

  /** Forgets the stack, and leaves the cloud. */
  async leave(): Promise<void> {
    await this.stack.dispose();
    await this.#api.close();
  }

  /** Forgets the stack and removes the cloud with all that is in it. */
  async dispose(): Promise<void> {
    await this.leave();
    await removeCloud(this.cloud);
  }
}
