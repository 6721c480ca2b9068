import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { digestOf, hostScripts } from "../../model/hostScripts.ts";
import { install } from "../../scripts/steps/lib/installHost.ts";
import { selfExtracting } from "../../scripts/steps/lib/selfExtracting.ts";

/** The scripts inside, as they are sent. */
function packedIn(text: string): string {
  return /base64 -d <<'(\w+)'.*\n([\w+/=]+)\n\1\n/.exec(text)?.[2] ?? "";
}

describe("install", () => {
  it("brings each of the host scripts, to the byte", () => {
    const folder = mkdtempSync(join(tmpdir(), "understudy-scripts-"));
    try {
      assert.ok(
        ["guard", "handover", "install.sh", "lib.sh", "understudy"].every(
          (file) => file in hostScripts("scripts/host"),
        ),
      );
      execFileSync("bash", ["-c", "base64 -d | gzip -d | bash -eu"], {
        input: packedIn(selfExtracting(hostScripts("scripts/host"), "")),
        env: { ...process.env, new: folder },
      });
      for (const file of Object.keys(hostScripts("scripts/host"))) {
        assert.equal(readFileSync(join(folder, file), "utf8"), readFileSync(join("scripts/host", file), "utf8"), file);
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it("is known by what all scripts say and are called, in whatever order they are found", () => {
    const digest = digestOf({ "a.sh": "one", "b.sh": "two" });
    assert.equal(digestOf({ "b.sh": "two", "a.sh": "one" }), digest);
    assert.notEqual(digestOf({ "a.sh": "one", "b.sh": "two " }), digest);
    assert.notEqual(digestOf({ "a.sh": "one", "c.sh": "two" }), digest);
  });

  it("refuses scripts that are others than those that were declared, before it dials", async () => {
    const connection = { host: "203.0.113.1", privateKey: "none" };
    const input = { name: "node-a", connection, scripts: digestOf({}), instance: "", parameters: {} };
    const result = await install(input, assert.fail);
    assert.ok(!result.ok);
    assert.match(result.message, /^scripts\/host changed while the update ran\nHINT: /);
  });
});
