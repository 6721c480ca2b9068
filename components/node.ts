import { readdirSync, readFileSync } from "node:fs";
import { all, ComponentResource, type ComponentResourceOptions, type Output, type Resource } from "@pulumi/pulumi";
import type { Archive } from "./archive.ts";
import { type ClusterKeys, serverCertificate } from "./keys.ts";
import type { Machine } from "./machines/machine.ts";
import type { ClusterConfig, NodeConfig } from "./model/config.ts";
import { renderHba } from "./model/render/hba.ts";
import { renderPgbackrestConf } from "./model/render/pgbackrest.ts";
import { renderPgpass } from "./model/render/pgpass.ts";
import { renderPostgresqlConf } from "./model/render/postgresqlConf.ts";
import type { HostSize } from "./model/sizing.ts";
import { InstallStep, RemoteStep } from "./remoteStep.ts";

export interface ClusterNodeArgs {
  readonly config: ClusterConfig;
  readonly node: NodeConfig;
  readonly machine: Machine;
  /** Addresses of all nodes that take part, this one among them: the replication role may come from there only. */
  readonly addresses: readonly Output<string>[];
  readonly keys: ClusterKeys;
  readonly archive: Archive;
}

/** A host with PostgreSQL on it, configured, whatever its role: the steps `install` and `configure`. */
export class ClusterNode extends ComponentResource {
  readonly node: NodeConfig;
  readonly machine: Machine;
  /** What has to be done before roles are looked at. */
  readonly steps: readonly Resource[];

  constructor(name: string, args: ClusterNodeArgs, opts: ComponentResourceOptions) {
    super("understudy:index:ClusterNode", name, {}, opts);
    const { config, node, machine, keys, archive } = args;
    const parent = { parent: this };

    const install = new InstallStep(
      `install-${name}`,
      {
        machine,
        scripts: hostScripts(),
        parameters: {
          cluster: keys.clusterId,
          major: String(config.postgresVersion),
          data_directory: machine.dataDirectory,
          port: String(machine.postgresPort),
          stanza: config.clusterName,
        },
      },
      parent,
    );

    const certificate = serverCertificate(name, { keys, machine }, parent);
    const found = install.outcome.apply((text) => JSON.parse(text) as HostSize & { readonly pgbackrest: string });
    const host = found.apply((reported) => hostSize(reported, machine));

    const configure = new RemoteStep(
      `configure-${name}`,
      {
        machine,
        script: "configure",
        parameters: {
          instance: machine.instance,
          postgresql_conf: host.apply((size) => renderPostgresqlConf({ config, node, host: size })),
          pg_hba_conf: all([...args.addresses]).apply((nodeAddresses) =>
            renderHba({ nodeAddresses, clientNetworks: config.clientNetworks }),
          ),
          pg_ident_conf: "",
          pgpass: keys.replicationPassword.apply((replicationPassword) => renderPgpass({ replicationPassword })),
          pgbackrest_conf: all([archive.access, found]).apply(([access, { cpus, pgbackrest }]) =>
            renderPgbackrestConf({
              stanza: config.clusterName,
              major: config.postgresVersion,
              node,
              archive: config.archive,
              access,
              cpus,
              version: pgbackrest,
            }),
          ),
          archive_ca_crt: archive.caCertificate,
          ca_crt: keys.caCertificate,
          server_crt: certificate.certificate,
          server_key: certificate.privateKey,
          backup_schedules: backupSchedules(config),
        },
        after: [install, ...archive.ready],
      },
      parent,
    );

    this.node = node;
    this.machine = machine;
    this.steps = [configure];
    this.registerOutputs({});
  }
}

const scriptDirectory = new URL("../scripts/host/", import.meta.url);

/** The scripts that run on the hosts, by file name. */
function hostScripts(): Record<string, string> {
  const files = readdirSync(scriptDirectory).filter((file) => !file.startsWith("."));
  return Object.fromEntries(files.map((file) => [file, readFileSync(new URL(file, scriptDirectory), "utf8")]));
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
