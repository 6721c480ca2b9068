import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { clustersOf, type ExportedStack, exportedStack, orphansOf } from "../../model/aws/orphans.ts";
import { findInAws } from "../../scripts/orphans/find.ts";
import { type OrphansWorld, orphans } from "../../scripts/orphans/main.ts";
import { AwsFailure } from "../../scripts/steps/lib/awsClients.ts";
import { serveApi } from "../standins/aws/api/server.js";
import { Cloud } from "../standins/aws/cloud/cloud.js";
import { order } from "../standins/aws/cloud/faults.js";
import { account } from "../support/awsConfigs.ts";

const region = "eu-central-1";
const tags = { "understudy:cluster": "orders", "understudy:stack": "prod" } as const;
const urn = (type: string, name: string) => `urn:pulumi:prod::understudy::understudy:index:AwsNode$${type}::${name}`;
const arn = (rest: string) => `arn:aws:ec2:${region}:${account}:${rest}`;
const provider = "urn:pulumi:prod::understudy::pulumi:providers:aws::aws";
const parent = "urn:pulumi:prod::understudy::understudy:index:AwsNode::node-b";

const stack: ExportedStack = {
  deployment: {
    resources: [
      {
        ...{ urn: provider, type: "pulumi:providers:aws", id: "1234" },
        inputs: {
          region,
          allowedAccountIds: JSON.stringify([account]),
          defaultTags: JSON.stringify({ tags: { team: "db", ...tags } }),
        },
      },
      { urn: urn("understudy:index:AwsArchive", "archive"), type: "understudy:index:AwsArchive" },
      { urn: urn("understudy:index:AwsLedger", "ledger"), type: "understudy:index:AwsLedger" },
      {
        ...{ urn: urn("aws:ec2/instance:Instance", "host-node-a"), type: "aws:ec2/instance:Instance", id: "i-0a" },
        outputs: { rootBlockDevice: { volumeId: "vol-0root" } },
      },
    ],
    pending_operations: [
      {
        type: "creating",
        resource: {
          ...{ urn: urn("aws:iam/role:Role", "role-node-b"), type: "aws:iam/role:Role" },
          ...{ parent, provider: `${provider}::1234` },
          inputs: { name: "understudy-orders_node-b" },
        },
      },
      ...["node-b", "node-c"].map((node) => ({
        type: "creating",
        resource: {
          ...{ urn: urn("aws:ec2/instance:Instance", `host-${node}`), type: "aws:ec2/instance:Instance" },
          ...{ parent, provider: `${provider}::1234` },
          inputs: { tags: { Name: `understudy-orders_${node}` } },
        },
      })),
    ],
  },
};

describe("what an update that was killed has left in AWS", () => {
  const [cluster] = clustersOf(stack);
  assert.ok(cluster);
  const found = (what: string, name = "") => ({ arn: what, name });

  it("is looked for in the account and region of each cluster of the stack, by its tags", () => {
    assert.deepEqual(clustersOf(stack), [{ account, region, tags, provider }]);
    assert.deepEqual(clustersOf({ deployment: {} }), []);
    const foreign = structuredClone(stack);
    (foreign.deployment.resources?.[0]?.inputs as Record<string, string>).defaultTags = '{"tags":{"team":"db"}}';
    assert.deepEqual(clustersOf(foreign), []);
  });

  it("is nothing that the state has, or speaks of", () => {
    const known = [found(arn("instance/i-0a")), found(arn("volume/vol-0root")), found(arn("snapshot/snap-1"))];
    assert.deepEqual(orphansOf(stack, cluster, known), []);
  });

  it("comes into the state as what the update was making, where that can be told; or else it is said how to remove it", () => {
    const left = orphansOf(stack, cluster, [
      found("arn:aws:s3:::acme-archive"),
      found(arn("volume/vol-0b"), "understudy-orders_node-b-data"),
      found(`arn:aws:iam::${account}:role/databases/understudy-orders_node-b`),
      found(arn("network-interface/eni-0b"), "understudy-orders_node-b"),
      found(arn("instance/i-0b"), "understudy-orders_node-b"),
      found(`arn:aws:elasticloadbalancing:${region}:${account}:loadbalancer/net/understudy-orders/50dc`),
      found(`arn:aws:route53:::hostedzone/Z1`),
    ]);
    assert.deepEqual(
      left.map(({ kind, id }) => `${kind} ${id.split("/").at(-1)}`),
      [
        // Nobody here knows how to remove it, so it comes first.
        "route53 hostedzone Z1",
        ...["ec2 instance i-0b", "elasticloadbalancing loadbalancer 50dc", "ec2 network-interface eni-0b"],
        ...["iam role understudy-orders_node-b", "ec2 volume vol-0b", "s3 bucket acme-archive"],
      ],
    );
    const of = (kind: string) => left.find((orphan) => orphan.kind === kind);
    const imported = (type: string, name: string, id: string) =>
      `pulumi import ${type} ${name} '${id}' --parent 'parent=${parent}' --provider 'aws=${provider}' --protect=false --generate-code=false`;
    assert.equal(of("ec2 instance")?.keep, imported("aws:ec2/instance:Instance", "host-node-b", "i-0b"));
    assert.equal(of("iam role")?.keep, imported("aws:iam/role:Role", "role-node-b", "understudy-orders_node-b"));
    assert.equal(of("ec2 network-interface")?.keep, undefined);
    assert.match(of("ec2 volume")?.keep ?? "", /volume\.adopt vol-0b/);
    assert.match(
      of("s3 bucket")?.keep ?? "",
      /^pulumi import aws:s3\/bucket:Bucket archive-acme-archive 'acme-archive' .*AwsArchive/,
    );
    const [ledger] = orphansOf(stack, cluster, [found("arn:aws:s3:::acme-archive-ledger")]);
    assert.match(ledger?.keep ?? "", /Bucket ledger-acme-archive-ledger 'acme-archive-ledger' .*AwsLedger/);
    assert.equal(of("ec2 instance")?.remove, `aws ec2 terminate-instances --instance-ids i-0b --region ${region}`);
  });

  describe("npm run orphans", () => {
    let cloud: Cloud;
    let api: { url: string; close(): Promise<void> };
    const environment = { ...process.env };

    beforeEach(async () => {
      const folder = mkdtempSync(join(tmpdir(), "understudy-cloud-"));
      const thing = (type: string, id: string, more: object = {}) => ({
        ...{ type, id, name: id, properties: { tags: { ...tags, Name: `name of ${id}` } } },
        ...more,
      });
      const things = [
        thing("aws:ec2/instance:Instance", "i-0a", { hidden: { state: "running" } }),
        thing("aws:ec2/instance:Instance", "i-0b", { hidden: { state: "stopped" } }),
        thing("aws:ec2/instance:Instance", "i-0c", { hidden: { state: "terminated" } }),
        thing("aws:ec2/networkInterface:NetworkInterface", "eni-0b"),
        thing("aws:ebs/volume:Volume", "vol-other", { properties: { tags: { ...tags, "understudy:stack": "dev" } } }),
        thing("aws:iam/role:Role", "understudy-orders_node-b"),
        thing("aws:iam/role:Role", "understudy-orders2_node-b"),
        thing("aws:iam/instanceProfile:InstanceProfile", "understudy-orders_node-b"),
        thing("aws:iam/user:User", "understudy-orders__ledger"),
      ];
      writeFileSync(join(folder, "cloud.json"), JSON.stringify({ name: "none", account, region, images: [], things }));
      cloud = new Cloud(folder);
      api = await serveApi(cloud);
      Object.assign(process.env, {
        ...{ AWS_ENDPOINT_URL: api.url, AWS_ACCESS_KEY_ID: "AKIATEST", AWS_SECRET_ACCESS_KEY: "test" },
      });
    });
    afterEach(async () => {
      for (const key of Object.keys(process.env)) if (!(key in environment)) delete process.env[key];
      Object.assign(process.env, environment);
      await api.close();
      rmSync(cloud.folder, { recursive: true });
    });

    const run = async (argv: readonly string[], more: Partial<OrphansWorld> = {}) => {
      const said = { stdout: "", stderr: "" };
      const into = (stream: keyof typeof said) => ({
        write: (text: string) => {
          said[stream] += text;
        },
      });
      const exitCode = await orphans(argv, {
        ...{ stdout: into("stdout") as never, stderr: into("stderr") },
        runPulumi: async () => ({ exitCode: 0, stdout: JSON.stringify(stack), stderr: "" }),
        find: findInAws,
        ...more,
      });
      return { exitCode, ...said };
    };

    it("lists what is left, and changes nothing", async () => {
      const { exitCode, stdout } = await run([]);
      assert.equal(exitCode, 1);
      assert.deepEqual(stdout.match(/^(?:ec2|iam) .*$/gm), [
        "ec2 instance i-0b  name of i-0b",
        "ec2 network-interface eni-0b  name of eni-0b",
        "iam instance-profile understudy-orders_node-b",
        "iam role understudy-orders_node-b",
        "iam user understudy-orders__ledger",
      ]);
      assert.match(stdout, /^ {2}keep: {3}pulumi import aws:iam\/role:Role role-node-b 'understudy-orders_node-b' /m);
      assert.match(stdout, /Once nothing is left over: pulumi refresh --clear-pending-creates\n$/);
      assert.match(stdout, /^ {2}remove: aws ec2 terminate-instances --instance-ids i-0b --region eu-central-1$/m);
      const json = JSON.parse((await run(["--json", "--stack", "prod"])).stdout) as { id: string }[];
      assert.deepEqual(json.length, 5);
    });

    it("says so where nothing is left, nobody can be asked, or the words are wrong", async () => {
      assert.deepEqual((await run([], { find: async () => [] })).exitCode, 0);
      order(cloud, [{ call: "ListRoles", kind: "refuse", code: "AccessDenied", status: 403 }]);
      const denied = await run([]);
      assert.equal(denied.exitCode, 3);
      assert.match(denied.stderr, /^orphans: ListRoles: AccessDenied.*\nHINT: /);
      await api.close();
      await assert.rejects(findInAws(cluster), AwsFailure);
      assert.match((await run(["--all"])).stderr, /^orphans: .*--all.*\nHINT: see npm run orphans/);
      const nothing = { runPulumi: async () => ({ exitCode: 0, stdout: '{"deployment":{}}', stderr: "" }) };
      assert.match((await run([], nothing)).stderr, /^orphans: the stack has nothing in AWS\nHINT: /);
      const none = { runPulumi: async () => ({ exitCode: 1, stdout: "", stderr: "no stack named x" }) };
      assert.match((await run([], none)).stderr, /^orphans: the stack's state can't be read: no stack named x\nHINT: /);
      assert.equal(exportedStack.safeParse({}).success, false);
    });
  });
});
