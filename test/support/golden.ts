import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** Compares with test/golden/<name>; `UPDATE_GOLDEN=1` writes it. */
export function assertGolden(name: string, actual: string): void {
  const file = new URL(`../golden/${name}`, import.meta.url);
  if (process.env.UPDATE_GOLDEN === "1") {
    mkdirSync(dirname(file.pathname), { recursive: true });
    writeFileSync(file, actual);
  }
  assert.ok(existsSync(file), `test/golden/${name} is missing: write it with UPDATE_GOLDEN=1 and look at it`);
  assert.equal(actual, readFileSync(file, "utf8"));
}
