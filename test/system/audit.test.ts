import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { Audit, finish } from "../support/audit.ts";
import type { Loss } from "../support/auditLogic.ts";
import { DockerCluster } from "../support/dockerCluster.ts";
import { until } from "../support/until.ts";

/** Whether the tests of the change of primary would see what must not happen. In the end the cluster is broken on purpose. */
describe("the audit client sees [full]", () => {
  let cluster: DockerCluster;

  before(async () => {
    cluster = await DockerCluster.declare({ primary: "node-a", nodes: ["node-a", "node-b"] });
    await cluster.up();
  });

  after(async () => {
    await cluster?.dispose();
  });

  it("nothing where nothing is wrong, and how long a restart takes", async () => {
    const audit = await Audit.start(await cluster.outputs());
    const quiet = await audit.during(() => sleep(2000));
    assert.ok(audit.gapIn(quiet.window) < 200, `${audit.gapIn(quiet.window)} ms between two rows without a reason`);
    assert.deepEqual(audit.errorsIn(quiet.window), []);

    const restart = await audit.during(async () => {
      cluster.exec("node-a", "systemctl", "restart", "understudy-postgresql");
    });
    assert.ok(audit.gapIn(restart.window) > 100, "a restart in no time");
    assert.ok(audit.errorsIn(restart.window).length > 0);

    const losses = await finish(audit, cluster, "node-a", ["node-b"]);
    for (const loss of Object.values(losses)) {
      assert.ok(loss.acknowledged > 500);
      assert.deepEqual([loss.lost, loss.unexplained], [[], []]);
    }
    assert.deepEqual(audit.violations, []);
    assert.equal(audit.periods.length, 2, "node-a before and after its restart");
  });

  it("rows that are gone, and rows that nobody wrote", async () => {
    const audit = await Audit.start(await cluster.outputs());
    await audit.during(() => sleep(500));
    cluster.sql("node-a", "delete from audit where writer = 2 and number in (3, 4)", "app");
    cluster.sql("node-a", "insert into audit values (1, 1000000)", "app");
    const losses = await finish(audit, cluster, "node-a", ["node-b"]);
    for (const node of ["node-a", "node-b"]) {
      const { lost, unexplained } = losses[node] as Loss;
      assert.deepEqual(lost, [
        { writer: 2, number: 3 },
        { writer: 2, number: 4 },
      ]);
      assert.deepEqual(unexplained, [{ writer: 1, number: 1_000_000 }]);
    }
  });

  it("a second node that takes writes", async () => {
    const audit = await Audit.start(await cluster.outputs());
    const pgdata = "/var/lib/understudy/17/data";
    cluster.execAsPostgres("node-b", "/usr/lib/postgresql/17/bin/pg_ctl", "promote", "-D", pgdata);
    await until("the audit client to tell of it", 5, async () => {
      await audit.look();
      return audit.violations.length > 0;
    });
    await audit.stop();
    assert.deepEqual(
      audit.violations.map(({ nodes }) => nodes),
      [["node-a", "node-b"]],
    );
  });
});
