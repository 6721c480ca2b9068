/** What the agent is told by the file that `install` writes: root's, and checked all the same. */
import { z } from "zod";
import { ledgerIdSchema, memberSchema, membersSchema } from "../../model/leadership/schema.ts";
import { type ServerMajorName, serverMajors } from "../../model/serverMajors.ts";

const path = z.string().regex(/^\/[^\0\n]{1,400}$/, "must be an absolute path");
const port = z.int().min(0).max(65_535);
const host = z.string().min(1).max(255);
const line = z.string().regex(/^[^\0\r\n]{0,2000}$/, "must be one line");

const ledger = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("directory"), path }),
  z.strictObject({
    kind: z.literal("s3"),
    endpoint: z.string().regex(/^https:\/\/[A-Za-z0-9.:[\]-]+$/, "must be https://host:port"),
    bucket: z.string().regex(/^[a-z0-9][a-z0-9.-]{1,62}$/),
    region: z.string().regex(/^[a-z0-9-]{1,40}$/),
    prefix: z.string().regex(/^(?:[A-Za-z0-9._-]+\/)*$/, "must end with /, or be empty"),
    uriStyle: z.enum(["path", "host"]),
    /** A file with certificates. */
    ca: path.exactOptional(),
    verifyTls: z.boolean(),
    /** A file with `{ "accessKeyId", "secretAccessKey" }`; it is read for each request. */
    credentials: path,
  }),
]);

/** Of WAL. */
const archive = z.discriminatedUnion("kind", [
  /** `config`: pgBackRest's own file. */
  z.strictObject({
    kind: z.literal("pgbackrest"),
    program: path,
    config: path,
    stanza: z.string().regex(/^[A-Za-z0-9_-]{1,63}$/),
  }),
  z.strictObject({ kind: z.literal("directory"), path }),
]);

export const configSchema = z.strictObject({
  version: z.literal(1),
  node: memberSchema,
  /** The machine's own id. Absent: what the machine says. A file that lies on its disk would be copied with it. */
  machine: z.string().min(1).max(200).exactOptional(),
  /** A directory of root's. */
  state: path,
  /** A file to which lines are added about changes of primary, for the receipt. Absent: none. */
  journal: path.exactOptional(),
  /** Where steps and status are asked for: in a directory that root alone may enter. */
  socket: path,
  /** A file with the stack's key. */
  ledgerKey: path,
  /** Where the cluster's ledger lies. */
  ledger,
  /** Where ledgers with these ids lie instead: one that is to be in the place of another, or was. By default there are none. */
  otherLedgers: z
    .array(z.strictObject({ id: ledgerIdSchema, place: ledger }))
    .max(10)
    .default([]),
  peers: z.strictObject({
    /** Without a host: at every address. */
    listen: z.strictObject({ host: host.exactOptional(), port }),
    /** Files. */
    ca: path,
    certificate: path,
    key: path,
    /** Who may speak, and where it is; for PostgreSQL, too, by libpq's words. This node is none of them. */
    nodes: z.array(z.strictObject({ member: memberSchema, host, port, conninfo: line })).max(100),
  }),
  postgres: z.strictObject({
    major: z.enum(Object.keys(serverMajors) as [ServerMajorName, ...ServerMajorName[]]),
    binaries: path,
    dataDirectory: path,
    socketDirectory: path,
    port,
    /** By name: as the host knows it. */
    user: z.union([
      z.string().regex(/^[a-z_][a-z0-9_-]{0,31}$/),
      z.strictObject({ name: z.string().min(1).max(32), uid: z.int().min(1), gid: z.int().min(1), home: path }),
    ]),
    /** Of systemd. Absent: the agent starts the server itself, and `log` is where that writes. */
    unit: z
      .string()
      .regex(/^[A-Za-z0-9:_.@-]{1,200}\.service$/)
      .exactOptional(),
    log: path.exactOptional(),
    /** Without `unit`: what the server is started with, if its settings are not in the data directory. */
    configFile: path.exactOptional(),
    standbyFile: path,
    /** Files that are of a primary only: a standby of somebody's has none of them. By default there are none. */
    primaryFiles: z.array(path).max(10).default([]),
    standbySettings: z.record(z.string().regex(/^[a-z_]{1,63}$/), line),
    archive,
    /** Members that receive WAL by the archive only. By default there are none. */
    archiveFed: membersSchema.default([]),
    /** A directory, which the agent makes, for files by which `restore_command` and `archive_command` know what they may do. */
    archiveFlags: path,
  }),
});

export type AgentConfig = z.infer<typeof configSchema>;

export const s3CredentialsSchema = z.strictObject({
  accessKeyId: z.string().min(1).max(200),
  secretAccessKey: z.string().min(1).max(200),
  sessionToken: z.string().min(1).max(4000).exactOptional(),
});
