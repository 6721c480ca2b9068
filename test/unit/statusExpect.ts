import assert from "node:assert/strict";
import { assess } from "../../model/status/assess.ts";
import type { Finding } from "../../model/status/finding.ts";
import type { NodeObservation, Observation, SqlFacts } from "../../model/status/observation.ts";
import { type FindingLevel, worstOf } from "../../model/status/thresholds.ts";
import { failed, host, observation, primary, read, sender, slot } from "./statusFixtures.ts";

export type Nodes = Record<string, Partial<NodeObservation>>;

/** What is found; nothing is expected beyond it. */
export function expectFindings(
  seen: Observation,
  expected: readonly (readonly [FindingLevel, string | undefined, RegExp])[],
): void {
  const { findings, level } = assess(seen);
  const shown = findings.map((finding: Finding) => `${finding.level} ${finding.node ?? "cluster"}: ${finding.what}`);
  assert.equal(findings.length, expected.length, shown.join("\n"));
  for (const [expectedLevel, node, what] of expected) {
    assert.ok(
      findings.some((found) => found.level === expectedLevel && found.node === node && what.test(found.what)),
      `${expectedLevel} ${node} ${what} is not among:\n${shown.join("\n")}`,
    );
  }
  for (const { hint } of findings) assert.match(hint, /\S/);
  assert.equal(level, worstOf(expected.map(([each]) => each)));
}

export const well = (nodes: Nodes = {}, change: Partial<Observation> = {}) =>
  expectFindings(observation(change, nodes), []);
export const followers = ["node-b", "node-c"];
export const leading = (change: Partial<SqlFacts> = {}): Nodes => ({
  "node-a": {
    sql: read(
      primary({
        senders: followers.map((name) => sender(name)),
        slots: followers.map((name) => slot(name)),
        ...change,
      }),
    ),
  },
});
/** The primary as it is when node-c does not stream from it. */
export const withoutC = (change: Parameters<typeof slot>[1] = {}): Nodes =>
  leading({ senders: [sender("node-b")], slots: [slot("node-b"), slot("node-c", { active: false, ...change })] });
export const unreachable = { sql: failed("no answer within 5 s"), host: failed("cannot be reached by SSH") };
export const silent = host({ postgres: { unit: "inactive", inRecovery: null } });
export const stopped = { sql: failed("nothing listens"), host: read(silent) };
