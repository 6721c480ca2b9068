import type { ArchiveSource } from "../archive/source.ts";
import type { ArchiveConfig, NodeConfig } from "../config/clusterConfig.ts";
import type { Known } from "../config/later.ts";
import type { PostgresMajor } from "../majors.ts";
import { superuser } from "../names.ts";
import {
  handoverFlag,
  hostFiles,
  pgdata,
  restoreDirectory,
  socketDirectory,
  spoolDirectory,
  unfinishedRestore,
} from "../paths.ts";

/** How the archive is reached, whoever serves it: with keys, which are secrets, or as the role that the host has. */
export type ArchiveAccess = ArchiveServer & (ArchiveKeys | ArchiveRole);

interface ArchiveKeys {
  readonly accessKey: string;
  readonly secretKey: string;
}

interface ArchiveRole {
  readonly role: "instance";
}

interface ArchiveServer {
  readonly endpoint: { readonly host: string; readonly port: number };
  readonly uriStyle: "path" | "host";
  /** Path on the host of the CA that signed the endpoint's certificate; undefined: the system's trust store. */
  readonly caFile: string | undefined;
  readonly verifyTls: boolean;
}

export interface PgbackrestInput {
  readonly stanza: string;
  readonly major: PostgresMajor;
  readonly node: NodeConfig;
  readonly archive: Known<ArchiveConfig>;
  readonly access: ArchiveAccess;
  /** What the archive is encrypted with; "": it is not. */
  readonly key: string;
  readonly cpus: number;
  /** Version of pgBackRest on the host, as `install` reports it ("2.55.1"). */
  readonly version: string;
}

const header = "# Written by Understudy. Changes made here are lost.\n";

/** Whether pgBackRest `version` is at least `major`.`minor`. */
function knows(version: string, major: number, minor: number): boolean {
  const [ownMajor = 0, ownMinor = 0] = version.split(".").map(Number);
  return ownMajor > major || (ownMajor === major && ownMinor >= minor);
}

/** The command that PostgreSQL and the host scripts call, up to the stanza. */
export function pgbackrestCommand(stanza: string): string {
  return `pgbackrest --config=${hostFiles.pgbackrestConf} --stanza=${stanza}`;
}

/**
 * The command by which a standby fetches WAL. An archive that is out of reach must not hold up its start or promotion:
 * for a history file, pgBackRest 2.55 tried for 18 times `io-timeout`. `timeout` ends it with 124, which PostgreSQL takes
 * for "not there"; with `--kill-after` it could be 137, at which PostgreSQL stops the standby.
 */
export function restoreCommand(stanza: string): string {
  return `test ! -e ${handoverFlag} && timeout 10 ${pgbackrestCommand(stanza)} archive-get %f "%p"`;
}

/**
 * The two commands of a node that the agent runs, which says by two files in `flags` what they may do (agent/real/walArchive.ts). PostgreSQL calls
 * them for each segment: so they are short. pgBackRest looks for its own name in the first one.
 */
export const agentArchiveCommand = (flags: string, pgbackrest: string): string =>
  `test -e ${flags}/pushes && ${pgbackrest} archive-push %p`;
export const agentRestoreCommand = (flags: string, pgbackrest: string): string =>
  `test ! -e ${flags}/quiet && timeout 10 ${pgbackrest} archive-get %f "%p"`;

/**
 * `/etc/understudy/pgbackrest.conf` of one node: a secret as a whole. It uses no option that the host's version
 * lacks; 2.33 is the oldest one that a Debian with a known major has.
 */
export function renderPgbackrestConf(input: PgbackrestInput): string {
  const spool = spoolDirectory(input.node.dataDirectory);
  return [
    header,
    section("global", {
      ...repository(input.archive, input.access),
      ...cipher(input.key),
      // Small files as one object: of a new cluster's backup on S3 that is 1.0 instead of 4.1 s.
      ...(knows(input.version, 2, 39) ? { "repo1-bundle": "y" } : {}),
      // Of a file that changed, the blocks that changed; from the next full backup on. It is known from 2.46 on, and its restore had faults until 2.55.
      ...(knows(input.version, 2, 55) ? { "repo1-block": "y" } : {}),
      "compress-type": "zst",
      delta: "y",
      // Not /tmp: services may each have one of their own, and then no lock keeps two commands apart.
      "lock-path": `${spool}/lock`,
      // stdout is for what a command was asked for.
      "log-level-console": "off",
      "log-level-file": "info",
      "log-level-stderr": "warn",
      "process-max": processes(input.cpus),
      "spool-path": spool,
      "start-fast": "y",
    }),
    // See restoreCommand: within its limit. What takes longer to fetch is in the spool at the next try.
    section("global:archive-get", {
      "archive-async": "y",
      "archive-timeout": "8",
      "io-timeout": "5",
      "process-max": "2",
    }),
    section("global:archive-push", { "archive-async": "y", "process-max": "2" }),
    section(input.stanza, {
      "pg1-path": pgdata(input.node.dataDirectory, input.major),
      "pg1-port": String(input.node.postgresPort),
      "pg1-socket-path": socketDirectory,
      "pg1-user": superuser,
    }),
  ].join("\n");
}

export interface SourceInput {
  readonly source: ArchiveSource;
  readonly major: number;
  readonly dataDirectory: string;
  readonly cpus: number;
}

/** How a new cluster reads the archive that it is made from: a secret as a whole. It has no way to write there: no command of ours that writes is given this file. */
export function renderSourceConf({ source, major, dataDirectory, cpus }: SourceInput): string {
  const { caCertificate, key, stanza } = source;
  const access = { ...source, caFile: caCertificate === "" ? undefined : sourceCaFile };
  return [
    header,
    section("global", {
      ...place(source, access),
      ...cipher(key),
      "lock-path": `${restoreDirectory}/lock`,
      "log-level-console": "off",
      "log-level-file": "info",
      "log-level-stderr": "warn",
      "process-max": processes(cpus),
      "spool-path": `${spoolDirectory(dataDirectory)}/restore`,
    }),
    section("global:archive-get", { "archive-async": "y", "process-max": processes(cpus) }),
    section(stanza, { "pg1-path": unfinishedRestore(dataDirectory, major) }),
  ].join("\n");
}

/** On the host. */
const sourceCaFile = `${restoreDirectory}/ca.crt`;

function repository(archive: Known<ArchiveConfig>, access: ArchiveAccess): Readonly<Record<string, string>> {
  const { differential } = archive.retention;
  return {
    ...place(archive, access),
    "repo1-retention-full": String(archive.retention.full),
    ...(differential === undefined ? {} : { "repo1-retention-diff": String(differential) }),
  };
}

function place(
  archive: Pick<Known<ArchiveConfig>, "prefix" | "bucket" | "region">,
  access: ArchiveAccess,
): Readonly<Record<string, string>> {
  return {
    "repo1-path": `/${archive.prefix}`,
    "repo1-s3-bucket": archive.bucket,
    "repo1-s3-endpoint": access.endpoint.host,
    ...("role" in access
      ? { "repo1-s3-key-type": "auto" }
      : { "repo1-s3-key": access.accessKey, "repo1-s3-key-secret": access.secretKey }),
    "repo1-s3-region": archive.region,
    "repo1-s3-uri-style": access.uriStyle,
    ...(access.caFile === undefined ? {} : { "repo1-storage-ca-file": access.caFile }),
    "repo1-storage-port": String(access.endpoint.port),
    "repo1-storage-verify-tls": access.verifyTls ? "y" : "n",
    "repo1-type": "s3",
  };
}

function cipher(key: string): Readonly<Record<string, string>> {
  return key === "" ? {} : { "repo1-cipher-pass": key, "repo1-cipher-type": "aes-256-cbc" };
}

function processes(cpus: number): string {
  return String(Math.min(Math.max(Math.floor(cpus / 2), 1), 8));
}

function section(name: string, options: Readonly<Record<string, string>>): string {
  const lines = Object.keys(options)
    .sort()
    .map((option) => `${option}=${iniValue(option, options[option] as string)}\n`);
  return `[${name}]\n${lines.join("")}`;
}

/** pgBackRest knows no quotes: a value goes to the end of its line, without the blanks around it. */
function iniValue(option: string, value: string): string {
  if (/[\0\r\n]/.test(value) || value !== value.trim() || value === "") {
    throw new Error(`pgbackrest.conf can't hold the value of ${option}`);
  }
  return value;
}
