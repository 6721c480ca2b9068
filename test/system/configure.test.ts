import assert from "node:assert/strict";
import { declare } from "../support/configFile.ts";
import { DockerCluster } from "../support/dockerCluster.ts";
import type { ConfigValue } from "../support/pulumiStack.ts";
import { until } from "../support/until.ts";

type Settings = Readonly<Record<string, ConfigValue>>;

/** What only a start of PostgreSQL refuses (`postgres -C` takes it), with its own words. */
const refusedAtStart: Readonly<Record<string, { readonly settings: Settings; readonly says: RegExp }>> = {
  "a library that is not there": {
    settings: { shared_preload_libraries: "pg_cron" },
    says: /could not access file "pg_cron": No such file or directory/,
  },
  "memory that the host has not": {
    settings: { shared_buffers: "900GB", huge_pages: "off" },
    says: /could not map anonymous shared memory: Cannot allocate memory|oom-kill|status=9\/KILL/,
  },
  "huge pages that the host has not": {
    settings: { huge_pages: "on" },
    says: /could not map anonymous shared memory: Cannot allocate memory/,
  },
  "a socket group that does not exist": {
    settings: { unix_socket_group: "nobody-has-it" },
    says: /group "nobody-has-it" does not exist/,
  },
};

describe("settings that PostgreSQL refuses", function () {
  this.timeout(900_000);
  let cluster: DockerCluster;
  const nodes = ["node-a", "node-b", "node-c"];

  before(async () => {
    cluster = await DockerCluster.declare({ primary: "node-a", nodes });
    await cluster.up();
    await streaming();
  });
  after(() => cluster?.dispose());

  const streaming = () => until("both standbys to stream", 60, () => cluster.streaming() === 2);
  /** Since when each server has been running. */
  const started = (which = nodes) =>
    Object.fromEntries(which.map((node) => [node, cluster.sql(node, "select pg_postmaster_start_time()")]));
  const differing = (before: Readonly<Record<string, string>>) =>
    Object.entries(started(Object.keys(before))).flatMap(([node, time]) => (time === before[node] ? [] : [node]));

  /** An update that PostgreSQL itself refuses; gives the nodes that have restarted. */
  async function refused(settings: Settings, says: RegExp): Promise<string[]> {
    const before = started();
    await declare(cluster.stack, { settings });
    const { exitCode, output } = await cluster.stack.up();
    assert.notEqual(exitCode, 0, output);
    assert.match(output, says);
    assert.match(output, /those before are in force again(.*\n)+? *HINT: Correct 'settings'/);
    assert.doesNotMatch(output, /failed unexpectedly/);
    assert.equal(cluster.sql("node-a", "select pg_is_in_recovery()"), "f");
    await streaming();
    return differing(before);
  }

  async function setBack(): Promise<void> {
    const before = started();
    await declare(cluster.stack, { settings: {} });
    await cluster.up();
    assert.deepEqual(differing(before), [], "a restart was needed to go back");
    for (const node of nodes) {
      const waiting = "select count(*) from pg_settings where pending_restart";
      assert.equal(cluster.sql(node, waiting), "0", node);
    }
    await streaming();
  }

  for (const [index, [kind, { settings, says }]] of Object.entries(refusedAtStart).entries()) {
    it(`${kind}: one standby was away for seconds, the others were not touched${index === 0 ? "" : " [full]"}`, async () => {
      const restarted = await refused(settings, says);
      assert.equal(restarted.length, 1, `restarted: ${restarted}`);
      assert.notEqual(restarted[0], "node-a");
    });
  }

  it("set back, nothing has to restart", setBack);

  it("what the first reload refuses is taken back, too [full]", async () => {
    assert.deepEqual(await refused({ ssl_ciphers: "nonsense" }, /could not set the cipher list/), []);
    await setBack();
    for (const node of nodes) assert.equal(cluster.sql(node, "show ssl_ciphers"), "HIGH:MEDIUM:+3DES:!aNULL");
  });

  it("what only a hot standby refuses [full]", async () => {
    // The floor under such settings is taken away, as if the guard had not known what the primary has.
    const floor = "/usr/local/lib/understudy/guard";
    cluster.exec("node-b", "sed", "-i.kept", "s/^write_floor() {/&\\n  return 0/", floor);
    cluster.exec("node-c", "sed", "-i.kept", "s/^write_floor() {/&\\n  return 0/", floor);
    try {
      const restarted = await refused(
        { max_connections: 50 },
        /max_connections = 50 is a lower setting than on the primary/,
      );
      assert.equal(restarted.length, 1, `restarted: ${restarted}`);
      assert.notEqual(restarted[0], "node-a");
    } finally {
      for (const node of ["node-b", "node-c"]) cluster.exec(node, "mv", `${floor}.kept`, floor);
    }
    await setBack();
  });

  it("a host that loses power while it tries them comes back with the ones before [full]", async () => {
    await declare(cluster.stack, { settings: { shared_preload_libraries: "pg_cron" } });
    const update = cluster.stack.spawnUp();
    await update.waitFor(/node-[bc]: restarting PostgreSQL/);
    const [, tried = ""] = /(node-[bc]): restarting PostgreSQL/.exec(update.output()) ?? [];
    cluster.docker("kill", tried);
    assert.notEqual((await update.result).exitCode, 0);
    cluster.docker("start", tried);
    await streaming();
    await setBack();
  });

  it("who really leads is last, whatever the same update declares [full]", async () => {
    await declare(cluster.stack, { primary: "node-b", settings: { shared_preload_libraries: "pg_cron" } });
    const before = started();
    const { exitCode, output } = await cluster.stack.up();
    assert.notEqual(exitCode, 0, output);
    assert.equal(cluster.sql("node-a", "select pg_is_in_recovery()"), "f");
    assert.equal(differing(before).length, 1);
    assert.ok(!differing(before).includes("node-a"));
    await declare(cluster.stack, { primary: "node-a" });
    await setBack();
  });

  it("what it does not refuse comes into force on one node after the other, on the primary last", async () => {
    await declare(cluster.stack, { settings: { max_connections: 120 } });
    await cluster.up();
    for (const node of nodes) assert.equal(cluster.sql(node, "show max_connections"), "120", node);
    const times = Object.values(started()).map((time) => Date.parse(time));
    assert.equal(times[0], Math.max(...times), `the primary was not the last: ${JSON.stringify(started())}`);
    assert.equal(new Set(times).size, 3);
    await streaming();
  });

  it("a single node comes back by itself [full]", async () => {
    await declare(cluster.stack, {
      nodes: { "node-a": { state: "active" }, "node-b": { state: "absent" }, "node-c": { state: "absent" } },
      settings: { max_connections: 120, shared_preload_libraries: "pg_cron" },
    });
    const { exitCode, output } = await cluster.stack.up();
    assert.notEqual(exitCode, 0, output);
    assert.match(output, /could not access file "pg_cron"/);
    assert.equal(cluster.sql("node-a", "select pg_is_in_recovery()"), "f");
    await declare(cluster.stack, { settings: { max_connections: 120 } });
    await cluster.up();
  });
});
