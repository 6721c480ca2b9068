import { all, type ComponentResourceOptions, type Output, type Resource } from "@pulumi/pulumi";
import { activeNodes, type ClusterConfig, type NodeConfig } from "../model/config/config.ts";
import { digestOf, hostScripts } from "../model/hostScripts.ts";
import { type InstalledHost, installedHost } from "../model/installedHost.ts";
import type { Members } from "../model/members.ts";
import { agentIdent, renderHba } from "../model/render/hba.ts";
import { renderPgbackrestConf } from "../model/render/pgbackrest.ts";
import { renderPgpass } from "../model/render/pgpass.ts";
import { renderPostgresqlConf } from "../model/render/postgresqlConf.ts";
import { renderDrillConf } from "../model/render/recovery.ts";
import type { HostSize } from "../model/settings/sizing.ts";
import type { InstallInput } from "../model/stepInputs.ts";
import type { Archive } from "./archive.ts";
import { type Certificate, type ClusterSecrets, serverCertificate } from "./clusterSecrets.ts";
import type { Encryption } from "./encryption.ts";
import { given } from "./given.ts";
import { jsonInput, LocalStep } from "./localStep.ts";
import { reported } from "./outcome.ts";
import { ClusterPart } from "./part.ts";
import { command, pathOf } from "./programs.ts";
import { RemoteStep } from "./remoteStep.ts";
import type { Machine } from "./targets/machine.ts";
import type { Update } from "./update.ts";

export interface ClusterNodeArgs {
  readonly update: Update;
  readonly config: ClusterConfig;
  readonly node: NodeConfig;
  readonly machine: Machine;
  /** Addresses of all nodes that take part, this one among them: the replication role may come from there only. */
  readonly addresses: readonly Output<string>[];
  readonly secrets: ClusterSecrets;
  readonly archive: Archive;
  readonly encryption: Encryption;
}

const scripts = digestOf(hostScripts(pathOf("host")));

/** A host with PostgreSQL on it, configured, whatever its role: the steps `install` and `configure`. */
export class ClusterNode extends ClusterPart {
  readonly node: NodeConfig;
  readonly machine: Machine;
  readonly found: Output<InstalledHost>;
  /** What its PostgreSQL and its poolers are known by. */
  readonly certificate: Certificate;
  private readonly args: ClusterNodeArgs;
  private readonly install: Resource;

  constructor(name: string, args: ClusterNodeArgs, opts: ComponentResourceOptions) {
    super("understudy:index:ClusterNode", name, opts);
    const { update, config, node, machine, secrets } = args;
    const install = new LocalStep(
      `install-${name}`,
      {
        update,
        command: command("steps/install.ts"),
        stdin: jsonInput<InstallInput>({
          name,
          connection: machine.connection,
          scripts,
          instance: machine.instance,
          parameters: {
            cluster: secrets.clusterId,
            major: String(config.postgresVersion),
            data_directory: machine.dataDirectory,
            port: String(machine.postgresPort),
            stanza: config.clusterName,
            further_packages: machine.metricsConf === undefined ? "" : "curl",
            peer_public_key: secrets.peer.publicKey,
            agent: config.agent ? "yes" : "no",
            pooler_ports: config.pooler === undefined ? "" : `${config.pooler.port} ${config.pooler.readOnlyPort}`,
          },
        }),
        after: machine.ready,
      },
      { parent: this },
    );
    this.node = node;
    this.machine = machine;
    this.args = args;
    this.install = install;
    this.certificate = serverCertificate(name, { secrets, machine }, { parent: this });
    this.found = reported(`install-${name}`, install.outcome, installedHost);
    this.registerOutputs({});
  }

  /** What has to be done before roles are looked at. Called once all nodes are known to have a host. */
  configure(known: Output<Members>): RemoteStep {
    const { update, config, node, machine, secrets, archive, encryption, addresses } = this.args;
    const parent = { parent: this };
    const size = this.found.apply((reported) => hostSize(reported, machine));
    return new RemoteStep(
      `configure-${node.name}`,
      {
        update,
        machine,
        script: "configure",
        parameters: {
          instance: machine.instance,
          postgresql_conf: size.apply((host) => renderPostgresqlConf({ config, node, host })),
          pg_hba_conf: all([...addresses]).apply((nodeAddresses) =>
            renderHba({
              nodeAddresses,
              clientNetworks: config.clientNetworks,
              ...{ pooler: config.pooler !== undefined, agent: config.agent },
            }),
          ),
          pg_ident_conf: config.agent ? agentIdent : "",
          pgpass: secrets.replicationPassword.apply((replicationPassword) => renderPgpass({ replicationPassword })),
          pgbackrest_conf: all([archive.access, encryption.key, given(config.archive), this.found]).apply(
            ([access, key, declared, { cpus, pgbackrest }]) =>
              renderPgbackrestConf({
                stanza: config.clusterName,
                major: config.postgresVersion,
                node,
                archive: declared,
                access,
                key,
                cpus,
                version: pgbackrest,
              }),
          ),
          archive_id: archive.id,
          archive_key: encryption.key,
          archive_ca_crt: archive.caCertificate,
          ca_crt: secrets.caCertificate,
          server_crt: this.certificate.certificate,
          server_key: this.certificate.privateKey,
          peers: known.apply(({ members }) =>
            members.map(({ name, address, sshPort }) => `${name} ${address} ${sshPort}\n`).join(""),
          ),
          peer_known_hosts: known.apply(({ members }) =>
            members.flatMap(({ name, hostKey }) => (hostKey === "" ? [] : [`${name} ${hostKey}\n`])).join(""),
          ),
          retired: known.apply(({ retired }) => retired.join(" ")),
          peer_private_key: secrets.peer.privateKey,
          backup_schedules: backupSchedules(config),
          drill_schedule: config.drill.schedule ?? "",
          drill_nodes: activeNodes(config)
            .map(({ name }) => name)
            .join(" "),
          drill_conf: renderDrillConf(node.dataDirectory),
          drill_queries: Object.entries(config.drill.query)
            .map((words) => `query ${words.map((text) => Buffer.from(text).toString("base64")).join(" ")}\n`)
            .join(""),
          backup_from: config.archive.backupFrom,
          backup_private_key: secrets.backup.privateKey,
          backup_public_key: secrets.backup.publicKey,
          metrics_conf: machine.metricsConf ?? "",
        },
        after: [this.install, ...archive.ready],
      },
      parent,
    );
  }
}

function hostSize(reported: HostSize, machine: Machine): HostSize {
  const { memoryBytes, cpus, dataDiskBytes } = reported;
  return { memoryBytes: machine.memoryBytes ?? memoryBytes, cpus, dataDiskBytes };
}

/** The parameter of `configure.sh`: a line for each kind of backup, by pgBackRest's name for it. */
function backupSchedules({ archive: { schedule } }: ClusterConfig): string {
  const byType = { full: schedule.full, diff: schedule.differential, incr: schedule.incremental };
  return Object.entries(byType)
    .flatMap(([type, calendar]) => (calendar === undefined ? [] : [`${type}=${calendar}`]))
    .join("\n");
}
