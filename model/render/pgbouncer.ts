import type { PoolerConfig } from "../config/clusterConfig.ts";
import { poolerKeepalive } from "../keepalive.ts";
import { poolerRole } from "../names.ts";
import { poolerFiles } from "../paths.ts";

/** Which of a node's two poolers: the one that leads to the primary, or the one that leads to the standbys. */
export type PoolerKind = "primary" | "standbys";

export interface PgbouncerInput {
  readonly pooler: PoolerConfig;
  readonly kind: PoolerKind;
  /** PgBouncer's on the host, such as `1.24.1`. */
  readonly version: string;
}

/**
 * `pgbouncer.ini` of one pooler: the same on every node, whichever is the primary. Where it leads stands in a file of its own, which the
 * host's router writes (scripts/host/pooler-router).
 */
export function renderPgbouncerIni({ pooler, kind, version }: PgbouncerInput): string {
  const since = (minor: number) => isAtLeast(version, minor);
  const files = poolerFiles(kind);
  const settings: Readonly<Record<string, string | number>> = {
    // Logins are checked by PostgreSQL's own verifiers; what a client proves with one, PgBouncer can prove to the server.
    auth_type: "hba",
    auth_hba_file: files.hba,
    auth_file: files.userlist,
    auth_user: poolerRole,
    auth_query: "select name, verifier from understudy.pooler_lookup($1)",
    // Older ones ask in the database that the client wants: the function is in every one of them then.
    ...(since(19) ? { auth_dbname: "postgres" } : {}),
    client_tls_sslmode: "require",
    client_tls_cert_file: files.certificate,
    client_tls_key_file: files.key,
    default_pool_size: pooler.poolSize,
    // psql and drivers send it, and no result depends on it.
    ignore_startup_parameters: "extra_float_digits",
    listen_addr: "*",
    listen_port: kind === "primary" ? pooler.port : pooler.readOnlyPort,
    log_connections: 0,
    log_disconnections: 0,
    log_stats: 0,
    max_client_conn: pooler.maxClients,
    // Prepared statements of the protocol work in transaction pooling, too.
    ...(since(21) ? { max_prepared_statements: 200 } : {}),
    pool_mode: pooler.poolMode,
    // Seconds. A server that comes back is found within this; 15 by default, in which clients would get an error at once.
    server_login_retry: 0.2,
    server_connect_timeout: 3,
    server_tls_sslmode: "verify-full",
    server_tls_ca_file: files.caCertificate,
    tcp_keepalive: 1,
    tcp_keepcnt: poolerKeepalive.count,
    tcp_keepidle: poolerKeepalive.idle,
    tcp_keepintvl: poolerKeepalive.interval,
    unix_socket_dir: files.socketDirectory,
    unix_socket_mode: "0700",
  };
  const lines = Object.keys(settings)
    .sort()
    .map((name) => `${name} = ${settings[name]}\n`);
  return `; Written by Understudy. Changes made here are lost: set them in the stack's config.\n[pgbouncer]\n${lines.join("")}\n%include ${files.route}\n`;
}

/** Whether the function that looks verifiers up has to be in every database, and not in `postgres` alone. */
export function looksUpEverywhere(versions: readonly string[]): boolean {
  return versions.some((version) => !isAtLeast(version, 19));
}

/** Whether a route may name several hosts. */
export function severalHosts(version: string): boolean {
  return isAtLeast(version, 17);
}

/** Who may connect to a pooler: PostgreSQL itself sees the pooler's address only. */
export function renderPoolerHba(clientNetworks: readonly string[]): string {
  const lines = ["127.0.0.1/32", "::1/128", ...clientNetworks].map(
    (network) => `hostssl all all ${network} scram-sha-256`,
  );
  return `# Written by Understudy. Changes made here are lost.\n${lines.join("\n")}\n`;
}

/** One node, as the routers see it. */
export interface Candidate {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  /** Whether read-only clients may be led to it while it is a standby. */
  readonly readable: boolean;
}

/** A line for each node that may be led to, in the order of their names. */
export function renderCandidates(candidates: readonly Candidate[]): string {
  return candidates
    .map(({ name, address, port, readable }) => `${name} ${address} ${port} ${readable ? "readable" : "warm"}\n`)
    .sort()
    .join("");
}

/** Whether `version` is PgBouncer 1.`minor` or newer. */
function isAtLeast(version: string, minor: number): boolean {
  const match = /^(\d+)\.(\d+)/.exec(version);
  if (!match) throw new Error(`'${version}' is no version of PgBouncer`);
  return Number(match[1]) > 1 || Number(match[2]) >= minor;
}
