import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { configSchema } from "../../agent/real/config.ts";
import { PostgresCluster } from "../../components/cluster.ts";
import type { PostgresClusterArgs } from "../../components/clusterArgs.ts";
import { freshId } from "../../components/update.ts";
import type { AgentInput, InstallInput } from "../../model/stepInputs.ts";
import { type StepName, steps } from "../../model/steps.ts";
import {
  forget,
  inputsOf,
  readInTheMiddle,
  registered,
  stackOutputs,
  stored,
  unwrapped,
} from "../support/mockEngine.ts";
import { newKey } from "../support/sshKey.ts";
import { until } from "../support/until.ts";

const remote = "command:remote:Command";

async function graphOf(config: object, state: Readonly<Record<string, object>> = {}): Promise<string[]> {
  forget();
  for (const [name, outputs] of Object.entries(state)) {
    stored[`urn:pulumi:dev::understudy::command:local:Command::${name}`] = { type: "command:local:Command", outputs };
  }
  new PostgresCluster("dev", { target: "docker", ...config, resourcePrefix: "" } as PostgresClusterArgs);
  // Every step is behind it.
  await until("the end", 20, () => registered.some(({ name }) => name === "finished"));
  return registered.map(({ type, name }) => `${type} ${name}`).sort();
}
const created = (name: string) => unwrapped(inputsOf(name, remote).create);
const parameters = (name: string) => String(unwrapped(inputsOf(name, remote).stdin).value);

/** As the stack prod has it among its outputs. */
const sourceOfProd = {
  ...{
    endpoint: "https://archive.understudy-prod.internal:443",
    bucket: "understudy-prod",
    prefix: "",
    stanza: "prod",
  },
  ...{ region: "us-east-1", uriStyle: "path", verifyTls: true, caCertificate: "PEM", key: "KEY" },
  ...{ accessKey: "READER", secretKey: "SECRET", container: "understudy-prod-archive_s3" },
};

describe("the cluster's graph", function () {
  this.timeout(120_000);
  const nodes = { "node-a": {}, "node-b": {}, "node-c": { source: "archive", standby: "warm" } };

  it("asks for the stack's state again where that was just being written", async () => {
    readInTheMiddle(2);
    assert.ok((await graphOf({ primary: "node-a", nodes })).length > 0);
  });

  it("has every step of the table, in its order, and no other", async () => {
    const synchronous = { ...nodes, "node-b": { synchronous: true } };
    stackOutputs.prod = { restoreFrom: sourceOfProd };
    const restore = { from: { stack: "prod" } };
    await graphOf({ primary: "node-a", nodes: synchronous, pooler: { enabled: true }, restore, agent: true });
    // Only aws has it.
    const { boot: _, surroundings: __, ...expected } = steps;
    const stepOf = (name: string) => name.split("-node-")[0] ?? "";
    const commands = registered.filter(({ type }) => type.startsWith("command:"));
    const made = commands.filter(({ name }) => Object.hasOwn(steps, stepOf(name)));
    assert.deepEqual([...new Set(made.map(({ name }) => stepOf(name)))].sort(), Object.keys(expected).sort());

    const nameIn = (urn: string) => urn.split("::").at(-1) ?? "";
    /** The steps that a resource comes after, in the end. */
    const before = (name: string, seen = new Set<string>()): ReadonlySet<string> => {
      for (const urn of commands.find((resource) => resource.name === name)?.options.dependsOn ?? []) {
        const other = nameIn(urn);
        if (!seen.has(other)) before(other, seen.add(other));
      }
      return seen;
    };
    for (const { name } of made) {
      const known = new Set([...before(name)].map(stepOf));
      const missing = steps[stepOf(name) as StepName].after.filter((other) => other !== "boot" && !known.has(other));
      assert.deepEqual(missing, [], name);
    }
    for (const { name, type } of made.filter((resource) => resource.type === remote)) {
      const hasIntent = /^intent='intent-1'$/m.test(String(unwrapped(inputsOf(name, type).stdin).value));
      assert.equal(hasIntent, steps[stepOf(name) as StepName].followsRoles, `${name} runs again with another intent`);
    }
    // What the end waits for is a step, or what containers need.
    const containers = /^((source-)?network|data-.*|host-.*|archive-(data|host|power))$/;
    const ended = commands.find(({ name }) => name === "finished")?.options.dependsOn.map(nameIn) ?? [];
    assert.deepEqual(
      ended.filter((name) => !Object.hasOwn(steps, stepOf(name)) && !containers.test(name)),
      [],
    );
    // What the update has not waited for is not known to have succeeded.
    const end = before("finished");
    assert.deepEqual(
      made.map(({ name }) => name).filter((name) => name !== "finished" && !end.has(name)),
      [],
    );
  });

  it("tells agents on the user's hosts where the ledger lies, by an account that postgres does not have", async () => {
    const login = { user: "admin", privateKey: newKey().private };
    const archive = { endpoint: "s3.example.com", bucket: "wal", accessKey: "AK", secretKey: "SK" };
    const ledger = { bucket: "ledger", accessKey: "LEDGER-AK", secretKey: "LEDGER-SK" };
    const hosts = { "db-1": { host: "10.0.0.1", ...login }, "db-2": { host: "10.0.0.2", ...login } };
    await graphOf({ target: "ssh", agent: true, primary: "db-1", nodes: hosts, archive: { ...archive, ledger } });
    const { parameters: given } = JSON.parse(String(unwrapped(inputsOf("agent-db-1").stdin).value)) as AgentInput;
    const { ledger: place, peers } = configSchema.parse(JSON.parse(String(given.agent_conf)));
    assert.deepEqual(place, {
      ...{ kind: "s3", endpoint: "https://s3.example.com:443", bucket: "ledger", region: "us-east-1", prefix: "dev/" },
      ...{ uriStyle: "path", verifyTls: true, credentials: "/etc/understudy/agent/ledger-credentials.json" },
    });
    assert.deepEqual(
      peers.nodes.map(({ host, port }) => `${host}:${port}`),
      ["10.0.0.2:5480"],
    );
    assert.deepEqual(JSON.parse(String(given.ledger_credentials)), {
      accessKeyId: "LEDGER-AK",
      secretAccessKey: "LEDGER-SK",
    });
    assert.equal(given.ledger_ca, "");
    assert.doesNotMatch(parameters("configure-db-1"), /LEDGER/);
  });

  for (const [name, step] of Object.entries(steps)) {
    if (!existsSync(`scripts/host/${name}.sh`)) continue;
    it(`takes the lock on a host that the table says: ${name}`, () => {
      const library = readFileSync("scripts/host/lib.sh", "utf8");
      const takeLock = /^take_lock\(\) \{\n[\s\S]*?^\}/m
        .exec(library)?.[0]
        .replace(/\n {2}exec 9>[\s\S]*/, '\n echo "$name"\n}');
      const lock = execFileSync("bash", ["-c", `${takeLock}\nstep=${name} take_lock`], { encoding: "utf8" }).trim();
      assert.equal("lock" in step ? step.lock : undefined, lock);
    });
  }

  it("pauses poolers before the primary steps down, and resumes them behind the one that leads", async () => {
    const pooler = { enabled: true, pauseTimeout: "2500ms" };
    const graph = await graphOf({ primary: "node-b", nodes, pooler });
    for (const node of Object.keys(nodes)) {
      for (const step of ["pooler", "pause", "resume"]) assert.ok(graph.includes(`${remote} ${step}-${node}`), step);
      const pause = parameters(`pause-${node}`);
      assert.match(
        pause,
        /^kind='none'\nlease_seconds='23'\nprimary='node-b'\nprimary_address='10\.0\.0\.9'\nprimary_port='5432'\n/m,
      );
      assert.match(pause, /^timeout_ms='2500'$/m);
      assert.match(parameters(`resume-${node}`), /^primary_address='10\.0\.0\.9'\nprimary_port='5432'$/m);
      assert.doesNotMatch(parameters(`pooler-${node}`), /intent|primary=/);
      const install = JSON.parse(String(unwrapped(inputsOf(`install-${node}`).stdin).value)) as InstallInput;
      assert.equal(install.parameters.pooler_ports, "6432 6433");
    }
    assert.match(
      parameters("pooler-node-a"),
      /^candidates='node-a .* readable\nnode-b .* readable\nnode-c .* warm\n'$/m,
    );
    assert.match(parameters("databases"), /^pooler_everywhere='no'\npooler_verifier='SCRAM-SHA-256\$/m);
  });

  it("has the same names whoever is declared primary: a change of roles creates and deletes nothing", async () => {
    const graphs = [await graphOf({ primary: "node-a", nodes }), await graphOf({ primary: "node-b", nodes })];
    assert.deepEqual(graphs[0], graphs[1]);
  });

  it("takes steps of earlier versions for what they are now", async () => {
    await graphOf({ primary: "node-a", nodes });
    const aliases = registered.flatMap(({ name, options }) => options.aliases.map((former) => `${former} → ${name}`));
    const each = (former: string, step: string) =>
      Object.keys(nodes).map((node) => `${former}-${node} → ${step}-${node}`);
    const expected = [...each("claim", "announce"), "arm → prepare", ...each("yield", "demote"), "lead → promote"];
    assert.deepEqual(
      aliases.map((alias) => alias.replace(/^urn:\S*::/, "")),
      expected,
    );
  });

  it("says in the open what a step is about, and hides all that it is given", async () => {
    await graphOf({ primary: "node-a", nodes });
    assert.deepEqual(created("promote"), { secret: false, value: "understudy promote node-a as primary" });
    assert.deepEqual(created("follow-node-b"), {
      secret: false,
      value: "understudy follow node-b as hot standby of node-a",
    });
    assert.deepEqual(created("follow-node-c"), {
      secret: false,
      value: "understudy follow node-c as warm standby of node-a by archive",
    });
    for (const { type, name, inputs } of registered) {
      if (type !== remote) continue;
      assert.equal(unwrapped(inputs.stdin).secret, true, `${name}: its parameters are no secret`);
      assert.equal(inputs.addPreviousOutputInEnv, false, name);
      assert.equal(inputs.logging, "stderr", name);
      assert.equal(inputs.update, undefined, name);
      assert.equal(inputs.delete, undefined, name);
      assert.equal(inputs.triggers, undefined, name);
      assert.equal(inputs.environment, undefined, name);
    }
  });

  it("gives hosts the archive's key where the archive is encrypted: a new stack's is, that of an earlier version is not", async () => {
    const cipher = /^repo1-cipher-(?:pass=s3cret|type=aes-256-cbc)$/gm;
    const configured = { "configure-node-a": { stdout: '{"waiting":""}' } };
    const kept = (encrypted: boolean) => ({
      ...configured,
      encryption: { stdout: JSON.stringify({ archives: [{ id: "10.0.0.9:443/understudy-dev/", encrypted }] }) },
    });
    const cases: [object, Readonly<Record<string, object>>, number][] = [
      [{}, {}, 2],
      [{ archive: { encrypted: false } }, {}, 0],
      [{}, configured, 0],
      [{}, kept(true), 2],
      [{}, kept(false), 0],
    ];
    for (const [config, state, lines] of cases) {
      await graphOf({ primary: "node-a", nodes, ...config }, state);
      const given = parameters("configure-node-a");
      assert.equal(given.match(cipher)?.length ?? 0, lines, given);
      assert.match(given, lines === 0 ? /^archive_key=''$/m : /^archive_key='s3cret'$/m);
      const step = inputsOf("encryption");
      assert.equal(JSON.parse(String(unwrapped(step.stdin).value)).archives.at(-1).encrypted, lines > 0);
    }
  });

  it("makes a new cluster from another stack's archive: reads it, and gives promote what it is", async () => {
    stackOutputs.prod = { restoreFrom: sourceOfProd };
    const restore = {
      from: { stack: "prod" },
      target: { time: "2026-03-01T14:03:00+01:00" },
      sql: { app: "test/golden/model/pgbackrest.conf" },
    };
    await graphOf({ primary: "node-a", nodes, restore });
    assert.match(
      String(inputsOf("source-network").create),
      /network join understudy-dev understudy-prod-archive_s3 archive\.understudy-prod\.internal$/,
    );
    const given = parameters("restore");
    assert.match(given, /^repo1-s3-key=READER$/m);
    assert.match(given, /^repo1-cipher-pass=KEY$/m);
    assert.match(given, /^backup='20260301-020000F'\nbytes='30000000'$/m);
    assert.match(given, /^recovery_target_time = '\\''2026-03-01 14:03:00\+01:00'\\''$/m);
    assert.match(given, /^statements='YXBw [A-Za-z0-9+/=]+'$/m);
    const id = /^restore_id='([0-9a-f]{16})'$/m.exec(given)?.[1] ?? assert.fail(given);
    assert.ok(parameters("promote").includes(`restore_id='${id}'`));
    // Nothing else gets to know how the source's archive is opened.
    const knows = registered.filter(({ inputs }) => JSON.stringify(inputs).includes("READER")).map(({ name }) => name);
    assert.deepEqual(knows.sort(), ["restore", "source"]);
  });

  it("has no step that restores where nothing is to be restored", async () => {
    const graph = await graphOf({ primary: "node-a", nodes });
    assert.deepEqual(
      graph.filter((name) => / (restore|source)/.test(name)),
      [],
    );
    assert.match(parameters("promote"), /^restore_id=''$/m);
  });

  it("has a fresh id for what is declared about roles", () => {
    const [first, second] = [1, 2].map(() => execFileSync("/bin/sh", ["-c", freshId], { encoding: "utf8" }));
    assert.match(String(first), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ-[0-9a-f]{8}\n$/);
    assert.notEqual(first, second);
  });

  it("gives every role step the intent, and configure none: that knows nothing of roles", async () => {
    await graphOf({ primary: "node-a", nodes });
    const roleSteps = registered.filter(({ type, name }) => type === remote && !/^(install|configure)-/.test(name));
    assert.ok(roleSteps.length > 3);
    for (const { name } of roleSteps) assert.match(parameters(name), /^intent='intent-1'$/m, name);
    for (const node of Object.keys(nodes)) {
      assert.doesNotMatch(parameters(`configure-${node}`), /intent|primary=/);
    }
  });

  it("has another intent where a host was made anew, which has nothing of its role", async () => {
    await graphOf({ primary: "node-a", nodes: { ...nodes, "node-b": { state: "absent" } } });
    const { environment } = registered.find(({ name }) => name === "intent")?.inputs ?? {};
    const hosts = Object.entries(environment as Record<string, string>).filter(([name]) => name.startsWith("HOST_"));
    assert.deepEqual(hosts, [
      ["HOST_node_a", "cafe"],
      ["HOST_node_c", "cafe"],
    ]);
  });

  /** What each command has among its inputs of an update that did not reach its end, by name. */
  const again = () =>
    Object.fromEntries(
      registered.flatMap(({ type, name, inputs }) => {
        if (!/^command:/.test(type) || ["started", "finished"].includes(name)) return [];
        const here = (inputs.environment as { CONTINUES?: string } | undefined)?.CONTINUES;
        const there = /^again='(.*)'$/m.exec(String(unwrapped(inputs.stdin).value))?.[1];
        return [[name, (type === remote ? there : here) ?? ""]];
      }),
    );
  const isSecret = (name: string) => /^(cluster-id|ca|.*(-key|key-.*|password.*|certificate.*))$/.test(name);

  it("gives every step the id of an update that did not reach its end, and no secret, which would be made anew", async () => {
    const pooler = { enabled: true };
    const fenced = { ...nodes, "node-b": { state: "fenced" } };
    await graphOf(
      { primary: "node-a", nodes: fenced, pooler },
      { started: { stdout: "u-2\n" }, finished: { stdout: "u-1\n" } },
    );
    const steps = Object.entries(again());
    assert.ok(steps.length > 30, String(steps.length));
    for (const [name, id] of steps) assert.equal(id, isSecret(name) ? "" : "u-2", name);
  });

  it("keeps that id for as long as updates reach their end", async () => {
    const started = { stdout: "u-3\n", environment: { CONTINUES: "u-2" } };
    await graphOf({ primary: "node-a", nodes }, { started, finished: { stdout: "u-3\n" } });
    assert.deepEqual(new Set(Object.values(again())), new Set(["", "u-2"]));
    assert.equal(again()["configure-node-a"], "u-2");
  });

  it("has nothing of that kind where every update has reached its end", async () => {
    await graphOf({ primary: "node-a", nodes }, { started: { stdout: "u-1\n" }, finished: { stdout: "u-1\n" } });
    assert.deepEqual([...new Set(Object.values(again()))], [""]);
    assert.equal(inputsOf("network").environment, undefined);
  });

  it("makes a slot for each standby that streams, and for no other", async () => {
    await graphOf({ primary: "node-b", nodes });
    assert.match(parameters("slots"), /^slots='understudy_node_a'$/m);
  });

  it("configures a node in the same way whoever is primary", async () => {
    await graphOf({ primary: "node-a", nodes });
    const before = parameters("configure-node-b");
    await graphOf({ primary: "node-b", nodes });
    assert.equal(parameters("configure-node-b"), before);
  });

  it("sends no password to a host where a verifier does", async () => {
    await graphOf({ primary: "node-a", nodes });
    assert.match(parameters("databases"), /app SCRAM-SHA-256\$/);
    assert.doesNotMatch(parameters("databases") + parameters("promote"), /s3cret/);
  });

  it("stops the host of a fenced node for the change that was armed, and tells lead what proves it", async () => {
    const fenced = { ...nodes, "node-a": { state: "fenced" } };
    const graph = await graphOf({ primary: "node-b", nodes: fenced });
    assert.deepEqual(
      graph.filter((line) => line.startsWith(remote) && line.endsWith("-node-a")),
      [],
    );
    const power = inputsOf("power-node-a");
    assert.match(String(power.create), /host stop understudy-dev node-a/);
    const { CHANGE: proof } = power.environment as { CHANGE: string };
    assert.equal(proof, "intent-1:0");
    assert.match(parameters("promote"), new RegExp(`^fenced='node-a ${proof} 10\\.0\\.0\\.9 22 5432'$`, "m"));
    assert.match(String(inputsOf("power-node-b").create), /host start/);
  });
});
