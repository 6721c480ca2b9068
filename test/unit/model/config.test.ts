import assert from "node:assert/strict";
import fc from "fast-check";
import { ConfigError, parseConfig } from "../../../model/config/config.ts";
import { topOptions } from "../../../model/config/schema/topOptions.ts";
import { docker, parse, problemsOf, readFile, ssh } from "./support.ts";

describe("parseConfig", () => {
  it("fills in the defaults of the dev stack", () => {
    const node = {
      target: "docker",
      state: "active",
      source: "streaming",
      standby: "hot",
      synchronous: false,
      delay: undefined,
      postgresPort: 5432,
      dataDirectory: "/var/lib/understudy",
      memoryBytes: 2 ** 30,
    };
    const user = { name: "app", password: undefined, memberOf: [], connectionLimit: undefined };
    assert.deepEqual(parse(docker), {
      target: "docker",
      clusterName: "dev",
      primary: "node-a",
      nodes: { "node-a": { name: "node-a", ...node }, "node-b": { name: "node-b", ...node } },
      postgresVersion: 17,
      agent: false,
      reconcile: "",
      epoch: undefined,
      accept: undefined,
      limits: {
        maxLagBytes: 16 * 2 ** 20,
        maxTransactionAgeSeconds: 60,
      },
      settings: {},
      archive: {
        server: "own",
        backupFrom: "standby",
        ledger: undefined,
        encrypted: undefined,
        bucket: "understudy-dev",
        region: "us-east-1",
        prefix: "",
        retention: { full: 2, differential: undefined },
        schedule: { full: "Sun *-*-* 02:00", differential: undefined, incremental: "Mon..Sat *-*-* 02:00" },
      },
      databases: { app: { name: "app", owner: "app" } },
      users: { app: user },
      deletionProtection: true,
      clientNetworks: ["0.0.0.0/0", "::/0"],
      clientCaFile: "understudy-dev-ca.crt",
      pooler: undefined,
      restore: undefined,
      drill: { schedule: undefined, maxAgeSeconds: undefined, query: {} },
    });
  });

  it("a schedule of drills says how old the last proven restore may be, where nothing else does", () => {
    const drill = (options: object) => parse({ ...docker, drill: options }).drill;
    assert.deepEqual(drill({ schedule: "monthly", query: '{"b":"select true","a":"select 1 = 1"}' }), {
      schedule: "monthly",
      maxAgeSeconds: 35 * 86_400,
      query: { a: "select 1 = 1", b: "select true" },
    });
    assert.equal(drill({ schedule: "off" }).maxAgeSeconds, undefined);
    assert.deepEqual(drill({ maxAge: "8d" }), { schedule: undefined, maxAgeSeconds: 8 * 86_400, query: {} });
  });

  it("takes values as the CLI hands them over: text, and objects as JSON", () => {
    const text = {
      target: "docker",
      primary: "node-a",
      nodes: '{"node-a":null,"node-b":{"synchronous":true,"memory":"512MB"}}',
      postgresVersion: "18",
      deletionProtection: "false",
      epoch: "3",
      maxLagBytes: "64MB",
      accept: '{"change":2,"lossBytes":"64MB","lossUnknown":"true"}',
      maxTransactionAge: "90s",
      reconcile: "",
      clusterName: "",
      settings: '{"work_mem":"16MB","jit":false,"max_connections":200}',
      archive: '{"retention":{"full":4},"schedule":{"differential":"daily","full":"off"}}',
      databases: "{}",
      users: '{"report":{"memberOf":["pg_monitor","app"],"connectionLimit":5}}',
      clientNetworks: '["10.0.0.0/8"]',
    };
    const config = parse(text);
    assert.equal(config.postgresVersion, 18);
    assert.equal(config.deletionProtection, false);
    assert.equal(config.epoch, 3);
    assert.deepEqual(config.accept, { change: 2, lossBytes: 64 * 2 ** 20, lossUnknown: true, behind: false });
    assert.deepEqual(config.limits, {
      maxLagBytes: 64 * 2 ** 20,
      maxTransactionAgeSeconds: 90,
    });
    assert.equal(config.nodes["node-b"]?.synchronous, true);
    assert.deepEqual(config.settings, { work_mem: "16MB", jit: "off", max_connections: "200" });
    assert.equal(config.archive.retention.full, 4);
    assert.deepEqual([config.archive.schedule.full, config.archive.schedule.differential], [undefined, "daily"]);
    assert.deepEqual(Object.keys(config.users).sort(), ["app", "report"]);
    assert.deepEqual(config.clientNetworks, ["10.0.0.0/8"]);
  });

  it("knows poolers only where they are switched on", () => {
    assert.equal(parse({ ...docker, pooler: { port: 7000 } }).pooler, undefined);
    assert.deepEqual(
      parse({ ...docker, pooler: '{"enabled":"true","poolSize":"50","pauseTimeout":"1500ms"}' }).pooler,
      {
        port: 6432,
        readOnlyPort: 6433,
        poolMode: "transaction",
        poolSize: 50,
        maxClients: 1000,
        pauseTimeoutMs: 1500,
      },
    );
  });

  it("takes what Pulumi.yaml has as defaults for not set", () => {
    const defaults = Object.fromEntries(Object.entries(topOptions).map(([key, { pulumi }]) => [key, pulumi.default]));
    assert.deepEqual(parse({ ...defaults, ...docker }), parse(docker));
  });

  it("reads how a host of the user's is fenced: by a command, also before it is needed, or by the operator's word", () => {
    const fenced = (options: object) => {
      const nodes = { ...(ssh.nodes as object), db2: { host: "192.0.2.2", privateKeyFile: "key.pem", ...options } };
      const { nodes: read } = parse({ ...ssh, nodes });
      return read.db2?.target === "ssh" ? read.db2.fence : "no ssh";
    };
    assert.equal(fenced({}), undefined);
    assert.deepEqual(fenced({ fence: { command: "off db2" } }), { command: "off db2" });
    assert.deepEqual(fenced({ state: "fenced", fence: { command: "off db2" } }), { command: "off db2" });
    assert.deepEqual(fenced({ state: "fenced", fence: { statement: "I saw it" } }), { statement: "I saw it" });
  });

  it("reads hosts of the user's, through a bastion", () => {
    const hostKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";
    const config = parse({
      ...ssh,
      nodes: {
        db1: {
          host: "db1.example.com",
          port: "2222",
          privateKeyFile: "key.pem",
          hostKey: `db1.example.com ${hostKey} comment`,
          proxy: { host: "bastion", user: "jump", privateKeyFile: "key.pem" },
        },
      },
    });
    assert.equal(config.target, "ssh");
    const node = config.nodes.db1;
    assert.ok(node?.target === "ssh");
    assert.deepEqual([node.port, node.user, node.address, node.hostKey], [2222, "root", "db1.example.com", hostKey]);
    assert.deepEqual([node.proxy?.host, node.proxy?.port, node.proxy?.user], ["bastion", 22, "jump"]);
    assert.match(node.privateKey, /PRIVATE KEY/);
    assert.deepEqual(config.clientNetworks, ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fd00::/8"]);
  });

  it("tells one host behind two bastions from two nodes on one host", () => {
    const node = (bastion: string, address: string) => ({
      host: "10.0.0.5",
      address,
      privateKeyFile: "key.pem",
      proxy: { host: bastion, privateKeyFile: "key.pem" },
    });
    assert.deepEqual(
      problemsOf({ ...ssh, nodes: { db1: node("b1", "172.16.0.1"), db2: node("b2", "172.16.0.2") } }),
      [],
    );
  });

  it("reads endpoints in each of their forms", () => {
    const endpoint = (text: string) => {
      const { archive } = parse({ ...ssh, archive: { ...(ssh.archive as object), endpoint: text } });
      assert.ok(archive.server === "given");
      return [archive.endpoint.host, archive.endpoint.port, archive.uriStyle];
    };
    assert.deepEqual(endpoint("minio.example.com"), ["minio.example.com", 443, "path"]);
    assert.deepEqual(endpoint("https://minio:9000/"), ["minio", 9000, "path"]);
    assert.deepEqual(endpoint("[fd00::1]:7070"), ["fd00::1", 7070, "path"]);
    assert.deepEqual(endpoint("s3.eu-central-1.amazonaws.com"), ["s3.eu-central-1.amazonaws.com", 443, "host"]);
  });

  it("takes the archive's server for the ledger, unless another one is named", () => {
    const account = { bucket: "ledger-of-db", accessKey: "LEDGER", secretKey: "SECRET" };
    const ledger = (options: object) => {
      const { archive } = parse({
        ...ssh,
        agent: true,
        archive: {
          ...(ssh.archive as object),
          region: "eu-west-1",
          caFile: "ca.crt",
          ledger: { ...account, ...options },
        },
      });
      return archive.server === "given" ? archive.ledger : undefined;
    };
    const { caCertificate, ...found } = ledger({}) ?? {};
    assert.match(caCertificate ?? "", /CERTIFICATE/);
    assert.deepEqual(found, {
      ...account,
      ...{ endpoint: { host: "s3.example.com", port: 443 }, region: "eu-west-1", uriStyle: "path", verifyTls: true },
      prefix: "dev",
    });
    assert.deepEqual(
      ledger({ endpoint: "s3.eu-central-1.amazonaws.com", region: "eu-central-1", prefix: "/orders/" }),
      {
        ...account,
        endpoint: { host: "s3.eu-central-1.amazonaws.com", port: 443 },
        ...{ region: "eu-central-1", uriStyle: "host", verifyTls: true, caCertificate: undefined },
        prefix: "orders",
      },
    );
    // In the archive's place on another server it is another bucket.
    assert.deepEqual(ledger({ endpoint: "other.example.com", bucket: "wal-of-db" })?.bucket, "wal-of-db");
  });

  it("allows a primary that is delayed or warm while it is a standby", () => {
    const primary = { delay: "1h", standby: "warm", source: "archive" };
    assert.deepEqual(problemsOf({ ...docker, nodes: { "node-a": primary, "node-b": {} } }), []);
  });

  it("never throws anything but a ConfigError", () => {
    const key = fc.oneof(fc.constantFrom(...Object.keys(topOptions)), fc.string());
    const value = fc.oneof(
      fc.constantFrom(
        "docker",
        "ssh",
        "aws",
        "node-a",
        "17",
        "{}",
        "[]",
        '{"node-a":{}}',
        '{"__proto__":{}}',
        "null",
        '"x"',
      ),
      fc.jsonValue({ maxDepth: 3 }),
      fc.jsonValue({ maxDepth: 3 }).map((json) => JSON.stringify(json)),
      fc.anything(),
    );
    fc.assert(
      fc.property(fc.dictionary(key, value), fc.boolean(), (raw, valid) => {
        try {
          parseConfig({ ...(valid ? docker : {}), ...raw }, { name: "dev", readFile });
        } catch (error) {
          assert.ok(error instanceof ConfigError, String((error as Error).stack));
          assert.ok(error.problems.length > 0);
          for (const problem of error.problems) {
            assert.ok(problem.key && problem.rule && problem.hint, JSON.stringify(problem));
          }
        }
      }),
      { numRuns: 500 },
    );
  });
});
