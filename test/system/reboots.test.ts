import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type { Audit } from "../support/audit.ts";
import { partOf } from "../support/cases.ts";
import { cutNetwork, cutPower, type Moment, powerOn, showMoment, stopArchive } from "../support/faults.ts";
import { activeNodes, HandoverCluster, onSharedCluster, sameOnAll } from "../support/handover.ts";

/** So long is looked on whether a node that must not take writes does after all. */
const lookOnMs = 8000;

/** On one cluster, in this order: after each test a node leads and the others follow. */
describe("hosts that restart", () => {
  let host: HandoverCluster;

  onSharedCluster((cluster) => {
    host = cluster;
  });

  it("all at once: each comes back in its role", async () => {
    await host.watched(async () => {
      const primary = await host.primary();
      for (const node of HandoverCluster.nodes) cutPower(host.cluster, node);
      for (const node of HandoverCluster.nodes) powerOn(host.cluster, node);
      await host.settled(primary);
    });
  });

  it("all at once, without an archive [full]", async () => {
    await host.watched(async () => {
      const primary = await host.primary();
      const startArchive = stopArchive(host.cluster);
      for (const node of HandoverCluster.nodes) cutPower(host.cluster, node);
      for (const node of HandoverCluster.nodes) powerOn(host.cluster, node);
      try {
        // A standby asks the archive for each segment that it recovers, and waits for an answer.
        await host.settled(primary, host.others(primary), 240);
      } finally {
        startArchive();
      }
    });
  });

  it("after a failover: the former primary never comes back as one, whomever it can ask", async () => {
    const { audit, losses } = await host.audited(async (audit) => {
      const from = await host.primary();
      cutPower(host.cluster, from);
      const to = await host.failOver(from);
      await host.settled(to, host.others(from, to));

      // The less it can learn, the sooner: what it has learnt it keeps.
      for (const { peers, archive } of [
        { peers: false, archive: false },
        { peers: false, archive: true },
        { peers: true, archive: false },
        { peers: true, archive: true },
      ]) {
        const undo = [
          ...(peers ? [] : host.others(from).map((node) => cutNetwork(host.cluster, node, [from]))),
          ...(archive ? [] : [stopArchive(host.cluster)]),
        ];
        powerOn(host.cluster, from);
        await neverTakesWrites(audit, from, `peers: ${peers}, archive: ${archive}`);
        cutPower(host.cluster, from);
        for (const each of undo) each();
      }
      await host.declare({ nodes: activeNodes(), accept: {} });
      await host.up();
      await host.settled(to);
    });
    assert.deepEqual(audit.violations, [], "two nodes took writes");
    sameOnAll(losses);
  });

  /** Looks on for a while; the audit client asks the node all the time. */
  const neverTakesWrites = async (audit: Audit, node: string, when: string) => {
    const known = periodsOf(audit, node);
    await sleep(lookOnMs);
    await audit.look();
    assert.equal(periodsOf(audit, node), known, `${node} took writes (${when})`);
  };

  const disturbances: Readonly<Record<string, (node: string) => void>> = {
    "is rebooted": (node) => host.cluster.docker("restart", node),
    "loses its power for a moment": (node) => cutPower(host.cluster, node)(),
    "is told to start its service": (node) => {
      host.cluster.exec(node, "systemctl", "start", "--no-block", "understudy-postgresql");
    },
    "is started by pg_ctl": (node) => {
      const options = "-o --config-file=/etc/understudy/postgresql.conf";
      const start = `/usr/lib/postgresql/17/bin/pg_ctl start -W -D /var/lib/understudy/17/data -l /dev/null ${options} || true`;
      host.cluster.execAsPostgres(node, "sh", "-c", start);
    },
    "has a backend that crashes": (node) => {
      host.cluster.exec(node, "sh", "-c", "kill -9 $(pgrep -o -f 'postgres: .*[a]pp app') || true");
    },
  };
  const moments: readonly Moment[] = [
    { step: "prepare", when: "starts" },
    { step: "prepare", when: "ends" },
    { step: "demote-<old>", when: "starts" },
    { step: "demote-<old>", when: "ends" },
    { step: "promote", when: "starts" },
    { step: "promote", when: "ends" },
    { step: "follow-<old>", when: "starts" },
  ];
  const cases = moments.flatMap((moment) => Object.keys(disturbances).map((what) => ({ moment, what })));
  const kindsOf = ({ moment }: (typeof cases)[number]) => [moment.when];
  for (const [index, { moment, what }] of partOf(cases, kindsOf).entries()) {
    it(`in the middle of a switchover: the old primary ${what} when ${showMoment(moment)}${index === 0 ? "" : " [full]"}`, async () => {
      await host.watched(async () => {
        const from = await host.primary();
        const to = host.next(from);
        const step = moment.step.replace("<old>", from);
        await host.disturbedMove(to, { ...moment, step }, () => disturbances[what]?.(from));
        await host.upWhenPossible();
        await host.settled(to);
      });
    });
  }
});

/** How many starts of PostgreSQL on the node were seen to take writes. */
function periodsOf(audit: Audit, node: string): number {
  return audit.periods.filter((period) => period.node === node).length;
}
