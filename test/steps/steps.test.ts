import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import pg from "pg";
import { clientConfig } from "../support/clientConfig.ts";
import { declare } from "../support/configFile.ts";
import { DockerCluster } from "../support/dockerCluster.ts";
import { archiveHost, killStep, type Mend } from "../support/faults.ts";
import type { ConfigValue, Step } from "../support/pulumiStack.ts";
import { until } from "../support/until.ts";

/** Makes the steps of its name fail in the next update, by a real fault; gives what undoes it. */
type Fault = () => Promise<Mend> | Mend;

/** A step's name without its node. */
const kindOf = ({ name }: { readonly name: string }): string =>
  name.replace(/-node-[ab]$/, "").replace(/^archive-(data|host|power)$/, "$1");

/** Commands that make something of nothing but their input: there is no host that they could half-change. */
const pure =
  /^(started|finished|intent|members|encryption|cluster-id|ca|certificate|.*-(key|password|certificate)|host-key|password-app)$/;

/**
 * One cluster, and for each step of the runbook an update in which it fails. Each update declares what the last but one did, so that
 * a step which failed finds its config set back: it has to run all the same, and everything before the next fault succeeds.
 */
describe("a step that failed runs again in the next update, whatever is declared by then", function () {
  this.timeout(900_000);
  let cluster: DockerCluster;
  const nodes = ["node-a", "node-b"];
  const all = { nodes: { "node-a": { state: "active" }, "node-b": { state: "active", synchronous: true } } };
  const one = {
    ...all,
    reconcile: "one",
    settings: { work_mem: "7MB" },
    pooler: { enabled: true, poolMode: "transaction" },
  };
  const two = {
    ...all,
    reconcile: "two",
    settings: { work_mem: "9MB" },
    pooler: { enabled: true, poolMode: "session" },
  };

  before(async () => {
    cluster = await DockerCluster.declare({ primary: "node-a", nodes });
    await declare(cluster.stack, one);
    await cluster.up();
  });
  after(() => cluster?.dispose());

  const shell = (node: string, script: string) => cluster.exec(node, "bash", "-ec", script);

  /** A file that can't be replaced: something is mounted on it. */
  const mounted = (node: string, file: string): Mend => {
    shell(node, `mount --bind ${file} ${file}`);
    return () => {
      shell(node, `umount --lazy ${file}`);
    };
  };

  const killedOn = (node: string, step: string): Mend => killStep(cluster, node, step);

  /** The process of a step of this stack's on this machine is killed as soon as it is there. */
  const killedHere = (step: string): Mend => {
    const watch = setInterval(() => {
      for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
        try {
          if (!readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(`scripts/steps/${step}.ts\0`)) continue;
          if (!readFileSync(`/proc/${pid}/environ`, "utf8").includes(cluster.stack.directory)) continue;
          process.kill(Number(pid), "SIGKILL");
        } catch {
          // It has ended since.
        }
      }
    }, 10);
    return () => clearInterval(watch);
  };

  let environment: Record<string, string> = {};

  /** Steps of one row fail in one update: none of them waits for another one. */
  const faults: Readonly<Record<string, Fault>> = {
    "network data": () => {
      environment = { DOCKER_HOST: "unix:///var/run/nobody-listens.sock" };
      return () => {
        environment = {};
      };
    },
    host: () => {
      shell(archiveHost, "mv /root/.ssh/authorized_keys /root/.ssh/away && mkdir -p /root/.ssh/authorized_keys/x");
      return () => {
        shell(archiveHost, "rm -r /root/.ssh/authorized_keys && mv /root/.ssh/away /root/.ssh/authorized_keys");
      };
    },
    power: async () => {
      const format = '{{(index (index .HostConfig.PortBindings "5432/tcp") 0).HostPort}}';
      const inspect = ["inspect", "--format", format, cluster.container("node-b")];
      const port = Number(execFileSync("docker", inspect, { encoding: "utf8" }));
      cluster.docker("kill", "node-b");
      const squatter = createServer().listen(port, "127.0.0.1");
      await once(squatter, "listening");
      return async () => {
        squatter.close();
        await once(squatter, "close");
        cluster.docker("start", "node-b");
      };
    },
    install: () => {
      const scripts = "/usr/local/lib";
      shell("node-b", `mount --bind ${scripts} ${scripts}; mount -o remount,bind,ro ${scripts}`);
      return () => {
        // What was started meanwhile runs from there.
        shell("node-b", `umount --lazy ${scripts}`);
      };
    },
    configure: () => mounted("node-b", "/etc/understudy/postgresql.conf"),
    // Its fault is what is declared: see `further`.
    restart: () => () => undefined,
    pooler: () => mounted("node-b", "/etc/understudy/pooler/pooler.conf"),
    preflight: () => killedHere("preflight"),
    announce: () => mounted("node-b", "/var/lib/understudy/state/intent"),
    prepare: () => killedOn("node-a", "prepare"),
    pause: () => killedOn("node-b", "pause"),
    demote: () => killedOn("node-b", "demote"),
    promote: () => killedOn("node-a", "promote"),
    "resume databases slots follow": () => {
      const kills = [
        killedOn("node-b", "resume"),
        killedOn("node-a", "databases"),
        killedOn("node-a", "slots"),
        killedOn("node-b", "follow"),
      ];
      return async () => {
        for (const mend of kills) await mend();
      };
    },
    archive: () => killedOn("node-a", "archive"),
    synchronous: () => killedOn("node-a", "synchronous"),
    receipt: () => killedHere("receipt"),
  };

  /** What is declared besides, in the update in which that step fails. */
  const further: Readonly<Record<string, Readonly<Record<string, ConfigValue>>>> = {
    restart: { settings: { shared_preload_libraries: "pg_cron" } },
  };

  /** What the hosts are, as far as one of the two declarations says. */
  const inForce = async (declared: typeof one): Promise<void> => {
    for (const node of nodes) {
      const settings = "select string_agg(distinct setting, ' ') from pg_file_settings where name = 'work_mem'";
      assert.equal(cluster.sql(node, settings), declared.settings.work_mem, node);
      assert.equal(cluster.sql(node, "show work_mem"), declared.settings.work_mem, node);
      const modes = shell(
        node,
        "cat /etc/understudy/pooler/{pooler.conf,pgbouncer.ini,pgbouncer-ro.ini} | grep -o 'pool_mode *= *[a-z]*'",
      );
      const mode = declared.pooler.poolMode;
      assert.ok(
        modes
          .trim()
          .split("\n")
          .every((line) => line.endsWith(mode)),
        `${node}: ${modes}`,
      );
    }
    await until("node-b to stream", 60, () => cluster.streaming() === 1);
    const outputs = (await cluster.outputs()) as unknown as { poolerPrimaryUri: string; caCertificate: string };
    const client = new pg.Client(clientConfig(outputs.poolerPrimaryUri, outputs.caCertificate));
    await client.connect();
    const { rows } = await client.query("select pg_is_in_recovery() as standby");
    await client.end();
    assert.deepEqual(rows, [{ standby: false }]);
  };

  const kinds = (steps: readonly Step[], phase: Step["phase"]) =>
    new Set(steps.filter((step) => step.phase === phase).map(kindOf));

  it("every step of the stack has a fault here", async () => {
    const { deployment } = await cluster.stack.exportState();
    const steps = (deployment.resources ?? [])
      .filter(({ type }) => /^command:(local|remote):Command$/.test(String(type)))
      .map(({ urn }) => kindOf({ name: String(urn).split("::").at(-1) as string }));
    const covered = Object.keys(faults).flatMap((names) => names.split(" "));
    assert.deepEqual([...new Set(steps.filter((kind) => !pure.test(kind)))].sort(), [...covered].sort());
  });

  let failedLast: readonly string[] = [];
  for (const [index, [names, fault]] of Object.entries(faults).entries()) {
    it(`${names}`, async () => {
      await declare(cluster.stack, { ...(index % 2 === 0 ? two : one), ...further[names] });
      const mend = await fault();
      const result = await cluster.stack.up({ env: environment });
      await mend();
      assert.notEqual(result.exitCode, 0, result.output);
      const failed = kinds(result.steps, "failed");
      const done = kinds(result.steps, "done");
      for (const name of names.split(" ")) assert.ok(failed.has(name), `${name} did not fail:\n${result.output}`);
      for (const name of failedLast) assert.ok(done.has(name), `${name} did not run again:\n${result.output}`);
      failedLast = names.split(" ");
    });
  }

  it("at last all of them have run, and everything is as declared", async () => {
    await declare(cluster.stack, Object.keys(faults).length % 2 === 0 ? two : one);
    const secrets = cluster.sql("node-a", "select string_agg(rolpassword, ',' order by rolname) from pg_authid");
    const { steps } = await cluster.up();
    for (const name of failedLast) assert.ok(kinds(steps, "done").has(name), `${name} did not run again`);
    await inForce(Object.keys(faults).length % 2 === 0 ? two : one);
    assert.equal(
      cluster.sql("node-a", "select string_agg(rolpassword, ',' order by rolname) from pg_authid"),
      secrets,
      "secrets were made anew",
    );
  });

  it("and the next update runs none of them", async () => {
    const logins = () => nodes.map((node) => cluster.logins(node));
    const before = logins();
    const { steps, output } = await cluster.up();
    assert.deepEqual(steps, [], output);
    assert.deepEqual(logins(), before);
  });
});
