import assert from "node:assert/strict";
import fc from "fast-check";
import { deal, spread } from "../support/cases.ts";

describe("the fixed part of the cases that CI runs", () => {
  const kinds = (each: readonly string[]) => each;

  it("has every kind, in the order of the cases, and nothing that adds no kind", () => {
    const some = fc.array(fc.array(fc.constantFrom(..."abcdefgh"), { maxLength: 3 }), { maxLength: 20 });
    fc.assert(
      fc.property(some, (cases) => {
        const part = spread(cases, kinds);
        assert.deepEqual(new Set(part.flat()), new Set(cases.flat()));
        assert.deepEqual(
          part.map((each) => cases.indexOf(each)),
          part.map((each) => cases.indexOf(each)).sort((a, b) => a - b),
        );
        assert.ok(part.length <= new Set(cases.flat()).size);
      }),
    );
  });

  it("has what occurs often about equally often", () => {
    const steps = Array.from({ length: 12 }, (_, index) => `step ${index}`);
    const cases = steps.flatMap((step) =>
      ["starts", "ends"].flatMap((when) => ["x", "y", "z"].map((how) => [step, when, how])),
    );
    const part = spread(cases, kinds);
    assert.equal(part.length, steps.length);
    const times = (kind: string) => part.filter((each) => each.includes(kind)).length;
    assert.deepEqual(["starts", "ends", "x", "y", "z"].map(times), [6, 6, 4, 4, 4]);
  });

  it("is dealt to rows without losing a case", () => {
    assert.deepEqual(deal([1, 2, 3, 4, 5], 2), [
      [1, 3, 5],
      [2, 4],
    ]);
  });
});
