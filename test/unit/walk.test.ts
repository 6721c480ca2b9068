import assert from "node:assert/strict";
import { formatRefusal, type Reason } from "../../model/preflight/index.ts";
import { declareFailover, setState } from "../../model/preflight/scene.ts";
import { type Ack, addAnswer, violations, type WritablePeriod } from "../support/auditLogic.ts";
import { asksForPatience, type Known, messagesIn, remediesFor } from "../walk/hints.ts";
import { type Action, type Round, roundsOf, showStep } from "../walk/plan.ts";
import { type Announced, announcedIn, lostWithoutConsent, showPeriods, verdict } from "../walk/verdict.ts";

const roundsOfSeed = (seed: number, count: number): Round[] => {
  const rounds = roundsOf(seed);
  return Array.from({ length: count }, () => rounds.next().value);
};
const actionsOf = (rounds: readonly Round[]): Action[] =>
  rounds.flatMap(({ steps }) => steps.map(({ action }) => action));

describe("what a walk does", () => {
  it("depends on the seed only", () => {
    assert.deepEqual(roundsOfSeed(7, 50), roundsOfSeed(7, 50));
    assert.notDeepEqual(roundsOfSeed(7, 5), roundsOfSeed(8, 5));
  });

  it("is of every kind, soon", () => {
    const kinds = new Set(actionsOf(roundsOfSeed(1, 200)).map(({ kind }) => kind));
    const all: readonly Action["kind"][] = [
      ...([
        "declare primary",
        "declare state",
        "accept",
        "withdraw consent",
        "guard epoch",
        "reconcile",
        "update",
      ] as const),
      ...(["kill", "power off", "power on", "reboot", "hang", "cut", "mend networks", "archive"] as const),
      ...(["snapshot", "disk goes back"] as const),
    ];
    assert.deepEqual([...kinds].sort(), [...all].sort());
    const updates = actionsOf(roundsOfSeed(1, 200)).filter((action) => action.kind === "update");
    assert.ok(updates.some(({ checkout }) => checkout === "other"));
    assert.ok(updates.some(({ interrupted }) => interrupted?.how === "Ctrl-C"));
    assert.ok(updates.some(({ args }) => args[0] === "--target"));
  });

  it("puts one disk back, once, to a snapshot that was taken before", () => {
    for (let seed = 1; seed <= 100; seed++) {
      const disk = actionsOf(roundsOfSeed(seed, 30)).filter(({ kind }) =>
        ["snapshot", "disk goes back"].includes(kind),
      );
      assert.deepEqual(
        disk.map(({ kind }) => kind),
        ["snapshot", "disk goes back"],
      );
      assert.equal(new Set(disk.map((action) => "whom" in action && action.whom)).size, 1);
    }
  });

  it("can be read", () => {
    for (const step of roundsOfSeed(3, 60).flatMap(({ steps }) => steps))
      assert.doesNotMatch(showStep(step), /undefined|\[object/);
  });
});

describe("what an operator of a walk does about a message", () => {
  const known = (off: readonly string[], states: Known["states"] = {}): Known => ({ off, states });
  const heed = (reason: Reason, off: readonly string[] = [], states: Known["states"] = {}) => {
    const [message, ...more] = messagesIn(`Diagnostics:\n  error: ${formatRefusal([reason])}\n`);
    assert.ok(message && more.length === 0);
    return remediesFor(message, known(off, states));
  };
  const lead = { what: "node-a leads (epoch 3), cannot be asked, and is not declared fenced: timeout" };

  it("fences a host only if it has switched it off", () => {
    const hint = `Bring its host back. If it is lost: ${declareFailover("node-a", "node-b")}`;
    assert.deepEqual(heed({ ...lead, hint }), []);
    assert.deepEqual(heed({ ...lead, hint }, ["node-a"]), [
      { kind: "state", node: "node-a", state: "fenced" },
      { kind: "primary", node: "node-b" },
    ]);
  });

  it("lets a host take part that runs, and fences one that is off", () => {
    const hint = `Declare it fenced, which proves it: ${setState("node-a", "fenced")}; or let it take part: ${setState("node-a", "active")}`;
    const states = { "node-a": "absent" as const };
    assert.deepEqual(heed({ what: "nothing proves that it is off", hint }, [], states), [
      { kind: "state", node: "node-a", state: "active" },
    ]);
    assert.deepEqual(heed({ what: "nothing proves that it is off", hint }, ["node-a"], states), [
      { kind: "state", node: "node-a", state: "fenced" },
    ]);
  });

  it("declares what is", () => {
    const hint =
      "Declare what is: pulumi config set primary node-c && pulumi up. Then change it, if that is still wanted.";
    assert.deepEqual(heed({ what: "the primary was changed by somebody else", hint }), [
      { kind: "primary", node: "node-c" },
    ]);
  });

  it("accepts a loss as the hint says, and the epoch", () => {
    const hint = `Bring the old primary back, or accept the loss: pulumi config set accept '{"change":3,"lossUnknown":true}'`;
    assert.deepEqual(heed({ what: "what node-b would lose can't be known", hint }), [
      { kind: "accept", consent: { change: 3, lossUnknown: true } },
    ]);
    const guard = "Check that 'primary' is what you want, then: pulumi config set epoch 4";
    assert.deepEqual(heed({ what: "the primary has been changed since", hint: guard }), [{ kind: "epoch", epoch: 4 }]);
  });

  it("chooses the node that is furthest ahead, where it runs", () => {
    const hint = `pulumi config set primary node-c; or accept it: pulumi config set accept '{"change":3,"behind":true}'`;
    const reason = { what: "node-b is not the furthest ahead: node-c is 3 MB further", hint };
    assert.deepEqual(heed(reason), [{ kind: "primary", node: "node-c" }]);
    assert.deepEqual(heed(reason, ["node-c"]), [{ kind: "accept", consent: { change: 3, behind: true } }]);
  });

  it("starts a service on the node that is named", () => {
    const hint =
      "Start it (systemctl start understudy-postgresql on node-b). What keeps it is in journalctl -u understudy-postgresql.";
    assert.deepEqual(heed({ what: "PostgreSQL does not run on it", hint }), [
      { kind: "service", verb: "start", node: "node-b" },
    ]);
  });

  it("waits where nothing else is asked for", () => {
    const waits = (hint: string) => asksForPatience({ what: "", hint });
    assert.ok(waits("Wait until the archive has caught up; a bucket that is slow or does not answer holds it up."));
    assert.ok(waits("Run 'pulumi up' again."));
    assert.ok(waits("Bring the archive back, then run 'pulumi up' again."));
    assert.ok(!waits("Find out which one is right; move the data directory of the other aside."));
  });

  it("reads a message of a host's step once, however often it is printed", () => {
    const said =
      "understudy: node-b: the archive cannot be asked who else took over\n    HINT: Bring the archive back.";
    const engine = (text: string) => ` ~  command:remote:Command prepare updating (3s) [diff: ~stdin]; ${text}\n`;
    const found = messagesIn(
      `${engine(said)}\nDiagnostics:\n  command:remote:Command (prepare):\n\n    ${said}\n\n    ${said}`,
    );
    assert.equal(found.length, 1, JSON.stringify(found));
    assert.match(found[0]?.what ?? "", /the archive cannot be asked/);
  });
});

describe("the verdict on a walk", () => {
  const row = (number: number, at: number): Ack => ({ writer: 1, number, at });
  const change: Announced = {
    ...{ at: 1000, kind: "failover", from: "node-a", to: "node-b", atRisk: "what can't be known (…)" },
    ...{ consent: { change: 1, lossUnknown: true }, wholeUntil: 500 },
  };
  const periods: WritablePeriod[] = [];
  addAnswer(periods, "node-a", "1", { sent: 0, received: 1 });
  addAnswer(periods, "node-a", "1", { sent: 1100, received: 1101 });
  addAnswer(periods, "node-b", "2", { sent: 2000, received: 2001 });
  addAnswer(periods, "node-b", "2", { sent: 9000, received: 9001 });
  const lost = (rows: readonly Ack[], ...announced: readonly Announced[]) =>
    lostWithoutConsent(rows, announced, periods);

  it("allows what was at risk, with consent, before the target took over", () => {
    assert.deepEqual(lost([row(1, 900), row(2, 1050)], change), []);
    assert.deepEqual(lost([row(1, 900)], { ...change, consent: { change: 1, lossBytes: "64MB" } }), []);
  });

  it("finds a loss without any change, or consent, or risk", () => {
    assert.deepEqual(lost([row(1, 900)]), [row(1, 900)]);
    assert.deepEqual(lost([row(1, 900)], { ...change, consent: null }), [row(1, 900)]);
    assert.deepEqual(lost([row(1, 900)], { ...change, consent: { change: 1, behind: true } }), [row(1, 900)]);
    assert.deepEqual(lost([row(1, 900)], { ...change, consent: { change: 1, lossBytes: 0 } }), [row(1, 900)]);
    assert.deepEqual(lost([row(1, 900)], { ...change, atRisk: "nothing" }), [row(1, 900)]);
  });

  it("finds a loss of what the target had, and of what it wrote itself", () => {
    assert.deepEqual(lost([row(1, 400)], change), [row(1, 400)]);
    assert.deepEqual(lost([row(1, 3000)], change), [row(1, 3000)]);
  });

  it("finds that a consent is used for the loss of another leader's rows", () => {
    const again = { ...change, at: 9500, from: "node-b", to: "node-c" };
    assert.deepEqual(lost([row(1, 9000)], change, again), [row(1, 9000)]);
    assert.deepEqual(lost([row(1, 9000)], change, { ...again, consent: { change: 2, lossUnknown: true } }), []);
  });

  it("finds two nodes that take writes at once", () => {
    assert.deepEqual(verdict({ violations: violations(periods), lost: [], announced: [], periods }), []);
    const both = [...periods];
    addAnswer(both, "node-a", "1", { sent: 3000, received: 3001 });
    const [found, ...more] = verdict({ violations: violations(both), lost: [], announced: [], periods: both });
    assert.match(found ?? "", /two nodes took writes at once: node-a and node-b, at 2001 ms, for 999 ms/);
    assert.equal(more.length, 0);
  });

  it("says which rows, and who took writes when", () => {
    const [found] = verdict({ violations: [], lost: [row(7, 900), row(8, 950)], announced: [], periods });
    assert.match(
      found ?? "",
      /2 acknowledged rows are lost without consent: acknowledged from 900 to 950 ms, such as writer 1, number 7/,
    );
    assert.deepEqual(showPeriods(periods, 0), [
      "node-a took writes from 0.0 s to 1.1 s (2 answers)",
      "node-b took writes from 2.0 s to 9.0 s (2 answers)",
    ]);
  });

  it("reads what an update says that it will do", () => {
    const output = `
 ~  command:local:Command preflight updating (1s) preflight: failover node-a → node-b, epoch 2, at risk: at least 3 MB of WAL, and what can't be known (nothing says)
    preflight: return of node-a, epoch 4, at risk: nothing
    pulumi:pulumi:Stack understudy-dev running preflight: switchover node-a → node-b, epoch 2, at risk: nothing; node-b is 0 B behind`;
    assert.deepEqual(announcedIn(output), [
      {
        kind: "failover",
        from: "node-a",
        to: "node-b",
        atRisk: "at least 3 MB of WAL, and what can't be known (nothing says)",
      },
      { kind: "return", from: "", to: "node-a", atRisk: "nothing" },
    ]);
  });
});
