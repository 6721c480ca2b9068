import { randomBytes } from "node:crypto";
import { type ClusterConfig, parseConfig } from "../../../model/config/config.ts";
import type { Known } from "../../../model/config/later.ts";
import { hostFiles, pgdata } from "../../../model/paths.ts";
import { renderSettings } from "../../../model/render/conf.ts";
import { pgbackrestCommand, renderPgbackrestConf } from "../../../model/render/pgbackrest.ts";
import { postgresqlSettings } from "../../../model/render/postgresqlConf.ts";
import { makeSecret, type TestHost, TestHosts } from "../../support/hosts.ts";
import { S3Server } from "../../support/s3Server.ts";
import { removedAtTheEnd } from "./cleanup.ts";
import { basePackages, type Cluster, parseVersions } from "./contender.ts";
import { peerImage } from "./image.ts";

export const nodeNames = ["a", "b", "c"] as const;
export type NodeName = (typeof nodeNames)[number];

export const dataDirectory = "/var/lib/understudy";
export const pgdataDirectory = pgdata(dataDirectory, 17);
export const pgbin = "/usr/lib/postgresql/17/bin";
/** PostgreSQL's settings, for tools that include a file; {@link PeerHosts.settings} for those that write them themselves. */
export const settingsFile = "/etc/understudy/settings.conf";
export const hbaFile = "/etc/understudy/pg_hba.conf";
/** As whom the load writes, and as whom the benchmark looks: hosts trust each other, and this machine. */
const client = { user: "app", password: randomBytes(12).toString("hex"), database: "app" };
const monitor = { user: "postgres", password: "" };

interface Pair {
  readonly certificate: string;
  readonly privateKey: string;
}

const stanza = "bench";

/** The settings that a tool decides itself, or that have to do with where Understudy keeps its files. */
const left =
  /^(allow_alter_system|archive_command|cluster_name|data_directory|hba_file|ident_file|listen_addresses|log_.*|logging_collector|port|restart_after_crash|ssl.*|synchronous_standby_names|unix_socket_directories)$/;

type ToolCluster = Omit<Cluster, "dispose">;

/** Hosts of a peer: three for its nodes, and those that it needs beside them; and an S3 server for the archive. */
export class PeerHosts {
  readonly #host: ReadonlyMap<string, TestHost>;
  readonly #ca = makeSecret<Pair>("ca", { commonName: "bench", days: 2 });
  /** The settings that Understudy renders for such a host, as far as they are not its own business; the same archive. */
  readonly settings: Readonly<Record<string, string>>;

  private constructor(host: ReadonlyMap<string, TestHost>, settings: Readonly<Record<string, string>>) {
    this.#host = host;
    this.settings = settings;
  }

  /**
   * Boots the hosts `a`, `b`, `c` and `others`, with pgBackRest set up on the first three and no PostgreSQL running, and lets
   * `setUp` make a cluster of them. If that fails, nothing stays.
   */
  static async start(others: readonly string[], setUp: (hosts: PeerHosts) => Promise<ToolCluster>): Promise<Cluster> {
    const hosts = await TestHosts.create();
    let s3: S3Server | undefined;
    const remove = removedAtTheEnd(async () => {
      await s3?.remove();
      await hosts.remove();
    });
    try {
      s3 = await S3Server.start(hosts, "bench");
      const image = await peerImage();
      const host = new Map<string, TestHost>();
      for (const name of [...nodeNames, ...others]) host.set(name, await hosts.makeHost({ name, image }));
      const a = host.get("a") as TestHost;
      const rendered = render(a, s3, await dataDiskBytes(a));
      const peers = new PeerHosts(host, rendered.settings);
      for (const name of nodeNames) await peers.#prepare(name, rendered.pgbackrestConf, s3.caCertificate);
      return { ...(await setUp(peers)), dispose: remove };
    } catch (error) {
      await remove();
      throw error;
    }
  }

  async #prepare(name: NodeName, pgbackrestConf: string, caCertificate: string): Promise<void> {
    await this.root(
      name,
      `install -d -o postgres -g postgres ${dataDirectory}/17 ${dataDirectory}/spool /var/log/pgbackrest`,
    );
    await this.root(name, "install -d -o postgres -g postgres /etc/understudy /etc/understudy/tls");
    await this.write(name, hostFiles.pgbackrestConf, pgbackrestConf);
    await this.write(name, hostFiles.archiveCaCertificate, caCertificate);
    await this.write(name, settingsFile, renderSettings(this.settings));
    await this.write(name, hbaFile, hbaLines.map((line) => `${line}\n`).join(""));
    const names = { commonName: name, dnsNames: [name], ipAddresses: ["127.0.0.1"], days: 1 };
    const tls = makeSecret<Pair>("certificate", { ca: this.#ca, ...names });
    await this.write(name, hostFiles.serverCertificate, tls.certificate);
    await this.write(name, hostFiles.serverKey, tls.privateKey);
  }

  host(name: string): TestHost {
    const host = this.#host.get(name);
    if (!host) throw new Error(`no host ${name}`);
    return host;
  }

  /** What is the same for all tools, once they have set up a cluster with `a` as its primary. */
  async cluster(packages: readonly string[], tool: Pick<Cluster, "ready" | "switchover">): Promise<ToolCluster> {
    const { user, password, database } = client;
    const node = (name: NodeName) => {
      const { postgresPort: port } = this.host(name);
      return { role: name === "a" ? "primary" : "standby", address: "127.0.0.1", port, ssh: "" } as const;
    };
    return {
      outputs: {
        primaryUri: `postgresql://${user}:${password}@127.0.0.1:${this.host("a").postgresPort}/${database}`,
        nodes: Object.fromEntries(nodeNames.map((name) => [name, node(name)])),
        caCertificate: this.#ca.certificate,
      },
      addresses: Object.fromEntries(nodeNames.map((name) => [name, this.host(name).address])),
      monitor,
      versions: parseVersions(await this.root("a", ["dpkg-query -W", ...basePackages, ...packages].join(" "))),
      ...tool,
    };
  }

  /** Runs a shell command as root; gives its standard output. */
  root(name: string, command: string, stdin?: string): Promise<string> {
    return this.host(name).exec(command, stdin);
  }

  /** Runs a shell command as PostgreSQL's user. */
  postgres(name: string, command: string, stdin?: string): Promise<string> {
    const quoted = `'${command.replaceAll("'", "'\\''")}'`;
    const environment = `HOME=/var/lib/postgresql PATH=${pgbin}:/usr/bin:/bin PGDATA=${pgdataDirectory}`;
    return this.root(
      name,
      `cd / && setpriv --reuid=postgres --regid=postgres --init-groups env ${environment} sh -c ${quoted}`,
      stdin,
    );
  }

  /** Runs SQL as the superuser on a node's own server. */
  async sql(name: string, query: string, database = "postgres"): Promise<string> {
    return (await this.postgres(name, `psql -XAtq -v ON_ERROR_STOP=1 -d ${database} -f -`, query)).trim();
  }

  async write(name: string, path: string, content: string, owner = "postgres:postgres"): Promise<void> {
    await this.root(name, `umask 077 && cat >${path} && chown ${owner} ${path}`, content);
  }

  /** On the primary, once it runs: the user and the database of the load. */
  async createClient(primary: string): Promise<void> {
    await this.sql(primary, `create role ${client.user} login password '${client.password}'`);
    await this.sql(primary, `create database ${client.database} owner ${client.user}`);
  }

  /** On the primary, once it runs: WAL reaches the archive from here on. */
  async createStanza(primary: string): Promise<void> {
    await this.postgres(primary, `${pgbackrestCommand(stanza)} stanza-create`);
    await this.postgres(primary, `${pgbackrestCommand(stanza)} check`);
  }
}

export const hbaLines = [
  "local all all trust",
  // As clients of Understudy come in: by TLS, with SCRAM.
  `hostssl all ${client.user} all scram-sha-256`,
  // Nodes among each other need no password, which takes no time.
  "host all all samenet trust",
  "host replication all samenet trust",
];

async function dataDiskBytes(host: TestHost): Promise<number> {
  return Number(await host.exec(`df --output=size -B1 ${dataDirectory} | tail -n 1`));
}

function render(host: TestHost, s3: S3Server, diskBytes: number) {
  const config = parseConfig(
    {
      target: "ssh",
      primary: "a",
      clusterName: stanza,
      nodes: Object.fromEntries(nodeNames.map((name) => [name, { host: `${name}.test`, privateKeyFile: "key" }])),
      archive: { ...s3.config, caFile: "ca.crt" },
    },
    { name: stanza, readFile: (path) => (path.endsWith(".crt") ? s3.caCertificate : host.privateKey) },
  ) as Known<ClusterConfig>;
  const node = config.nodes.a;
  if (config.target !== "ssh" || !node) throw new Error("not ssh");
  const size = { memoryBytes: 1024 ** 3, cpus: 2, dataDiskBytes: diskBytes };
  const ours = postgresqlSettings({ config, node, host: size });
  const settings = {
    ...Object.fromEntries(Object.entries(ours).filter(([name]) => !left.test(name))),
    archive_command: `${pgbackrestCommand(stanza)} archive-push %p`,
    restore_command: `timeout 10 ${pgbackrestCommand(stanza)} archive-get %f "%p"`,
    ssl: "on",
    ssl_cert_file: hostFiles.serverCertificate,
    ssl_key_file: hostFiles.serverKey,
  };
  const pgbackrestConf = renderPgbackrestConf({
    stanza,
    major: 17,
    node,
    archive: config.archive,
    access: { ...config.archive, caFile: hostFiles.archiveCaCertificate },
    key: "",
    cpus: size.cpus,
    version: "2.55.1",
  });
  return { settings, pgbackrestConf };
}
