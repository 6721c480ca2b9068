import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { inFull, spread } from "../support/cases.ts";
import {
  archiveHost,
  cutNetwork,
  cutPower,
  freezeHost,
  type Interruption,
  interruptedUp,
  type Moment,
  patternOf,
  powerOn,
  showMoment,
  stopArchive,
} from "../support/faults.ts";
import { activeNodes, HandoverCluster, onSharedCluster, sameOnAll } from "../support/handover.ts";
import { until } from "../support/until.ts";

/** Long enough to be no hiccup, short enough to be counted by hand. */
const cutOffMs = 1500;

/** On one cluster, in this order: after each test a node leads and the others, the former primary among them, follow. */
describe("a failover", () => {
  let host: HandoverCluster;

  onSharedCluster((cluster) => {
    host = cluster;
  });

  /** The former primary's host comes back by an update, and follows. */
  const rejoin = async (leads: string) => {
    await host.declare({ nodes: activeNodes(), accept: {} });
    await host.up();
    await host.settled(leads);
  };

  const isOff = (node: string) => {
    assert.throws(() => host.cluster.exec(node, "true"), `${node} runs`);
  };

  it("needs a fence: a primary that is merely dead is no reason to promote another [full]", async () => {
    await host.watched(async () => {
      const from = await host.primary();
      const to = host.next(from);
      const powerOn = cutPower(host.cluster, from);
      await host.declare({ primary: to });
      const { exitCode, output } = await host.tryUp();
      assert.notEqual(exitCode, 0);
      assert.match(output, /HINT:.*fenced/);
      powerOn();
      await host.declare({ primary: from });
      await host.up();
      await host.settled(from);
    });
  });

  it("after a power cut: what was acknowledged and lost is what the receipt says", async () => {
    const from = await host.primary();
    const to = host.next(from);
    const { audit, losses } = await host.audited(async () => {
      // The followers miss what clients are told in the meantime.
      cutNetwork(host.cluster, from, host.others(from));
      await sleep(cutOffMs);
      cutPower(host.cluster, from);

      await host.declareFailover(from, to);
      const refused = await host.tryUp();
      assert.notEqual(refused.exitCode, 0);
      assert.match(refused.output, /HINT:.*pulumi config set accept .*"lossUnknown":true/);
      isOff(from);

      const leads = await host.failOver(from);
      isOff(from);
      await host.settled(leads, host.others(from, leads));
      await rejoin(leads);
    });
    assert.deepEqual(audit.violations, []);
    const rows = sameOnAll(losses);
    assert.ok(rows > 0, "nothing was lost: the test shows nothing");
    const { kind, lost, atRisk, fence } = (await host.cluster.outputs()).handover;
    console.log(`      ${rows} acknowledged rows lost; the receipt: ${JSON.stringify({ lost, atRisk, fence })}`);
    assert.equal(kind, "failover");
    assert.deepEqual(
      fence.map(({ node }) => node),
      [from],
    );
    assert.equal(atRisk?.known, false, "nobody can know what was committed on a host that is off");
    // Rows that were on their way were lost unacknowledged, and the audit client's checks are transactions, too.
    const more = audit.errors.length + (cutOffMs / 50) * 3;
    const transactions = lost?.transactions ?? 0;
    assert.ok(rows <= transactions && transactions <= rows + more, `${rows} rows, ${transactions} transactions`);
    assert.ok((lost?.bytes ?? 0) >= (atRisk?.bytes ?? Number.NaN), "less was lost than was certain to be");
  });

  it("needs the archive, which whoever is powered on later asks [full]", async () => {
    const from = await host.primary();
    const to = host.next(from);
    const { audit } = await host.audited(async () => {
      cutPower(host.cluster, from);
      const startArchive = stopArchive(host.cluster);
      try {
        await host.accept();
        await host.declareFailover(from, to);
        const { exitCode, output } = await host.tryUp();
        assert.notEqual(exitCode, 0);
        assert.match(output, /the archive (cannot be asked who else took over|does not take the word)/);
        assert.equal(host.cluster.sql(to, "select pg_is_in_recovery()"), "t");
      } finally {
        startArchive();
      }
      await host.up();
      await rejoin(to);
    });
    assert.deepEqual(audit.violations, []);
  });

  it("whose former primary loses its power while it is rewound: it is copied, and what it had is kept [full]", async () => {
    const from = await host.primary();
    const { pgRewind, state } = {
      pgRewind: "/usr/lib/postgresql/17/bin/pg_rewind",
      state: "/var/lib/understudy/state",
    };
    const asides = () =>
      host.cluster.exec(from, "sh", "-c", "ls -d /var/lib/understudy/17/data.aside-* 2>/dev/null || true");
    const { audit, losses } = await host.audited(async () => {
      // Does its work, and then does not end: the power is cut in the middle.
      const slow = `mv ${pgRewind} ${pgRewind}.real; printf '#!/bin/sh\n${pgRewind}.real "$@"\nsleep 100\n' >${pgRewind}; chmod 755 ${pgRewind}`;
      host.cluster.exec(from, "sh", "-c", slow);
      cutNetwork(host.cluster, from, host.others(from));
      await sleep(cutOffMs);
      cutPower(host.cluster, from);
      const leads = await host.failOver(from);

      await host.declare({ nodes: activeNodes(), accept: {} });
      const update = host.cluster.stack.spawnUp({ killAfterMs: 180_000 });
      await update.waitFor(patternOf({ step: `follow-${from}`, when: "starts" }));
      await until("the rewind to have begun", 60, () => {
        host.cluster.exec(from, "sh", "-c", `test -f ${state}/rewinding && pgrep -x sleep`);
        return true;
      });
      cutPower(host.cluster, from);
      assert.notEqual((await update.result).exitCode, 0);
      powerOn(host.cluster, from);
      host.cluster.exec(from, "mv", `${pgRewind}.real`, pgRewind);
      assert.equal(asides(), "");
      await host.up();
      await host.settled(leads);
    });
    assert.deepEqual(audit.violations, []);
    assert.ok(sameOnAll(losses) > 0, "nothing was lost, so nothing had to be rewound");
    assert.match(asides(), /data\.aside-\d+/);
    host.cluster.exec(from, "sh", "-c", "rm -rf /var/lib/understudy/17/data.aside-*");
  });

  for (const [how, befall] of Object.entries({
    "that hangs [full]": freezeHost,
    "that is cut off, and goes on taking writes": (cluster: HandoverCluster["cluster"], node: string) =>
      cutNetwork(cluster, node, [...host.others(node), archiveHost]),
  })) {
    it(`from a primary ${how}`, async () => {
      const from = await host.primary();
      const { audit, losses } = await host.audited(async () => {
        befall(host.cluster, from);
        await sleep(cutOffMs);
        const leads = await host.failOver(from);
        isOff(from);
        await rejoin(leads);
      });
      assert.deepEqual(audit.violations, []);
      sameOnAll(losses);
    });
  }

  const moments: readonly Moment[] = [
    "power-<old>",
    "preflight",
    "announce-<new>",
    "prepare",
    "promote",
    "follow-<third>",
  ].flatMap((step): Moment[] => [
    { step, when: "starts" },
    { step, when: "ends" },
  ]);
  const interruptions: readonly Interruption[] = ["SIGKILL", "Ctrl-C", "Ctrl-C twice"];
  const cuts = moments.flatMap((moment) => interruptions.map((how) => ({ moment, how })));
  const rows = inFull ? cuts.map((cut) => [cut]) : [spread(cuts, ({ moment, how }) => [moment.step, moment.when, how])];
  for (const row of rows) {
    const title = row.map(({ moment, how }) => `by ${how} when ${showMoment(moment)}`).join(", ");
    it(`that is cut off ${title}, then run again [full]`, async () => {
      const from = await host.primary();
      const to = host.next(from);
      const third = host.next(to);
      const { audit } = await host.audited(async () => {
        cutPower(host.cluster, from);
        await host.accept();
        await host.declareFailover(from, to);
        for (const { moment, how } of row) {
          const step = moment.step.replace("<old>", from).replace("<new>", to).replace("<third>", third);
          await interruptedUp(host.cluster.stack, { ...moment, step }, how);
        }
        await host.up();
        await rejoin(to);
      });
      assert.deepEqual(audit.violations, []);
    });
  }

  for (const befall of inFull ? [cutPower, freezeHost] : [cutPower]) {
    it(`with synchronous standbys loses nothing, and needs no leave to (${befall.name}) [full]`, async () => {
      const synchronous = Object.fromEntries(HandoverCluster.nodes.map((node) => [node, { synchronous: true }]));
      await host.declare({ nodes: activeNodes(synchronous), accept: {} });
      await host.up();
      const from = await host.primary();
      const setting = "select setting from pg_settings where name = 'synchronous_standby_names'";
      assert.match(host.cluster.sql(from, setting), /^ANY 1 /);
      const ahead = () =>
        host.cluster.sql(from, "select application_name from pg_stat_replication order by flush_lsn desc limit 1");
      await host.watched(async () => {
        let to = host.next(from);
        await until("rows that wait for a standby", 10, () => {
          to = ahead();
          return to !== "";
        });
        befall(host.cluster, from);
        const declared = { ...synchronous, [from]: { synchronous: true, state: "fenced" } };
        await host.declare({ primary: to, nodes: activeNodes(declared) });
        const first = await host.tryUp();
        // The other standby may be further ahead by what it confirmed last: then it is named.
        if (first.exitCode !== 0) {
          to = host.others(from, to)[0] as string;
          assert.match(first.output, new RegExp(`furthest ahead: ${to} is`));
          await host.declare({ primary: to });
          await host.up();
        }
        isOff(from);
        await host.declare({ nodes: activeNodes(synchronous) });
        await host.up();
        await host.settled(to);
        const { atRisk } = (await host.cluster.outputs()).handover;
        assert.deepEqual([atRisk?.known, atRisk?.bytes], [true, 0]);
      });
    });
  }
});
