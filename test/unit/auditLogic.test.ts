import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type Ack,
  addAnswer,
  longestGap,
  lossOf,
  spreadOf,
  type Violation,
  violations,
  type WritablePeriod,
  type WriteError,
} from "../support/auditLogic.ts";

const ack = (writer: number, number: number, at = number): Ack => ({ writer, number, at });

describe("the write gap of the audit client", () => {
  it("is the longest time between acknowledgements of any writers, in whatever order they are told", () => {
    const acks = [ack(1, 1, 10), ack(2, 1, 50), ack(1, 2, 20), ack(2, 2, 25)];
    assert.deepEqual(longestGap(acks, { from: 10, to: 50 }), { gapMs: 25, from: 25 });
  });

  it("heeds nothing outside the window, and the window's edges", () => {
    const acks = [ack(1, 1, 0), ack(1, 2, 1000), ack(1, 3, 1010), ack(1, 4, 9000)];
    assert.deepEqual(longestGap(acks, { from: 990, to: 1100 }), { gapMs: 90, from: 1010 });
    assert.equal(longestGap(acks, { from: 2000, to: 3000 }).gapMs, 1000);
  });
});

describe("two nodes that take writes at once", () => {
  /** Answers as `node server sent received`. */
  const seen = (...answers: readonly (readonly [string, string, number, number])[]): Violation[] => {
    const periods: WritablePeriod[] = [];
    for (const [node, server, sent, received] of answers) addAnswer(periods, node, server, { sent, received });
    return violations(periods);
  };

  it("are found where the stretches between first and last answers have an instant in common", () => {
    const found = seen(["a", "1", 0, 2], ["b", "1", 40, 41], ["a", "1", 50, 52], ["b", "1", 90, 92]);
    assert.deepEqual(found, [{ nodes: ["a", "b"], at: 41, certainMs: 9 }]);
  });

  it("are found by one answer of the second within the stretch of the first", () => {
    assert.deepEqual(seen(["a", "1", 0, 2], ["b", "1", 10, 12], ["a", "1", 50, 52]), [
      { nodes: ["a", "b"], at: 10, certainMs: 0 },
    ]);
  });

  it("are none where the one may have begun after the other had ended", () => {
    assert.deepEqual(seen(["a", "1", 0, 2], ["a", "1", 50, 58], ["b", "1", 51, 53], ["b", "1", 100, 101]), []);
    assert.deepEqual(seen(["a", "1", 0, 20], ["b", "1", 5, 15]), []);
    assert.deepEqual(seen(["a", "1", 0, 2], ["a", "1", 50, 52], ["b", "1", 49, 51]), []);
  });

  it("are none where the first was restarted in between: it may have come back as a standby and been promoted", () => {
    assert.deepEqual(seen(["a", "1", 0, 2], ["b", "1", 10, 12], ["b", "1", 20, 22], ["a", "2", 50, 52]), []);
  });

  it("are none when one node is asked twice at once", () => {
    assert.deepEqual(seen(["a", "1", 0, 2], ["a", "2", 1, 2], ["a", "1", 50, 52], ["a", "2", 51, 52]), []);
  });

  it("are never found in a change of primary in good order, however late answers come", () => {
    const delay = fc.tuple(fc.nat(100), fc.nat(100));
    fc.assert(
      fc.property(fc.array(delay, { minLength: 1, maxLength: 20 }), fc.nat(20), (delays, at) => {
        // Node a answers truly at 0, 50, … until the change; node b from then on.
        const answers = delays.map(([before, after], index) => {
          const instant = index * 50;
          return [index < at ? "a" : "b", "1", instant - before, instant + after] as const;
        });
        assert.deepEqual(seen(...answers), []);
      }),
    );
  });
});

describe("rows that were lost", () => {
  const error = (writer: number, number: number | undefined, unknownFate: boolean): WriteError => ({
    at: 0,
    writer,
    number,
    place: "a",
    message: "",
    unknownFate,
  });

  it("are those that were acknowledged and are not there", () => {
    const loss = lossOf([ack(1, 1), ack(1, 2), ack(2, 1)], [], [{ writer: 1, first: 1, last: 1 }]);
    assert.equal(loss.acknowledged, 3);
    assert.deepEqual(loss.lost, [
      { writer: 1, number: 2 },
      { writer: 2, number: 1 },
    ]);
  });

  it("are not those of unknown fate, which are counted apart", () => {
    const table = [
      { writer: 1, first: 1, last: 2 },
      { writer: 1, first: 4, last: 4 },
    ];
    const loss = lossOf(
      [ack(1, 1), ack(1, 4)],
      [error(1, 2, true), error(1, 3, true), error(1, undefined, false)],
      table,
    );
    assert.deepEqual(loss, { acknowledged: 2, lost: [], unknown: { there: 1, missing: 1 }, unexplained: [] });
  });

  it("have a counterpart: rows that are there although they were refused, or never sent", () => {
    const loss = lossOf([ack(1, 1)], [error(1, 2, false)], [{ writer: 1, first: 1, last: 3 }]);
    assert.deepEqual(loss.unexplained, [
      { writer: 1, number: 2 },
      { writer: 1, number: 3 },
    ]);
  });
});

describe("a spread", () => {
  it("has the middle, or the mean of the two in the middle", () => {
    assert.deepEqual(spreadOf([3, 1, 2]), { min: 1, median: 2, max: 3 });
    assert.deepEqual(spreadOf([4, 1, 2, 3]), { min: 1, median: 2.5, max: 4 });
  });
});
