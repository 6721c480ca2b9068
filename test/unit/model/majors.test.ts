import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { majors, postgresMajors } from "../../../model/majors.ts";

describe("the table of majors", () => {
  const recipe = join(import.meta.dirname, "../../../scripts/docker/recipe.sh");

  for (const major of postgresMajors) {
    it(`says of ${major} what the host images are made from`, () => {
      const { stdout } = spawnSync("bash", [recipe, "suite", String(major)], { encoding: "utf8" });
      assert.equal(stdout.trim(), majors[major].debian ?? "");
    });
  }
});
