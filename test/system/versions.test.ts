import assert from "node:assert/strict";
import type { StatusReport } from "../../model/status/report.ts";
import { declare } from "../support/configFile.ts";
import { DockerCluster, query } from "../support/dockerCluster.ts";
import { runLine } from "../support/runbook.ts";
import { until } from "../support/until.ts";

/** Besides 17, which all other tests use. What a standby that takes no SQL needs differs most from major to major. */
const majors = [
  { major: 13, standby: "warm", full: "" },
  { major: 15, standby: "hot", full: " [full]" },
  { major: 18, standby: "warm", full: " [full]" },
];

/** What `npm run status -- --json` prints. */
async function statusOf({ stack }: DockerCluster): Promise<StatusReport> {
  const { output } = await runLine(stack, "npm run status -- --json");
  return JSON.parse(output) as StatusReport;
}

for (const { major, standby, full } of majors) {
  describe(`PostgreSQL ${major}${full}`, () => {
    let cluster: DockerCluster;

    before(async () => {
      cluster = await DockerCluster.declare({ primary: "node-a", nodes: ["node-a", "node-b"], major });
    });

    after(async () => {
      await cluster.dispose();
    });

    it("comes up with a standby, an archive and a backup", async () => {
      await cluster.up();
      const { primaryUri, caCertificate } = await cluster.outputs();
      await query(primaryUri, caCertificate, "create table t as select 42 as answer");
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

    it(`hands over to a ${standby} standby, and back`, async () => {
      await declare(cluster.stack, {
        nodes: { "node-a": { state: "active" }, "node-b": { state: "active", standby } },
      });
      await cluster.up();
      for (const [from, to] of [
        ["node-a", "node-b"],
        ["node-b", "node-a"],
      ] as const) {
        await declare(cluster.stack, { primary: to });
        await cluster.up();
        const { primary, handover, primaryUri, caCertificate } = await cluster.outputs();
        assert.deepEqual([primary, handover.kind, handover.from, handover.to], [to, "switchover", from, to]);
        assert.equal(cluster.streaming(to), 1);
        await until("a status in which all is well", 120, async () => {
          const { exitCode, findings } = await statusOf(cluster);
          assert.equal(exitCode, 0, JSON.stringify(findings));
          return true;
        });
        const standbys = (await statusOf(cluster)).nodes.filter(({ node }) => node !== to);
        assert.deepEqual(
          standbys.map(({ node, activity, lsn, lag }) => [node, activity, lsn === null, lag?.bytes === null]),
          [[from, "streaming", false, false]],
        );
        await query(primaryUri, caCertificate, `create table ${to.replace("-", "_")} ()`);
      }
      const tables = "select string_agg(tablename, ' ' order by tablename) from pg_tables where schemaname = 'public'";
      assert.equal(cluster.sql("node-a", tables, "app"), "node_a node_b t");
    });
  });
}
