import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { DockerCluster } from "../support/dockerCluster.ts";
import { archiveHost, cutNetwork, cutPower } from "../support/faults.ts";
import { REPOSITORY } from "../support/pulumiStack.ts";
import { missingLines, passagesOf, runLine } from "../support/runbook.ts";
import { until } from "../support/until.ts";

/** In the order in which they can follow one another on a pair whose primary is node-a. */
const pages = ["switchover.md", "failover.md", "rejoin.md", "adopt.md", "interrupted.md"];

/** What befalls the cluster between the commands. */
const situations: Readonly<Record<string, (cluster: DockerCluster) => Promise<void> | void>> = {
  "node-a has lost its power": (cluster) => {
    // It goes on alone for a while: what it takes then is lost.
    cutNetwork(cluster, "node-a", ["node-b", archiveHost]);
    cluster.sql("node-a", "create table lost_later as select generate_series(1, 100)", "app");
    cluster.sql("node-a", "select pg_switch_wal()");
    cluster.sql("node-a", "checkpoint");
    cutPower(cluster, "node-a");
  },
  "node-b is stopped, and node-a promoted by hand": (cluster) => {
    cluster.exec("node-b", "systemctl", "stop", "understudy-postgresql");
    const promote = "/usr/lib/postgresql/17/bin/pg_ctl promote -w -D /var/lib/understudy/17/data";
    cluster.execAsPostgres("node-a", "sh", "-c", promote);
  },
  "an update towards node-b is killed": async (cluster) => {
    await cluster.stack.setConfig("primary", "node-b");
    const update = cluster.stack.spawnUp();
    await update.waitFor(/:Command demote-node-a updating/);
    update.signal("SIGKILL");
    await update.result;
    await until("the hosts to end what they began", 60, () =>
      ["node-a", "node-b"].some((node) => cluster.sql(node, "select pg_is_in_recovery()") === "f"),
    );
  },
};

/** Every command of the runbooks, on one cluster. */
describe("the runbooks [full]", () => {
  let cluster: DockerCluster;

  before(async () => {
    cluster = await DockerCluster.declare({ primary: "node-a", nodes: ["node-a", "node-b"] });
    await cluster.up();
  });

  after(async () => {
    await cluster?.dispose();
  });

  it("are all carried out here, but for those of the target aws alone: awsFailover.test.ts has what they declare", () => {
    assert.deepEqual(readdirSync(join(REPOSITORY, "docs/runbooks")).sort(), [...pages, "zone.md"].sort());
  });

  for (const page of pages) {
    it(page, async () => {
      for (const passage of passagesOf(page)) {
        if (passage.kind === "situation") {
          const befall = situations[passage.what];
          assert.ok(befall, `nobody knows how to bring about: ${passage.what}`);
          await befall(cluster);
          continue;
        }
        for (const { line, shows, refused } of passage.commands) {
          const { exitCode, output } = await runLine(cluster.stack, line);
          const told = `$ ${line}\n${output}`;
          // That something is wrong is no failure of the command that looks.
          if (!line.startsWith("npm run status")) assert.equal(exitCode !== 0, refused, told);
          assert.deepEqual(missingLines(shows, output), [], told);
        }
      }
    });
  }
});
