import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { isSecret, output } from "@pulumi/pulumi";
import { configSchema } from "../../agent/real/config.ts";
import { PostgresCluster } from "../../components/cluster.ts";
import { clusterSecrets } from "../../components/clusterSecrets.ts";
import { stackOutputs } from "../../components/outputs.ts";
import { storedSteps } from "../../components/stackState.ts";
import { freeName } from "../../components/targets/aws/bucket.ts";
import { hostImage, imageTooOld, maintainable } from "../../components/targets/aws/hosts.ts";
import { keysStay } from "../../components/targets/aws/keys.ts";
import { growsOnly } from "../../components/targets/aws/nodeHost.ts";
import { hostsFor, machineOf } from "../../components/targets/machines.ts";
import { Update } from "../../components/update.ts";
import type { AgentInput, BootInput, InstallInput, PowerInput } from "../../model/stepInputs.ts";
import { account, agents, closed, everything, existing, parseAws, smallest } from "../support/awsConfigs.ts";
import { awsOnly, graphOf, renderGraph } from "../support/awsGraph.ts";
import { assertGolden } from "../support/golden.ts";
import { ec2, noSuchBucket, s3 } from "../support/mockAws.ts";
import { forget, inputsOf, registered, resolved, settled, stored, unwrapped } from "../support/mockEngine.ts";

describe("the graph of the target aws", function () {
  this.timeout(120_000);

  for (const [name, config] of Object.entries({ smallest, existing, closed, agents, everything })) {
    it(`${name}: every resource with its inputs, dependencies and options`, async () => {
      assertGolden(`aws/${name}.json`, renderGraph(awsOnly(await graphOf(parseAws(config)))));
    });
  }

  it("has alarms, and senders of figures, that no change of primary changes", async () => {
    const watching = async (primary: string) => {
      const config = parseAws({ ...closed, primary });
      const { machines } = hostsFor(config, clusterSecrets(config, {}), new Update(config, {}), {});
      const confs = Object.values(machines).map(({ metricsConf }) => metricsConf);
      const alarms = renderGraph((await graphOf(config)).filter(({ type }) => type.startsWith("aws:cloudwatch/")));
      return { confs, alarms };
    };
    const before = await watching("node-a");
    assert.match(before.confs[0] ?? "", /^namespace='Understudy\/dev'$/m);
    assert.deepEqual(await watching("node-b"), before);
  });

  it("is not loaded for another target", () => {
    const script = `await import("./components/targets/machines.ts");
      const { Module } = await import("node:module");
      console.log(JSON.stringify(Object.keys(Module._cache).filter((file) => file.includes("@pulumi/aws"))));`;
    const loaded = execFileSync(process.execPath, ["--input-type=module", "--eval", script], {
      encoding: "utf8",
    });
    assert.equal(loaded.trim(), "[]");
  });
});

describe("machines of the target aws", function () {
  this.timeout(120_000);
  beforeEach(forget);
  afterEach(() => {
    ec2.imageError = undefined;
    ec2.imageGb = undefined;
    ec2.instanceType = undefined;
    ec2.imageArchitecture = undefined;
    s3.bucketError = noSuchBucket;
  });

  it("are reached through the bastion, with keys that are known beforehand", async () => {
    const config = parseAws(smallest);
    const machine = machineOf(
      hostsFor(config, clusterSecrets(config, {}), new Update(config, {}), {}).machines,
      "node-a",
    );
    const known = {
      user: "understudy",
      port: 22,
      privateKey: "PRIVATE",
      hostKey: "ssh-ed25519 AAAA",
      dialErrorLimit: 2,
      perDialTimeout: 5,
    };
    assert.deepEqual(await resolved(machine.connection), {
      ...known,
      host: "10.42.0.107",
      proxy: { ...known, host: "203.0.113.10" },
    });
    assert.equal(await isSecret(machine.connection), true);
    assert.deepEqual(await resolved(machine.endpoint), { host: "10.42.0.107", port: 5432 });
    assert.match(await resolved(machine.instance), /^i-/);
    assert.equal(machine.dataDirectory, "/var/lib/understudy");
    assert.equal(machine.ready.length, 1);
  });

  it("of a network that exists and has no bastion are reached by their own address", async () => {
    const { bastion: _, ...aws } = existing.aws;
    const config = parseAws({ ...existing, aws });
    const machine = machineOf(hostsFor(config, clusterSecrets(config, {}), new Update(config, {}), {}).machines, "db1");
    assert.equal((await resolved(machine.connection)).proxy, undefined);
    await settled();
    const rules = registered.filter(({ type }) => type.includes("IngressRule")).map(({ name }) => name);
    assert.ok(rules.includes("nodes-in-203.0.113.0/24-22"), `${rules}`);
  });

  it("prove that a fenced node is off by what the step has seen after the change, and by nothing else", async () => {
    const config = parseAws(everything);
    const hosts = hostsFor(config, clusterSecrets(config, {}), new Update(config, {}), {});
    const [fence] = hosts.fences({ proof: output("intent-1:2"), after: [] });
    assert.equal(fence?.node, "node-c");
    assert.equal(await resolved(fence.proof), "intent-1:2");
    const power = (node: string) => JSON.parse(String(unwrapped(inputsOf(`power-${node}`).stdin).value)) as PowerInput;
    assert.deepEqual(power("node-c").fence, {
      change: "intent-1:2",
      stop: "force",
      tags: { Name: "understudy-dev_node-c", "understudy:cluster": "dev", "understudy:stack": "dev" },
      word: { statement: "M. E., 03:12" },
    });
    assert.equal(power("node-a").fence, undefined);
    assert.ok(!registered.some(({ name }) => name === "power-node-d"), "the host of an absent node is left alone");
    await settled();
  });

  it("refuse a volume that is to shrink, in the preview too", async () => {
    const { callback, opts } = growsOnly("node-a");
    const asked = (before: number | undefined, after: number) =>
      (async () =>
        callback({
          ...{ urn: "", id: "", name: "", type: "" },
          newInputs: { size: after },
          ...(before === undefined ? {} : { oldInputs: { size: before } }),
        }))();
    await asked(100, 200);
    await asked(undefined, 10);
    await assert.rejects(
      asked(100, 99),
      /^Error: node-a: the data volume has 100 GB and can't become smaller: 99 GB are declared\nHINT: /,
    );
    assert.equal(opts?.onDryRun, true);
  });

  it("are not made from an AMI that is really for another processor, in the preview too", async () => {
    const image = { kind: "ami", id: "ami-0123456789abcdef0", architecture: "arm64" } as const;
    const wanted = { image, architecture: "arm64", host: "host-a", maintained: false, look: true } as const;
    const id = () => resolved(hostImage(wanted, {})).then((known) => known.id);
    ec2.imageArchitecture = "arm64";
    assert.equal(await id(), image.id);
    ec2.imageArchitecture = "x86_64";
    await assert.rejects(id(), /ami-0123456789abcdef0 is for x86_64.*arm64\nHINT: /);
  });

  it("that are there need no image: one that was withdrawn, or can't be looked up, stops no update", async () => {
    const image = { kind: "ami", id: "ami-0123456789abcdef0", architecture: "arm64" } as const;
    const wanted = { image, architecture: "arm64", host: "host-a", maintained: false, look: true } as const;
    ec2.imageError = "Your query returned no results.";
    await assert.rejects(resolved(hostImage(wanted, {})), /no results/);
    stored["urn:pulumi:dev::understudy::aws:ec2/instance:Instance::host-a"] = {
      type: "aws:ec2/instance:Instance",
      outputs: { ami: "ami-of-old" },
    };
    assert.equal((await resolved(hostImage(wanted, {}))).id, "ami-of-old");
    await assert.rejects(resolved(hostImage({ ...wanted, maintained: true }, {})), /no results/);
    // In a failover nobody is asked.
    const before = ec2.imagesAsked;
    assert.equal((await resolved(hostImage({ ...wanted, look: false }, {}))).id, "ami-of-old");
    assert.equal(ec2.imagesAsked, before);
  });

  it("have a system disk that their image fits on", async () => {
    ec2.imageGb = "40";
    const config = parseAws(smallest);
    hostsFor(config, clusterSecrets(config, {}), new Update(config, {}), {});
    await settled();
    for (const host of ["host-node-a", "bastion"]) {
      assert.equal(
        (inputsOf(host, "aws:ec2/instance:Instance").rootBlockDevice as { volumeSize: number }).volumeSize,
        40,
      );
    }
  });

  describe("that are bastions, with aws.bastion.maxImageAge", () => {
    const aws = { ...smallest.aws, bastion: { maxImageAge: "90d" } };
    const day = (number: number) => Date.parse(ec2.imageDate) + number * 24 * 3600 * 1000;
    const hasImage = (host: string, ami = "ami-of-old") => {
      stored[`urn:pulumi:dev::understudy::aws:ec2/instance:Instance::${host}`] = {
        type: "aws:ec2/instance:Instance",
        outputs: { ami, instanceType: "t4g.nano", userDataBase64: "b2xk" },
      };
    };
    const made = async (raw: object) => {
      const config = parseAws(raw);
      hostsFor(config, clusterSecrets(config, {}), new Update(config, {}), {});
      await settled();
      return ["bastion", "bastion-eu-central-1b"].map((host) => {
        const { ami, userDataBase64 } = inputsOf(host, "aws:ec2/instance:Instance");
        return { ami, isOld: unwrapped(userDataBase64).value === "b2xk" };
      });
    };

    it("are too old by the age of their image, or where it was withdrawn", async () => {
      const image = { kind: "distribution", name: "debian-13" } as const;
      const old = (now: number) => imageTooOld({ host: "bastion", image, architecture: "arm64", maxDays: 90, now }, {});
      assert.equal(await old(day(500)), false, "there is none yet");
      hasImage("bastion");
      assert.equal(await old(day(90)), false);
      assert.equal(await old(day(91)), true);
      hasImage("bastion", "ami-newest-debian-13-arm64-*");
      assert.equal(await old(day(500)), false, "its publisher has no other one");
      hasImage("bastion", "ami-withdrawn");
      assert.equal(await old(day(1)), true);
      ec2.imageError = "RequestLimitExceeded";
      assert.equal(await old(day(500)), false, "what can't be told is no reason");
    });

    it("are made anew one at a time, with all that is declared; the others stay as they are", async () => {
      hasImage("bastion");
      hasImage("bastion-eu-central-1b");
      const [first, second] = await made({ ...smallest, aws });
      assert.deepEqual(first, { ami: "ami-newest-debian-13-arm64-*", isOld: false });
      assert.deepEqual(second, { ami: "ami-of-old", isOld: true });
    });

    it("stay as they are while a node is fenced, or a host is maintained", async () => {
      const old = { ami: "ami-of-old", isOld: true };
      for (const raw of [
        { ...smallest, nodes: { ...smallest.nodes, "node-b": { zone: "eu-central-1b", state: "fenced" } }, aws },
        { ...smallest, aws: { ...aws, maintain: "node-b" } },
      ]) {
        forget();
        hasImage("bastion");
        hasImage("bastion-eu-central-1b");
        assert.deepEqual(await made(raw), [old, old]);
      }
    });
  });

  it("take other keys, unless a host is off that may know no other", async () => {
    const keys = { operator: ["2", "1"], host: ["2", "1"] };
    const config = parseAws({ ...smallest, aws: { ...smallest.aws, keys } });
    hostsFor(config, clusterSecrets(config, {}), new Update(config, {}), {});
    await settled();
    const names = registered.filter(({ type }) => type === "command:local:Command").map(({ name }) => name);
    for (const name of [
      ...["operator-key", "operator-key_2", "host-key-node-a", "host-key-node-a_2", "bastion-host-key_2"],
      ...["boot-bastion", "boot-bastion-eu-central-1b"],
    ])
      assert.ok(names.includes(name), name);
    const boot = JSON.parse(String(unwrapped(inputsOf("boot-node-a").stdin).value)) as BootInput;
    assert.deepEqual([boot.operatorKeys.length, boot.formerHostKeys.length], [2, 2]);

    const aside = { ...smallest.nodes, "node-b": { zone: "eu-central-1b", state: "absent" } };
    const stays = (operator: string[], host = ["1"]) =>
      keysStay(parseAws({ ...smallest, nodes: aside, aws: { ...smallest.aws, keys: { operator, host } } }), {});
    const command = (name: string) => {
      stored[`urn:pulumi:dev::understudy::command:local:Command::${name}`] = {
        type: "command:local:Command",
        outputs: {},
      };
    };
    for (const name of ["operator-key", "operator-key_2", "host-key-node-a_2", "host-key-node-b"]) command(name);
    await stays(["2", "1"]);
    await assert.rejects(stays(["2"]), /aws\.keys\.operator: '1' can't go while node-b is absent.*\nHINT: keep it/);
    command("host-key-node-b_3");
    await assert.rejects(stays(["2", "1"]), /aws\.keys\.host: '3' can't go while node-b is absent/);
    await keysStay(config, {});
  });

  it("reach a bastion only where a node that takes part is behind it: the zone of the others may be gone", async () => {
    const nodes = { ...smallest.nodes, "node-b": { zone: "eu-central-1b", state: "fenced" } };
    const config = parseAws({ ...smallest, nodes });
    hostsFor(config, clusterSecrets(config, {}), new Update(config, {}), {});
    await settled();
    const boots = registered.filter(({ name }) => name.startsWith("boot-bastion")).map(({ name }) => name);
    assert.deepEqual(
      boots.filter((name) => !name.includes("boot-key")),
      ["boot-bastion"],
    );
  });

  it("are not made for a bucket of somebody else's, or one that another stack left", async () => {
    const bucket = "acme-archive";
    const name = () => freeName(`archive-${bucket}`, bucket, {});
    assert.equal(await name(), bucket);
    for (const [error, said] of [
      [
        "StatusCode: 403, api error Forbidden: Forbidden",
        /may not be looked at: it is somebody else's.*or .*lack s3:ListBucket/,
      ],
      ["StatusCode: 301, api error MovedPermanently", /is a bucket of another region/],
    ] as const) {
      s3.bucketError = `reading S3 Bucket (${bucket}): operation error S3: HeadBucket, https response error ${error}`;
      await assert.rejects(name(), (failure: Error) => {
        assert.match(failure.message, said);
        assert.match(failure.message, /\nHINT: Choose another one/);
        return true;
      });
    }
    // A number in its own name says nothing.
    s3.bucketError = "reading S3 Bucket (acme-403): couldn't find resource";
    assert.equal(await freeName("archive-acme-403", "acme-403", {}), "acme-403");
    s3.bucketError = undefined;
    await assert.rejects(name(), /'acme-archive' is there already, and this stack has not made it\nHINT: /);
    stored["urn:pulumi:dev::understudy::aws:s3/bucket:Bucket::archive-acme-archive"] = {
      type: "aws:s3/bucket:Bucket",
      outputs: {},
    };
    assert.equal(await name(), bucket);
  });

  it("are not maintained while they lead, whatever config declares for the same update", async () => {
    await maintainable("node-a", { stored: storedSteps("") });
    stored["urn:pulumi:dev::understudy::understudy:index:PostgresCluster$command:remote:Command::lead"] = {
      type: "command:remote:Command",
      outputs: { stdout: '{"primary":"node-a","from":"","systemIdentifier":"700","timeline":1,"epoch":1}' },
    };
    await assert.rejects(
      maintainable("node-a", { stored: storedSteps("") }),
      /aws\.maintain: node-a leads\nHINT: move the primary in an update of its own/,
    );
    await maintainable("node-b", { stored: storedSteps("") });
  });

  it("that lack what is declared are known to status", async () => {
    ec2.instanceType = "m7g.medium";
    const outputs = stackOutputs(new PostgresCluster("dev", { ...smallest, resourcePrefix: "" }));
    const { nodes, bastionPending } = await resolved(outputs.monitoring);
    assert.deepEqual(bastionPending, ["instanceType", "instanceType of bastion-eu-central-1b"]);
    assert.deepEqual(
      nodes.map(({ name, pending }) => ({ name, pending })),
      ["node-a", "node-b"].map((name) => ({ name, pending: ["instanceType"] })),
    );
    await settled();
  });

  it("have agents whose ledger is in a bucket of its own, by a user that is nobody else's", async () => {
    const cluster = new PostgresCluster("dev", { ...agents, resourcePrefix: "" });
    await resolved(stackOutputs(cluster).primary);
    await settled();
    const bucket = `understudy-dev-eu-central-1-${account}-ledger`;
    const { parameters } = JSON.parse(String(unwrapped(inputsOf("agent-node-a").stdin).value)) as AgentInput;
    const { ledger, peers } = configSchema.parse(JSON.parse(String(parameters.agent_conf)));
    assert.deepEqual(ledger, {
      ...{ kind: "s3", endpoint: "https://s3.eu-central-1.amazonaws.com:443", bucket, region: "eu-central-1" },
      ...{ prefix: "ledger/", uriStyle: "host", verifyTls: true },
      credentials: "/etc/understudy/agent/ledger-credentials.json",
    });
    assert.deepEqual(
      peers.nodes.map(({ port }) => port),
      [5480],
    );
    const credentials = { accessKeyId: "AKIA0123456789", secretAccessKey: "s3cret" };
    assert.deepEqual(JSON.parse(String(parameters.ledger_credentials)), credentials);
    assert.ok(unwrapped(inputsOf("agent-node-a").stdin).secret);
    assert.doesNotMatch(String(unwrapped(inputsOf("configure-node-a", "command:remote:Command").stdin).value), /AKIA/);
    const before = registered.find(({ name }) => name === "agent-node-a")?.options.dependsOn.join(" ") ?? "";
    for (const needed of ["ledger-user-policy", `ledger-${bucket}-policy`]) assert.ok(before.includes(needed), needed);
  });

  it("make no user where config says another place for the ledger, and lead to that one", async () => {
    const ledger = { bucket: "ledger-of-all", accessKey: "AK", secretKey: "SK" };
    const cluster = new PostgresCluster("dev", { ...agents, archive: { ledger }, resourcePrefix: "" });
    await resolved(stackOutputs(cluster).primary);
    await settled();
    assert.deepEqual(
      registered.filter(({ type, name }) => /^aws:/.test(type) && /^ledger-/.test(name)),
      [],
    );
    const { parameters } = JSON.parse(String(unwrapped(inputsOf("agent-node-a").stdin).value)) as AgentInput;
    const place = configSchema.parse(JSON.parse(String(parameters.agent_conf))).ledger;
    assert.deepEqual(
      place.kind === "s3" && [place.endpoint, place.bucket, place.region, place.prefix, place.uriStyle],
      ["https://s3.eu-central-1.amazonaws.com:443", "ledger-of-all", "eu-central-1", "dev/", "host"],
    );
    assert.match(
      String(inputsOf("s3-endpoint", "aws:ec2/vpcEndpoint:VpcEndpoint").policy),
      /"arn:aws:s3:::ledger-of-all\/\*"/,
    );
  });

  it("are in the cluster's graph as any other: booted before install, fenced after prepare, the endpoint after promote", async () => {
    const cluster = new PostgresCluster("dev", { ...everything, resourcePrefix: "" });
    const outputs = stackOutputs(cluster) as unknown as { aws: typeof cluster.primary };
    await settled();
    const behind = (name: string, type?: string) => {
      const found = registered.find((resource) => resource.name === name && resource.type === (type ?? resource.type));
      return found?.options.dependsOn.map((urn) => urn.split("::").at(-1)) ?? [];
    };
    assert.ok(behind("install-node-a").includes("boot-node-a"));
    assert.ok(behind("power-node-c").includes("prepare"));
    for (const name of ["power-node-a", "role-policy-node-a", "role-policy-node-c", "host-node-c"])
      assert.ok(!behind(name).includes("prepare"), name);
    // Neither IAM nor Route 53 is needed until somebody leads.
    assert.ok(behind("surroundings").includes("promote"));
    assert.ok(behind("promote").includes("power-node-c"));
    assert.ok(behind("endpoint-primary").includes("promote"));
    assert.ok(!registered.some(({ name }) => /^(?:install|boot)-node-[cd]$/.test(name)));

    const remote = (name: string) => String(unwrapped(inputsOf(name, "command:remote:Command").stdin).value);
    assert.match(remote("configure-node-a"), /^repo1-s3-key-type=auto$/m);
    assert.match(remote("configure-node-a"), /^repo1-s3-bucket=acme-postgres-archive$/m);
    assert.match(remote("configure-node-a"), /^repo1-s3-endpoint=s3\.eu-west-1\.amazonaws\.com$/m);
    assert.doesNotMatch(remote("configure-node-a"), /repo1-s3-key=|repo1-s3-key-secret/);
    assert.match(remote("configure-node-a"), /^metrics_conf=[\s\S]*namespace=[\s\S]*Understudy\/dev/m);
    const install = JSON.parse(String(unwrapped(inputsOf("install-node-a").stdin).value)) as InstallInput;
    assert.equal(install.parameters.further_packages, "curl");
    assert.match(remote("promote"), /^fenced='node-c intent-1:0 10\./m);
    const { value: certificate } = unwrapped(inputsOf("certificate-node-a").stdin);
    const { dnsNames } = JSON.parse(String(certificate)) as { dnsNames: string[] };
    assert.deepEqual(dnsNames, ["10.42.0.107", "node-a", "pooler.orders.db.internal", "primary.orders.db.internal"]);

    const made = (await resolved(outputs.aws)) as unknown as {
      nodes: Record<string, { pending: string[] }>;
      endpoint: object;
    };
    assert.equal(await isSecret(outputs.aws), false);
    assert.deepEqual(Object.keys(made.nodes), ["node-a", "node-b", "node-d"]);
    assert.deepEqual(made.nodes["node-a"]?.pending, []);
    assert.deepEqual(made.endpoint, { primary: "primary.orders.db.internal", pooler: "pooler.orders.db.internal" });
    await resolved(cluster.ssh as typeof cluster.primary);
    const ssh = readFileSync(".understudy/dev/ssh_config", "utf8");
    assert.match(ssh, /^Host node-a\n {2}HostName 10\.42\.0\.107\n[\s\S]*?ProxyJump bastion\n/m);
    assert.match(ssh, /^Host bastion\n {2}HostName 203\.0\.113\.10\n/m);
  });
});
