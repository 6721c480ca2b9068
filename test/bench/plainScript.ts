import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { type ClusterConfig, parseConfig } from "../../model/config/config.ts";
import type { Known } from "../../model/config/later.ts";
import { archiveCommand, hostFiles } from "../../model/paths.ts";
import { renderHba } from "../../model/render/hba.ts";
import { pgbackrestCommand, renderPgbackrestConf } from "../../model/render/pgbackrest.ts";
import { renderPgpass } from "../../model/render/pgpass.ts";
import { renderPostgresqlConf } from "../../model/render/postgresqlConf.ts";
import { renderStandbyConf } from "../../model/render/standby.ts";
import { scramVerifier } from "../../model/scram.ts";
import { makeSecret } from "../support/hosts.ts";
import type { SshCluster } from "../support/sshCluster.ts";

const major = 17;

/**
 * Provisions the hosts `a` and `b` of `cluster` by `plain.sh`, with the files that the program would render for them; keys
 * and files are there before the clock starts. Gives the milliseconds that the script took.
 */
export async function runPlainScript(cluster: SshCluster): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), "understudy-plain-"));
  try {
    await writeInputs(cluster, directory);
    const started = performance.now();
    await promisify(execFile)(join(import.meta.dirname, "plain.sh"), [directory]);
    return performance.now() - started;
  } finally {
    await rm(directory, { recursive: true });
  }
}

async function writeInputs(cluster: SshCluster, directory: string): Promise<void> {
  const config = parseConfig(
    {
      target: "ssh",
      primary: "a",
      clusterName: "plain",
      nodes: { a: cluster.node("a"), b: cluster.node("b") },
      archive: cluster.archive,
    },
    {
      name: "plain",
      readFile: (path) => (path.endsWith(".crt") ? cluster.s3.caCertificate : cluster.host("a").privateKey),
    },
  ) as Known<ClusterConfig>;
  if (config.target !== "ssh") throw new Error("not ssh");
  const addresses = [cluster.host("a").address, cluster.host("b").address];
  const host = { memoryBytes: 1024 ** 3, cpus: 2, dataDiskBytes: 20 * 1024 ** 3 };
  const ca = makeSecret<Pair>("ca", { commonName: "plain", days: 2 });
  for (const name of ["a", "b"] as const) {
    const node = config.nodes[name];
    if (!node) throw new Error(`no node ${name}`);
    const { address } = cluster.host(name);
    const tls = makeSecret<Pair>("certificate", {
      ca,
      commonName: name,
      dnsNames: [name, address],
      ipAddresses: [address],
      days: 1,
    });
    const files: Record<string, string> = {
      [hostFiles.postgresqlConf]: renderPostgresqlConf({ config, node, host }).replace(
        `${archiveCommand} %p`,
        `${pgbackrestCommand("plain")} archive-push %p`,
      ),
      [hostFiles.hba]: renderHba({ nodeAddresses: addresses, clientNetworks: config.clientNetworks }),
      [hostFiles.ident]: "",
      [hostFiles.pgpass]: renderPgpass({ replicationPassword: "replication-password" }),
      [hostFiles.pgbackrestConf]: renderPgbackrestConf({
        stanza: "plain",
        major,
        node,
        archive: config.archive,
        access: { ...config.archive, caFile: hostFiles.archiveCaCertificate },
        key: "",
        cpus: host.cpus,
        version: "2.55.1",
      }),
      [hostFiles.archiveCaCertificate]: cluster.s3.caCertificate,
      [hostFiles.caCertificate]: ca.certificate,
      [hostFiles.serverCertificate]: tls.certificate,
      [hostFiles.serverKey]: tls.privateKey,
      "/etc/systemd/system/plain-postgresql.service": unit,
    };
    if (name === "b") {
      files[hostFiles.standbyConf] = renderStandbyConf({
        major,
        node,
        stanza: "plain",
        primary: { address: cluster.host("a").address, port: 5432 },
      });
    }
    for (const [path, content] of Object.entries(files)) {
      const file = join(directory, name, path);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, content, { mode: 0o600 });
    }
  }
  await writeFile(join(directory, "ssh_config"), ["a", "b"].map((name) => sshConfig(cluster, name)).join("\n"));
  await writeFile(
    join(directory, "known_hosts"),
    ["a", "b"].map((name) => `${name} ${cluster.host(name).hostKey}\n`).join(""),
  );
  const parameters = {
    major,
    stanza: "plain",
    primary_address: cluster.host("a").address,
    replication_verifier: scramVerifier("understudy_replication", "replication-password", "salt-key"),
    monitor_verifier: scramVerifier("understudy_monitor", "monitor-password", "salt-key"),
    app_verifier: scramVerifier("app", "app-password", "salt-key"),
  };
  const lines = Object.entries(parameters).map(([name, value]) => `${name}='${value}'\n`);
  await writeFile(join(directory, "parameters"), lines.join(""));
}

interface Pair {
  readonly certificate: string;
  readonly privateKey: string;
}

function sshConfig(cluster: SshCluster, name: string): string {
  const { host, user, privateKeyFile } = cluster.node(name);
  return `Host ${name}
  HostName ${host}
  User ${user}
  HostKeyAlias ${name}
  UserKnownHostsFile known_hosts
  IdentityFile ${privateKeyFile}
  IdentitiesOnly yes
  LogLevel ERROR
`;
}

const unit = `[Service]
Type=notify
User=postgres
ExecStartPre=+install -d -o postgres -g postgres -m 2775 /run/postgresql
ExecStart=/usr/lib/postgresql/${major}/bin/postgres --config-file=/etc/understudy/postgresql.conf
KillMode=mixed
KillSignal=SIGINT
TimeoutStartSec=infinity
[Install]
WantedBy=multi-user.target
`;
