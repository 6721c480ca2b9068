import assert from "node:assert/strict";
import { todaysShare } from "../support/handover.ts";

describe("the share of the cases that a day has", () => {
  after(() => {
    delete process.env.UNDERSTUDY_DAY;
  });

  it("is another each day, until all had their turn", () => {
    for (const length of [7, 24, 35, 132]) {
      const cases = Array.from({ length }, (_, index) => index);
      const seen = new Set<number>();
      for (let day = 0; day < Math.ceil(length / 5); day++) {
        process.env.UNDERSTUDY_DAY = String(20_000 + day);
        const share = todaysShare(cases, 5);
        assert.equal(new Set(share).size, 5);
        for (const each of share) seen.add(each);
      }
      assert.equal(seen.size, length);
    }
  });
});
