import type { Moment, RestoreConfig, RestoreSource } from "../clusterConfig.ts";
import { type Given, whenKnown } from "../later.ts";
import { parseHttpsEndpoint } from "../network.ts";
import { keyPath, type Problem } from "../problems.ts";
import { asObject, readOptions } from "../schema/option.ts";
import { restoreOptions, sourceOptions, targetOptions } from "../schema/restoreOptions.ts";
import { topOptions } from "../schema/topOptions.ts";
import { isAws, isGiven } from "./archive.ts";
import { readCertificateFile, readTextFile } from "./textFile.ts";

interface RestoreContext {
  readFile(path: string): string;
}

/** Reads `restore`: undefined where nothing is restored. */
export function readRestore(raw: unknown, context: RestoreContext, problems: Problem[]): RestoreConfig | undefined {
  const object = asObject(raw);
  if (object === undefined) {
    problems.push({ key: "restore", rule: topOptions.restore.rule, hint: topOptions.restore.hint });
    return undefined;
  }
  if (Object.keys(object).length === 0) return undefined;
  const values = readOptions(restoreOptions, object, "restore", problems);
  const target = readTarget(values.target, problems);
  const { timeline, backup } = values;
  if (target.kind === "backup") {
    for (const [key, value] of Object.entries({ backup, timeline, inclusive: values.inclusive })) {
      if (value === undefined) continue;
      const hint = `remove it: pulumi config rm --path restore.${key}`;
      problems.push({ key: `restore.${key}`, rule: "says nothing beside restore.target.backup", hint });
    }
  }
  return {
    from: readSource(values.from, context, problems),
    target,
    inclusive: values.inclusive ?? true,
    timeline,
    backup,
    sql: readSql(values.sql, context, problems),
  };
}

function readTarget(raw: unknown, problems: Problem[]): Moment {
  if (raw === undefined || raw === "latest") return { kind: "latest" };
  const values = readOptions(targetOptions, raw, "restore.target", problems);
  const given = (["time", "lsn", "xid", "name", "backup"] as const).flatMap((kind) => {
    const value = values[kind];
    return value === undefined ? [] : [{ kind, value }];
  });
  const [first, ...others] = given;
  if (others.length > 0) {
    const rule = `says several targets: ${given.map(({ kind }) => kind).join(", ")}`;
    problems.push({ key: "restore.target", rule, hint: "keep one of them" });
  } else if (first === undefined && asObject(raw) !== undefined && Object.keys(asObject(raw) ?? {}).length === 0) {
    problems.push({ key: "restore.target", rule: restoreOptions.target.rule, hint: restoreOptions.target.hint });
  }
  return first ?? { kind: "latest" };
}

function readSource(raw: unknown, context: RestoreContext, problems: Problem[]): RestoreSource {
  const values = readOptions(sourceOptions, raw ?? {}, "restore.from", problems);
  const given = (key: string) => isGiven(asObject(raw), key);
  const { accessKey, secretKey } = values;
  if (raw === undefined) return { kind: "stack", stack: "", accessKey, secretKey };
  if (given("stack")) {
    for (const key of Object.keys(sourceOptions)) {
      if (["stack", "accessKey", "secretKey"].includes(key) || !given(key)) continue;
      const hint = "remove it, or say all of it and remove restore.from.stack";
      problems.push({ key: `restore.from.${key}`, rule: "is what restore.from.stack says", hint });
    }
    if (given("accessKey") !== given("secretKey")) {
      const [key] = given("accessKey") ? (["secretKey"] as const) : (["accessKey"] as const);
      problems.push({
        key: `restore.from.${key}`,
        rule: "is required beside the other key",
        hint: sourceOptions[key].hint,
      });
    }
    return { kind: "stack", stack: values.stack ?? "", accessKey, secretKey };
  }
  for (const key of ["endpoint", "bucket", "accessKey", "secretKey", "stanza"] as const) {
    if (given(key)) continue;
    const rule = "is required without restore.from.stack";
    problems.push({ key: `restore.from.${key}`, rule, hint: sourceOptions[key].hint });
  }
  const endpoint = whenKnown(values.endpoint ?? "", (text) => parseHttpsEndpoint(text) ?? { host: "", port: 443 });
  return {
    kind: "given",
    endpoint,
    bucket: values.bucket ?? "",
    prefix: (values.prefix ?? "").replace(/^\/|\/$/g, ""),
    region: values.region ?? "us-east-1",
    accessKey: accessKey ?? "",
    secretKey: secretKey ?? "",
    uriStyle: values.uriStyle ?? whenKnown(endpoint, ({ host }) => (isAws(host) ? "host" : "path")),
    caCertificate: readCertificate(values.caFile, values.caCertificate, context, problems),
    verifyTls: values.verifyTls ?? true,
    stanza: values.stanza ?? "",
    key: values.key ?? "",
  };
}

function readCertificate(
  file: string | undefined,
  certificate: Given<string> | undefined,
  context: RestoreContext,
  problems: Problem[],
): Given<string> {
  if (file === undefined) return certificate ?? "";
  const key = "restore.from.caFile";
  if (certificate !== undefined) {
    problems.push({ key, rule: "is given beside restore.from.caCertificate", hint: "remove one of them" });
  }
  return readCertificateFile(file, key, context, problems);
}

function readSql(raw: unknown, context: RestoreContext, problems: Problem[]): Readonly<Record<string, string>> {
  const object = asObject(raw);
  const { rule, hint } = restoreOptions.sql;
  if (object === undefined) problems.push({ key: "restore.sql", rule, hint });
  const read = Object.entries(object ?? {}).flatMap(([database, path]) => {
    const key = keyPath("restore.sql", database);
    if (typeof path !== "string" || path === "" || !/^[^\p{Cc}]{1,63}$/u.test(database)) {
      problems.push({ key, rule, hint });
      return [];
    }
    const content = readTextFile(path, key, "a file of SQL", context, problems);
    if (content?.includes("\0")) problems.push({ key, rule: "is no text", hint: "give the path of a file of SQL" });
    return content === undefined ? [] : [[database, content] as const];
  });
  return Object.fromEntries(read.sort(([a], [b]) => (a < b ? -1 : 1)));
}
