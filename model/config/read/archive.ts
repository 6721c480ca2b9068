import type { ArchiveConfig, GivenArchiveConfig, LedgerConfig, S3ServerConfig } from "../clusterConfig.ts";
import { type Given, isLater, type Known, whenKnown } from "../later.ts";
import { parseHttpsEndpoint } from "../network.ts";
import type { Problem } from "../problems.ts";
import {
  archiveOptions,
  endpointOptions,
  ledgerOptions,
  ledgerServerOptions,
  retentionOptions,
  scheduleOptions,
} from "../schema/archiveOptions.ts";
import { asObject, type OptionValues, readOptions } from "../schema/option.ts";
import type { OwnArchive } from "../targets/target.ts";
import { readCertificateFile } from "./textFile.ts";

interface ArchiveContext {
  /** The target's name, for messages. */
  readonly target: string | undefined;
  /** The archive that the target makes; undefined: it makes none. */
  readonly own: OwnArchive | undefined;
  readonly clusterName: string;
  /** Whether agents need a ledger. */
  readonly agent: boolean;
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
    const { server } = context.own;
    for (const key of [...Object.keys(endpointOptions), ...(server ? [] : ["ledger"])]) {
      if (!given(key)) continue;
      const hint = "set archive.endpoint too, or remove it: the stack's own archive decides it";
      problems.push({ key: `archive.${key}`, rule: "needs archive.endpoint", hint });
    }
    const bucket = readOwnBucket(values.bucket, problems) ?? context.own.bucket;
    const ledger = server && given("ledger") ? readLedger(asObject(raw)?.ledger, server, context, problems) : undefined;
    return withoutConflict({ server: "own", ...base, bucket, ledger }, problems);
  }
  const needed = ["endpoint", "bucket", "accessKey", "secretKey"] as const;
  for (const key of needed) {
    if (given(key)) continue;
    const because = given("endpoint") ? "with archive.endpoint" : `with the target ${context.target}`;
    problems.push({ key: `archive.${key}`, rule: `is required ${because}`, hint: archiveOptions[key].hint });
  }
  const server = readServer(values, "archive", context, problems);
  const archive: GivenArchiveConfig = {
    server: "given",
    ...base,
    ...server,
    bucket: values.bucket ?? "",
    accessKey: values.accessKey ?? "",
    secretKey: values.secretKey ?? "",
    ledger: readLedger(asObject(raw)?.ledger, { ...server, region: base.region }, context, problems),
  };
  return withoutConflict(archive, problems);
}

/** The archive; tells what is wrong between it and the ledger, where that is known. */
function withoutConflict<T extends ArchiveConfig>(archive: T, problems: Problem[]): T {
  const whole: ArchiveConfig = archive;
  const places = [...(whole.ledger ? [whole.ledger] : []), ...(whole.server === "given" ? [whole] : [])];
  const isOpen = places.some(({ accessKey, bucket, endpoint }) => [accessKey, bucket, endpoint].some(isLater));
  if (!isOpen) problems.push(...ledgerProblems(archive as Known<ArchiveConfig>));
  return archive;
}

/** The server at `path` in config. */
function readServer(
  values: Pick<OptionValues<typeof archiveOptions>, "endpoint" | "uriStyle" | "caFile" | "caCertificate" | "verifyTls">,
  path: string,
  context: ArchiveContext,
  problems: Problem[],
): Omit<S3ServerConfig, "region"> {
  const endpoint = whenKnown(values.endpoint ?? "", (text) => parseHttpsEndpoint(text) ?? { host: "", port: 443 });
  return {
    endpoint,
    uriStyle: values.uriStyle ?? whenKnown(endpoint, ({ host }) => (isAws(host) ? "host" : "path")),
    caCertificate: readCertificate(values, path, context, problems),
    verifyTls: values.verifyTls ?? true,
  };
}

/** @param archive the server that the ledger is on where no other is named */
function readLedger(
  raw: unknown,
  archive: S3ServerConfig,
  context: ArchiveContext,
  problems: Problem[],
): LedgerConfig | undefined {
  const path = "archive.ledger";
  const { hint } = archiveOptions.ledger;
  const isThere = isGiven({ raw }, "raw");
  if (!isThere && context.agent) problems.push({ key: path, rule: "is required with agent", hint });
  if (isThere && !context.agent) {
    problems.push({ key: path, rule: "is of agents, and there are none", hint: "remove it, or set agent to true" });
  }
  if (!isThere || !context.agent) return undefined;
  const values = readOptions(ledgerOptions, raw, path, problems);
  const given = (key: string) => isGiven(asObject(raw), key);
  if (!given("endpoint")) {
    for (const key of Object.keys(ledgerServerOptions).filter(given)) {
      const hint = "set archive.ledger.endpoint too, or remove it: the archive's server decides it";
      problems.push({ key: `${path}.${key}`, rule: "needs archive.ledger.endpoint", hint });
    }
  }
  const server = given("endpoint")
    ? { ...readServer(values, path, context, problems), region: values.region ?? "us-east-1" }
    : archive;
  return {
    ...server,
    bucket: values.bucket ?? "",
    prefix: (values.prefix ?? context.clusterName).replace(/^\/|\/$/g, ""),
    accessKey: values.accessKey ?? "",
    secretKey: values.secretKey ?? "",
  };
}

/** What would let postgres, which has the archive's account, at the ledger. */
export function ledgerProblems(archive: Known<ArchiveConfig>): readonly Problem[] {
  const { ledger } = archive;
  if (ledger === undefined) return [];
  const problems: Problem[] = [];
  // Of a bucket that the stack makes nobody else's has the name.
  const sameServer =
    archive.server === "own" ||
    (ledger.endpoint.host === archive.endpoint.host && ledger.endpoint.port === archive.endpoint.port);
  if (sameServer && ledger.bucket !== "" && ledger.bucket === archive.bucket) {
    const hint = "make a bucket of its own for the ledger, which the archive's account cannot reach";
    problems.push({
      key: "archive.ledger.bucket",
      rule: "is the archive's, where postgres may delete what it likes",
      hint,
    });
  }
  if (archive.server === "given" && ledger.accessKey !== "" && ledger.accessKey === archive.accessKey) {
    const hint =
      "make an account for the ledger: it may list the bucket, get and put objects there, and not delete them";
    problems.push({ key: "archive.ledger.accessKey", rule: "is the archive's, which postgres has", hint });
  }
  return problems;
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
  { caFile: file, caCertificate }: Pick<OptionValues<typeof archiveOptions>, "caFile" | "caCertificate">,
  path: string,
  context: ArchiveContext,
  problems: Problem[],
): Given<string> | undefined {
  if (caCertificate !== undefined && file !== undefined) {
    const hint = "remove one of them";
    problems.push({ key: `${path}.caCertificate`, rule: `is given beside ${path}.caFile`, hint });
  }
  return file === undefined ? caCertificate : readCertificateFile(file, `${path}.caFile`, context, problems);
}
