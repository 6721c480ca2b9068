import assert from "node:assert/strict";
import { PostgresCluster } from "../../components/cluster.ts";
import type { PostgresClusterArgs } from "../../components/clusterArgs.ts";
import { everything } from "../support/awsConfigs.ts";
import { assertGolden } from "../support/golden.ts";
import { forget, inputsOf, registered, settled, stored } from "../support/mockEngine.ts";
import { newKey } from "../support/sshKey.ts";
import { until } from "../support/until.ts";

const login = { user: "admin", privateKey: newKey().private, hostKey: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA==" };

/** One for each target, with every part that has names of its own. */
const stacks: Readonly<Record<string, PostgresClusterArgs>> = {
  docker: {
    target: "docker",
    primary: "node-a",
    nodes: {
      "node-a": {},
      "node-b": { synchronous: true },
      "node-c": { state: "fenced" },
      "node-d": { state: "absent" },
    },
    pooler: { enabled: true },
  },
  ssh: {
    target: "ssh",
    primary: "db-1",
    nodes: {
      "db-1": { host: "10.0.0.1", ...login },
      "db-2": { host: "10.0.0.2", ...login },
      "db-3": { host: "10.0.0.3", ...login, state: "fenced", fence: { command: "power off" } },
    },
    archive: { endpoint: "s3.example.com", bucket: "acme", accessKey: "AK", secretKey: "SK" },
  },
  aws: everything,
};

/** What a resource's URN is made of, and what of its inputs would make a secret or a host anew. */
async function identities(args: PostgresClusterArgs): Promise<string> {
  forget();
  new PostgresCluster("dev", { ...args, resourcePrefix: "" });
  await until("the end", 20, () => registered.some(({ name }) => name === "finished"));
  await settled();
  const lines = registered.map(({ type, name, inputs, options }) => {
    const parent = options.parent.split("::").slice(2).join(" ");
    const commands = [inputs.create, inputs.delete].filter((command) => type === "command:local:Command" && command);
    // A step that was called otherwise once is known to the stack by that name.
    const [former] = type === "command:remote:Command" ? options.aliases : [];
    return [`${parent} > ${type} ${former?.split("::").at(-1) ?? name}`, ...commands].join("\n  ");
  });
  return `${lines.sort().join("\n")}\n`;
}

describe("the names of an existing stack's resources", function () {
  this.timeout(120_000);
  for (const [target, args] of Object.entries(stacks)) {
    it(`are what they were: ${target}`, async () => {
      assertGolden(`identities-${target}.txt`, await identities(args));
    });
  }
});

describe("two clusters in one stack", function () {
  this.timeout(120_000);

  async function both(target: string, state: Readonly<Record<string, object>> = {}): Promise<void> {
    forget();
    for (const [name, outputs] of Object.entries(state)) {
      stored[`urn:pulumi:dev::understudy::command:local:Command::${name}`] = { type: "command:local:Command", outputs };
    }
    for (const name of ["orders", "reports"]) new PostgresCluster(name, stacks[target] as PostgresClusterArgs);
    await until("both ends", 40, () => registered.filter(({ name }) => name.endsWith("-finished")).length === 2);
    await settled();
  }

  for (const target of Object.keys(stacks)) {
    it(`have no resource of the same name, and each the other's under its own name: ${target}`, async () => {
      await both(target);
      const names = registered.map(({ type, name }) => `${type} ${name}`);
      assert.equal(new Set(names).size, names.length);
      const of = (cluster: string) =>
        registered
          .filter(({ name }) => name.startsWith(`${cluster}-`))
          .map(({ type, name }) => `${type} ${name.slice(cluster.length + 1)}`)
          .sort();
      assert.deepEqual(of("orders"), of("reports"));
      assert.equal(of("orders").length, registered.length / 2 - 1, "beside the two clusters themselves");
    });
  }

  it("have hosts, a network and volumes of their own", async () => {
    await both("docker");
    for (const cluster of ["orders", "reports"]) {
      const prefix = `understudy-understudy-dev-${cluster}`;
      assert.equal(inputsOf(`${cluster}-network`).create, `./scripts/docker/network create ${prefix}`);
      assert.equal(inputsOf(`${cluster}-data-node-a`).create, `./scripts/docker/volume create ${prefix} node-a-data`);
      assert.equal(inputsOf(`${cluster}-power-node-a`).create, `./scripts/docker/host start ${prefix} node-a`);
    }
  });

  it("look at their own steps of the last update", async () => {
    await both("ssh", {
      "orders-started": { stdout: "u-2\n" },
      "orders-finished": { stdout: "u-1\n" },
      "reports-started": { stdout: "u-3\n" },
      "reports-finished": { stdout: "u-3\n" },
    });
    assert.deepEqual(inputsOf("orders-intent").environment, {
      ...(inputsOf("reports-intent").environment as object),
      CONTINUES: "u-2",
    });
  });
});
