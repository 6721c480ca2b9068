import { execFile, execFileSync } from "node:child_process";
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import pg from "pg";
import type { ServerUser } from "../../agent/real/programs.ts";
import { type ServerMajorName, serverMajors } from "../../model/serverMajors.ts";

/** Real PostgreSQL servers in a directory of the test's own: as `postgres` or `nobody` where the test runs as root, which PostgreSQL refuses. */

const run = promisify(execFile);

export const allMajors = Object.keys(serverMajors).sort((a, b) => Number(a) - Number(b)) as ServerMajorName[];

/** What a title ends with: CI takes the oldest and the newest major, the default one, and the oldest that hosts are made with. */
export const markOfServer = (major: ServerMajorName): string =>
  ["9.6", "13", "17", "18"].includes(major) ? "" : " [full]";

let found: ReadonlyMap<string, string> | undefined;

/** Where each major is unpacked, and `full`: the directory of programs of one that is installed. It fetches them the first time. */
function homes(): ReadonlyMap<string, string> {
  found ??= new Map(
    execFileSync("scripts/setup/postgresVersions.sh", { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] })
      .trim()
      .split("\n")
      .map((line) => line.split("\t") as [string, string]),
  );
  return found;
}

/** For a hook of a suite: the first time, servers are downloaded. */
export const fetchServers = (): void => void homes();

export interface User {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

function serverUser(): User {
  const id = (option: string, name: string) =>
    Number(execFileSync("id", [option, name], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }));
  if (process.getuid?.() !== 0) {
    return {
      name: execFileSync("id", ["-un"], { encoding: "utf8" }).trim(),
      uid: process.getuid?.() ?? 0,
      gid: process.getgid?.() ?? 0,
    };
  }
  for (const name of ["postgres", "nobody"]) {
    try {
      return { name, uid: id("-u", name), gid: id("-g", name) };
    } catch {
      // The next one.
    }
  }
  throw new Error("there is no user that PostgreSQL can run as");
}

export const user = serverUser();

/** As the agent knows it. */
export const serverOwner: ServerUser = { ...user, home: "/tmp" };

/** The environment of a service, as far as PostgreSQL needs one. */
export const environment = { LC_ALL: "C", PATH: "/usr/bin:/bin" };

/** A directory that the server's user may write, with a short name: a socket's path has 107 bytes at most. */
export function testDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "us-agent-"));
  chmodSync(directory, 0o755);
  const own = join(directory, "pg");
  mkdirSync(own);
  chownSync(own, user.uid, user.gid);
  return directory;
}

/** Its programs, where the server's user may read them: links, since the cache may be root's alone. */
export function programsOf(directory: string, major: ServerMajorName | "full"): string {
  if (major === "full") return homes().get("full") as string;
  const home = join(directory, `programs-${major}`);
  if (!existsSync(home)) {
    execFileSync("sh", [
      "-c",
      'cp -al "$1" "$2" 2>/dev/null || { rm -rf "$2"; cp -a "$1" "$2"; }',
      "sh",
      homes().get(major) as string,
      home,
    ]);
  }
  return join(home, "bin");
}

export interface TestServer {
  readonly name: string;
  readonly major: ServerMajorName;
  readonly bin: string;
  readonly data: string;
  /** Of its socket. */
  readonly directory: string;
  readonly port: number;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export const asServer = (program: string, args: readonly string[]): Promise<{ stdout: string; stderr: string }> =>
  run(program, [...args], { env: environment, cwd: "/", uid: user.uid, gid: user.gid, maxBuffer: 64 * 1024 * 1024 });

const settings: Readonly<Record<string, string>> = {
  listen_addresses: "'127.0.0.1'",
  fsync: "off",
  wal_level: "replica",
  max_wal_senders: "10",
  max_replication_slots: "10",
  hot_standby: "on",
  wal_log_hints: "on",
  logging_collector: "off",
  shared_buffers: "'16MB'",
  wal_retrieve_retry_interval: "'50ms'",
};

const templates = new Map<string, string>();
let templateDirectory: string | undefined;

/** What `initdb` makes, once for all suites. */
async function templateOf(bin: string, major: string, args: readonly string[]): Promise<string> {
  const key = [major, ...args].join(" ");
  const known = templates.get(key);
  if (known) return known;
  if (templateDirectory === undefined) {
    const made = testDirectory();
    process.on("exit", () => rmSync(made, { recursive: true, force: true }));
    templateDirectory = made;
  }
  const data = join(templateDirectory, "pg", String(templates.size));
  const all = ["-D", data, "-N", "-A", "trust", "-U", "postgres", "--no-locale", "-E", "UTF8", ...args];
  await asServer(join(bin, "initdb"), all);
  templates.set(key, data);
  return data;
}

export const majorOf = (bin: string): ServerMajorName =>
  /\) (9\.\d+|\d+)/.exec(
    execFileSync(join(bin, "postgres"), ["--version"], { encoding: "utf8" }),
  )?.[1] as ServerMajorName;

/** A new cluster of this major, not started; with checksums up to 17, and without in 18, where they are what `initdb` does by itself. */
export async function newServer(
  directory: string,
  name: string,
  major: ServerMajorName | "full",
  initdb: readonly string[] = [],
): Promise<TestServer> {
  const bin = programsOf(directory, major);
  const known = majorOf(bin);
  const checksums = Number(known) >= 18 ? "--no-data-checksums" : "-k";
  const data = join(directory, "pg", name);
  execFileSync("cp", ["-a", await templateOf(bin, major, [checksums, ...initdb]), data]);
  const server = { name, major: known, bin, data, directory: join(directory, "pg"), port: await freePort() };
  configure(server);
  return server;
}

/** Its settings lie in the data directory, so that a copy or a rewind brings those of the other server. */
export function configure(server: TestServer): void {
  // As on users' hosts: a rewind needs WAL that is in the archive already, and that the last checkpoint would remove.
  const kept = Number(server.major) >= 13 ? { wal_keep_size: "'64MB'" } : { wal_keep_segments: "4" };
  const all = { ...settings, ...kept, port: String(server.port), unix_socket_directories: `'${server.directory}'` };
  const text = Object.entries(all)
    .map(([key, value]) => `${key} = ${value}\n`)
    .join("");
  const file = join(server.data, "understudy.conf");
  writeFileSync(file, text);
  chownSync(file, user.uid, user.gid);
  writeFileSync(join(server.data, "postgresql.conf"), "include 'understudy.conf'\ninclude_if_exists 'standby.conf'\n");
  writeFileSync(
    join(server.data, "pg_hba.conf"),
    [
      "local all all trust",
      "local replication all trust",
      "host all all 127.0.0.1/32 trust",
      "host replication all 127.0.0.1/32 trust",
      "",
    ].join("\n"),
  );
}

/** The same data on another port. The server is down. */
export async function copyOf(server: TestServer, name: string): Promise<TestServer> {
  const copy = { ...server, name, data: join(server.directory, name), port: await freePort() };
  execFileSync("cp", ["-a", server.data, copy.data]);
  configure(copy);
  return copy;
}

export const pgCtl = (server: TestServer, ...args: readonly string[]): Promise<unknown> =>
  asServer(join(server.bin, "pg_ctl"), [
    "-D",
    server.data,
    "-l",
    join(server.directory, `${server.name}.log`),
    ...args,
  ]);

export const start = (server: TestServer): Promise<unknown> => pgCtl(server, "-w", "-t", "20", "start");

export const stop = (server: TestServer, mode: "fast" | "immediate" = "fast"): Promise<unknown> =>
  pgCtl(server, "-w", "-t", "20", "-m", mode, "stop");

export const query = <Row = Record<string, unknown>>(server: TestServer, text: string): Promise<Row[]> =>
  queryAt<Row>(server.directory, server.port, text);

/** @param directory of the server's socket */
export async function queryAt<Row = Record<string, unknown>>(
  directory: string,
  port: number,
  text: string,
): Promise<Row[]> {
  const client = new pg.Client({ host: directory, port, user: "postgres", database: "postgres" });
  client.on("error", () => {});
  await client.connect();
  try {
    return (await client.query(text)).rows as Row[];
  } finally {
    await client.end();
  }
}

/** Ends what is left of all servers in it, and removes it. */
export function removeDirectory(directory: string, servers: readonly TestServer[]): void {
  for (const server of servers) {
    try {
      execFileSync(join(server.bin, "pg_ctl"), ["-D", server.data, "-m", "immediate", "-w", "-t", "10", "stop"], {
        env: environment,
        cwd: "/",
        uid: user.uid,
        gid: user.gid,
        stdio: "ignore",
      });
    } catch {
      // It is down.
    }
  }
  rmSync(directory, { recursive: true, force: true });
}
