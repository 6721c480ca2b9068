import assert from "node:assert/strict";
import { type Drill, parseHostFacts } from "../../model/hostFacts.ts";
import type { Observation } from "../../model/status/observation.ts";
import { reportOf } from "../../model/status/report.ts";
import { renderReport } from "../../scripts/status/table.ts";
import { expectFindings, type Nodes, well } from "./statusExpect.ts";
import { failed, host, observation, read, recovering, secondsAgo } from "./statusFixtures.ts";

const drill = (change: Partial<Drill> = {}): Drill => ({
  ...{ ok: true, endedAt: secondsAgo(3 * 86_400).getTime() / 1000, seconds: 75, backup: "20260226-020000F" },
  ...{ lsn: "2/A7000000", recoveredTo: "", checks: "WAL to its end", why: "", ...change },
});
const ago = (seconds: number) => secondsAgo(seconds).getTime() / 1000;
const drills = (last: Drill | null, proven: Drill | null = null): Nodes[string] => ({
  host: read(recovering({ drills: { last, proven } })),
});
const atMost = (seconds: number | null): Partial<Observation> => ({ drillMaxAgeSeconds: seconds });

describe("status: restore drills", () => {
  it("are nothing to warn of where none is asked for", () => {
    well();
    well({ "node-b": drills(drill(), drill()) });
  });

  it("the last proven restore is not older than config lets it be, on whatever node it was", () => {
    const nodes = { "node-b": drills(null), "node-c": drills(drill(), drill()) };
    well(nodes, atMost(3 * 86_400));
    expectFindings(observation(atMost(2 * 86_400), nodes), [
      ["warning", undefined, /^the last proven restore is 3 d old \(drill\.maxAge: 2 d\)$/],
    ]);
    expectFindings(observation(atMost(86_400)), [["warning", undefined, /^no restore was ever proven$/]]);
  });

  it("say nothing of their age where a node does not answer that may know of a newer one", () => {
    const silent = { host: failed("cannot be reached by SSH: no answer") };
    const found = reportOf(observation(atMost(86_400), { "node-c": silent })).findings;
    assert.deepEqual(
      found.filter(({ what }) => /proven/.test(what)),
      [],
    );
  });

  it("one that failed shows until one succeeds, there or on another node", () => {
    const wrong = drill({ ok: false, endedAt: ago(60), why: "it was cut off", lsn: "" });
    expectFindings(observation({}, { "node-b": drills(wrong, drill()) }), [
      ["warning", "node-b", /^the last restore drill failed: it was cut off$/],
    ]);
    const since = drill({ endedAt: ago(30) });
    well({ "node-b": drills(wrong, drill()), "node-c": drills(since, since) });
  });

  it("the report and the picture tell of the last proven one", () => {
    const report = reportOf(observation({}, { "node-b": drills(drill({ ok: false, why: "x" }), drill()) }));
    assert.deepEqual(report.archive.provenRestore, {
      ...{ node: "node-b", endedAt: secondsAgo(3 * 86_400).toISOString() },
      ...{ backup: "20260226-020000F", lsn: "2/A7000000" },
    });
    const picture = (seen: Observation) => renderReport(reportOf(seen), { width: 120, color: false });
    assert.match(
      picture(observation({}, { "node-b": drills(drill(), drill()) })),
      /^ {3}Drill {3}restore proven 3 d ago on node-b · 20260226-020000F, and WAL up to 2\/A7000000$/m,
    );
    assert.doesNotMatch(picture(observation()), /Drill/);
  });

  it("a host tells of them by one pattern; what does not fit it is none", () => {
    const told = (kept: unknown) =>
      parseHostFacts(JSON.stringify({ ...host(), sql: "", ...(kept === undefined ? {} : { drills: kept }) }))?.drills;
    assert.deepEqual(told({ last: drill({ ok: false }), proven: drill() }), {
      last: drill({ ok: false }),
      proven: drill(),
    });
    assert.deepEqual(told({ last: { ok: true }, proven: { ...drill(), endedAt: "now" } }), {
      last: null,
      proven: null,
    });
    assert.deepEqual(told(undefined), { last: null, proven: null });
    assert.equal(told({ last: drill({ why: "\u001b[2Jx" }), proven: null })?.last?.why, " [2Jx");
  });
});
