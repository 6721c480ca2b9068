import assert from "node:assert/strict";
import { DockerCluster } from "../support/dockerCluster.ts";
import { until } from "../support/until.ts";

/** On one cluster, in this order. With UNDERSTUDY_AGENT=1 the other system tests have such clusters, too. */
describe("a cluster whose agents decide who leads", function () {
  this.timeout(900_000);
  let cluster: DockerCluster;
  before(async () => {
    cluster = await DockerCluster.declare({ primary: "node-a", nodes: ["node-a", "node-b"] });
    await cluster.stack.setConfig("agent", true);
  });
  after(async () => {
    await cluster.dispose();
    assert.deepEqual(cluster.leftovers(), []);
  });

  const inRecovery = (node: string) => cluster.sql(node, "select pg_is_in_recovery()") === "t";
  const follows = (standby: string, primary: string) =>
    until(`${standby} to stream from ${primary}`, 60, () => !inRecovery(primary) && cluster.streaming(primary) === 1);

  it("is made by one update; the next one changes nothing", async () => {
    await cluster.up();
    await follows("node-b", "node-a");
    assert.match(cluster.exec("node-b", "understudy-agent", "status"), /Leads +node-a by change 1 /);
    assert.deepEqual((await cluster.up()).steps, []);
  });

  it("changes its primary by one update, and has a receipt", async () => {
    await cluster.stack.setConfig("primary", "node-b");
    await cluster.up();
    await follows("node-a", "node-b");
    const { handover } = await cluster.outputs();
    assert.deepEqual(
      [handover.kind, handover.from, handover.to, handover.epoch, handover.lost?.bytes],
      ["switchover", "node-a", "node-b", 2, 0],
    );
    assert.ok(handover.writeGapMs !== null && handover.writeGapMs < 5000, JSON.stringify(handover));
  });

  it("restarts for a setting, standby first, and takes one back that no server starts with", async () => {
    await cluster.stack.setConfig("settings.max_connections", 150);
    await cluster.up();
    for (const node of ["node-a", "node-b"]) assert.equal(cluster.sql(node, "show max_connections"), "150");
    await follows("node-a", "node-b");
    await cluster.stack.setConfig("settings.shared_preload_libraries", "not_there");
    const { exitCode, output } = await cluster.stack.up();
    assert.notEqual(exitCode, 0);
    assert.match(output, /node-a: PostgreSQL does not start with the new settings: those before are in force again/);
    await follows("node-a", "node-b");
    await cluster.stack.removeConfig("settings.shared_preload_libraries");
    await cluster.up();
  });

  it("fails over from a host that has lost its power, with consent alone", async () => {
    cluster.docker("kill", "node-b");
    await cluster.stack.setConfig("nodes.node-b.state", "fenced");
    await cluster.stack.setConfig("primary", "node-a");
    const refused = await cluster.stack.up();
    assert.notEqual(refused.exitCode, 0);
    assert.match(refused.output, /HINT: .*accept/);
    assert.ok(inRecovery("node-a"), "nobody has taken over");
    await cluster.stack.setConfig("accept", { change: 2, lossBytes: "64MB", lossUnknown: true });
    await cluster.up();
    assert.ok(!inRecovery("node-a"));
    const { handover } = await cluster.outputs();
    assert.deepEqual(
      [handover.kind, handover.to, handover.fence.map(({ node }) => node)],
      ["failover", "node-a", ["node-b"]],
    );
  });

  it("takes the former primary back as a standby", async () => {
    await cluster.stack.setConfig("nodes.node-b.state", "active");
    await cluster.up();
    await follows("node-b", "node-a");
  });

  it("serves again by itself when all hosts have lost their power", async () => {
    for (const node of ["node-a", "node-b"]) cluster.docker("kill", node);
    for (const node of ["node-a", "node-b"]) cluster.docker("start", node);
    await follows("node-b", "node-a");
  });
});
