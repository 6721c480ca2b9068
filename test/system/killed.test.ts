import assert from "node:assert/strict";
import { DockerCluster, query } from "../support/dockerCluster.ts";
import type { RunResult } from "../support/pulumiStack.ts";
import { until } from "../support/until.ts";

/**
 * Moments of a first provisioning, by what the engine prints then. The provisioning of one stack is killed at the first, its
 * re-run at the second and so on: each of them is still the first time that the step runs.
 */
const stacks = [
  [
    / network creating/,
    / install-node-a creating/,
    / configure-node-b creating/,
    / preflight creating/,
    / archive creating .*first full backup/,
  ],
  [
    / host-node-a creating/,
    / power-node-b creating/,
    / promote creating .*initdb/,
    / follow-node-b creating .*base backup/,
    / receipt creating/,
  ],
];

for (const [index, moments] of stacks.entries()) {
  describe(`pulumi up, killed at ${moments.join(", then at ")}${index === 0 ? "" : " [full]"}`, () => {
    let cluster: DockerCluster;
    let converged: RunResult;

    before(async () => {
      cluster = await DockerCluster.declare({ primary: "node-a", nodes: ["node-a", "node-b"] });
    });

    after(async () => {
      await cluster?.dispose();
    });

    it("converges when it is run again, after what the docs say about Pulumi's lock", async () => {
      for (const moment of moments) {
        const update = cluster.stack.spawnUp();
        await update.waitFor(moment);
        update.signal("SIGKILL");
        const { exitCode, output } = await update.result;
        assert.equal(exitCode, 128 + 9, output);

        const locked = await cluster.stack.up();
        assert.match(locked.output, /the stack is currently locked/);
        assert.match(locked.output, /pulumi cancel/);
        await cluster.stack.cancel();
      }
      converged = await cluster.up();
      assert.doesNotMatch(converged.output, /HINT:/);
    });

    it("has a writable primary, a streaming standby and one full backup", async () => {
      const { primaryUri, caCertificate, handover } = await cluster.outputs();
      assert.equal(handover.epoch, 1);
      await query(primaryUri, caCertificate, "create table t as select 42 as answer");
      await until("node-b to stream", 60, () => cluster.streaming() === 1);
      await until("the row on node-b", 30, () => cluster.sql("node-b", "select answer from t", "app") === "42");
      assert.equal(cluster.sql("node-b", "select pg_is_in_recovery()"), "t");
      const [info] = JSON.parse(cluster.exec("node-a", "understudy", "backups", "node-a")) as {
        backup: { type: string; error: boolean | null }[];
      }[];
      assert.deepEqual(
        info?.backup.map(({ type }) => type),
        ["full"],
      );
    });

    it("has made nothing twice and left nothing half-made", () => {
      const { name } = cluster.stack;
      const hosts = ["archive_s3", "node-a", "node-b"];
      const things = [...hosts, ...hosts.map((host) => `${host}-data`)].map((thing) => `understudy-${name}-${thing}`);
      assert.deepEqual(cluster.leftovers().sort(), [`understudy-${name}`, ...things].sort());
      for (const node of ["node-a", "node-b"]) {
        assert.equal(cluster.exec(node, "ls", "/var/lib/understudy/17").trim(), "data");
      }
      const slots = cluster.sql(
        "node-a",
        "select string_agg(slot_name || ' ' || active, ',') from pg_replication_slots",
      );
      assert.equal(slots, "understudy_node_b true");
    });

    it("needs no work by hand later: the next update succeeds and changes nothing", async () => {
      const { output } = await cluster.up();
      assert.match(output, /\d+ unchanged/);
      assert.doesNotMatch(output, /\d+ (updated|created|deleted|replaced)/);
    });

    it("leaves nothing when it is destroyed", async () => {
      const { exitCode, output } = await cluster.stack.destroy();
      assert.equal(exitCode, 0, output);
      assert.deepEqual(cluster.leftovers(), []);
    });
  });
}
