import type { ClusterConfig, NodeConfig } from "../config/clusterConfig.ts";
import { archiveCommand, handoverFlag, hostFiles, pgdata, socketDirectory, synchronousConf } from "../paths.ts";
import { replicationCapacity } from "../settings/settingsConflicts.ts";
import { type HostSize, sizeSettings } from "../settings/sizing.ts";
import { header, quoteValue, renderSettings } from "./conf.ts";

export interface PostgresqlConfInput {
  readonly config: ClusterConfig;
  readonly node: NodeConfig;
  readonly host: HostSize;
}

/**
 * `/etc/understudy/postgresql.conf` of one node. Nothing in it depends on which node is the primary: any of them may be,
 * and what a standby needs beyond it stands in `standby.conf`.
 */
export function renderPostgresqlConf(input: PostgresqlConfInput): string {
  return `${header}${renderSettings(postgresqlSettings(input))}${included(input)
    .map((file) => `include_if_exists ${quoteValue(file)}\n`)
    .join("")}`;
}

/**
 * What the role asks for, whom commits wait for, what holds while the primary changes, and what the guard found a standby to need: the last
 * one wins.
 */
function included({ node }: PostgresqlConfInput): readonly string[] {
  return [hostFiles.standbyConf, synchronousConf(node.dataDirectory), handoverFlag, hostFiles.floorConf];
}

/** Ours by default, then by the host's size, then the user's, then what is ours to decide. */
export function postgresqlSettings(input: PostgresqlConfInput): Readonly<Record<string, string>> {
  const { config, host } = input;
  return {
    ...defaultSettings(config),
    ...sizeSettings({ ...host, major: config.postgresVersion }),
    ...config.settings,
    ...mandatorySettings(input),
  };
}

function defaultSettings(config: ClusterConfig): Readonly<Record<string, string>> {
  const capacity = String(replicationCapacity(Object.keys(config.nodes).length));
  return {
    // What is declared in config would be undone by ALTER SYSTEM without anyone seeing it.
    ...(config.postgresVersion >= 17 ? { allow_alter_system: "off" } : {}),
    // An idle cluster's last transactions reach the bucket, too.
    archive_timeout: "5min",
    // 13 spreads a checkpoint over half of its time; every later major does this.
    checkpoint_completion_target: "0.9",
    // The journal. It has the time already, but not in fractions.
    log_destination: "stderr",
    log_line_prefix: "%m [%p] %q%u@%d/%a ",
    log_statement: "none",
    log_timezone: "UTC",
    logging_collector: "off",
    max_replication_slots: capacity,
    max_wal_senders: capacity,
    wal_level: "replica",
    // How long a promotion can be held up after its upstream has gone (5 s by default). Each look asks the archive.
    wal_retrieve_retry_interval: "100ms",
  };
}

function mandatorySettings({ config, node }: PostgresqlConfInput): Readonly<Record<string, string>> {
  return {
    // pgBackRest's, on a node that leads; refused on any other.
    archive_command: `${archiveCommand} %p`,
    archive_mode: "on",
    // What the WAL receiver goes by where its conninfo does not say.
    cluster_name: node.name,
    data_directory: pgdata(node.dataDirectory, config.postgresVersion),
    full_page_writes: "on",
    fsync: "on",
    hba_file: hostFiles.hba,
    hot_standby: node.standby === "hot" ? "on" : "off",
    ident_file: hostFiles.ident,
    listen_addresses: "*",
    password_encryption: "scram-sha-256",
    port: String(node.postgresPort),
    // The boot guard alone starts a primary that crashed.
    restart_after_crash: "off",
    ssl: "on",
    ssl_cert_file: hostFiles.serverCertificate,
    ssl_key_file: hostFiles.serverKey,
    // A commit waits for nobody who does not stream yet: the names come from a file that is included.
    synchronous_standby_names: "",
    unix_socket_directories: socketDirectory,
    // pg_rewind needs it where a data directory has no checksums.
    wal_log_hints: "on",
  };
}
