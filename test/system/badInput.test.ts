import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { declare } from "../support/configFile.ts";
import { PulumiStack, type RunResult } from "../support/pulumiStack.ts";

describe("a configuration full of mistakes", () => {
  let stack: PulumiStack;
  let directory: string;
  let server: Server;
  let contacts = 0;
  let result: RunResult;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "understudy-bad-input-"));
    server = createServer((socket) => {
      contacts++;
      socket.destroy();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    const notAKey = join(directory, "id_ed25519");
    await writeFile(notAKey, "this is no key\n");

    stack = await PulumiStack.create();
    const host = { host: "127.0.0.1", port };
    await declare(stack, {
      target: "ssh",
      primary: "node-z",
      postgresVersion: 9,
      clustrName: "orders",
      nodes: {
        "node-a": { ...host, privateKeyFile: notAKey, delay: "5 parsecs" },
        "node-b": { ...host, privateKeyFile: join(directory, "missing") },
        "node.c": { ...host, port: 70_000, privateKeyFile: notAKey, dataDirectory: "/" },
        "node-c": { ...host, host: "two words", privateKeyFile: notAKey, hostKey: "ssh-rsa ?" },
        "Node D": { ...host, privateKeyFile: notAKey, memory: "1 potato" },
      },
      settings: {
        work_men: "64MB",
        max_connections: 2_000_000,
        port: 5433,
        log_line_prefix: "a\nb",
        autovacuum: "perhaps",
        fsync: "off",
      },
      archive: { bucket: "No_Bucket", retention: { full: 0 }, schedule: { full: "Caturday 25:61:99!" } },
      users: { app: { password: "short" } },
      clientNetworks: ["10.0.0.0/99"],
    });
    result = await stack.up();
  });

  after(async () => {
    server?.close();
    await stack?.dispose();
    await rm(directory, { recursive: true, force: true });
  });

  it("is refused before a resource is made and before a host is contacted", async () => {
    assert.notEqual(result.exitCode, 0);
    assert.equal(contacts, 0);
    assert.deepEqual(
      result.steps.filter(({ type }) => type !== "pulumi:pulumi:Stack"),
      [],
    );
    const { resources = [] } = (await stack.exportState()).deployment;
    assert.deepEqual(
      resources.filter(({ type }) => type !== "pulumi:pulumi:Stack"),
      [],
    );
  });

  it("says everything at once: key, rule and hint", () => {
    const wrong = [
      "primary",
      "postgresVersion",
      "clustrName",
      "nodes.node-a.delay",
      "nodes.node-a.privateKeyFile",
      "nodes.node-b.privateKeyFile",
      'nodes["node.c"].port',
      'nodes["node.c"].dataDirectory',
      "nodes.node-c.host",
      "nodes.node-c.hostKey",
      'nodes["Node D"]',
      'nodes["Node D"].memory',
      "settings.work_men",
      "settings.max_connections",
      "settings.port",
      "settings.log_line_prefix",
      "settings.autovacuum",
      "settings.fsync",
      "archive.bucket",
      "archive.endpoint",
      "archive.retention.full",
      "archive.schedule.full",
      "users.app.password",
      "clientNetworks",
    ];
    const said = problemsIn(result.output);
    for (const key of wrong) assert.ok(said.has(key), `nothing about ${key} in:\n${result.output}`);
    // Two nodes on one address and port, two names for one slot: told at either of them.
    assert.match(result.output, /slot/);
    assert.match(result.output, /127\.0\.0\.1:\d+ is the SSH server of .* already/);
    const [, count] = /the configuration has (\d+) problems; nothing was changed/.exec(result.output) ?? [];
    assert.ok(Number(count) >= wrong.length, `${count} problems`);
  });

  it("shows no stack trace, no value of a secret and the message once", () => {
    assert.doesNotMatch(result.output, /^\s+at .*[:(]\d+/m);
    assert.doesNotMatch(result.output, /node:internal|ConfigError|\.ts:\d+/);
    assert.doesNotMatch(result.output, /\bshort\b/);
    const [, diagnostics = ""] = result.output.split("Diagnostics:");
    assert.equal(diagnostics.match(/the configuration has/g)?.length, 1, result.output);
  });
});

/** Keys that the message names, each with a rule and, in the line behind, a hint. */
function problemsIn(output: string): Set<string> {
  return new Set([...output.matchAll(/^ *(\S.*?): .+\n *HINT: .+$/gm)].map(([, key = ""]) => key));
}
