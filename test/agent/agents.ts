/** Agents as processes of the one file, each with a real server, on this machine: what a host has but systemd. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chownSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { AgentConfig } from "../../agent/real/config.ts";
import { putMark, walMark } from "../../agent/real/mark.ts";
import type { Report } from "../../agent/report.ts";
import type { Member } from "../../model/leadership/index.ts";
import { memberOf } from "../../model/memberKey.ts";
import type { AgentHost } from "../support/agentUpdate.ts";
import { until } from "../support/until.ts";
import { newCa, newCertificate, type Pair } from "./certificates.ts";
import { freePort } from "./s3Fixture.ts";
import { asServer, majorOf, programsOf, queryAt, serverOwner, user } from "./servers.ts";

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface LocalHost extends AgentHost {
  readonly data: string;
  readonly state: string;
  readonly config: AgentConfig;
  readonly port: number;
  /** What the agent has written, of all its lives. */
  journal(): string;
  startAgent(): Promise<void>;
  killAgent(): Promise<void>;
  /** The command line. */
  run(args: readonly string[], stdin?: string): Promise<Ran>;
  report(): Promise<Report>;
  sql<Row = Record<string, unknown>>(text: string): Promise<Row[]>;
}

const settings: Readonly<Record<string, string>> = {
  listen_addresses: "127.0.0.1",
  hot_standby: "on",
  wal_log_hints: "on",
  shared_buffers: "16MB",
  restart_after_crash: "off",
  wal_retrieve_retry_interval: "50ms",
};

/** @param bundle the one file; @param ledger what `ledger` of the config says */
export async function makeAgents(
  directory: string,
  bundle: string,
  ledger: AgentConfig["ledger"],
  names: readonly string[],
): Promise<LocalHost[]> {
  const ca = newCa("cluster");
  const bin = programsOf(directory, "full");
  const major = majorOf(bin);
  const key = join(directory, "ledger.key");
  writeFileSync(key, "k".repeat(32), { mode: 0o600 });
  const wal = join(directory, "wal");
  mkdirSync(wal);
  chownSync(wal, user.uid, user.gid);
  await putMark(wal, walMark);
  const nodes = await Promise.all(
    names.map(async (name) => {
      const pair = newCertificate(ca, name);
      return {
        name,
        pair,
        member: memberOf(name, pair.certificate),
        agentPort: await freePort(),
        port: await freePort(),
      };
    }),
  );
  return nodes.map((node) => {
    const home = join(directory, node.name);
    const pgHome = join(home, "pg");
    for (const each of [home, join(home, "state"), join(home, "run")]) mkdirSync(each, { mode: 0o700 });
    execFileSync("chmod", ["755", home]);
    mkdirSync(pgHome);
    chownSync(pgHome, user.uid, user.gid);
    const at = (name: string): string => join(home, name);
    const peers = nodes.filter((each) => each !== node);
    writeFiles(at, ca, node.pair, node.port);
    const config: AgentConfig = {
      version: 1,
      node: node.member,
      machine: node.name,
      state: at("state"),
      socket: at("run/socket"),
      ledgerKey: key,
      ledger,
      otherLedgers: [],
      peers: {
        listen: { host: "127.0.0.1", port: node.agentPort },
        ca: at("ca.crt"),
        certificate: at("agent.crt"),
        key: at("agent.key"),
        nodes: peers.map((peer) => ({
          member: peer.member,
          host: "127.0.0.1",
          port: peer.agentPort,
          conninfo: `host=127.0.0.1 port=${peer.port} user=postgres application_name=${node.name}`,
        })),
      },
      postgres: {
        major,
        binaries: bin,
        dataDirectory: at("pg/data"),
        socketDirectory: pgHome,
        port: node.port,
        user: serverOwner,
        log: at("postgresql.log"),
        configFile: at("postgresql.conf"),
        standbyFile: at("standby.conf"),
        standbySettings: {},
        primaryFiles: [],
        archive: { kind: "directory", path: wal },
        archiveFed: [],
        archiveFlags: at("flags"),
      },
    };
    writeFileSync(at("agent.json"), JSON.stringify(config));
    return localHost(node.name, node.member, bundle, home, config);
  });
}

function writeFiles(at: (name: string) => string, ca: Pair, pair: Pair, port: number): void {
  const all = {
    ...settings,
    port: String(port),
    unix_socket_directories: at("pg"),
    data_directory: at("pg/data"),
    hba_file: at("pg_hba.conf"),
    ident_file: at("pg_ident.conf"),
  };
  const lines = Object.entries(all).map(([key, value]) => `${key} = '${value}'\n`);
  const hba = ["local all all trust", "local replication all trust", "host all all 127.0.0.1/32 trust"];
  const files: Readonly<Record<string, string>> = {
    "postgresql.conf": `${lines.join("")}include_if_exists '${at("standby.conf")}'\n`,
    "pg_hba.conf": `${[...hba, "host replication all 127.0.0.1/32 trust"].join("\n")}\n`,
    "pg_ident.conf": "",
    "standby.conf": "",
    "ca.crt": ca.certificate,
    "agent.crt": pair.certificate,
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(at(name), text);
  writeFileSync(at("agent.key"), pair.privateKey, { mode: 0o600 });
}

function localHost(name: string, member: Member, bundle: string, home: string, config: AgentConfig): LocalHost {
  const journalFile = join(home, "journal");
  let agent: ChildProcess | undefined;

  function run(args: readonly string[], stdin = ""): Promise<Ran> {
    return new Promise((resolve, reject) => {
      const child = spawn(process.execPath, [bundle, ...args, "--socket", config.socket], { env: {}, cwd: "/" });
      let stdout = "";
      let stderr = "";
      child.stdout.on("data", (piece) => {
        stdout += piece;
      });
      child.stderr.on("data", (piece) => {
        stderr += piece;
      });
      child.on("error", reject);
      child.on("close", (code) => resolve({ code: code ?? -1, stdout, stderr }));
      child.stdin.end(stdin);
    });
  }

  async function killAgent(): Promise<void> {
    if (agent?.exitCode !== null || agent.signalCode !== null) return;
    const ended = once(agent, "exit");
    agent.kill("SIGKILL");
    await ended;
  }

  return {
    name,
    member,
    config,
    data: config.postgres.dataDirectory,
    state: config.state,
    port: config.postgres.port,
    journal: () => readFileSync(journalFile, "utf8"),
    async startAgent() {
      const child = spawn(
        "sh",
        ["-c", 'exec "$0" "$1" run "$2" >>"$3" 2>&1', process.execPath, bundle, join(home, "agent.json"), journalFile],
        {
          env: { PATH: "/usr/bin:/bin" },
          cwd: "/",
          stdio: "ignore",
        },
      );
      agent = child;
      const isUp = await until(`the agent of ${name} to listen`, 30, async () => {
        if (child.exitCode !== null) return "ended";
        return (await run(["status", "--json"])).code === 0 && "listens";
      });
      if (isUp === "ended") throw new Error(readFileSync(journalFile, "utf8").slice(-500));
    },
    killAgent,
    run,
    async step(step, request) {
      const { code, stdout, stderr } = await run(["step", step], JSON.stringify(request));
      if (code !== 0) throw new Error(`${step} on ${name} ended with ${code}:\n${stderr}`);
      return JSON.parse(stdout) as unknown;
    },
    async fence() {
      await killAgent();
      const { binaries, dataDirectory } = config.postgres;
      await asServer(join(binaries, "pg_ctl"), ["-D", dataDirectory, "-m", "immediate", "-w", "stop"]).catch(() => {});
    },
    async report() {
      const { code, stdout, stderr } = await run(["status", "--json"]);
      if (code !== 0) throw new Error(stderr);
      return JSON.parse(stdout) as Report;
    },
    sql: <Row>(text: string) => queryAt<Row>(join(home, "pg"), config.postgres.port, text),
  };
}
