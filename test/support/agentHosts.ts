/** Three hosts that systemd has booted, with real PostgreSQL, an agent on each, and a ledger in an S3 server. */
import { execFile, execFileSync } from "node:child_process";
import { randomBytes, randomUUID } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { walMark } from "../../agent/real/mark.ts";
import type { Report } from "../../agent/report.ts";
import { defaultAgentPort } from "../../model/agentPort.ts";
import { hostScripts } from "../../model/hostScripts.ts";
import type { Member } from "../../model/leadership/index.ts";
import { memberOf } from "../../model/memberKey.ts";
import { hostFiles, pgdata, socketDirectory } from "../../model/paths.ts";
import { type AgentPeer, renderAgentConf } from "../../model/render/agentConf.ts";
import { renderSettings } from "../../model/render/conf.ts";
import { agentIdent, renderHba } from "../../model/render/hba.ts";
import { renderParameters } from "../../model/render/parameters.ts";
import { renderPgpass } from "../../model/render/pgpass.ts";
import { selfExtracting } from "../../scripts/steps/lib/selfExtracting.ts";
import { agentBundle } from "./agentBundle.ts";
import { type AgentHost, type Declared, provision, update } from "./agentUpdate.ts";
import type { Audited } from "./audit.ts";
import { makeSecret, type TestHost, TestHosts } from "./hosts.ts";
import { REPOSITORY } from "./pulumiStack.ts";
import { S3Server } from "./s3Server.ts";
import { until } from "./until.ts";

const run = promisify(execFile);
const major = 17;
export const dataDirectory = "/var/lib/understudy";
/** Each host has one of its own, and nothing is pushed to it. */
const walDirectory = "/var/lib/understudy-wal";

interface Pair {
  readonly certificate: string;
  readonly privateKey: string;
}

const certificate = (ca: Pair, commonName: string, addresses: readonly string[]): Pair =>
  makeSecret<Pair>("certificate", { ca, commonName, dnsNames: addresses, ipAddresses: addresses, days: 2 });

export interface SystemdHost extends AgentHost {
  readonly host: TestHost;
  /** Runs a shell command as root. */
  exec(command: string, stdin?: string): Promise<string>;
  report(): Promise<Report>;
  /** Waits until its agent answers, and what is told is so. */
  untilReport(what: string, isSo: (report: Report) => boolean, seconds?: number): Promise<Report>;
  /** One query as the superuser. */
  sql(query: string, database?: string): string;
  /** What the agent has written into the journal of systemd, since the beginning. */
  journal(): Promise<string>;
}

export class AgentCluster {
  readonly hosts: TestHosts;
  readonly s3: S3Server;
  readonly nodes: readonly SystemdHost[];
  readonly #files: string;
  readonly #ca: Pair;
  readonly #passwords = { replication: randomBytes(12).toString("hex"), app: randomBytes(12).toString("hex") };

  private constructor(hosts: TestHosts, s3: S3Server, files: string, ca: Pair, nodes: readonly SystemdHost[]) {
    this.hosts = hosts;
    this.s3 = s3;
    this.#files = files;
    this.#ca = ca;
    this.nodes = nodes;
  }

  /** The agent is on each of these, and nothing is provisioned. */
  static async start(names: readonly string[]): Promise<AgentCluster> {
    const files = mkdtempSync(join(tmpdir(), "us-agent-hosts-"));
    agentBundle(files);
    const hosts = await TestHosts.create();
    try {
      return await AgentCluster.#on(hosts, files, names);
    } catch (error) {
      await hosts.remove();
      rmSync(files, { recursive: true, force: true });
      throw error;
    }
  }

  static async #on(hosts: TestHosts, files: string, names: readonly string[]): Promise<AgentCluster> {
    const s3 = await S3Server.start(hosts, "ledger");
    const ca = makeSecret<Pair>("ca", { commonName: "cluster", days: 2 });
    const made = await Promise.all(names.map((name) => hosts.makeHost({ name, image: String(major) })));
    const keys = made.map(({ name }) => certificate(ca, name, []));
    const nodes = made.map((host, at) => systemdHost(host, memberOf(host.name, (keys[at] as Pair).certificate)));
    const cluster = new AgentCluster(hosts, s3, files, ca, nodes);
    const ledgerKey = randomBytes(16).toString("hex");
    try {
      await Promise.all(nodes.map((node, at) => cluster.#install(node, keys[at] as Pair, ledgerKey)));
    } catch (error) {
      await s3.remove();
      throw error;
    }
    return cluster;
  }

  node(name: string): SystemdHost {
    const found = this.nodes.find((each) => each.name === name);
    if (!found) throw new Error(`no host ${name}`);
    return found;
  }

  async #install(node: SystemdHost, pair: Pair, ledgerKey: string): Promise<void> {
    const parameters = {
      cluster: "test",
      major: String(major),
      data_directory: dataDirectory,
      port: "5432",
      stanza: "test",
      further_packages: "",
      peer_public_key: "ssh-ed25519 AAAA",
      agent: "yes",
      pooler_ports: "",
    };
    const scripts = hostScripts(join(REPOSITORY, "scripts/host"));
    await node.exec(`bash -s install ${node.name}`, selfExtracting(scripts, renderParameters(parameters)));
    await this.#configure(node);
    await this.installAgent(node, { agent_key: pair.privateKey, agent_crt: pair.certificate, ledger_key: ledgerKey });
  }

  /** What `configure` writes, without the archive of WAL. */
  async #configure(node: SystemdHost): Promise<void> {
    const tls = certificate(this.#ca, node.name, [node.host.address, "127.0.0.1"]);
    const settings = {
      cluster_name: node.name,
      data_directory: pgdata(dataDirectory, major),
      hba_file: hostFiles.hba,
      ident_file: hostFiles.ident,
      listen_addresses: "*",
      log_line_prefix: "%m [%p] ",
      max_connections: "50",
      restart_after_crash: "off",
      shared_buffers: "32MB",
      ssl: "on",
      ssl_cert_file: hostFiles.serverCertificate,
      ssl_key_file: hostFiles.serverKey,
      unix_socket_directories: socketDirectory,
      wal_log_hints: "on",
      wal_retrieve_retry_interval: "100ms",
    };
    const nodeAddresses = this.nodes.map(({ host }) => host.address);
    const files: readonly (readonly [string, string, string])[] = [
      [hostFiles.postgresqlConf, "640", `${renderSettings(settings)}include_if_exists '${hostFiles.standbyConf}'\n`],
      [hostFiles.hba, "640", renderHba({ nodeAddresses, clientNetworks: ["0.0.0.0/0"], agent: true })],
      [hostFiles.ident, "640", agentIdent],
      [hostFiles.pgpass, "600", renderPgpass({ replicationPassword: this.#passwords.replication })],
      [hostFiles.caCertificate, "644", this.#ca.certificate],
      [hostFiles.serverCertificate, "644", tls.certificate],
      [hostFiles.serverKey, "600", tls.privateKey],
    ];
    for (const [path, mode, text] of files)
      await node.exec(`install -o postgres -g postgres -m ${mode} /dev/stdin ${path}`, text);
    await node.exec(`install -d ${walDirectory}`);
    await node.exec(`install -m 644 /dev/stdin ${walDirectory}/${walMark.name}`, walMark.text);
  }

  #peer({ name, member, host }: SystemdHost): AgentPeer {
    return { name, member, address: host.address, agentPort: defaultAgentPort, postgresPort: 5432 };
  }

  /** The step `agent`; @param given what differs from what the host has */
  async installAgent(node: SystemdHost, given: Readonly<Record<string, string>> = {}): Promise<string> {
    const { accessKey, secretKey, caCertificate } = this.s3;
    const conf = renderAgentConf({
      node: { ...this.#peer(node), dataDirectory },
      peers: this.nodes.filter((each) => each !== node).map((each) => this.#peer(each)),
      major,
      ledger: {
        ...{ kind: "s3", endpoint: this.s3.endpoint, bucket: this.s3.bucket, region: "us-east-1", prefix: "ledger/" },
        ...{ uriStyle: "path", hasOwnCa: true, verifyTls: true },
      },
      archive: { kind: "directory", path: walDirectory },
      archiveFed: [],
      standbySettings: { hot_standby: "on" },
    });
    const program = join(this.#files, "understudy-agent.cjs");
    const container = node.host.container;
    await node.exec("rm -rf /root/agent-files && mkdir -m 700 /root/agent-files");
    await run("docker", ["cp", given.program ?? program, `${container}:/root/agent-files/understudy-agent.cjs`]);
    await run("docker", ["cp", process.execPath, `${container}:/root/agent-files/node`]);
    const kept = async (name: string) => await node.exec(`cat /etc/understudy/agent/${name} 2>/dev/null || true`);
    const { program: _, ...others } = given;
    const parameters = {
      agent_files: "/root/agent-files",
      node_version: process.versions.node,
      node_sha256: await sha256(process.execPath),
      agent_sha256: await sha256(given.program ?? program),
      agent_conf: conf.trim(),
      agent_ca: this.#ca.certificate.trim(),
      agent_crt: (await kept("agent.crt")).trim(),
      agent_key: (await kept("agent.key")).trim(),
      ledger_key: await kept("ledger.key"),
      ledger_credentials: JSON.stringify({ accessKeyId: accessKey, secretAccessKey: secretKey }),
      ledger_ca: caCertificate.trim(),
      ...others,
    };
    return await node.exec(`understudy agent ${node.name}`, renderParameters(parameters));
  }

  /** The first primary, its roles and a database, and the others as its copies. */
  async provision(primary: string): Promise<void> {
    await provision(this.nodes, primary, randomUUID());
    const { replication, app } = this.#passwords;
    const files = ["pg_ls_dir(text, boolean, boolean)", "pg_stat_file(text, boolean)", "pg_read_binary_file(text)"];
    const functions = [...files, "pg_read_binary_file(text, bigint, bigint, boolean)"];
    const first = this.node(primary);
    first.sql(`create role understudy_replication login replication password '${replication}'`);
    for (const each of functions) first.sql(`grant execute on function ${each} to understudy_replication`);
    first.sql(`create role app login password '${app}'`);
    first.sql("create database app owner app");
    await this.update({ primary });
  }

  update(declared: Declared): Promise<void> {
    return update(this.nodes, declared);
  }

  /** What the audit client connects to. */
  get audited(): Audited {
    const ports = this.nodes.map(({ name, host }) => [name, { address: "127.0.0.1", port: host.postgresPort }]);
    return {
      primaryUri: `postgresql://app:${this.#passwords.app}@127.0.0.1/app`,
      nodes: Object.fromEntries(ports),
      caCertificate: this.#ca.certificate,
    };
  }

  /** For `tableOn` and `finish`. */
  readonly sql = (name: string, query: string, database?: string): string => this.node(name).sql(query, database);

  /** Waits until this node takes writes and leads, and all others follow it. */
  async untilLedBy(primary: string, seconds = 60): Promise<void> {
    const { member } = this.node(primary);
    await until(`${primary} to lead, and the others to follow`, seconds, async () => {
      const reports = await Promise.all(this.nodes.map((node) => node.report()));
      return reports.every(({ node, phase, leader, source }) =>
        node === member ? phase === "serving" && leader === member : phase === "standby" && source === member,
      );
    });
  }

  async remove(): Promise<void> {
    await this.s3.remove().catch(() => undefined);
    await this.hosts.remove();
    rmSync(this.#files, { recursive: true, force: true });
  }

  /** Another program in the place of the agent's. */
  fileOf(text: string): string {
    const path = join(this.#files, `${randomUUID()}.cjs`);
    writeFileSync(path, text);
    return path;
  }
}

const sha256 = async (path: string): Promise<string> => (await run("sha256sum", [path])).stdout.slice(0, 64);

function systemdHost(host: TestHost, member: Member): SystemdHost {
  const { name, container } = host;
  const exec = (command: string, stdin?: string) => host.exec(command, stdin);
  async function report(): Promise<Report> {
    return JSON.parse(await exec("understudy-agent status --json")) as Report;
  }
  return {
    name,
    member,
    host,
    exec,
    report,
    untilReport: (what, isSo, seconds = 60) =>
      until(what, seconds, async () => {
        const found = await report();
        return isSo(found) ? found : undefined;
      }),
    async step(step, request) {
      return JSON.parse(await exec(`understudy-agent step ${step}`, JSON.stringify(request))) as unknown;
    },
    async fence() {
      await host.kill().catch(() => undefined);
      await host.stop();
    },
    sql(query, database = "postgres") {
      const psql = ["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-h", socketDirectory, "-d", database, "-c", query];
      const words = ["exec", container, "setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", ...psql];
      return execFileSync("docker", words, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }).trim();
    },
    journal: () => exec("journalctl -q --no-pager --output=cat -u understudy-agent"),
  };
}
