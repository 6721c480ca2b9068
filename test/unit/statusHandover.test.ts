import assert from "node:assert/strict";
import type { HostFacts, Token } from "../../model/hostFacts.ts";
import { reportOf } from "../../model/status/report.ts";
import { renderReport } from "../../scripts/status/table.ts";
import { failed, GiB, host, observation, primary, read, recovering, slot, standby } from "./statusFixtures.ts";

const token = (epoch: number, from: string, to: string, state: string): Token => ({ epoch, from, to, state });
const leads = token(3, "node-b", "node-a", "leads");
const silent = standby({ receiver: null });
const findingsOf = (change: Partial<HostFacts>, sql = read(silent)) =>
  reportOf(
    observation(
      {},
      {
        "node-a": {
          sql: read(primary({ slots: [slot("node-b"), slot("node-c")] })),
          host: read(host({ token: leads, joined: 3 })),
        },
        "node-b": { sql, host: read(recovering(change)) },
      },
    ),
  ).findings.filter(({ node }) => node === "node-b");
const says = (findings: ReturnType<typeof findingsOf>, pattern: RegExp) =>
  assert.ok(
    findings.some(({ what }) => pattern.test(what)),
    JSON.stringify(findings),
  );

describe("status: changes of primary", () => {
  it("says of a consent in the config that it is spent, or stands there unused", () => {
    const findings = (accept: number) => [
      ...reportOf(observation({ accept }, { "node-a": { host: read(host({ token: leads })) } })).findings,
    ];
    says(findings(2), /accept in the config is spent: it was for change 2, and node-a leads by change 3/);
    says(findings(3), /is for a failover from the leader of change 3, and node-a takes writes/);
  });

  it("says who leads, and since which change", () => {
    const report = reportOf(observation({}, { "node-a": { host: read(host({ token: leads })) } }));
    assert.deepEqual(report.primary.leads, { node: "node-a", epoch: 3 });
    assert.match(renderReport(report, { width: 100, color: false }), /^ {3}Leads {3}node-a since change 3$/m);
    assert.equal(reportOf(observation()).primary.leads, null);
  });

  it("warns of a node that waits read-only because nobody could be asked", () => {
    const waiting = { verdict: "wait", token: token(3, "node-a", "node-b", "leads"), joined: 3 };
    says(findingsOf(waiting), /waits read-only/);
    const joined = { verdict: "wait", token: leads, joined: 3 };
    assert.deepEqual(
      findingsOf(joined, read(standby())).map(({ what }) => what),
      [],
    );
  });

  it("warns of a node that has yielded and knows no more", () => {
    const yielded = { token: token(4, "node-b", "node-c", "yielding"), joined: 3 };
    says(findingsOf(yielded), /has handed over to node-c \(change 4\)/);
  });

  it("warns of a candidate, and of one that is armed", () => {
    for (const state of ["armed", "candidate"]) {
      const { findings } = reportOf(
        observation({}, { "node-b": { host: read(recovering({ token: token(4, "node-a", "node-b", state) })) } }),
      );
      assert.ok(findings.some(({ what }) => what.includes(`to node-b (change 4, ${state})`)));
    }
  });

  it("warns of a node that has not joined who leads; not while it streams", () => {
    const stopped = { joined: 2, postgres: { unit: "inactive", inRecovery: null } };
    says(findingsOf(stopped, failed("nothing listens")), /has not joined node-a, which leads since change 3/);
    assert.deepEqual(findingsOf({ joined: 2 }, read(standby())), []);
  });

  it("calls a node that was promoted by hand what it is", () => {
    says(findingsOf({ joined: 3 }, read(primary({ timeline: 4 }))), /although node-a leads since change 3/);
  });

  it("warns of what was kept, with its size", () => {
    const kept = [
      { path: "/var/lib/understudy/kept/change-3", bytes: 0.5 * GiB },
      { path: "/var/lib/understudy/17/data.aside-3-1", bytes: null },
    ];
    const findings = findingsOf({ kept, joined: 3 }, read(standby()));
    assert.deepEqual(
      findings.map(({ what }) => what),
      [
        "/var/lib/understudy/kept/change-3 was kept by a change of primary (512 MB)",
        "/var/lib/understudy/17/data.aside-3-1 was kept by a change of primary",
      ],
    );
  });
});
