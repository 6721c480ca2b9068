import type { ArchiveConfig } from "../clusterConfig.ts";
import { type Given, isLater, whenKnown } from "../later.ts";
import { parseHttpsEndpoint } from "../network.ts";
import type { Problem } from "../problems.ts";
import { archiveOptions, endpointOptions, retentionOptions, scheduleOptions } from "../schema/archiveOptions.ts";
import { asObject, type OptionValues, readOptions } from "../schema/option.ts";
import { readCertificateFile } from "./textFile.ts";

interface ArchiveContext {
  /** The target's name, for messages. */
  readonly target: string | undefined;
  /** Bucket and region of the archive that the target makes; undefined: it makes none. */
  readonly own: { readonly bucket: string; readonly region: string } | undefined;
  readFile(path: string): string;
}

/** Reads `archive`. With problems it comes back incomplete: the caller throws then, once everything is read. */
export function readArchive(raw: unknown, context: ArchiveContext, problems: Problem[]): ArchiveConfig {
  const values = readOptions(archiveOptions, raw, "archive", problems);
  const retention = readOptions(retentionOptions, values.retention, "archive.retention", problems);
  const schedule = readOptions(scheduleOptions, values.schedule, "archive.schedule", problems);
  const base = {
    region: values.region ?? context.own?.region ?? "us-east-1",
    prefix: (values.prefix ?? "").replace(/^\/|\/$/g, ""),
    encrypted: values.encrypted,
    backupFrom: values.backupFrom ?? "standby",
    retention: { full: retention.full ?? 2, differential: retention.differential },
    schedule: {
      full: calendar(schedule.full ?? "Sun *-*-* 02:00"),
      differential: calendar(schedule.differential ?? "off"),
      incremental: calendar(schedule.incremental ?? "Mon..Sat *-*-* 02:00"),
    },
  };
  const given = (key: string) => isGiven(asObject(raw), key);
  if (!given("endpoint") && context.own) {
    for (const key of Object.keys(endpointOptions)) {
      if (!given(key)) continue;
      const hint = "set archive.endpoint too, or remove it: the stack's own archive decides it";
      problems.push({ key: `archive.${key}`, rule: "needs archive.endpoint", hint });
    }
    return { server: "own", ...base, bucket: readOwnBucket(values.bucket, problems) ?? context.own.bucket };
  }
  const needed = ["endpoint", "bucket", "accessKey", "secretKey"] as const;
  for (const key of needed) {
    if (given(key)) continue;
    const because = given("endpoint") ? "with archive.endpoint" : `with the target ${context.target}`;
    problems.push({ key: `archive.${key}`, rule: `is required ${because}`, hint: archiveOptions[key].hint });
  }
  const endpoint = whenKnown(values.endpoint ?? "", (text) => parseHttpsEndpoint(text) ?? { host: "", port: 443 });
  return {
    server: "given",
    ...base,
    bucket: values.bucket ?? "",
    endpoint,
    accessKey: values.accessKey ?? "",
    secretKey: values.secretKey ?? "",
    uriStyle: values.uriStyle ?? whenKnown(endpoint, ({ host }) => (isAws(host) ? "host" : "path")),
    caCertificate: readCertificate(values, context, problems),
    verifyTls: values.verifyTls ?? true,
  };
}

/** Even with a value that broke its rule and was told. */
export function isGiven(object: Readonly<Record<string, unknown>> | undefined, key: string): boolean {
  const value = object?.[key];
  return value !== undefined && value !== null && value !== "";
}

function calendar(expression: string): string | undefined {
  return expression === "off" ? undefined : expression;
}

export function isAws(host: string): boolean {
  return /\.amazonaws\.com(?:\.cn)?$/.test(host);
}

/** The bucket that the stack makes: its name is in those of its resources. */
function readOwnBucket(bucket: Given<string> | undefined, problems: Problem[]): string | undefined {
  if (!isLater(bucket)) return bucket;
  const rule = "must be a plain value where the stack makes the bucket: what there is to make depends on it";
  problems.push({
    key: "archive.bucket",
    rule,
    hint: "give the name itself; or archive.endpoint, for a bucket that is there",
  });
  return undefined;
}

function readCertificate(
  { caFile: file, caCertificate }: OptionValues<typeof archiveOptions>,
  context: ArchiveContext,
  problems: Problem[],
): Given<string> | undefined {
  if (caCertificate !== undefined && file !== undefined) {
    const hint = "remove one of them";
    problems.push({ key: "archive.caCertificate", rule: "is given beside archive.caFile", hint });
  }
  return file === undefined ? caCertificate : readCertificateFile(file, "archive.caFile", context, problems);
}
