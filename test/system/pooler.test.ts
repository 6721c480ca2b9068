import assert from "node:assert/strict";
import pg from "pg";
import { clientConfig } from "../support/clientConfig.ts";
import { DockerCluster, query } from "../support/dockerCluster.ts";
import { patternOf } from "../support/faults.ts";
import { until } from "../support/until.ts";

/** Class of the advisory locks by which the primary and the poolers agree on the moment of its stop (scripts/host/lib-handover.sh). */
const stopLocks = 1970168947;

interface PooledNode {
  readonly poolerPort: number;
  readonly poolerReadOnlyPort: number;
}

describe("poolers", function () {
  this.timeout(900_000);
  let cluster: DockerCluster;
  let uri: string;
  let readOnlyUri: string;
  let ca: string;
  let nodes: Readonly<Record<string, PooledNode>>;

  before(async () => {
    cluster = await DockerCluster.declare({ primary: "node-a", nodes: ["node-a", "node-b"] });
    await cluster.stack.setConfig("pooler", { enabled: true, pauseTimeout: "1500ms" });
    await cluster.up();
    await readOutputs();
    await until("both routes", 60, async () => (await where(readOnlyUri)).every((served) => served === "standby"));
  });
  after(() => cluster.dispose());

  const readOutputs = async () => {
    const outputs = (await cluster.outputs()) as unknown as Record<string, string> & { nodes: typeof nodes };
    ca = outputs.caCertificate as string;
    uri = outputs.poolerUri as string;
    readOnlyUri = outputs.poolerReadOnlyUri as string;
    nodes = outputs.nodes;
  };
  /** `to` with one node's pooler alone. */
  const by = (node: string, to: string) => {
    const { poolerPort, poolerReadOnlyPort } = nodes[node] as PooledNode;
    return to.replace(/@.*\/app/, `@127.0.0.1:${to === uri ? poolerPort : poolerReadOnlyPort}/app`);
  };
  /** What answers behind each node's pooler. */
  const where = (to: string) =>
    Promise.all(
      Object.keys(nodes).map(async (node) => {
        const rows = await query(
          by(node, to),
          ca,
          "select case when pg_is_in_recovery() then 'standby' else 'primary' end as served",
        );
        return rows[0]?.served;
      }),
    );
  const pause = (node: string, parameters: Record<string, string | number>) => {
    const intent = cluster.exec(node, "cat", "/var/lib/understudy/state/intent").trim();
    const candidates = cluster.exec(node, "cat", "/etc/understudy/pooler/candidates");
    const addressOf = (name: string) => new RegExp(`^${name} (\\S+) `, "m").exec(candidates)?.[1] ?? "";
    const all = {
      intent,
      kind: "switchover",
      primary: "node-b",
      primary_address: addressOf("node-b"),
      primary_port: 5432,
      from_address: addressOf("node-a"),
      from_port: 5432,
      ...parameters,
    };
    const stdin = Object.entries(all).map(([name, value]) => `${name}='${value}'\n`);
    return cluster.exec(
      node,
      "sh",
      "-c",
      `printf '%s' "$0" | understudy pause ${node} 2>&1 || echo "exit $?"`,
      stdin.join(""),
    );
  };

  /** What the primary does before its stop; gives how many poolers could not hold their clients back. */
  const sayThatItStops = () =>
    cluster
      .sql(
        "node-a",
        `select pg_advisory_lock(${stopLocks}, 2); select pg_advisory_lock(${stopLocks}, 1);
         select count(*) from pg_locks where locktype = 'advisory' and classid = ${stopLocks} and objid = 3`,
      )
      .trim();

  it("lead to the primary and to the standby, whichever node a client connects to", async () => {
    assert.deepEqual(await where(uri), ["primary", "primary"]);
    assert.deepEqual(await where(readOnlyUri), ["standby", "standby"]);
  });

  it("take PostgreSQL's own users and passwords, also one that has just changed, and none of its powers", async () => {
    for (const password of ["wrong", ""]) {
      await assert.rejects(
        query(by("node-a", uri).replace(/app:[^@]+/, `app:${password}`), ca, "select 1"),
        /authentication failed|password/,
      );
    }
    for (const user of ["postgres", "understudy_monitor", "understudy_pooler", "understudy_replication"]) {
      await assert.rejects(
        query(by("node-a", uri).replace("//app:", `//${user}:`), ca, "select 1"),
        /authentication failed|no such user/,
        user,
      );
    }
    const inTheClear = new pg.Client({ ...clientConfig(by("node-a", uri), ca), ssl: false });
    await assert.rejects(inTheClear.connect(), /SSL|TLS/i);
    cluster.sql("node-a", "create role visitor login password 'first-secret'");
    const visitor = (password: string) =>
      query(by("node-a", uri).replace(/app:[^@]+/, `visitor:${password}`), ca, "select current_user as me");
    assert.deepEqual(await visitor("first-secret"), [{ me: "visitor" }]);
    cluster.sql("node-a", "alter role visitor password 'second-secret'");
    assert.deepEqual(await visitor("second-secret"), [{ me: "visitor" }]);
    await assert.rejects(visitor("first-secret"), /authentication failed/);
  });

  it("refuse a pause while a transaction stays open, and go on", async () => {
    const client = new pg.Client(clientConfig(by("node-a", uri), ca));
    await client.connect();
    await client.query("begin");
    const said = pause("node-a", { timeout_ms: 800, lease_seconds: 20 });
    assert.match(
      said,
      /transactions through the pooler were still open after 800 ms\n {2}\| app in app, last query at/,
    );
    assert.match(said, /HINT: .*pooler\.pauseTimeout[\s\S]*exit 1/);
    await client.query("commit");
    assert.deepEqual(await where(uri), ["primary", "primary"]);
    await client.end();
  });

  it("tell the primary, which is about to stop, that a transaction stays open, and go on [full]", async () => {
    assert.match(pause("node-a", { timeout_ms: 800, lease_seconds: 20 }), /"attends":true/);
    const client = new pg.Client(clientConfig(by("node-a", uri), ca));
    await client.connect();
    await client.query("begin; select 1");
    assert.equal(sayThatItStops(), "1");
    await client.query("commit");
    assert.deepEqual(await where(uri), ["primary", "primary"]);
    await client.end();
  });

  it("tell the primary, which is about to stop, that they hang, and go on once they don't [full]", async () => {
    assert.match(pause("node-a", { timeout_ms: 800, lease_seconds: 4 }), /"attends":true/);
    cluster.exec("node-a", "systemctl", "kill", "--signal=STOP", "understudy-pooler");
    try {
      assert.equal(sayThatItStops(), "1");
    } finally {
      cluster.exec("node-a", "systemctl", "kill", "--signal=CONT", "understudy-pooler");
    }
    await until("clients to go on", 30, async () => (await where(uri)).every((served) => served === "primary"));
  });

  it("resume by themselves when nobody ends their pause", async () => {
    assert.match(pause("node-a", { timeout_ms: 800, lease_seconds: 3 }), /"attends":true/);
    // Clients wait for the stop only, not for what is done before it.
    assert.equal((await query(by("node-a", uri), ca, "select 1 as one"))[0]?.one, 1);
    assert.equal(sayThatItStops(), "0");
    const began = Date.now();
    assert.equal((await query(by("node-a", uri), ca, "select 1 as one"))[0]?.one, 1);
    const waited = Date.now() - began;
    assert.ok(waited > 1000 && waited < 8000, `waited for ${waited} ms`);
  });

  it("that hang or are down refuse within seconds [full]", async () => {
    const began = Date.now();
    cluster.exec("node-b", "systemctl", "kill", "--signal=STOP", "understudy-pooler");
    try {
      assert.match(
        pause("node-b", { timeout_ms: 800, lease_seconds: 2 }),
        /the pooler does not answer\nHINT: [\s\S]*exit 1/,
      );
    } finally {
      cluster.exec("node-b", "systemctl", "kill", "--signal=CONT", "understudy-pooler");
    }
    assert.ok(Date.now() - began < 10_000);
    assert.deepEqual(await where(uri), ["primary", "primary"]);
    cluster.exec("node-b", "systemctl", "stop", "understudy-pooler");
    try {
      assert.match(pause("node-b", { timeout_ms: 800, lease_seconds: 2 }), /the pooler does not run[\s\S]*exit 1/);
    } finally {
      cluster.exec("node-b", "systemctl", "start", "understudy-pooler");
    }
  });

  it("that hang when the primary is about to stop call the change off, and clients of the others see no error", async () => {
    const client = await writer(clientConfig(by("node-b", uri), ca), 0);
    await cluster.stack.setConfig("primary", "node-b");
    const update = cluster.stack.spawnUp({ killAfterMs: 120_000 });
    await update.waitFor(patternOf({ step: "demote-node-a", when: "starts" }));
    cluster.exec("node-a", "systemctl", "kill", "--signal=STOP", "understudy-pooler");
    try {
      const { exitCode, output } = await update.result;
      assert.notEqual(exitCode, 0);
      assert.match(output, /the clients of a pooler could not be held back/);
    } finally {
      cluster.exec("node-a", "systemctl", "kill", "--signal=CONT", "understudy-pooler");
    }
    await until("clients to go on", 30, async () => (await where(uri)).every((served) => served === "primary"));
    const { errors, rows, longest } = await client.stop();
    assert.deepEqual(errors, []);
    console.log(`      longest wait of a client: ${longest} ms, ${rows} rows`);
    assert.ok(longest < 15_000, `a client waited for ${longest} ms`);
    assert.equal(cluster.sql("node-a", "drop table written; select pg_is_in_recovery()", "app").trim(), "f");
  });

  it("hide a change of primary from clients: they wait, and see no error", async () => {
    const clients = await Promise.all(
      ["node-a", "node-b", "node-a", "node-b"].map((node, number) => writer(clientConfig(by(node, uri), ca), number)),
    );
    await cluster.stack.setConfig("primary", "node-b");
    await cluster.up();
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const seen = await Promise.all(clients.map((client) => client.stop()));
    for (const { errors } of seen) assert.deepEqual(errors, []);
    const rows = seen.reduce((sum, { rows: written }) => sum + written, 0);
    assert.equal(Number(cluster.sql("node-b", "select count(*) from written", "app")), rows);
    console.log(`      longest wait of a client: ${Math.max(...seen.map(({ longest }) => longest))} ms, ${rows} rows`);
    await readOutputs();
    await until("read-only clients at the standby", 60, async () =>
      (await where(readOnlyUri)).every((served) => served === "standby"),
    );
  });

  it("are right after a reboot of their node, and lead read-only clients to the primary while no standby answers", async () => {
    cluster.exec(
      "node-b",
      "sh",
      "-c",
      "systemctl stop understudy-pooler-route; echo '[databases]' >/etc/understudy/pooler/route.ini",
    );
    cluster.docker("restart", "node-a");
    await until("read-only clients somewhere", 60, async () => (await served(by("node-b", readOnlyUri))) !== undefined);
    cluster.exec("node-b", "systemctl", "start", "understudy-pooler-route");
    await until(
      "both nodes' routes",
      60,
      async () => (await served(by("node-a", uri))) === "primary" && (await served(by("node-b", uri))) === "primary",
    );
  });

  const served = async (to: string) =>
    (
      await query(to, ca, "select case when pg_is_in_recovery() then 'standby' else 'primary' end as served").catch(
        () => [],
      )
    )[0]?.served;
});

/** Writes a row in each transaction, one after the other, until it is told to stop. */
async function writer(config: pg.ClientConfig, number: number) {
  const client = new pg.Client(config);
  await client.connect();
  if (number === 0) await client.query("create table if not exists written (client int, row int)");
  const errors: string[] = [];
  let rows = 0;
  let longest = 0;
  let running = true;
  const done = (async () => {
    await new Promise((resolve) => setTimeout(resolve, 300));
    while (running) {
      const began = Date.now();
      try {
        await client.query("begin");
        await client.query("insert into written values ($1, $2)", [number, rows]);
        await client.query("commit");
        rows++;
      } catch (error) {
        errors.push(String(error));
        running = false;
      }
      longest = Math.max(longest, Date.now() - began);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  })();
  return {
    stop: async () => {
      running = false;
      await done;
      await client.end().catch(() => undefined);
      return { errors, rows, longest };
    },
  };
}
