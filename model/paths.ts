/** Where things are on a host; the table in docs/architecture.md says who writes them. */

export const configDirectory = "/etc/understudy";
export const hostFiles = {
  postgresqlConf: `${configDirectory}/postgresql.conf`,
  hba: `${configDirectory}/pg_hba.conf`,
  ident: `${configDirectory}/pg_ident.conf`,
  standbyConf: `${configDirectory}/standby.conf`,
  /** Written by `scripts/host/guard` before each start of a standby. */
  floorConf: `${configDirectory}/floor.conf`,
  pgbackrestConf: `${configDirectory}/pgbackrest.conf`,
  pgpass: `${configDirectory}/pgpass`,
  caCertificate: `${configDirectory}/tls/ca.crt`,
  serverCertificate: `${configDirectory}/tls/server.crt`,
  serverKey: `${configDirectory}/tls/server.key`,
  /** CA of the archive's S3 endpoint; only where the system's own trust store does not do. */
  archiveCaCertificate: `${configDirectory}/tls/archive-ca.crt`,
} as const;

/** What the agent is told, and its keys: root's alone. `scripts/host/agent.sh` writes them. */
const agentConfig = `${configDirectory}/agent`;
export const agentFiles = {
  config: `${agentConfig}/agent.json`,
  ca: `${agentConfig}/ca.crt`,
  certificate: `${agentConfig}/agent.crt`,
  key: `${agentConfig}/agent.key`,
  ledgerKey: `${agentConfig}/ledger.key`,
  ledgerCredentials: `${agentConfig}/ledger-credentials.json`,
  ledgerCa: `${agentConfig}/ledger-ca.crt`,
} as const;

/** Folder of the ledger in a bucket that is the stack's own. */
export const ledgerFolder = "ledger/";

/** Where steps and status are asked for. */
export const agentSocket = "/run/understudy-agent/socket";

/** By what lies here, `restore_command` and `archive_command` know what they may do: PostgreSQL reads it, root alone writes. Gone with a restart of the host. */
export const walFlags = "/run/understudy-wal";

/** What the agent keeps, on the data volume: root's alone. */
export function agentDirectory(dataDirectory: string): string {
  return `${dataDirectory}/agent`;
}

/** While it is there, the primary changes and the archive is not asked. It may hold settings that are meant for that time. Gone with a restart of the host. */
export const handoverFlag = "/run/understudy-handover";

/** Files of one of a node's two poolers, and what they share. */
export function poolerFiles(kind: "primary" | "standbys") {
  const directory = `${configDirectory}/pooler`;
  const suffix = kind === "primary" ? "" : "-ro";
  return {
    /** Where it leads: written by the host's router, and by the steps that change where the primary is. */
    route: `${directory}/route${suffix}.ini`,
    hba: `${directory}/hba.conf`,
    userlist: `${directory}/userlist.txt`,
    caCertificate: `${directory}/ca.crt`,
    certificate: `${directory}/server.crt`,
    key: `${directory}/server.key`,
    /** Of the console: its own user alone gets in. */
    socketDirectory: `/run/understudy-pooler${suffix}`,
  } as const;
}

/** What PostgreSQL calls for each WAL file; put in place by `install`. */
export const archiveCommand = "/usr/local/lib/understudy/pgbackrest-push";

/** What PostgreSQL calls for each WAL file of the archive that a new cluster is made from; put in place by `install`. */
export const restoreCommand = "/usr/local/lib/understudy/restore-get";

/** What a restore needs for as long as it runs: how the source's archive is read, and the socket of the server that recovers. Gone with a restart of the host. */
export const restoreDirectory = "/run/understudy-restore";

/** The same of a restore drill. */
export const drillDirectory = "/run/understudy-drill";

/** Directory of PostgreSQL's Unix-domain sockets: Debian's. */
export const socketDirectory = "/run/postgresql";

/** PGDATA below a node's data directory. */
export function pgdata(dataDirectory: string, major: number): string {
  return `${dataDirectory}/${major}/data`;
}

/** What is restored, until it is whole. */
export function unfinishedRestore(dataDirectory: string, major: number): string {
  return `${pgdata(dataDirectory, major)}.restore`;
}

/** What a restore drill restores, below a node's data directory. `scripts/host/drill.sh` has the same. */
export function drilledData(dataDirectory: string): string {
  return `${dataDirectory}/drill/data`;
}

/** What was done on the node for which update, a line of JSON each. The step `receipt` collects it. */
export function journalFile(dataDirectory: string): string {
  return `${dataDirectory}/state/journal`;
}

/**
 * Whom a primary's commits wait for. The step `synchronous` writes it, on the data volume: it has to be there for as long as commits are that
 * were acknowledged by it.
 */
export function synchronousConf(dataDirectory: string): string {
  return `${dataDirectory}/synchronous.conf`;
}

/** pgBackRest's spool below a node's data directory. */
export function spoolDirectory(dataDirectory: string): string {
  return `${dataDirectory}/spool`;
}
