import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { Conformance, local, usesRealPlugin } from "./conformance.ts";

/** The plugins that an update of this stack has started and that still run. */
function pluginsOf(directory: string): string[] {
  return readdirSync("/proc").flatMap((pid) => {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
      const environment = readFileSync(`/proc/${pid}/environ`, "utf8");
      const isPlugin = /offline\/[a-z-]+\/start\.mjs|@pulumi\/pulumi\/cmd\/run/.test(command);
      return isPlugin && environment.includes(directory) ? [`${pid} ${command}`] : [];
    } catch {
      return [];
    }
  });
}

async function noPluginIsLeft(directory: string): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (pluginsOf(directory).length > 0 && Date.now() < deadline) await new Promise((done) => setTimeout(done, 100));
  assert.deepEqual(pluginsOf(directory), []);
}

describe("language host and command plugin", () => {
  let conformance: Conformance;

  before(function () {
    if (usesRealPlugin || process.platform !== "linux") this.skip();
  });

  beforeEach(async () => {
    conformance = await Conformance.create();
  });

  afterEach(async () => {
    await conformance.dispose();
  });

  it("end when their engine is killed", async () => {
    const { directory } = conformance.stack;
    const result = await conformance.up(
      { step: local({ create: "echo started; sleep 3" }) },
      { killWhen: (output) => output.includes("started") },
    );
    assert.equal(result.exitCode, 137);
    await noPluginIsLeft(directory);
    await conformance.stack.cancel();
    await conformance.works({ step: local({ create: "echo again" }) });
  });

  it("end a local command when the update is interrupted, and then themselves", async () => {
    const { directory } = conformance.stack;
    await conformance.works({});
    const running = await conformance.start({ step: local({ create: "echo started; exec sleep 60" }) });
    await running.waitFor(/started/);
    running.signal("SIGINT");
    const result = await running.result;
    assert.notEqual(result.exitCode, 0);
    assert.ok(result.durationMs < 40_000, `took ${result.durationMs} ms`);
    assert.match(result.output, /signal: killed: running "echo started; exec sleep 60"/);
    await noPluginIsLeft(directory);
  });

  it("start and end quickly: an update that changes nothing", async () => {
    const resources = { step: local({ create: "true" }) };
    await conformance.works(resources);
    const { durationMs } = await conformance.works(resources);
    // The engine waits five seconds for a plugin that does not end when asked to: twice that means that one did not.
    assert.ok(durationMs < 15_000, `took ${durationMs} ms`);
  });
});
