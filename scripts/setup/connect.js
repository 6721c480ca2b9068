// @ts-check
/**
 * Reads `pulumi stack output --json --show-secrets` from stdin, writes a service file of libpq's, a passfile and the CA
 * certificate to .understudy/<stack>, and prints how to connect.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const [, , stack = ""] = process.argv;
/** @type {Record<string, unknown>} */
const outputs = JSON.parse(readFileSync(0, "utf8"));
const directory = fileURLToPath(new URL(`../../.understudy/${stack}`, import.meta.url));
const paths = { ca: join(directory, "ca.crt"), passfile: join(directory, "pgpass") };
const serviceFile = join(directory, "pg_service.conf");

const services = [
  { name: stack, leadsTo: "the primary", uri: outputs.connectionUri },
  { name: `${stack}-read-only`, leadsTo: "a standby", uri: outputs.readOnlyUri },
  { name: `${stack}-pooler`, leadsTo: "the primary, through a pooler", uri: outputs.poolerUri },
  { name: `${stack}-pooler-read-only`, leadsTo: "a standby, through a pooler", uri: outputs.poolerReadOnlyUri },
].flatMap(({ uri, ...service }) => (typeof uri === "string" ? [{ ...service, ...parse(uri) }] : []));
const [first] = services;
if (!first || typeof outputs.caCertificate !== "string") {
  console.error(`error: stack ${stack} has no connectionUri and no caCertificate`);
  console.error("HINT: bring it up with this version: ./scripts/up, or ./scripts/pulumi up");
  process.exit(1);
}

mkdirSync(directory, { recursive: true, mode: 0o700 });
write(paths.ca, outputs.caCertificate, 0o644);
write(paths.passfile, `*:*:${first.dbname}:${first.user}:${first.password.replace(/[\\:]/g, "\\$&")}\n`, 0o600);
write(serviceFile, `${services.map(section).join("\n")}`, 0o600);

const shown = relative(process.cwd(), directory);
const commands = services.map(({ name, leadsTo }) => ({
  command: `PGSERVICEFILE=${join(shown, "pg_service.conf")} psql service=${name}`,
  leadsTo,
}));
const width = Math.max(...commands.map(({ command }) => command.length));
console.log(`psql, pg_dump and whatever else uses libpq:
${commands.map(({ command, leadsTo }) => `  ${command.padEnd(width)}  ${leadsTo}`).join("\n")}

Every other client: docs/connecting.md says which output it takes. The connection strings name this CA certificate:
  cp ${join(shown, "ca.crt")} ${first.parameters.get("sslrootcert")}`);

/**
 * A URI as model/connectionUri.ts writes it.
 * @param {string} uri
 */
function parse(uri) {
  const parts = /^postgresql:\/\/([^:@]+):([^@]+)@([^/]+)\/([^?]+)\?(.*)$/.exec(uri);
  if (!parts) throw new Error("an output is no URI that this version writes");
  const [, user = "", password = "", places = "", dbname = "", query = ""] = parts;
  const ports = places.split(",").map((place) => /^(.*):(\d+)$/.exec(place));
  return {
    user: decodeURIComponent(user),
    password: decodeURIComponent(password),
    dbname: decodeURIComponent(dbname),
    host: ports.map((place) => place?.[1]?.replace(/^\[(.*)\]$/, "$1")).join(","),
    port: ports.map((place) => place?.[2]).join(","),
    parameters: new URLSearchParams(query),
  };
}

/**
 * A service, without the password.
 * @param {(typeof services)[number]} service
 */
function section({ name, host, port, dbname, user, parameters }) {
  const attributes = parameters.get("target_session_attrs");
  return [
    `[${name}]`,
    ...[`host=${host}`, `port=${port}`, `dbname=${dbname}`, `user=${user}`, `passfile=${paths.passfile}`],
    ...["sslmode=verify-full", `sslrootcert=${paths.ca}`],
    ...(attributes === null ? [] : [`target_session_attrs=${attributes}`]),
    "",
  ].join("\n");
}

/**
 * In one step, and never readable by more than `mode` says.
 * @param {string} path
 * @param {string} content
 * @param {number} mode
 */
function write(path, content, mode) {
  const partial = `${path}.partial.${process.pid}`;
  writeFileSync(partial, content, { mode, flag: "wx" });
  renameSync(partial, path);
}
