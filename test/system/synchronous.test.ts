import assert from "node:assert/strict";
import type { Audit } from "../support/audit.ts";
import { cutPower, patternOf, powerOn } from "../support/faults.ts";
import { activeNodes, HandoverCluster } from "../support/handover.ts";
import { until } from "../support/until.ts";

/** Longer than any commit takes that waits for nobody who is not there, on a busy machine too; shorter than a copy of node-c takes. */
const longestCommitMs = 5000;
const data = "/var/lib/understudy/17/data";

/** On one cluster, in this order: node-a leads, and node-c is the only one that commits wait for. */
describe("a synchronous standby", () => {
  let host: HandoverCluster;

  before(async () => {
    host = await HandoverCluster.create();
    // About thirty megabytes: ten seconds.
    const program = "/usr/lib/postgresql/17/bin/pg_basebackup";
    const slow = `mv ${program} ${program}.real; printf '#!/bin/sh\nexec ${program}.real --max-rate=3M "$@"\n' >${program}; chmod 755 ${program}`;
    host.cluster.exec("node-c", "sh", "-c", slow);
  });
  after(() => host?.dispose());

  const declareC = (state: string, synchronous = true) =>
    host.declare({ nodes: activeNodes({ "node-c": { state, synchronous } }) });
  const loseDataOfC = () =>
    until("node-c to have lost its data", 30, () => {
      host.cluster.exec("node-c", "sh", "-ec", `systemctl stop understudy-postgresql; rm -rf ${data}`);
      return true;
    });
  const awaited = (node: string) => host.cluster.sql(node, "show synchronous_standby_names");
  const isAwaited = async () => {
    assert.equal(awaited("node-a"), 'ANY 1 ("node-c")');
    const state = "select sync_state from pg_stat_replication where application_name = 'node-c'";
    await until("commits to wait for node-c", 10, () => host.cluster.sql("node-a", state) === "quorum");
  };

  /** Does something while rows are written: no commit took long. */
  const undisturbed = async (audit: Audit, action: () => Promise<unknown>) => {
    const { window } = await audit.during(action);
    const gapMs = Math.round(audit.gapIn(window));
    console.log(`      at most ${gapMs} ms without a commit, in ${Math.round((window.to - window.from) / 1000)} s`);
    assert.ok(gapMs <= longestCommitMs, `${gapMs} ms without a commit`);
  };

  it("that is added holds up no commit while it is copied", async () => {
    await declareC("absent", false);
    await host.up();
    await loseDataOfC();
    await declareC("active");
    await host.watched(async (audit) => {
      await undisturbed(audit, () => host.up());
      await isAwaited();
    });
  });

  it("that is fenced, and comes back by a copy, holds up no commit [full]", async () => {
    await host.watched(async (audit) => {
      await declareC("fenced");
      await undisturbed(audit, () => host.up());
      assert.equal(awaited("node-a"), "");

      powerOn(host.cluster, "node-c");
      await loseDataOfC();
      await declareC("active");
      await undisturbed(audit, () => host.up());
      await isAwaited();
    });
  });

  it("that has failed, and comes back by a copy, holds up no commit from the time on when the update has seen that [full]", async () => {
    await host.watched(async (audit) => {
      cutPower(host.cluster, "node-c")();
      await loseDataOfC();
      await host.declare({ reconcile: "failed" });
      const update = host.cluster.stack.spawnUp();
      await update.waitFor(patternOf({ step: "announce-node-a", when: "ends" }));
      await undisturbed(audit, () => update.result);
      const { exitCode, output } = await update.result;
      assert.equal(exitCode, 0, output);
      await isAwaited();
    });
  });

  it("is waited for by the next primary once it streams from it, and by the former one no more [full]", async () => {
    await host.watched(async () => {
      await host.moveTo("node-b");
      await host.settled("node-b");
    });
    assert.deepEqual([awaited("node-b"), awaited("node-a")], ['ANY 1 ("node-c")', ""]);
  });
});
