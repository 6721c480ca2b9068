import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { markDirectory } from "../../agent/real/directory.ts";
import { memberOf } from "../../model/memberKey.ts";
import { agentBundle } from "../support/agentBundle.ts";
import { until } from "../support/until.ts";
import { newCa, newCertificate } from "./certificates.ts";
import {
  fetchServers,
  newServer,
  query,
  removeDirectory,
  serverOwner,
  start,
  type TestServer,
  testDirectory,
} from "./servers.ts";

const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { version: string };

describe("the agent as one file", function () {
  this.timeout(60_000);
  let directory: string;
  let bundle: string;
  let server: TestServer;
  let agent: ChildProcess | undefined;
  before(async function () {
    this.timeout(600_000);
    fetchServers();
    directory = testDirectory();
    bundle = agentBundle(directory);
    server = await newServer(directory, "server", "17");
  });
  after(async () => {
    if (agent?.exitCode === null) {
      const ended = once(agent, "exit");
      agent.kill("SIGKILL");
      await ended;
    }
    removeDirectory(directory, [server]);
  });

  it("starts without an environment, and says its version; another command is refused", () => {
    const said = execFileSync(process.execPath, [bundle, "--version"], { env: {}, cwd: "/", encoding: "utf8" });
    assert.equal(said, `understudy-agent ${version}\n`);
    assert.throws(() => execFileSync(process.execPath, [bundle, "unknown"], { env: {}, stdio: "pipe" }), { status: 2 });
  });

  it("runs on real surroundings, in at most 60 MB of its own", async () => {
    const ca = newCa("cluster");
    const pair = newCertificate(ca, "a");
    const files = {
      "ca.crt": ca.certificate,
      "agent.crt": pair.certificate,
      "agent.key": pair.privateKey,
      key: "k".repeat(32),
    };
    const at = (name: string) => join(directory, name);
    for (const [name, text] of Object.entries(files)) writeFileSync(at(name), text, { mode: 0o600 });
    for (const name of ["state", "ledger", "run"]) mkdirSync(at(name), { mode: 0o700 });
    await markDirectory(at("ledger"));
    const config = {
      version: 1,
      node: memberOf("a", pair.certificate),
      machine: "test",
      state: at("state"),
      socket: at("run/socket"),
      ledgerKey: at("key"),
      ledger: { kind: "directory", path: at("ledger") },
      peers: {
        listen: { host: "127.0.0.1", port: 0 },
        ca: at("ca.crt"),
        certificate: at("agent.crt"),
        key: at("agent.key"),
        nodes: [],
      },
      postgres: {
        major: server.major,
        binaries: server.bin,
        dataDirectory: server.data,
        socketDirectory: server.directory,
        port: server.port,
        user: serverOwner,
        standbyFile: at("standby.conf"),
        standbySettings: {},
        archive: { kind: "directory", path: at("wal") },
        archiveFlags: at("flags"),
      },
    };
    writeFileSync(at("agent.json"), JSON.stringify(config));
    await start(server);
    const child = spawn(process.execPath, [bundle, "run", at("agent.json")], {
      env: {},
      cwd: "/",
      stdio: ["ignore", "pipe", "inherit"],
    });
    agent = child;
    let said = "";
    child.stdout.on("data", (piece) => {
      said += piece;
    });
    await until(`the agent to run: ${said}`, 30, () => said.includes('"event":"runs"') || child.exitCode !== null);
    assert.equal(child.exitCode, null, said);
    await until("its sessions", 30, async () => {
      const sessions = "select count(*)::int as n from pg_stat_activity where application_name = 'understudy'";
      return ((await query<{ n: number }>(server, sessions))[0]?.n ?? 0) > 0;
    });
    const anonymous = Number(/RssAnon:\s+(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))?.[1]) / 1024;
    console.log(`      RssAnon: ${anonymous.toFixed(1)} MB`);
    assert.ok(anonymous < 60, `${anonymous} MB`);
  });
});
