import assert from "node:assert/strict";
import { missingWal } from "../support/archiveCheck.ts";

describe("holes in an archive", () => {
  const history = "1\t0/5000028\tno recovery target specified\n\n2\t0/7FFFFFF\tno recovery target specified\n";
  const whole = ["000000010000000000000003", "000000010000000000000004", "000000020000000000000005"];
  whole.push("000000020000000000000006", "000000030000000000000007");

  it("are segments that the newest timeline which has them lacks", () => {
    assert.deepEqual(missingWal(whole, history, "000000030000000000000007"), []);
    const old = ["000000010000000000000003", "000000010000000000000004", "000000010000000000000005"];
    assert.deepEqual(missingWal(old, history, "000000030000000000000007"), [
      "000000020000000000000005",
      "000000020000000000000006",
      "000000030000000000000007",
    ]);
  });

  it("are found at the end of a timeline, and over the end of a file of 4 GB", () => {
    assert.deepEqual(missingWal(["0000000100000000000000FE"], "", "000000010000000100000001"), [
      "0000000100000000000000FF",
      "000000010000000100000000",
      "000000010000000100000001",
    ]);
  });
});
