import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { sessionOptions } from "../../../model/sessionSettings.ts";

const library = join(import.meta.dirname, "../../../scripts/host/lib-session.sh");

describe("what a session of ours holds", () => {
  for (const major of [13, 14, 16, 17, 18]) {
    it(`is the same for status and for the hosts, ${major}`, () => {
      const script = 'major=$1; . "$2"; session_options "$major"; printf %s "$session_options"';
      const onHosts = execFileSync("bash", ["-euc", script, "test", String(major), library], { encoding: "utf8" });
      assert.equal(sessionOptions(major), onHosts);
    });
  }

  it("asks no server for what it does not know", () => {
    assert.doesNotMatch(sessionOptions(13), /idle_session_timeout|transaction_timeout/);
    assert.doesNotMatch(sessionOptions(16), / transaction_timeout/);
    assert.match(sessionOptions(17), / transaction_timeout=0/);
  });
});
