import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { copyFile, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Outputs, query } from "../support/dockerCluster.ts";
import { PulumiStack, REPOSITORY, type RunResult } from "../support/pulumiStack.ts";
import { until } from "../support/until.ts";

/** Installs the package from its tarball into an empty program: examples/two-clusters.ts. */
async function programOf(directory: string): Promise<void> {
  const npm = (cwd: string, ...args: string[]) =>
    execFileSync("npm", [...args, "--no-audit", "--no-fund", "--prefer-offline"], { cwd, stdio: "pipe" });
  npm(REPOSITORY, "pack", "--pack-destination", directory);
  const [tarball = ""] = (await readdir(directory)).filter((file) => file.endsWith(".tgz"));
  await writeFile(join(directory, "package.json"), JSON.stringify({ name: "shop", private: true, type: "module" }));
  npm(directory, "install", join(directory, tarball));
  const project = ["name: shop", "main: index.ts", "runtime: { name: nodejs, options: { typescript: false } }"];
  await writeFile(join(directory, "Pulumi.yaml"), project.join("\n"));
  await copyFile(join(REPOSITORY, "examples/two-clusters.ts"), join(directory, "index.ts"));
}

describe("the npm package, in a program of its own", () => {
  let directory: string;
  let stack: PulumiStack;
  let first: RunResult;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "understudy-package-"));
    await programOf(directory);
    stack = await PulumiStack.create({ program: directory });
    first = await stack.up();
  });

  after(async () => {
    await stack?.cancel();
    await stack?.destroy();
    await stack?.dispose();
    await rm(directory, { recursive: true, force: true });
  });

  const clusters = async () =>
    (await stack.outputs({ secrets: true })) as unknown as Record<"orders" | "reports", Outputs>;

  it("brings up a pair and a single node, and rows reach the pair's standby", async () => {
    assert.equal(first.exitCode, 0, first.output);
    const { orders, reports } = await clusters();
    assert.deepEqual(
      [orders, reports].map(({ nodes }) => Object.entries(nodes).map(([name, { role }]) => `${name} ${role}`)),
      [["node-a primary", "node-b standby"], ["node-a primary"]],
    );
    await query(orders.primaryUri, orders.caCertificate, "create table t as select generate_series(1, 1000) as id");
    const standby = orders.primaryUri.replace(/:\d+\//, `:${orders.nodes["node-b"]?.port}/`);
    await until("1000 rows on the standby", 20, async () => {
      const [row] = await query(
        standby,
        orders.caCertificate,
        "select count(*)::int as rows, pg_is_in_recovery() from t",
      );
      assert.deepEqual(row, { rows: 1000, pg_is_in_recovery: true });
      return true;
    });
    const [other] = await query(
      reports.primaryUri,
      reports.caCertificate,
      "select to_regclass('t') as t, current_setting('work_mem') as work_mem",
    );
    assert.deepEqual(other, { t: null, work_mem: "16MB" });
  });

  it("keeps to itself where it was installed: nothing in the state names a place of this machine", async () => {
    const { deployment } = await stack.exportState();
    const inputs = (deployment.resources ?? []).map(({ inputs }) => JSON.stringify(inputs ?? {}));
    assert.deepEqual(
      inputs.filter((text) => text.includes(directory) || text.includes(REPOSITORY)),
      [],
    );
  });

  it("has nothing to do in a second update", async () => {
    const again = await stack.up();
    assert.equal(again.exitCode, 0, again.output);
    assert.deepEqual(again.steps, []);
  });

  it("says in a preview what a change of one cluster's primary means, and leaves the other alone", async () => {
    await stack.setConfig("shop:primary", "node-b");
    const preview = await stack.preview();
    assert.equal(preview.exitCode, 0, preview.output);
    assert.match(preview.output, /preflight: switchover node-a → node-b, epoch 2, at risk: nothing/);
    assert.deepEqual(
      preview.steps.filter(
        ({ name, op }) => !name.startsWith("orders") && op !== "same" && name !== `shop-${stack.name}`,
      ),
      [],
    );
  });

  it("leaves nothing when it is destroyed", async () => {
    const gone = await stack.destroy();
    assert.equal(gone.exitCode, 0, gone.output);
    const left = [
      ["ps", "-a", "--format", "{{.Names}}"],
      ["volume", "ls", "-q"],
      ["network", "ls", "--format", "{{.Name}}"],
    ];
    const filter = ["--filter", `name=understudy-shop-${stack.name}`];
    assert.deepEqual(
      left.flatMap((list) =>
        execFileSync("docker", [...list, ...filter], { encoding: "utf8" })
          .split("\n")
          .filter(Boolean),
      ),
      [],
    );
  });
});
