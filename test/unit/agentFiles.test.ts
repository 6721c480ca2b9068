import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { agentSources } from "../../model/agentSources.ts";
import { digestOf } from "../../model/hostScripts.ts";
import { bringAgent } from "../../scripts/steps/lib/agentFiles.ts";
import { SshServer } from "../offline/sshServer.ts";
import { REPOSITORY } from "../support/pulumiStack.ts";

describe("bringing the agent to a host", () => {
  const path = process.env.PATH;
  let folder: string;
  let server: SshServer;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "understudy-agent-files-"));
    // The host has every file; of the step it keeps the parameters.
    const sudo = `#!/bin/sh\ncase "$*" in *"understudy agent"*) cat >${folder}/parameters && echo '{}' ;; esac\n`;
    writeFileSync(join(folder, "sudo"), sudo);
    chmodSync(join(folder, "sudo"), 0o755);
    process.env.PATH = `${folder}:${path}`;
    server = new SshServer();
    await server.listen();
  });
  after(async () => {
    process.env.PATH = path;
    await server.close();
    rmSync(folder, { recursive: true });
  });

  it("reads no Node where the host has it", async () => {
    const result = await bringAgent(
      {
        ...{ name: "node-a", connection: server.connection, instance: "", parameters: {} },
        // There is no Node for it: whoever looks for one fails.
        architecture: "pdp11",
        program: digestOf(agentSources(REPOSITORY)),
        node: "24.0.0",
      },
      assert.fail,
    );
    assert.deepEqual(result, { ok: true, stdout: "{}\n" });
    assert.match(readFileSync(join(folder, "parameters"), "utf8"), /node_version/);
  });
});
