import assert from "node:assert/strict";
import { archivedWal, missingWal, restoredAnswer } from "../support/archiveCheck.ts";
import type { Audit } from "../support/audit.ts";
import type { Window } from "../support/auditLogic.ts";
import { inFull } from "../support/cases.ts";
import { byAgents } from "../support/dockerCluster.ts";
import { archiveHost, freezeHost, patternOf } from "../support/faults.ts";
import { type HandoverCluster, onSharedCluster, showSpread } from "../support/handover.ts";
import { until } from "../support/until.ts";

const switchovers = Number(process.env.UNDERSTUDY_SWITCHOVERS ?? (inFull ? 50 : 3));
/** No switchover may take writes away for longer; how short it is, the benchmark says. */
const longestGapMs = 5000;

/** In this order, on one cluster: each test leaves it with a primary and two standbys. */
describe("a planned change of primary", () => {
  let host: HandoverCluster;

  onSharedCluster((cluster) => {
    host = cluster;
  });

  it("reads as updates in a preview: nothing is created, replaced or deleted, and nothing happens", async () => {
    await host.declare({ primary: "node-b" });
    const { exitCode, output, steps } = await host.cluster.stack.preview();
    assert.equal(exitCode, 0, output);
    assert.deepEqual([...new Set(steps.map(({ op }) => op))], ["update"]);
    for (const step of ["prepare", "demote-node-a", "promote", "follow-node-a"]) {
      assert.ok(
        steps.some(({ name }) => name === step),
        `no ${step} among ${steps.map(({ name }) => name)}`,
      );
    }
    await host.settled("node-a");
    await host.declare({ primary: "node-a" });
  });

  it(`${switchovers} in a row under load: nothing is lost, never two, and every follower streams after each`, async () => {
    const gaps: number[] = [];
    const durations: number[] = [];
    const slow: string[] = [];
    await host.watched(async (audit) => {
      let from = await host.primary();
      for (let round = 1; round <= switchovers; round++) {
        const to = host.next(from);
        const { result, window } = await audit.during(() => host.moveTo(to));
        await host.settled(to);
        assert.deepEqual(audit.violations, []);
        gaps.push(audit.gapIn(window));
        durations.push(result.durationMs);
        if (audit.gapIn(window) > longestGapMs) slow.push(`${round}: ${from} to ${to}, ${audit.gapIn(window)} ms`);
        from = to;
      }
      console.log(
        `      write gap: ${showSpread(gaps)}; pulumi up: ${showSpread(durations)}; ${errorsOf(audit)} errors`,
      );
    });
    assert.deepEqual(slow, []);
  });

  it("has a receipt, and is over: the next update changes nothing", async () => {
    const from = await host.primary();
    const before = await host.cluster.outputs();
    const to = host.next(from);
    await host.moveTo(to);
    const { handover, primary, nodes } = await host.cluster.outputs();
    assert.equal(primary, to);
    assert.equal(nodes[to]?.role, "primary");
    assert.deepEqual(
      [handover.kind, handover.from, handover.to, handover.epoch, handover.timelines.after],
      ["switchover", from, to, before.handover.epoch + 1, before.handover.timelines.after + 1],
    );
    const { output } = await host.up();
    assert.match(output, /\d+ unchanged/);
    assert.doesNotMatch(output, /\d+ (updated|created|deleted|replaced)/);
  });

  it("with WAL that the old primary could not archive before its stop: it is in the archive afterwards", async () => {
    const from = await host.primary();
    const to = host.next(from);
    await host.watched(async (audit) => {
      let window: Window | undefined;
      await host.declare({ primary: to });
      const update = host.cluster.stack.spawnUp({ killAfterMs: 300_000 });
      // An agent needs the archive until its word that it hands over is in the ledger.
      await update.waitFor(
        byAgents ? /is writing a checkpoint/ : patternOf({ step: `demote-${from}`, when: "starts" }),
      );
      const thaw = freezeHost(host.cluster, archiveHost);
      try {
        ({ window } = await audit.during(async () => {
          await until(`${to} to lead`, 90, async () => (await host.primary()) === to);
        }));
      } finally {
        thaw();
      }
      const { exitCode, output } = await update.result;
      if (exitCode !== 0) await host.up();
      assert.doesNotMatch(output, /failed unexpectedly/);
      await host.settled(to);
      console.log(`      write gap with an archive that hangs: ${Math.round(audit.gapIn(window))} ms`);
    });
    await noHoleInTheArchive(host, to);
  });

  it("recovery from the archive goes through every change of primary [full]", async () => {
    const primary = await host.primary();
    let written = 0;
    await host.watched(async (audit) => {
      await host.moveTo(host.next(primary));
      await audit.look();
      written = audit.acks.length;
    });
    const leads = await host.primary();
    await noHoleInTheArchive(host, leads);
    const rows = Number(host.cluster.sql(leads, "select count(*) from audit", "app"));
    assert.ok(rows >= written && written > 0);
    const standby = host.others(leads)[0] as string;
    assert.equal(restoredAnswer(host.cluster, standby, "select count(*) from audit", "app"), String(rows));
  });
});

function errorsOf(audit: Audit): number {
  return audit.errors.length;
}

/** All that was written is in the archive, segment after segment, from the first backup on and through every timeline. */
async function noHoleInTheArchive({ cluster }: HandoverCluster, primary: string): Promise<void> {
  const last = cluster.sql(primary, "select pg_walfile_name(pg_switch_wal())");
  await until(`${last} in the archive`, 60, () => archivedWal(cluster).includes(last));
  const file = `pg_wal/${last.slice(0, 8)}.history`;
  const history = cluster.sql(primary, `select pg_read_file('${file}', 0, 1000000, true)`);
  assert.deepEqual(missingWal(archivedWal(cluster), history, last), []);
}
