import * as z from "zod";
import { isClusterName } from "../../names.ts";
import { archiveOptions, endpointOptions } from "./archiveOptions.ts";
import { anything, flag, matching, type Option, wholeNumber } from "./option.ts";

const before = "none once the cluster is made; before that, the next update goes by it";

/** An option of the archive, as that of the source: it is needed once. */
const ofSource = <Row extends Option>(row: Row, description: string, byDefault?: string) => ({
  ...row,
  description,
  effect: before,
  later: true as const,
  hint: row.hint.replaceAll("archive.", "restore.from."),
  ...(byDefault === undefined ? { default: "none; required without `stack`" } : { default: byDefault }),
});

export const sourceOptions = {
  stack: {
    schema: matching((value) => /^(?:[A-Za-z0-9_.-]+\/[A-Za-z0-9_.-]+\/)?[A-Za-z0-9_.-]+$/.test(value)),
    description:
      "Stack whose archive it is: its output `restoreFrom` has the keys below, but for credentials of an archive that the stack did not make itself.",
    rule: "must be the name of a stack: name, or organization/project/name",
    hint: "set it such as prod; see ./scripts/pulumi stack ls",
    default: "none: the keys below say where the archive is",
    effect: before,
  },
  endpoint: ofSource(archiveOptions.endpoint, "S3 endpoint of the source's archive, reached over HTTPS."),
  bucket: ofSource(archiveOptions.bucket, "Bucket of the source's archive."),
  prefix: { ...archiveOptions.prefix, description: "Folder within the bucket.", effect: before },
  region: ofSource(archiveOptions.region, "Region of the bucket.", '"us-east-1"'),
  accessKey: ofSource(
    endpointOptions.accessKey,
    "Access key for the source's archive. Use one that may only read: nothing is ever written there.",
    "none; required, but with the `stack` of an S3 server that the target `docker` made",
  ),
  secretKey: ofSource(
    endpointOptions.secretKey,
    "Secret key that goes with `accessKey`.",
    "none; required, but with the `stack` of an S3 server that the target `docker` made",
  ),
  uriStyle: { ...endpointOptions.uriStyle, effect: before },
  caFile: {
    ...endpointOptions.caFile,
    effect: before,
  },
  caCertificate: ofSource(
    endpointOptions.caCertificate,
    endpointOptions.caCertificate.description,
    "what is in `caFile`",
  ),
  verifyTls: { ...endpointOptions.verifyTls, effect: before },
  stanza: {
    schema: matching(isClusterName),
    description: "pgBackRest's stanza: the source's `clusterName`.",
    rule: "must be 1 to 40 lower-case letters, digits and inner hyphens",
    hint: "set the clusterName of the source, by default the name of its stack",
    default: "none; required without `stack`",
    later: true,
    effect: before,
  },
  key: {
    schema: matching((key) => /^[\x21-\x7e]{1,200}$/.test(key)),
    description: "What the source's archive is encrypted with: the output `archiveKey` of its stack.",
    rule: "must be printable ASCII without blanks",
    hint: "set it with: pulumi config set --secret --path restore.from.key",
    default: "none: it is not encrypted",
    secret: true,
    later: true,
    effect: before,
  },
} as const satisfies Record<string, Option>;

const moment = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?(?:Z| ?UTC|[+-]\d\d(?::?\d\d)?)$/;

export const targetOptions = {
  time: {
    schema: matching((value) => moment.test(value) && !Number.isNaN(parseMoment(value).getTime())),
    description: "A moment: ISO 8601, with a zone.",
    rule: "must be a time with a zone",
    hint: "write it such as 2026-03-01T14:03:00+01:00 or 2026-03-01 13:03:00Z",
    default: "none",
    effect: before,
  },
  lsn: {
    schema: matching((value) => /^[0-9A-Fa-f]{1,8}\/[0-9A-Fa-f]{1,8}$/.test(value)),
    description: "A position in the WAL, as `pg_current_wal_lsn()` gives it.",
    rule: "must be a position in the WAL",
    hint: "write it such as 0/6B43E28",
    default: "none",
    effect: before,
  },
  xid: {
    schema: z
      .union([z.string().regex(/^[1-9]\d{0,19}$/), z.number().int().positive()])
      .transform(String) as unknown as z.ZodType<string>,
    description: "A transaction, as `pg_current_xact_id()` gives it.",
    rule: "must be the number of a transaction",
    hint: "write it such as 7361",
    default: "none",
    effect: before,
  },
  name: {
    schema: matching((value) => /^[\x20-\x7e]{1,63}$/.test(value)),
    description: "A point that was named before, by `pg_create_restore_point('…')`.",
    rule: "must be 1 to 63 characters of printable ASCII",
    hint: "give the name that pg_create_restore_point was called with",
    default: "none",
    effect: before,
  },
  backup: {
    schema: matching(isBackupLabel),
    description: "A backup, and no WAL that came after it.",
    rule: "must be the label of a backup",
    hint: "'npm run backups' on the source's stack lists them",
    default: "none",
    effect: before,
  },
} as const satisfies Record<string, Option>;

export const restoreOptions = {
  from: {
    schema: anything(),
    description: "The archive that the data come from.",
    rule: "must be an object",
    hint: "set stack under it, or endpoint, bucket, accessKey, secretKey, stanza and key",
    required: true,
    effect: "refused on a cluster that exists",
    options: sourceOptions,
  },
  target: {
    schema: anything(),
    type: '"latest" | RestoreTargetArgs',
    description: "Up to where it is recovered: `latest`, or one of the keys below.",
    rule: "must be latest, or an object with one of time, lsn, xid, name and backup",
    hint: "set one of them, such as: pulumi config set --path restore.target.time 2026-03-01T14:03:00+01:00",
    default: "latest: all WAL that the archive has",
    effect: "refused on a cluster that exists",
    options: targetOptions,
  },
  inclusive: {
    schema: flag(),
    description: "Whether what is at `time`, `lsn` or `xid` itself is still recovered.",
    rule: "must be true or false",
    hint: "use true or false",
    default: "true",
    effect: "refused on a cluster that exists",
  },
  timeline: {
    schema: wholeNumber(1, 0x7fffffff),
    description: "The timeline that is followed to its end, or to the target.",
    rule: "must be the number of a timeline",
    hint: "'npm run backups' on the source's stack shows the timelines",
    default: "the newest one; with `target.backup` its own",
    effect: "refused on a cluster that exists",
  },
  backup: {
    schema: matching(isBackupLabel),
    description: "The backup that recovery begins with.",
    rule: "must be the label of a backup",
    hint: "'npm run backups' on the source's stack lists them",
    default:
      "the newest one that ends before the target; with `target.xid` and `target.name`, whose time nobody knows, the oldest",
    effect: "refused on a cluster that exists",
  },
  sql: {
    schema: anything(),
    type: "Readonly<Record<string, string>>",
    description:
      "SQL that is run before anybody can connect, as the superuser: database name to the path of a file on the operator's machine. What fails ends the update, and nothing of the data is served.",
    rule: "must be an object: database name to the path of a file",
    hint: "set it such as: pulumi config set --path restore.sql.app mask.sql",
    default: "none",
    effect: before,
  },
} as const satisfies Record<string, Option>;

/** As pgBackRest names a backup. */
export function isBackupLabel(text: string): boolean {
  return /^\d{8}-\d{6}F(?:_\d{8}-\d{6}[DI])?$/.test(text);
}

/** A moment as `restore.target.time` has it. */
export function parseMoment(text: string): Date {
  return new Date(
    text
      .replace(" UTC", "Z")
      .replace("UTC", "Z")
      .replace(" ", "T")
      .replace(/([+-]\d\d)$/, "$1:00")
      .replace(/([+-]\d\d)(\d\d)$/, "$1:$2"),
  );
}
