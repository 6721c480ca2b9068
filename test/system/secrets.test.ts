import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { DockerCluster } from "../support/dockerCluster.ts";
import { killStep, type Mend } from "../support/faults.ts";
import type { RunResult } from "../support/pulumiStack.ts";
import { formsOf, secretsIn } from "../support/secrets.ts";

const hosts = ["node-a", "node-b", "archive_s3"];
const verifier = /SCRAM-SHA-256\$\d/;
const configured = "configured-Secret-of-a-user-42";
const rendered = "/etc/understudy/postgresql.conf";

describe("no secret stands in clear text where it could be read", () => {
  let cluster: DockerCluster;
  const samplers: Sampler[] = [];
  const runs: Record<string, RunResult> = {};
  let secrets: Record<string, string>;

  before(async () => {
    cluster = await DockerCluster.declare({ primary: "node-a", nodes: ["node-a", "node-b"] });
    await cluster.stack.setConfig("users.reporting.password", configured, { secret: true });
    // A server that writes down all that it is told.
    await cluster.stack.setConfig("settings", {
      log_min_duration_statement: "0",
      log_statement: "all",
      shared_preload_libraries: "pg_stat_statements",
    });

    runs["preview before"] = await cluster.stack.preview();
    const operator = new Sampler("sh", ["-c", sampling("cmdline")]);
    samplers.push(operator);
    const update = cluster.stack.spawnUp();
    const watched = Promise.all(
      hosts.map(async (host) => {
        await update.waitFor(new RegExp(` ${host === "archive_s3" ? "archive-power" : `power-${host}`} created`));
        samplers.push(
          new Sampler("docker", ["exec", cluster.container(host), "sh", "-c", sampling("cmdline", "environ")]),
        );
      }),
    );
    runs.up = await update.result;
    assert.equal(runs.up.exitCode, 0, runs.up.output);
    await watched;

    // Steps that fail with all their secrets at hand, each at another place: the archive's, the users', the files'.
    let ended: Mend | undefined;
    const broken: Record<string, { breakIt: () => void; mend: Mend }> = {
      archive: {
        breakIt: () => cluster.exec("archive_s3", "systemctl", "stop", "understudy-s3"),
        mend: () => {
          cluster.exec("archive_s3", "systemctl", "start", "understudy-s3");
        },
      },
      databases: {
        breakIt: () => {
          ended = killStep(cluster, "node-a", "databases");
        },
        mend: () => ended?.(),
      },
      configure: {
        breakIt: () => cluster.exec("node-b", "mount", "--bind", ...[rendered, rendered]),
        mend: () => {
          cluster.exec("node-b", "umount", rendered);
        },
      },
    };
    for (const [index, [step, { breakIt, mend }]] of Object.entries(broken).entries()) {
      await cluster.stack.setConfig("reconcile", `with ${step} broken`);
      await cluster.stack.setConfig("users.reporting.connectionLimit", 7 + index);
      await cluster.stack.setConfig("settings.work_mem", `${7 + index}MB`);
      breakIt();
      runs[`preview before a failing ${step}`] = await cluster.stack.preview();
      const failing = await cluster.stack.up();
      runs[`failing ${step}`] = failing;
      await mend();
      assert.match(failing.output, new RegExp(`${step}\\S* \\*\\*(creating|updating) failed`));
    }
    for (const sampler of samplers) sampler.stop();
    secrets = await everySecret(cluster);
  });

  after(async () => {
    for (const sampler of samplers) sampler.stop();
    await cluster?.dispose();
  });

  const clean = (where: string, text: string) => {
    assert.ok(text.length > 0, `nothing was read of ${where}`);
    assert.deepEqual(secretsIn(text, secrets), [], `in clear text in ${where}`);
  };

  it("knows every secret of the stack", () => {
    const kinds = [
      "operator-key",
      "host-key-node-a",
      "ca ",
      "certificate-node-b",
      "archive-access-key",
      "archive-secret-key",
    ];
    kinds.push(
      "archive-certificate",
      "replication-password",
      "monitor-password",
      "scram-salt-key",
      "password-app",
      "passphrase",
      "config",
    );
    for (const kind of kinds) {
      assert.ok(
        Object.keys(secrets).some((name) => `${name} `.includes(kind)),
        `no ${kind} among ${Object.keys(secrets)}`,
      );
    }
    assert.ok(Object.values(secrets).every((secret) => secret.length >= 12));
  });

  it("in the state, its backups and its history", async () => {
    clean("the exported state", JSON.stringify(await cluster.stack.exportState()));
    const files = filesBelow(join(cluster.stack.directory, "state"));
    assert.ok(files.length > 2);
    for (const file of files) if (statSync(file).size > 0) clean(file, readFileSync(file, "latin1"));
  });

  it("in what the engine prints and logs: previews, updates, failing updates", () => {
    assert.ok(Object.keys(runs).length >= 8);
    for (const [name, run] of Object.entries(runs)) {
      clean(`the output of ${name}`, run.output);
      // Pulumi's SDK writes what it gets back from the engine into messages for its own debugging, which the event log keeps.
      const events = run.events.filter(({ diagnosticEvent }) => diagnosticEvent?.severity !== "debug");
      clean(`the event log of ${name}`, JSON.stringify(events));
    }
  });

  it("in stack outputs that are not asked for secrets", async () => {
    clean("the outputs", JSON.stringify(await cluster.stack.outputs()));
  });

  it("in the process lists and environments of the hosts, and the process list of this machine, at any time", () => {
    assert.equal(samplers.length, hosts.length + 1);
    for (const sampler of samplers) {
      assert.ok(sampler.samples >= 20, `only ${sampler.samples} samples`);
      clean("a process list", sampler.seen);
    }
    const seen = samplers.map((sampler) => sampler.seen).join("\n");
    assert.doesNotMatch(seen, verifier);
    for (const process of ["initdb", "pg_basebackup", "pgbackrest", "understudy"])
      assert.match(seen, new RegExp(process));
  });

  it("in what Docker knows of containers", () => {
    for (const host of hosts) {
      clean(`docker inspect ${host}`, docker("inspect", cluster.container(host)));
      assert.deepEqual(secretsIn(docker("logs", cluster.container(host)), secrets), []);
    }
  });

  it("nor does a verifier, in the servers' logs or in what they count", () => {
    for (const node of ["node-a", "node-b"]) {
      cluster.sql(node, "select 'somebody else'");
      const log = cluster.exec(node, "journalctl", "--no-pager", "--unit=understudy-postgresql");
      assert.match(log, /duration: /, "the server does not log what it is told");
      assert.doesNotMatch(log, verifier);
    }
    cluster.sql("node-a", "create extension pg_stat_statements");
    const counted = "select count(*), count(*) filter (where query like '%SCRAM-SHA-256$%') from pg_stat_statements";
    assert.match(cluster.sql("node-a", counted), /^[1-9]\d*\|0$/);
  });

  it("in journals and logs of the hosts", () => {
    for (const host of hosts) {
      clean(`the journal of ${host}`, cluster.exec(host, "journalctl", "--all", "--no-pager", "--output=verbose"));
      clean(
        `/var/log of ${host}`,
        // 1: a file has changed while it was read.
        execFileSync(
          "docker",
          ["exec", cluster.container(host), "sh", "-c", "tar -cC /var/log . || test $? -eq 1"],
          big,
        ),
      );
    }
  });

  it("in any file of the hosts that others than the one user that it is for can read", () => {
    const forms = [...new Set(Object.values(secrets).flatMap(formsOf))].join("\n");
    for (const host of hosts) {
      const grep =
        "grep --recursive --fixed-strings --files-with-matches --devices=skip --file=- /etc /var /run /usr/local /root /tmp /home || true";
      const found = execFileSync("docker", ["exec", "-i", cluster.container(host), "sh", "-c", grep], {
        ...big,
        input: forms,
      });
      const files = found.split("\n").filter(Boolean);
      assert.ok(files.length > 0, `no secret at all on ${host}: the search does not work`);
      const open = files.filter((file) => !closed(host, file));
      assert.deepEqual(open, [], `files with secrets that others can read, on ${host}`);
    }
  });

  /** Whether nobody but one user (and root) gets at the file: by its own mode, or by that of a directory above it. Nobody but postgres is in its group. */
  const closed = (host: string, file: string): boolean => {
    const parts = file.split("/");
    const path = parts.map((_, index) => parts.slice(0, index + 1).join("/") || "/");
    const modes = cluster
      .exec(host, "stat", "-c", "%04a %U:%G", ...path)
      .trim()
      .split("\n");
    return modes.some((mode) => /00 |40 root:postgres$/.test(mode));
  };
});

const big = { encoding: "latin1", maxBuffer: 1024 ** 3 } as const;

function docker(...words: string[]): string {
  return execFileSync("docker", words, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
}

/** Every secret of the stack, by where it comes from: whatever its decrypted state holds that its encrypted one does not. */
async function everySecret({ stack }: DockerCluster): Promise<Record<string, string>> {
  const { stdout } = await stack.command("stack", "export", "--show-secrets");
  const found: Record<string, string> = {
    passphrase: readFileSync(join(stack.directory, "passphrase"), "utf8"),
    "config users.reporting.password": configured,
  };
  const { resources } = (JSON.parse(stdout) as { deployment: { resources: StateResource[] } }).deployment;
  for (const { urn, inputs, outputs } of resources) {
    const name = urn.split("::").at(-1) ?? "";
    if (!inputs?.create?.includes("make-secret.mjs") || name === "cluster-id") continue;
    const plain = outputs?.stdout?.plaintext;
    const made = JSON.parse(JSON.parse(plain ?? "null") ?? "{}") as Record<string, string>;
    for (const [key, value] of Object.entries(made)) {
      if (key !== "publicKey" && key !== "certificate") found[`${name} ${key}`] = value;
    }
  }
  return found;
}

interface StateResource {
  readonly urn: string;
  readonly inputs?: { readonly create?: string };
  readonly outputs?: { readonly stdout?: { readonly plaintext?: string } };
}

function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

/** A shell command that prints arguments (and environments) of all processes, again and again. */
function sampling(...what: readonly ("cmdline" | "environ")[]): string {
  const files = what.map((file) => `/proc/[0-9]*/${file}`).join(" ");
  return `while :; do cat ${files} 2>/dev/null | tr '\\0' '\\n'; echo; echo =sample=; sleep 0.2; done`;
}

/** Reads process lists until it is stopped; keeps each line once. */
class Sampler {
  samples = 0;
  readonly #lines = new Set<string>();
  readonly #child: ChildProcess;
  #rest = "";

  constructor(command: string, words: readonly string[]) {
    this.#child = spawn(command, words, { stdio: ["ignore", "pipe", "ignore"], detached: true });
    this.#child.stdout?.setEncoding("latin1").on("data", (text: string) => {
      const lines = (this.#rest + text).split("\n");
      this.#rest = lines.pop() ?? "";
      for (const line of lines) {
        if (line === "=sample=") this.samples++;
        else this.#lines.add(line);
      }
    });
  }

  get seen(): string {
    return [...this.#lines].join("\n");
  }

  stop(): void {
    const { pid } = this.#child;
    if (pid !== undefined && this.#child.exitCode === null && this.#child.signalCode === null)
      process.kill(-pid, "SIGKILL");
  }
}
