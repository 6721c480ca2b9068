import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { leftovers } from "../support/hosts.ts";
import { machinesProgram } from "../support/machinesProgram.ts";
import { PulumiStack } from "../support/pulumiStack.ts";

interface NodeOutput {
  readonly hello: string;
  readonly address: string;
  readonly instance: string;
  readonly ssh: { readonly port: number };
  readonly endpoint: { readonly port: number };
}

describe("the target docker under the real engine", function () {
  this.timeout(600_000); // the CLI and images may have to be made
  let program: Awaited<ReturnType<typeof machinesProgram>>;
  let stack: PulumiStack;
  let nodes: Record<string, NodeOutput>;

  const up = async () => {
    const result = await stack.up();
    assert.equal(result.exitCode, 0, result.output);
    nodes = (await stack.outputs()).nodes as typeof nodes;
    return result;
  };
  const changed = (result: { steps: readonly { op: string; phase: string; name: string }[] }) =>
    result.steps.filter(({ phase, op }) => phase === "done" && op !== "refresh").map(({ op, name }) => `${op} ${name}`);
  const node = (name: string) => nodes[name] as NodeOutput;
  const prefix = () => `understudy-${stack.name}`;

  before(async () => {
    program = await machinesProgram();
    stack = await PulumiStack.create({ program: program.directory });
    await stack.setConfig("target", "docker");
    await stack.setConfig("primary", "node-a");
    await stack.setConfig("deletionProtection", false);
    await stack.setConfig("nodes", { "node-a": { state: "active" }, "node-b": { state: "active" } });
  });

  after(async () => {
    const destroyed = await stack.destroy();
    await program.remove();
    assert.equal(destroyed.exitCode, 0, destroyed.output);
    assert.deepEqual(leftovers(prefix()), []);
    await stack.dispose();
  });

  it("makes hosts and logs in to them with their keys checked", async () => {
    await up();
    assert.equal(node("node-a").hello.trim(), "node-a");
    assert.equal(node("node-b").hello.trim(), "node-b");
  });

  it("does nothing when nothing changed", async () => {
    assert.deepEqual(changed(await up()), []);
  });

  it("keeps every secret encrypted in its state", async () => {
    const state = JSON.stringify(await stack.exportState());
    const outputs = await stack.outputs({ secrets: true });
    const secrets = [...(outputs.secrets as string[]), ...(outputs.archive as { access: string[] }).access];
    assert.ok(secrets.length > 8);
    for (const secret of secrets) {
      const telling = secret.split("\n")[2] ?? secret;
      assert.ok(!state.includes(telling));
      assert.ok(!state.includes(Buffer.from(telling).toString("base64")));
    }
  });

  it("serves the archive's bucket over HTTPS to who has the key", async () => {
    const container = `${prefix()}-archive_s3`;
    const environment = execFileSync("docker", [
      "exec",
      container,
      "sh",
      "-c",
      "cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline",
    ]);
    const { archive } = (await stack.outputs({ secrets: true })) as { archive: { access: string[] } };
    for (const secret of archive.access) assert.ok(!environment.includes(secret));
    const answer = execFileSync(
      "docker",
      [
        "exec",
        "-i",
        `${prefix()}-node-a`,
        "sh",
        "-c",
        "cat >/run/x.conf; pgbackrest --config=/run/x.conf --stanza=x repo-ls",
      ],
      { input: pgbackrestConf(`understudy-${stack.name}`, archive.access as [string, string]), encoding: "utf8" },
    );
    assert.equal(answer.trim(), "");
  });

  it("stops and starts a host, and makes it anew, in its place", async () => {
    const before = node("node-b");
    await stack.setConfig("nodes.node-b.state", "fenced");
    await up();
    const running = execFileSync("docker", ["inspect", "--format", "{{.State.Running}}", `${prefix()}-node-b`]);
    assert.equal(running.toString().trim(), "false");

    await stack.setConfig("nodes.node-b.state", "active");
    await stack.setConfig("nodes.node-b.memory", "512MB");
    await up();
    const { instance, address, ssh, endpoint, hello } = node("node-b");
    assert.notEqual(instance, before.instance);
    assert.deepEqual(
      { address, ssh, endpoint, hello: hello.trim() },
      { address: before.address, ssh: before.ssh, endpoint: before.endpoint, hello: "node-b" },
    );
  });

  it("adds and removes a host without touching the others", async () => {
    await stack.setConfig("nodes.node-c", { state: "active" });
    const added = changed(await up());
    assert.ok(
      added.every((step) => !/node-[ab]$/.test(step)),
      added.join("\n"),
    );
    assert.equal(node("node-c").hello.trim(), "node-c");
    await stack.removeConfig("nodes.node-c");
    const removed = changed(await up());
    assert.ok(
      removed.every((step) => !/node-[ab]$/.test(step)),
      removed.join("\n"),
    );
    assert.deepEqual(
      leftovers(prefix()).filter((name) => name.includes("node-c")),
      [],
    );
  });

  for (const wait of [200, 900, 1600]) {
    it(`converges after a first update that was killed after it had been making hosts for ${wait} ms${wait === 900 ? "" : " [full]"}`, async () => {
      const other = await PulumiStack.create({ program: program.directory });
      try {
        for (const [key, value] of [
          ["target", "docker"],
          ["primary", "k1"],
          ["deletionProtection", false],
          ["nodes", { k1: { state: "active" } }],
        ] as const) {
          await other.setConfig(key, value);
        }
        const running = other.spawnUp();
        await running.waitFor(/network creating/);
        await new Promise((resolve) => setTimeout(resolve, wait));
        running.signal("SIGKILL");
        await running.result;
        await other.cancel();
        const again = await other.up();
        assert.equal(again.exitCode, 0, again.output);
        assert.equal(((await other.outputs()).nodes as typeof nodes).k1?.hello.trim(), "k1");
      } finally {
        await other.destroy();
        assert.deepEqual(leftovers(`understudy-${other.name}`), []);
        await other.dispose();
      }
    });
  }
});

function pgbackrestConf(bucket: string, [key, secret]: readonly [string, string]): string {
  return `[global]
log-level-file=off
repo1-type=s3
repo1-path=/
repo1-s3-bucket=${bucket}
repo1-s3-endpoint=archive.understudy.internal
repo1-s3-region=us-east-1
repo1-s3-key=${key}
repo1-s3-key-secret=${secret}
repo1-s3-uri-style=path
repo1-storage-verify-tls=n
`;
}
