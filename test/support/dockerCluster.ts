import { execFileSync } from "node:child_process";
import pg from "pg";
import type { RestoreFrom } from "../../model/archive/source.ts";
import type { Handover } from "../../model/receipt.ts";
import { clientConfig } from "./clientConfig.ts";
import { declare } from "./configFile.ts";
import { removeAll } from "./hosts.ts";
import { PulumiStack, type RunResult } from "./pulumiStack.ts";

export interface NodeOutput {
  readonly role: "primary" | "standby";
  readonly address: string;
  readonly port: number;
  readonly ssh: string;
}

/** The stack's outputs as tests use them, secrets in clear. */
export interface Outputs {
  readonly primary: string;
  readonly nodes: Readonly<Record<string, NodeOutput>>;
  readonly connectionUri: string;
  readonly readOnlyUri: string;
  readonly primaryUri: string;
  readonly jdbcUrl: string;
  readonly readOnlyJdbcUrl: string;
  readonly archive: { readonly bucket: string };
  readonly archiveKey: string;
  readonly restoreFrom: RestoreFrom;
  /** PEM. */
  readonly caCertificate: string;
  readonly handover: Handover;
  readonly monitoring: { readonly user: string; readonly password: string; readonly ca: string };
}

/** Whether the clusters of this run have agents that decide who leads. */
export const byAgents = process.env.UNDERSTUDY_AGENT === "1";

/** A cluster of the docker target in a stack of its own: what system tests work with. */
export class DockerCluster {
  readonly stack: PulumiStack;

  private constructor(stack: PulumiStack) {
    this.stack = stack;
  }

  static async declare(config: {
    readonly primary: string;
    readonly nodes: readonly string[];
    readonly major?: number;
    /** A cluster whose stack's outputs this one's stack may read. */
    readonly beside?: DockerCluster;
  }): Promise<DockerCluster> {
    const { beside } = config;
    const cluster = new DockerCluster(await PulumiStack.create(beside === undefined ? {} : { beside: beside.stack }));
    await declare(cluster.stack, {
      target: "docker",
      primary: config.primary,
      deletionProtection: false,
      ...(byAgents ? { agent: true } : {}),
      postgresVersion: config.major ?? 17,
      nodes: Object.fromEntries(config.nodes.map((node) => [node, { state: "active" }])),
    });
    return cluster;
  }

  /** `pulumi up`, which has to succeed. */
  async up(): Promise<RunResult> {
    const result = await this.stack.up();
    if (result.exitCode !== 0) throw new Error(`pulumi up failed with ${result.exitCode}:\n${result.output}`);
    return result;
  }

  async outputs(): Promise<Outputs> {
    return (await this.stack.outputs({ secrets: true })) as unknown as Outputs;
  }

  container(node: string): string {
    return `understudy-${this.stack.name}-${node}`;
  }

  /** Runs a command on a host, as root, behind the program's back. */
  exec(node: string, ...command: string[]): string {
    return execFileSync("docker", ["exec", this.container(node), ...command], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
      maxBuffer: 64 * 1024 * 1024,
    });
  }

  docker(verb: "restart" | "kill" | "stop" | "start", node: string): void {
    execFileSync("docker", [verb, this.container(node)], { stdio: "ignore" });
  }

  /** One query on one node as the superuser, by its local socket. */
  sql(node: string, query: string, database = "postgres"): string {
    return this.execAsPostgres(
      node,
      "psql",
      "-XAtq",
      "-v",
      "ON_ERROR_STOP=1",
      "-h",
      "/run/postgresql",
      "-d",
      database,
      "-c",
      query,
    ).trim();
  }

  execAsPostgres(node: string, ...command: string[]): string {
    return this.exec(node, "setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", ...command);
  }

  streaming(primary = "node-a"): number {
    const standbys =
      "select count(*) from pg_stat_replication where state = 'streaming' and application_name <> 'pg_basebackup'";
    return Number(this.sql(primary, standbys));
  }

  /** How many logins the SSH server of a host has seen. */
  logins(node: string): number {
    return Number(this.exec(node, "sh", "-c", "journalctl -q --no-pager | grep -c 'Accepted publickey' || true"));
  }

  /** What is left on this machine that carries the stack's name. */
  leftovers(): string[] {
    const list = (...args: string[]) =>
      execFileSync("docker", [...args, "--filter", `name=understudy-${this.stack.name}`], { encoding: "utf8" })
        .split("\n")
        .filter(Boolean);
    return [
      ...list("ps", "-a", "--format", "{{.Names}}"),
      ...list("volume", "ls", "--format", "{{.Name}}"),
      ...list("network", "ls", "--format", "{{.Name}}"),
    ];
  }

  /** Removes the hosts and forgets the stack: what `pulumi destroy` leaves is for tests of it. */
  async dispose(): Promise<void> {
    await removeAll(`understudy-${this.stack.name}`);
    await this.stack.dispose();
  }
}

/** One query by `pg` on the host that a URI names. */
export async function query(uri: string, ca: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(clientConfig(uri, ca));
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}
