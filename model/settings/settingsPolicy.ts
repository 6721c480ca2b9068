/** What this program decides about `postgresql.conf`, and why: the user's settings may not contradict it. */

export interface Refusal {
  readonly reason: string;
  readonly hint: string;
}

const remove = "remove it from settings";
const file = (what: string): Refusal => ({ reason: `${what} has its fixed place`, hint: remove });
const recovery: Refusal = {
  reason: "recovery is set up for each node's role when it follows the primary",
  hint: `${remove}; roles follow from the config key primary`,
};
const archiving: Refusal = {
  reason: "every node pushes its WAL to the cluster's archive",
  hint: `${remove}; configure the config key archive instead`,
};
const tls: Refusal = { reason: "certificates are issued and placed by this program", hint: remove };
const addresses: Refusal = {
  reason: "who may connect is decided by pg_hba.conf",
  hint: `${remove}; set the config key clientNetworks instead`,
};

/** Settings that are ours to decide, whatever their value. */
export const ours: Readonly<Record<string, Refusal>> = {
  archive_cleanup_command: { reason: "the archive serves all nodes, and retention tidies it", hint: remove },
  archive_command: archiving,
  archive_library: archiving,
  archive_mode: archiving,
  cluster_name: { reason: "it is the node's name, by which standbys are known to the primary", hint: remove },
  config_file: file("the configuration"),
  data_directory: file("the data directory"),
  default_transaction_read_only: {
    reason: "clients tell the primary from a standby by whether it takes writes",
    hint: `${remove}; set it for a role with ALTER ROLE … SET instead`,
  },
  external_pid_file: file("the process id"),
  hba_file: file("pg_hba.conf"),
  hot_standby: {
    reason: "each node says for itself whether it answers queries",
    hint: `${remove}; set standby: hot or warm on the node instead`,
  },
  ident_file: file("pg_ident.conf"),
  listen_addresses: addresses,
  password_encryption: { reason: "passwords reach the hosts as SCRAM verifiers only", hint: remove },
  port: { reason: "other nodes and clients have to know it", hint: `${remove}; set postgresPort on the node instead` },
  primary_conninfo: recovery,
  primary_slot_name: recovery,
  promote_trigger_file: recovery,
  recovery_end_command: recovery,
  recovery_min_apply_delay: {
    reason: "each node says for itself how far it stays behind",
    hint: `${remove}; set delay on the node instead`,
  },
  recovery_target: recovery,
  recovery_target_action: recovery,
  recovery_target_inclusive: recovery,
  recovery_target_lsn: recovery,
  recovery_target_name: recovery,
  recovery_target_time: recovery,
  recovery_target_timeline: recovery,
  recovery_target_xid: recovery,
  restart_after_crash: {
    reason: "a primary that crashed starts again through the boot guard only, lest there be two",
    hint: remove,
  },
  restore_command: recovery,
  ssl: { reason: "every connection over the network is encrypted", hint: remove },
  ssl_ca_file: tls,
  ssl_cert_file: tls,
  ssl_crl_dir: tls,
  ssl_crl_file: tls,
  ssl_key_file: tls,
  ssl_passphrase_command: tls,
  ssl_passphrase_command_supports_reload: tls,
  synchronous_standby_names: {
    reason: "it follows from the nodes",
    hint: `${remove}; set synchronous: true on nodes instead`,
  },
  unix_socket_directories: file("the socket"),
  wal_log_hints: { reason: "a former primary is rejoined by pg_rewind, which needs it", hint: remove },
  wal_receiver_create_temp_slot: { reason: "every standby has a lasting slot of its own", hint: remove },
};

/** Values that are refused of settings which are otherwise the user's. */
export const refusedValues: Readonly<Record<string, Refusal & { readonly values: readonly string[] }>> = {
  data_sync_retry: {
    values: ["on"],
    reason: "Linux drops what it could not write, so a second fsync succeeds without it",
    hint: remove,
  },
  fsync: { values: ["off"], reason: "a crash would destroy the node's data", hint: remove },
  full_page_writes: { values: ["off"], reason: "a crash, or pg_rewind, could leave torn pages", hint: remove },
  wal_level: {
    values: ["minimal"],
    reason: "standbys and the archive need at least replica",
    hint: "use replica (the default) or logical",
  },
};

/** Buffers that PostgreSQL counts in banks: a bank is 16 pages of 8kB. Where 0 is legal it means "by shared_buffers". */
export const multiplesOf16 = [
  "commit_timestamp_buffers",
  "multixact_member_buffers",
  "multixact_offset_buffers",
  "notify_buffers",
  "serializable_buffers",
  "subtransaction_buffers",
  "transaction_buffers",
];

export interface Removal {
  /** First major that does not know the setting. */
  readonly in: string;
  readonly successor?: string;
  readonly hint: string;
}

const instead = (successor: string, note = ""): Pick<Removal, "successor" | "hint"> => ({
  successor,
  hint: `use ${successor} instead${note}`,
});

/** Settings that are gone. Those that some known major still has are told from the data; this adds what to do. */
export const removed: Readonly<Record<string, Removal>> = {
  checkpoint_segments: { in: "9.5", ...instead("max_wal_size") },
  custom_variable_classes: { in: "9.2", hint: `${remove}; settings of extensions need no announcement` },
  db_user_namespace: { in: "17", hint: remove },
  default_with_oids: { in: "12", hint: remove },
  force_parallel_mode: { in: "16", hint: `${remove}; it was for testing only` },
  lc_collate: { in: "16", hint: `${remove}; it is fixed when the cluster is initialized` },
  lc_ctype: { in: "16", hint: `${remove}; it is fixed when the cluster is initialized` },
  min_parallel_relation_size: { in: "10", ...instead("min_parallel_table_scan_size") },
  old_snapshot_threshold: { in: "17", hint: remove },
  operator_precedence_warning: { in: "14", hint: remove },
  promote_trigger_file: { in: "16", hint: `${remove}; roles follow from the config key primary` },
  replacement_sort_tuples: { in: "11", hint: remove },
  replication_timeout: { in: "9.3", ...instead("wal_sender_timeout") },
  silent_mode: { in: "9.2", hint: remove },
  sort_mem: { in: "8.0", ...instead("work_mem") },
  sql_inheritance: { in: "10", hint: remove },
  ssl_ecdh_curve: { in: "18", ...instead("ssl_groups") },
  standby_mode: { in: "12", hint: `${remove}; roles follow from the config key primary` },
  stats_temp_directory: { in: "15", hint: `${remove}; statistics are kept in shared memory` },
  trace_recovery_messages: { in: "17", hint: remove },
  trigger_file: { in: "12", hint: `${remove}; roles follow from the config key primary` },
  unix_socket_directory: { in: "9.3", hint: `${remove}; the socket has its fixed place` },
  vacuum_cleanup_index_scale_factor: { in: "14", hint: remove },
  vacuum_defer_cleanup_age: {
    in: "16",
    ...instead("hot_standby_feedback", " where queries on standbys are cancelled"),
  },
  vacuum_mem: { in: "8.0", ...instead("maintenance_work_mem") },
  wal_keep_segments: { in: "13", ...instead("wal_keep_size", " (one segment is 16MB)") },
};

/** Prefix of the settings of a library, where it is not the library's own name. */
export const libraryPrefixes: Readonly<Record<string, string>> = {
  pg_cron: "cron",
  pg_squeeze: "squeeze",
  pgextwlist: "extwlist",
  plpgsql_check: "plpgsql_check",
};

/** Prefixes of libraries that PostgreSQL loads by itself when it needs them. */
export const builtInPrefixes = ["plperl", "plpgsql", "pltcl"];
