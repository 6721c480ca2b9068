import assert from "node:assert/strict";
import { isSecret, type Output, output, RunError, secret } from "@pulumi/pulumi";
import type * as args from "../../components/args.ts";
import { PostgresCluster } from "../../components/cluster.ts";
import { configOf, type PostgresClusterArgs } from "../../components/clusterArgs.ts";
import { given } from "../../components/given.ts";
import { problemsOnceKnown, type SshClusterConfig } from "../../model/config/config.ts";
import type { Known } from "../../model/config/later.ts";
import type { databaseOptions, userOptions } from "../../model/config/schema/accountOptions.ts";
import type { retentionOptions } from "../../model/config/schema/archiveOptions.ts";
import type { snapshotOptions } from "../../model/config/schema/awsStorageOptions.ts";
import type { commonNodeOptions, dockerNodeOptions, fenceOptions } from "../../model/config/schema/nodeOptions.ts";
import type { OptionValues } from "../../model/config/schema/option.ts";
import type { poolerOptions } from "../../model/config/schema/poolerOptions.ts";
import type { loginOptions } from "../../model/config/schema/sshOptions.ts";
import { forget, inputsOf, registered, resolved, settled, unwrapped } from "../support/mockEngine.ts";
import { newKey } from "../support/sshKey.ts";
import { until } from "../support/until.ts";

const key = newKey();
const hostKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA==";
const node = (host: string) => ({ host, user: "admin", privateKey: key.private, hostKey });
const ssh = {
  target: "ssh",
  primary: "db-1",
  nodes: { "db-1": node("10.0.0.1"), "db-2": node("10.0.0.2") },
  archive: { endpoint: "s3.example.com", bucket: "acme", accessKey: "AK", secretKey: "SK" },
} as const satisfies PostgresClusterArgs;

/** As values of other resources come: nothing of them is known while the program declares what it wants. */
const later = <T extends string | number | object>(value: T) =>
  output(new Promise<T>((resolve) => setTimeout(resolve, 10, value))) as unknown as Output<T>;

const refused = (declared: unknown) => {
  try {
    configOf("orders", declared as PostgresClusterArgs);
  } catch (error) {
    assert.ok(RunError.isInstance(error), String(error));
    return error.message;
  }
  return assert.fail("it is not refused");
};

describe("the arguments of a cluster", function () {
  this.timeout(60_000);
  beforeEach(forget);

  it("are checked before anything is made, and all that is wrong is told at once", () => {
    const wrong = { ...ssh, primary: "db-9", nodes: { ...ssh.nodes, "db-2": { ...node("10.0.0.1"), user: "Root" } } };
    assert.throws(
      () => new PostgresCluster("Orders", { ...wrong, clusterName: "orders" }),
      (error: Error) => {
        assert.ok(RunError.isInstance(error));
        assert.match(
          error.message,
          /^the arguments of PostgresCluster Orders have 5 problems\n {2}resourcePrefix: must be/,
        );
        assert.match(error.message, /^ {2}primary: 'db-9' is not among the nodes\n {4}HINT: name one of db-1, db-2/m);
        assert.match(error.message, /^ {2}nodes\.db-2\.user: must be the name of a Unix user/m);
        assert.match(error.message, /^ {2}nodes\.db-2\.host: 10\.0\.0\.1:22 is the SSH server of 'db-1' already/m);
        return true;
      },
    );
    assert.deepEqual(registered, []);
  });

  it("may be outputs of other resources where the graph does not depend on them", async () => {
    const declared = {
      ...ssh,
      nodes: {
        "db-1": {
          ...{
            host: later("10.0.0.1"),
            port: later(2222),
            user: later("admin"),
            privateKey: secret(later(key.private)),
          },
          ...{ hostKey: later(`10.0.0.1 ${hostKey} comment`), address: Promise.resolve("192.168.0.1") },
          proxy: { host: later("bastion.example.com"), privateKey: later(key.private) },
        },
        "db-2": node("10.0.0.2"),
      },
      archive: {
        ...{
          endpoint: later("s3.eu-central-1.amazonaws.com"),
          bucket: later("acme-wal"),
          region: later("eu-central-1"),
        },
        ...{ accessKey: later("AK"), secretKey: secret(later("SK")) },
      },
      users: { app: { password: secret(later("a-password")) } },
    } satisfies PostgresClusterArgs;
    const { nodes, archive } = configOf("orders", declared) as SshClusterConfig;
    const {
      host,
      port,
      hostKey: known,
      address,
      proxy,
    } = await resolved(given(nodes["db-1"] as object & typeof nodes.x));
    assert.deepEqual([host, port, known, address], ["10.0.0.1", 2222, hostKey, "192.168.0.1"]);
    assert.deepEqual([proxy?.host, proxy?.port, proxy?.user], ["bastion.example.com", 22, "root"]);
    const { endpoint, bucket, uriStyle } = await resolved(given(archive));
    assert.deepEqual(
      [endpoint, bucket, uriStyle],
      [{ host: "s3.eu-central-1.amazonaws.com", port: 443 }, "acme-wal", "host"],
    );

    const cluster = new PostgresCluster("orders", declared);
    await until("the end", 20, () => registered.some(({ name }) => name === "orders-finished"));
    const connection = unwrapped(inputsOf("orders-configure-db-1", "command:remote:Command").connection);
    assert.equal(connection.secret, true);
    assert.equal((connection.value as { host: string }).host, "10.0.0.1");
    assert.match(
      String(unwrapped(inputsOf("orders-configure-db-2", "command:remote:Command").stdin).value),
      /acme-wal/,
    );
    assert.equal(await resolved(cluster.passwords.app as Output<string>), "a-password");
    assert.equal(await isSecret(cluster.passwords.app as Output<string>), true);
    assert.equal(await isSecret(cluster.archive.description), false);
    await settled();
  });

  it("are the same as those that are known at once: no step tells them apart", async () => {
    const inputs = async (declared: PostgresClusterArgs) => {
      forget();
      new PostgresCluster("orders", declared);
      await until("the end", 20, () => registered.some(({ name }) => name === "orders-finished"));
      await settled();
      return Object.fromEntries(registered.map((made) => [`${made.type} ${made.name}`, made.inputs]));
    };
    const outputs = Object.fromEntries(
      Object.entries(ssh.nodes).map(([name, { host, user, privateKey }]) => [
        name,
        { host: later(host), user: later(user), privateKey: later(privateKey), hostKey: later(hostKey) },
      ]),
    );
    assert.deepEqual(await inputs({ ...ssh, nodes: outputs }), await inputs(ssh));
  });

  it("are held against the same rules once they are known", async () => {
    const host = { ...ssh, nodes: { ...ssh.nodes, "db-2": { ...node(""), host: later("10.0.0.300") } } };
    const config = configOf("orders", host) as SshClusterConfig;
    await assert.rejects(resolved(given(config.nodes["db-2"]?.host)), (error: Error) => {
      assert.ok(RunError.isInstance(error));
      assert.match(
        error.message,
        /^ {2}nodes\.db-2\.host: must be a host name or an IP address\n {4}HINT: set the name/m,
      );
      return true;
    });
    const password = configOf("orders", { ...ssh, users: { app: { password: later("short") } } });
    await assert.rejects(resolved(given(password.users.app?.password)), /users\.app\.password: must be 8 to 200/);
  });

  it("are held against one another once all of them are known", async () => {
    const twice = { ...ssh, nodes: { ...ssh.nodes, "db-2": { ...node(""), host: later("10.0.0.1") } } };
    const [problem] = problemsOnceKnown(await resolved(given(configOf("orders", twice))));
    assert.deepEqual(
      [problem?.key, problem?.rule],
      ["nodes.db-2.host", "10.0.0.1:22 is the SSH server of 'db-1' already"],
    );
    const ledger = { bucket: "ledger", accessKey: later("AK"), secretKey: "SECRET" };
    const shared = { ...ssh, agent: true, archive: { ...ssh.archive, ledger } };
    const [account] = problemsOnceKnown(await resolved(given(configOf("orders", shared))));
    assert.deepEqual(
      [account?.key, account?.rule],
      ["archive.ledger.accessKey", "is the archive's, which postgres has"],
    );
  });

  it("must be plain where the graph depends on them", () => {
    assert.match(
      refused({ ...ssh, primary: later("db-1") }),
      /primary: must be a plain value: .*\n {4}HINT: give the value/,
    );
    assert.match(refused({ ...ssh, nodes: later(ssh.nodes) }), /nodes: must be a plain value/);
    assert.match(refused({ ...ssh, nodes: { "db-1": later(node("10.0.0.1")) } }), /nodes\.db-1: must be an object/);
    assert.match(
      refused({ target: "docker", primary: "a", nodes: { a: {} }, archive: { bucket: later("acme") } }),
      /archive\.bucket: must be a plain value where the stack makes the bucket/,
    );
  });

  it("name one key, and one certificate: the file, or what is in it", () => {
    const both = { ...ssh, nodes: { "db-1": { ...node("10.0.0.1"), privateKeyFile: "/dev/null" } } };
    assert.match(
      refused(both),
      /nodes\.db-1\.privateKey: is given beside privateKeyFile\n {4}HINT: remove one of them/,
    );
    const neither = { ...ssh, nodes: { "db-1": { host: "10.0.0.1" } } };
    assert.match(refused(neither), /nodes\.db-1\.privateKeyFile: is required/);
    const noKey = { ...ssh, nodes: { "db-1": { host: "10.0.0.1", privateKey: "ssh-ed25519 AAAA" } } };
    assert.match(refused(noKey), /1 problem\n {2}nodes\.db-1\.privateKey: is no private key/);
    const certificate = { ...ssh, archive: { ...ssh.archive, caCertificate: "none" } };
    assert.match(refused(certificate), /archive\.caCertificate: must be a certificate in PEM format/);
  });

  it("have the types that the config's reader has: a matter for the compiler", () => {
    type Read<Table> = { readonly [Key in keyof Table]?: Known<Exclude<OptionValues<Table>[Key], undefined>> };
    const accepts = <Args>(_read: Args) => {};
    accepts<args.NodeArgs>({} as Read<typeof commonNodeOptions>);
    accepts<args.DockerNodeArgs>({} as Read<typeof dockerNodeOptions>);
    accepts<args.SshNodeFenceArgs>({} as Read<typeof fenceOptions>);
    accepts<Partial<args.SshNodeProxyArgs>>({} as Read<typeof loginOptions>);
    accepts<args.PoolerArgs>({} as Read<typeof poolerOptions>);
    accepts<args.ArchiveRetentionArgs>({} as Read<typeof retentionOptions>);
    accepts<args.AwsSnapshotsArgs>({} as Read<typeof snapshotOptions>);
    accepts<args.DatabaseArgs>({} as Read<typeof databaseOptions>);
    accepts<args.UserArgs>({} as Read<typeof userOptions>);
  });
});
