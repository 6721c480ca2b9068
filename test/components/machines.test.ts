import assert from "node:assert/strict";
import { isSecret, type Output, output } from "@pulumi/pulumi";
import { type ClusterSecrets, clusterSecrets, serverCertificate } from "../../components/clusterSecrets.ts";
import { loginOf } from "../../components/targets/connection.ts";
import { hostsFor, machineOf } from "../../components/targets/machines.ts";
import { Update } from "../../components/update.ts";
import { parseConfig } from "../../model/config/config.ts";
import { forget, inputsOf, registered, resolved, settled, unwrapped } from "../support/mockEngine.ts";

const context = { name: "dev", readFile: () => key };
const key =
  "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmU=\n-----END OPENSSH PRIVATE KEY-----\n";

beforeEach(forget);

describe("machines of the target docker", () => {
  const config = parseConfig(
    { target: "docker", primary: "a", nodes: { a: {}, b: { memory: "2GB" }, c: { state: "fenced" } } },
    context,
  );

  it("are a volume, a host and its power each", async () => {
    const secrets = clusterSecrets(config, {});
    const { machines, fences } = hostsFor(config, secrets, new Update(config, {}), {});
    const [fence] = fences({ proof: output("intent-1:2"), after: [] });
    await settled();
    assert.deepEqual(Object.keys(machines), ["a", "b"]);
    assert.equal(inputsOf("network").create, "./scripts/docker/network create understudy-dev");
    assert.equal(inputsOf("data-b").create, "./scripts/docker/volume create understudy-dev b-data");
    assert.equal(
      inputsOf("host-b").create,
      "./scripts/docker/host create understudy-dev b --image 17 --volume b-data --memory 2147483648 --ports 22,5432,6432,6433",
    );
    assert.equal(inputsOf("host-b").delete, "./scripts/docker/host delete understudy-dev b");
    assert.equal(inputsOf("power-b").create, "./scripts/docker/host start understudy-dev b");
    assert.deepEqual(inputsOf("power-b").environment, { INSTANCE: "cafe" });
    assert.equal(inputsOf("power-c").create, "./scripts/docker/host stop understudy-dev c");
    assert.equal(inputsOf("power-c").delete, undefined);
    assert.deepEqual(inputsOf("power-c").environment, { INSTANCE: "cafe", CHANGE: "intent-1:2" });
    assert.equal(fence && (await resolved(fence.proof)), "intent-1:2");
    for (const type of ["understudy:index:DockerMachine", "understudy:index:DockerHost"]) inputsOf("b", type);
  });

  it("are reached on loopback, with a key that is known beforehand", async () => {
    const secrets = clusterSecrets(config, {});
    const machine = machineOf(hostsFor(config, secrets, new Update(config, {}), {}).machines, "b");
    assert.deepEqual(await resolved(machine.endpoint), { host: "127.0.0.1", port: 20001 });
    assert.equal(await resolved(machine.address), "10.0.0.9");
    assert.equal(machine.memoryBytes, 2 * 1024 ** 3);
    assert.equal(machine.dataDirectory, "/var/lib/understudy");
    const connection = await resolved(machine.connection);
    assert.deepEqual(connection, {
      ...{ host: "127.0.0.1", port: 20000, user: "root", privateKey: "PRIVATE", hostKey: "ssh-ed25519 AAAA" },
      ...{ dialErrorLimit: 2, perDialTimeout: 5 },
    });
    assert.equal(await isSecret(machine.connection), true);
    assert.equal(await isSecret(loginOf(machine.connection)), false);
    assert.deepEqual(await resolved(loginOf(machine.connection)), { user: "root", host: "127.0.0.1", port: 20000 });
  });

  it("get their keys on stdin, as a secret, and nowhere else", async () => {
    hostsFor(config, clusterSecrets(config, {}), new Update(config, {}), {});
    await settled();
    const { stdin, ...others } = inputsOf("host-a");
    const given = unwrapped(stdin);
    assert.ok(given.secret);
    const encoded = Buffer.from("PRIVATE").toString("base64");
    assert.match(String(given.value), new RegExp(`^/etc/ssh/ssh_host_ed25519_key 600 ${encoded}$`, "m"));
    assert.match(String(given.value), /^\/root\/\.ssh\/authorized_keys 600 /m);
    assert.ok(!JSON.stringify(others).includes("PRIVATE"));
    const server = inputsOf("archive-host");
    assert.ok(unwrapped(server.stdin).secret);
    assert.equal(
      server.create,
      "./scripts/docker/host create understudy-dev archive_s3 --image s3 --volume archive_s3-data --memory 536870912 " +
        "--ports 22,443 --alias archive.understudy.internal --alias archive.understudy-dev.internal --restart-unit understudy-s3",
    );
    for (const { inputs } of registered) assert.ok(inputs.logging !== "stdout" && inputs.logging !== "stdoutAndStderr");
  });
});

describe("machines of the target ssh", () => {
  const node = {
    host: "db.example.org",
    privateKeyFile: "key",
    hostKey: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHqtIcFmb/ev/3q/2M4lQ+yVXyYYy3L7veTPVJnSlwQi",
  };
  const archive = { endpoint: "https://s3.example.org", bucket: "backups", accessKey: "a", secretKey: "s" };

  it("make nothing, and are reached as config says", async () => {
    const config = parseConfig(
      {
        target: "ssh",
        primary: "a",
        archive,
        nodes: {
          a: { ...node, user: "admin", address: "10.1.0.1", proxy: { host: "bastion", privateKeyFile: "key" } },
        },
      },
      context,
    );
    const machine = machineOf(hostsFor(config, {} as ClusterSecrets, new Update(config, {}), {}).machines, "a");
    await settled();
    assert.deepEqual(
      registered.map(({ name }) => name),
      ["a", "started"],
    );
    assert.deepEqual(await resolved(machine.connection), {
      ...{ host: "db.example.org", port: 22, user: "admin", privateKey: key, hostKey: node.hostKey },
      ...{ dialErrorLimit: 2, perDialTimeout: 5 },
      proxy: { host: "bastion", port: 22, user: "root", privateKey: key, dialErrorLimit: 2, perDialTimeout: 5 },
    });
    assert.equal(await isSecret(machine.connection), true);
    assert.deepEqual(await resolved(machine.endpoint), { host: "10.1.0.1", port: 5432 });
    assert.equal(await resolved(machine.instance), "ssh");
    assert.equal(machine.memoryBytes, undefined);
    assert.deepEqual(machine.ready, []);
  });
});

describe("secrets of a stack", () => {
  const config = parseConfig(
    {
      target: "docker",
      primary: "a",
      nodes: { a: {} },
      users: { own: { password: "given-by-user" }, made: {} },
      databases: { d: { owner: "own" } },
    },
    context,
  );

  it("are made by one command each, that logs nothing", async () => {
    const secrets = clusterSecrets(config, {});
    await settled();
    assert.deepEqual(registered.map(({ name }) => name).sort(), [
      ...[
        "archive-key",
        "backup-key",
        "ca",
        "cluster-id",
        "host-key-a",
        "monitor-password",
        "operator-key",
        "password-made",
        "peer-key",
        "replication-password",
        "scram-salt-key",
      ],
    ]);
    for (const { inputs } of registered) {
      assert.match(String(inputs.create), /^node scripts\/make-secret\.mjs [a-z-]+$/);
      assert.equal(inputs.logging, "none");
      assert.equal(inputs.addPreviousOutputInEnv, false);
    }
    for (const made of [
      secrets.operator.privateKey,
      secrets.ca.privateKey,
      secrets.monitorPassword,
      ...Object.values(secrets.passwords),
    ]) {
      assert.equal(await isSecret(made), true);
    }
    assert.equal(await isSecret(secrets.caCertificate), false);
    assert.equal(await resolved(secrets.passwords.own as Output<string>), "given-by-user");
  });

  it("give a certificate for every name and address of a node, whatever their order", async () => {
    const secrets = clusterSecrets(config, {});
    const machine = machineOf(hostsFor(config, secrets, new Update(config, {}), {}).machines, "a");
    serverCertificate("a", { secrets, machine }, {});
    await settled();
    const given = unwrapped(inputsOf("certificate-a").stdin);
    assert.ok(given.secret);
    assert.deepEqual(JSON.parse(String(given.value)), {
      ca: { certificate: "CERTIFICATE", privateKey: "PRIVATE" },
      ...{
        commonName: "a", // libpq before 15 looks for addresses among the names.
        dnsNames: ["10.0.0.9", "127.0.0.1", "a"],
        ipAddresses: ["10.0.0.9", "127.0.0.1"],
        days: 1825,
      },
    });
  });
});
