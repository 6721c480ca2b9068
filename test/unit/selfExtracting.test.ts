import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { selfExtracting } from "../../components/remoteStep.ts";

/** The scripts inside, as they are sent. */
function packedIn(text: string): string {
  return /base64 -d <<'(\w+)'.*\n([\w+/=]+)\n\1\n/.exec(text)?.[2] ?? "";
}

describe("the script that brings the host scripts", () => {
  const scripts = Object.fromEntries(
    readdirSync("scripts/host")
      .filter((file) => !file.startsWith("."))
      .map((file) => [file, readFileSync(join("scripts/host", file), "utf8")]),
  );

  it("has each of them inside, to the byte", () => {
    const folder = mkdtempSync(join(tmpdir(), "understudy-scripts-"));
    try {
      execFileSync("bash", ["-c", "base64 -d | gzip -d | bash -eu"], {
        input: packedIn(selfExtracting(scripts, "")),
        env: { ...process.env, new: folder },
      });
      assert.deepEqual(
        Object.fromEntries(readdirSync(folder).map((file) => [file, readFileSync(join(folder, file), "utf8")])),
        scripts,
      );
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it("is the same on every machine, so that another operator's update changes nothing", () => {
    const text = packedIn(selfExtracting({ "a.sh": "echo a\necho a\n" }, ""));
    assert.equal(
      text,
      "H4sIAAAAAAAAA0tOLFGwU1LJSy3XT9QrzlBSsLFRD/VzcQ0KDgl1iYx39XOJ93eLd/P0cVXnSk3OyFdIhFHYVXEBAKMf+EtRAAAA",
    );
  });
});
