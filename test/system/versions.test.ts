import assert from "node:assert/strict";
import { DockerCluster, query } from "../support/dockerCluster.ts";
import { until } from "../support/until.ts";

for (const major of [13, 15, 18]) {
  describe(`PostgreSQL ${major}`, () => {
    let cluster: DockerCluster;

    before(async () => {
      cluster = await DockerCluster.declare({ primary: "node-a", nodes: ["node-a", "node-b"], major });
    });

    after(async () => {
      await cluster.dispose();
    });

    it("comes up with a standby, an archive and a backup", async () => {
      await cluster.up();
      const { connectionUri } = await cluster.outputs();
      await query(connectionUri, "create table t as select 42 as answer");
      assert.match(cluster.sql("node-a", "show server_version"), new RegExp(`^${major}\\b`));
      await until("the row on node-b", 20, () => cluster.sql("node-b", "select answer from t", "app") === "42");
      const [info] = JSON.parse(cluster.exec("node-a", "understudy", "backups", "node-a")) as {
        backup: { type: string }[];
      }[];
      assert.equal(info?.backup[0]?.type, "full");
    });

    it("comes back after a restart of both hosts", async () => {
      cluster.docker("restart", "node-a");
      cluster.docker("restart", "node-b");
      await until("node-b to stream", 60, () => cluster.streaming() === 1);
    });
  });
}
