import { isIPv4 } from "node:net";
import * as z from "zod";
import { parseHttpsEndpoint } from "../network.ts";
import { anything, flag, matching, type Option, oneOf, text, wholeNumber } from "./option.ts";

export const retentionOptions = {
  full: {
    schema: wholeNumber(1, 9_999_999),
    description: "How many full backups are kept, with all WAL from the oldest of them on.",
    rule: "must be a whole number from 1 to 9999999",
    hint: "set how many full backups to keep, such as 2",
    default: "2",
    effect: "what is too old goes with the next backup",
  },
  differential: {
    schema: wholeNumber(1, 9_999_999),
    description: "How many differential backups are kept.",
    rule: "must be a whole number from 1 to 9999999",
    hint: "set how many differential backups to keep, such as 7",
    default: "all that belong to a kept full backup",
    effect: "what is too old goes with the next backup",
  },
} as const satisfies Record<string, Option>;

const scheduleOption = (kind: string, byDefault: string) =>
  ({
    schema: matching((value) => value === "off" || isCalendar(value)),
    description: `When ${kind} backup is taken: a systemd OnCalendar expression, or \`off\`.`,
    rule: "must be a systemd OnCalendar expression or off",
    hint: "write it such as 'Sun *-*-* 02:00' or 'daily'; 'systemd-analyze calendar' checks it",
    default: `"${byDefault}"`,
    effect: "reload of the timers",
  }) as const satisfies Option<string>;

export const scheduleOptions = {
  full: scheduleOption("a full", "Sun *-*-* 02:00"),
  differential: scheduleOption("a differential", "off"),
  incremental: scheduleOption("an incremental", "Mon..Sat *-*-* 02:00"),
} as const satisfies Record<string, Option>;

/** Options that make no sense without an endpoint of the user's. */
export const endpointOptions = {
  accessKey: {
    schema: matching((key) => /^[\x21-\x7e]+$/.test(key)),
    description: "Access key of the endpoint; goes with `endpoint`.",
    rule: "must be printable ASCII without blanks",
    hint: "set it with: pulumi config set --secret --path archive.accessKey",
    secret: true,
    later: true,
    effect: "reload of the archive's configuration on every node",
  },
  secretKey: {
    schema: matching((key) => /^[\x21-\x7e]+$/.test(key)),
    description: "Secret key of the endpoint; goes with `endpoint`.",
    rule: "must be printable ASCII without blanks",
    hint: "set it with: pulumi config set --secret --path archive.secretKey",
    secret: true,
    later: true,
    effect: "reload of the archive's configuration on every node",
  },
  uriStyle: {
    schema: oneOf("path", "host"),
    description: "Whether the bucket's name stands in the path or in front of the endpoint's host name.",
    rule: "must be one of path, host",
    hint: "use host for AWS, path for most other servers",
    default: "`host` for endpoints of AWS, else `path`",
    effect: "reload of the archive's configuration on every node",
  },
  caFile: {
    schema: z.string().min(1),
    description: "File on the operator's machine with the CA certificate (PEM) of the endpoint.",
    rule: "must be the path of a file",
    hint: "set the path of the CA certificate",
    default: "the hosts' own trust store",
    effect: "reload of the archive's configuration on every node",
  },
  caCertificate: {
    schema: matching(isCertificate),
    description: "The CA certificate (PEM) of the endpoint itself; instead of `caFile`.",
    rule: "must be a certificate in PEM format",
    hint: "give the content of the CA certificate's file",
    default: "what is in `caFile`",
    later: true,
    effect: "reload of the archive's configuration on every node",
  },
  verifyTls: {
    schema: flag(),
    description: "Whether the endpoint's certificate is checked.",
    rule: "must be true or false",
    hint: "use true or false",
    default: "true",
    effect: "reload of the archive's configuration on every node",
  },
} as const satisfies Record<string, Option>;

/** Which bucket, of which server. */
const placeOptions = {
  bucket: {
    schema: text(bucketProblem),
    description: "Name of the S3 bucket.",
    rule: "must be a name that S3 allows",
    hint: "use 3 to 63 lower-case letters, digits and hyphens, with a letter or digit at both ends",
    default: "`understudy-<clusterName>` where the stack makes the bucket; else required",
    later: true,
    effect: "a new archive with a new full backup; the old bucket is left alone",
  },
  endpoint: {
    schema: matching((value) => parseHttpsEndpoint(value) !== undefined),
    description:
      "S3 endpoint, reached over HTTPS. Without it, the target `docker` makes an S3 server of its own; `ssh` needs it.",
    rule: "must be host, host:port or https://host[:port]",
    hint: "set it such as s3.eu-central-1.amazonaws.com or minio.example.com:9000; http is not supported",
    default: "none",
    later: true,
    effect: "a new archive with a new full backup",
  },
  region: {
    schema: matching((value) => /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(value)),
    description: "Region of the bucket.",
    rule: "must be the name of a region",
    hint: "set it such as eu-central-1",
    default: '"us-east-1"',
    later: true,
    effect: "reload of the archive's configuration on every node",
  },
  prefix: {
    schema: matching(isPrefix),
    description: "Folder within the bucket, where several clusters share it.",
    rule: "must be a path of letters, digits and '!', '_', '.', '-' without '.' and '..'",
    hint: "set it such as production/postgres",
    default: "the bucket's top",
    effect: "a new archive with a new full backup",
  },
} as const satisfies Record<string, Option>;

/** An option of the archive, as that of the ledger. */
const ofLedger = <Row extends Option>(row: Row, description: string) => ({
  ...row,
  description,
  hint: row.hint.replaceAll("archive.", "archive.ledger."),
  effect: "each agent starts anew",
});
const moved = {
  effect: "each agent starts anew, and looks for the ledger there: copy all of its objects before",
} as const;
const required = { required: true } as const;
const { default: _, ...bucket } = placeOptions.bucket;

/** Options of the ledger's place that make no sense without an endpoint of its own. */
export const ledgerServerOptions = {
  region: ofLedger(placeOptions.region, "Region of the ledger's bucket; goes with `archive.ledger.endpoint`."),
  uriStyle: ofLedger(endpointOptions.uriStyle, endpointOptions.uriStyle.description),
  caFile: ofLedger(endpointOptions.caFile, endpointOptions.caFile.description),
  caCertificate: ofLedger(endpointOptions.caCertificate, endpointOptions.caCertificate.description),
  verifyTls: ofLedger(endpointOptions.verifyTls, endpointOptions.verifyTls.description),
} as const satisfies Record<string, Option>;

export const ledgerOptions = {
  bucket: { ...ofLedger(bucket, "Bucket of the ledger: another one than the archive's."), ...required, ...moved },
  accessKey: {
    ...ofLedger(endpointOptions.accessKey, "Access key of an account that may list the bucket, get and put objects."),
    ...required,
  },
  secretKey: {
    ...ofLedger(endpointOptions.secretKey, "Secret key that goes with `accessKey`."),
    ...required,
  },
  prefix: {
    ...ofLedger(placeOptions.prefix, "Folder within the bucket, where several clusters share it."),
    schema: matching((value) => isPrefix(value) && !value.includes("!")),
    rule: "must be a path of letters, digits and '_', '.', '-' without '.' and '..'",
    default: "`clusterName`",
    ...moved,
  },
  endpoint: {
    ...ofLedger(placeOptions.endpoint, "S3 endpoint of the ledger, reached over HTTPS."),
    default: "that of the archive, with its `region`, `uriStyle`, CA certificate and `verifyTls`",
    ...moved,
  },
  ...ledgerServerOptions,
} as const satisfies Record<string, Option>;

export const archiveOptions = {
  ...placeOptions,
  encrypted: {
    schema: flag(),
    description:
      "Whether WAL and backups are encrypted before they leave the host (AES-256-CBC), with a key that the stack makes (the output `archiveKey`). Lost key = lost archive.",
    rule: "must be true or false",
    hint: "use true or false",
    default: "`true` for a new stack; else what the archive is",
    effect: "only together with another archive (`prefix`, `bucket` or `endpoint`); refused otherwise",
  },
  ...endpointOptions,
  ledger: {
    schema: anything(),
    description:
      "Where the ledger of agents lies (`agent`): a place that the archive's account, which postgres has, cannot reach.",
    rule: "must be an object",
    hint: "set bucket, accessKey and secretKey under it: a bucket of its own, and an account that may list it, get and put objects there, and not delete them",
    default: "made by the targets `docker` and `aws`; required with `agent` and `archive.endpoint`",
    ...moved,
    options: ledgerOptions,
  },
  retention: {
    schema: anything(),
    description: "How many backups are kept.",
    rule: "must be an object",
    hint: "set full under it",
    effect: "what is too old goes with the next backup",
    options: retentionOptions,
  },
  schedule: {
    schema: anything(),
    description: "When backups are taken. The node that is primary then starts them.",
    rule: "must be an object",
    hint: "set full, differential or incremental under it",
    effect: "reload of the timers",
    options: scheduleOptions,
  },
  backupFrom: {
    schema: oneOf("standby", "primary"),
    description:
      "Which node scheduled backups read the data from: a hot standby that streams and is not far behind, where there is one, or always the primary.",
    rule: "must be one of standby, primary",
    hint: "use standby to spare the primary's disk",
    default: '"standby"',
    effect: "counts from the next backup on",
  },
} as const satisfies Record<string, Option>;

/** Whether `text` has a certificate in PEM format. */
export function isCertificate(text: string): boolean {
  return text.includes("-----BEGIN CERTIFICATE-----");
}

/** The rule of S3 that `name` breaks, or undefined. */
export function bucketProblem(name: string): string | undefined {
  if (name.length < 3 || name.length > 63) return "must be 3 to 63 characters long";
  if (!/^[a-z0-9.-]+$/.test(name)) return "must be of lower-case letters, digits, hyphens and dots";
  if (!/^[a-z0-9].*[a-z0-9]$/.test(name)) return "must start and end with a letter or digit";
  if (/\.\.|\.-|-\./.test(name)) return "must not have a dot next to a dot or hyphen";
  if (isIPv4(name) || /^\d+\.\d+\.\d+\.\d+$/.test(name)) return "must not look like an IP address";
  const prefix = ["xn--", "sthree-", "amzn-s3-demo-"].find((reserved) => name.startsWith(reserved));
  if (prefix) return `must not start with ${prefix}, which S3 keeps for itself`;
  const suffix = ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"].find((reserved) => name.endsWith(reserved));
  return suffix ? `must not end with ${suffix}, which S3 keeps for itself` : undefined;
}

function isPrefix(value: string): boolean {
  const parts = value.replace(/^\/|\/$/g, "").split("/");
  return value.length <= 200 && parts.every((part) => /^[A-Za-z0-9!_.-]+$/.test(part) && !/^\.+$/.test(part));
}

const shorthand = /^(?:minutely|hourly|daily|weekly|monthly|quarterly|semiannually|yearly|annually)$/;
const weekdays = String.raw`(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*(?:(?:\.\.|-|,)(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*)*)`;
const numbers = String.raw`(?:(?:\*|\d+(?:\.\.\d+)?)(?:\/\d+)?(?:,(?:\*|\d+(?:\.\.\d+)?)(?:\/\d+)?)*)`;
const date = `(?:(?:${numbers}-)?${numbers}[-~]${numbers})`;
const time = `(?:${numbers}:${numbers}(?::${numbers}(?:\\.\\d+)?)?)`;
const zone = String.raw`(?:UTC|[A-Z][A-Za-z_]+(?:\/[A-Za-z_+-]+)+)`;
const calendar = new RegExp(
  `^(?:${weekdays}(?: ${date})?(?: ${time})?|${date}(?: ${time})?|${time})(?: ${zone})?$`,
  "i",
);

/** Whether `value` has the form of a systemd calendar expression. */
export function isCalendar(value: string): boolean {
  return shorthand.test(value) || calendar.test(value);
}
