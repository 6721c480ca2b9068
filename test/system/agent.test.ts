import assert from "node:assert/strict";
import { DockerCluster } from "../support/dockerCluster.ts";

describe("a cluster whose agents decide who leads", function () {
  this.timeout(900_000);
  let cluster: DockerCluster;
  before(async () => {
    cluster = await DockerCluster.declare({ primary: "node-a", nodes: ["node-a", "node-b"] });
    await cluster.stack.setConfig("agent", true);
  });
  after(async () => {
    if (process.env.KEEP === undefined) {
      await cluster.dispose();
      assert.deepEqual(cluster.leftovers(), []);
    }
  });

  it("is made by one update", async () => {
    const { output } = await cluster.up();
    console.log(output);
    assert.equal(cluster.sql("node-a", "select pg_is_in_recovery()"), "f");
    assert.equal(cluster.sql("node-b", "select pg_is_in_recovery()"), "t");
    assert.equal(cluster.streaming(), 1);
  });

  it("changes nothing where nothing has changed", async () => {
    const { steps } = await cluster.up();
    assert.deepEqual(steps, []);
  });

  it("changes its primary by one update, and back", async () => {
    for (const to of ["node-b", "node-a"]) {
      await cluster.stack.setConfig("primary", to);
      const { output } = await cluster.up();
      console.log(output);
      assert.equal(cluster.sql(to, "select pg_is_in_recovery()"), "f");
      console.log(JSON.stringify((await cluster.outputs()).handover, null, 1));
    }
  });
});
