import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { declare } from "./configFile.ts";
import { byAgents } from "./dockerCluster.ts";
import { type TestHost, TestHosts } from "./hosts.ts";
import { type ConfigValue, PulumiStack, type RunResult } from "./pulumiStack.ts";
import { S3Server } from "./s3Server.ts";

/** Hosts and an S3 server that the tests provide, and a stack of the target ssh on them. */
export class SshCluster {
  readonly stack: PulumiStack;
  readonly hosts: TestHosts;
  readonly s3: S3Server;
  readonly #host = new Map<string, TestHost>();

  private constructor(stack: PulumiStack, hosts: TestHosts, s3: S3Server) {
    this.stack = stack;
    this.hosts = hosts;
    this.s3 = s3;
  }

  /**
   * Hosts as their user has them: Debian 12 with nothing but its own packages (`postgresVersion` 15).
   *
   * @param image for measurements, another one
   */
  static async start(nodes: readonly string[], image = "plain-bookworm"): Promise<SshCluster> {
    const hosts = await TestHosts.create();
    const [s3, stack] = await Promise.all([S3Server.start(hosts, "backups", byAgents), PulumiStack.create()]);
    const cluster = new SshCluster(stack, hosts, s3);
    for (const name of nodes) cluster.#host.set(name, await hosts.makeHost({ name, image }));
    await mkdir(join(stack.directory, "keys"), { mode: 0o700 });
    await writeFile(cluster.file("ca.crt"), s3.caCertificate);
    for (const host of cluster.#host.values()) {
      await writeFile(cluster.file(host.name), host.privateKey, { mode: 0o600 });
    }
    return cluster;
  }

  /** A file on the operator's machine that config names: `ca.crt`, or the private key of a host. */
  file(name: string): string {
    return join(this.stack.directory, "keys", name);
  }

  host(name: string): TestHost {
    const host = this.#host.get(name);
    if (!host) throw new Error(`no host ${name}`);
    return host;
  }

  /** What the key `nodes` says of a host. */
  node(name: string) {
    const { address, user, hostKey } = this.host(name);
    return { host: address, user, hostKey, privateKeyFile: this.file(name) };
  }

  /** What the key `archive` says of the S3 server. */
  get archive() {
    return { ...this.s3.config, caFile: this.file("ca.crt") };
  }

  declare(config: Readonly<Record<string, ConfigValue>>): Promise<void> {
    return declare(this.stack, { ...(byAgents ? { agent: true } : {}), ...config });
  }

  /** `pulumi up`, which has to succeed. */
  async up(): Promise<RunResult> {
    const result = await this.stack.up();
    if (result.exitCode !== 0) throw new Error(`pulumi up failed with ${result.exitCode}:\n${result.output}`);
    return result;
  }

  async sql(node: string, query: string, database = "postgres"): Promise<string> {
    const psql = `psql -XAtq -v ON_ERROR_STOP=1 -h /run/postgresql -d ${database} -f -`;
    const asPostgres = `setpriv --reuid=postgres --regid=postgres --init-groups -- ${psql}`;
    return (await this.host(node).exec(asPostgres, query)).trim();
  }

  /** How many logins the SSH server of a host has seen. */
  async logins(node: string): Promise<number> {
    return Number(await this.host(node).exec("journalctl -q --no-pager | grep -c 'Accepted publickey' || true"));
  }

  /** Hosts are the tests' own: nothing that is on them is worth a `pulumi destroy`. */
  async dispose(): Promise<void> {
    await this.stack.dispose();
    await this.s3.remove();
    await this.hosts.remove();
  }
}
