import assert from "node:assert/strict";
import { deal, inFull, spread } from "../support/cases.ts";
import { type Interruption, interruptedUp, type Moment, showMoment } from "../support/faults.ts";
import { type HandoverCluster, onSharedCluster } from "../support/handover.ts";
import { until } from "../support/until.ts";

/**
 * What an update does for a change of primary; `<old>` and `<new>` are the nodes between which it moves. In each part the step that CI cuts off is
 * the first.
 */
const steps = {
  "before the change": ["announce-<new>", "announce-<old>", "preflight", "intent"],
  "in the change": ["promote", "demote-<old>", "prepare"],
  "after the change": ["follow-<old>", "slots", "archive", "receipt"],
};
const moments = Object.entries(steps).flatMap(([part, names]) =>
  names.flatMap((step): (Moment & { readonly part: string })[] => [
    { part, step, when: "starts" },
    { part, step, when: "ends" },
  ]),
);
const interruptions: readonly Interruption[] = ["SIGKILL", "Ctrl-C", "Ctrl-C twice"];
const cuts = moments.flatMap((moment) => interruptions.map((how) => ({ moment, how })));
const ways = ["forward", "back"] as const;

/** One change of primary each. Without all of them, each is cut off several times, once in the middle of the change, so that there are few. */
const cases = inFull
  ? cuts.flatMap((cut) => ways.map((way) => ({ row: [cut], way, full: "" })))
  : deal(
      spread(cuts, ({ moment: { part, when }, how }) => [`${part} ${when}`, how]),
      2,
    ).map((row, index) => ({ row, way: ways[index % 2], full: index === 0 ? "" : " [full]" }));

/** On one cluster: after each test a node leads and the others follow. */
describe("a change of primary that is cut off", () => {
  let host: HandoverCluster;

  onSharedCluster((cluster) => {
    host = cluster;
  });

  for (const { row, way, full } of cases) {
    const title = row.map(({ moment, how }) => `by ${how} when ${showMoment(moment)}`).join(", ");
    it(`${title}, then run again ${way}${full}`, async () => {
      await host.watched(async () => {
        const from = await host.primary();
        const to = host.next(from);
        await host.declare({ primary: to });
        for (const { moment, how } of row) {
          const step = moment.step.replace("<old>", from).replace("<new>", to);
          await interruptedUp(host.cluster.stack, { ...moment, step }, how);
        }
        const wanted = way === "forward" ? to : from;
        await host.moveTo(wanted);
        await host.settled(wanted);
      });
    });
  }

  it("leaves the former primary a standby, with no further update, once the target has taken over [full]", async () => {
    await host.watched(async () => {
      const from = await host.primary();
      const to = host.next(from);
      await host.declare({ primary: to });
      await interruptedUp(host.cluster.stack, { step: "promote", when: "starts" }, "SIGKILL");
      await until(`${from} to stream from ${to}`, 60, () => {
        const streaming = `select count(*) from pg_stat_replication where application_name = '${from}' and state = 'streaming'`;
        return host.cluster.sql(to, streaming) === "1";
      });
      await host.moveTo(to);
      await host.settled(to);
    });
  });

  it("works one step at a time (--parallel 1) [full]", async () => {
    await host.watched(async () => {
      const to = host.next(await host.primary());
      await host.moveTo(to, { args: ["--parallel", "1"] });
      await host.settled(to);
    });
  });

  for (const args of [
    ["--target", "**promote"],
    ["--exclude", "**demote-*"],
    ["--target", "**demote-*"],
  ]) {
    it(`does nothing by halves (${args.join(" ")}): refused, or right; then as usual [full]`, async () => {
      await host.watched(async () => {
        const from = await host.primary();
        const to = host.next(from);
        await host.declare({ primary: to });
        await host.tryUp({ args });
        const leads = await host.primary();
        assert.ok([from, to].includes(leads), `${leads} leads`);
        await host.moveTo(to);
        await host.settled(to);
      });
    });
  }

  it("is one, when two updates of the cluster run from two checkouts at once [full]", async () => {
    await host.watched(async () => {
      const from = await host.primary();
      const [one = "", other = ""] = host.others(from);
      const second = await host.cluster.stack.copy();
      try {
        await host.declare({ primary: one });
        await host.declare({ primary: other }, second);
        const ends = await Promise.all([host.tryUp(), host.tryUp({}, second)]);
        const leads = await host.primary();
        for (const { exitCode, output } of ends) if (exitCode !== 0) assert.match(output, /HINT:/);
        // Each knows only what it did itself. One whose change came to nothing has to say that it knows who leads before it changes that.
        await host.moveTo(leads);
        const last = host.next(leads);
        await host.moveTo(last);
        await host.settled(last);
      } finally {
        await second.dispose();
      }
    });
  });
});
