import assert from "node:assert/strict";
import { runSimulation, type Simulation } from "@cloud-copilot/iam-simulate";
import { metricsNamespace } from "../../../model/aws/metrics.ts";
import { ledgerBucket } from "../../../model/aws/names.ts";
import {
  archivePolicy,
  bucketPolicy,
  fencedPolicy,
  joinedPolicy,
  ledgerBucketPolicy,
  ledgerPolicy,
  metricsEndpointPolicy,
  metricsPolicy,
  type PolicyDocument,
  s3EndpointPolicy,
  snapshotPolicy,
} from "../../../model/aws/policies.ts";
import { account } from "../../support/awsConfigs.ts";

const bucket = "acme-archive";
const partition = "aws";
const region = "eu-central-1";
const key = `arn:aws:kms:${region}:${account}:key/11111111-2222-3333-4444-555555555555`;
const input = { partition, region, account, bucket, prefix: "orders", kmsKey: key };
const whole = { ...input, prefix: "", kmsKey: undefined };

interface Call {
  readonly action: string;
  readonly resource: string;
  readonly context?: Readonly<Record<string, string>>;
  /** Whose resource it is. @default the stack's account */
  readonly owner?: string;
  /** ARN of who calls. @default a node */
  readonly principal?: string;
}

const node = `arn:aws:sts::${account}:assumed-role/understudy-dev_node-a/i-0123456789abcdef0`;

interface Around {
  readonly resource?: PolicyDocument | object;
  readonly endpoint?: PolicyDocument;
}

/** What AWS would say: `Allowed`, `ExplicitlyDenied` or `ImplicitlyDenied`. A policy that AWS would not take is an error. */
async function verdict(policies: readonly PolicyDocument[], call: Call, around: Around = {}): Promise<string> {
  const { action, resource, context = {}, owner = account, principal = node } = call;
  const simulation: Simulation = {
    request: {
      principal,
      action,
      resource: { resource, accountId: owner },
      contextVariables: {
        "aws:SecureTransport": "true",
        "aws:ResourceAccount": owner,
        ...(action.startsWith("s3:") ? { "s3:TlsVersion": "1.3" } : {}),
        ...context,
      },
    },
    identityPolicies: policies.map((policy, index) => ({ name: `policy-${index}`, policy })),
    serviceControlPolicies: [],
    resourceControlPolicies: [],
    resourcePolicy: around.resource,
    ...(around.endpoint ? { vpcEndpointPolicies: [{ name: "endpoint", policy: around.endpoint }] } : {}),
  };
  const result = await runSimulation(simulation, {});
  assert.notEqual(result.resultType, "error", JSON.stringify(result));
  return result.resultType === "error" ? "error" : result.overallResult;
}

const arn = (path = "") => `arn:aws:s3:::${bucket}${path}`;
const object = "/orders/archive/dev/17-1/0000000100000000/000000010000000000000001.zst";
const list = (prefix?: string): Call => ({
  action: "s3:ListBucket",
  resource: arn(),
  ...(prefix === undefined ? {} : { context: { "s3:prefix": prefix, "s3:delimiter": "/" } }),
});

/** The calls of pgBackRest's S3 driver, as the actions that they need. */
const pgbackrest: Readonly<Record<string, Call>> = {
  "ListObjectsV2 of the repository": list("orders/"),
  "ListObjectsV2 of a folder": list("orders/archive/dev/"),
  "HeadObject of what is not there: by ListBucket S3 decides between 404 and 403, and it is told no prefix": list(),
  "HeadObject, GetObject": { action: "s3:GetObject", resource: arn(object) },
  "PutObject, and the three calls of an upload in parts": { action: "s3:PutObject", resource: arn(object) },
  "DeleteObject, DeleteObjects": { action: "s3:DeleteObject", resource: arn(object) },
};

const others: Readonly<Record<string, Call>> = {
  "another folder's objects": { action: "s3:GetObject", resource: arn("/invoices/archive/x") },
  "a folder whose name begins like ours": { action: "s3:PutObject", resource: arn("/orders-eu/archive/x") },
  "an old version": { action: "s3:GetObjectVersion", resource: arn(object) },
  "the end of an old version": { action: "s3:DeleteObjectVersion", resource: arn(object) },
  "a list of old versions": { action: "s3:ListBucketVersions", resource: arn(), context: { "s3:prefix": "orders/" } },
  "a lock that is passed": { action: "s3:BypassGovernanceRetention", resource: arn(object) },
  "another retention": { action: "s3:PutObjectRetention", resource: arn(object) },
  "an access list": { action: "s3:PutObjectAcl", resource: arn(object) },
  "the bucket's policy": { action: "s3:PutBucketPolicy", resource: arn() },
  "the bucket's versioning": { action: "s3:PutBucketVersioning", resource: arn() },
  "the bucket's lifecycle": { action: "s3:PutLifecycleConfiguration", resource: arn() },
  "the bucket's end": { action: "s3:DeleteBucket", resource: arn() },
  "another bucket": { action: "s3:GetObject", resource: "arn:aws:s3:::another/orders/x" },
  "a list of a bucket of that name in another account": { ...list("orders/"), owner: "210987654321" },
  "a bucket of that name in another account": { action: "s3:PutObject", resource: arn(object), owner: "210987654321" },
  "the key itself": { action: "kms:Decrypt", resource: key },
  "the key, for another service": {
    action: "kms:Decrypt",
    resource: key,
    context: { "kms:ViaService": `ec2.${region}.amazonaws.com` },
  },
  "the key's end": {
    action: "kms:ScheduleKeyDeletion",
    resource: key,
    context: { "kms:ViaService": `s3.${region}.amazonaws.com` },
  },
  "another node's instance": {
    action: "ec2:StopInstances",
    resource: `arn:aws:ec2:${region}:${account}:instance/i-0123456789abcdef0`,
  },
  "another role": { action: "iam:PassRole", resource: `arn:aws:iam::${account}:role/admin` },
  "a secret": {
    action: "secretsmanager:GetSecretValue",
    resource: `arn:aws:secretsmanager:${region}:${account}:secret:understudy-dev_app-AbCdEf`,
  },
};
/** A key leaves it to the account's policies. */
const keyPolicy = {
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Principal: { AWS: `arn:aws:iam::${account}:root` }, Action: "kms:*", Resource: "*" }],
};
/** Whose bucket lets everybody in, to see who comes. */
const openPolicy = {
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Principal: "*", Action: "s3:*", Resource: [arn(), arn("/*")] }],
};
function around({ action, resource, owner }: Call): Around {
  if (owner !== undefined) return { resource: openPolicy };
  if (action.startsWith("kms:")) return { resource: keyPolicy };
  return resource.startsWith(arn()) ? { resource: bucketPolicy(input) } : {};
}

describe("IAM policies of the target aws, as AWS evaluates them", () => {
  for (const [what, call] of Object.entries(pgbackrest)) {
    it(`a node may: ${what}`, async () => {
      assert.equal(await verdict([archivePolicy(input)], call, around(call)), "Allowed");
      assert.equal(await verdict([archivePolicy({ ...whole })], call, around(call)), "Allowed");
      const through = { ...around(call), endpoint: s3EndpointPolicy({ partition, buckets: [bucket] }) };
      assert.equal(await verdict([archivePolicy(input)], call, through), "Allowed");
    });

    it(`nobody may without TLS of today: ${what}`, async () => {
      for (const context of [{ "aws:SecureTransport": "false" }, { "s3:TlsVersion": "1.1" }]) {
        const bare = { ...call, context: { ...call.context, ...context } };
        assert.equal(
          await verdict([archivePolicy(input)], bare, around(call)),
          "ExplicitlyDenied",
          JSON.stringify(context),
        );
      }
    });

    it(`a fenced node may not, whatever else it is given: ${what}`, async () => {
      assert.equal(await verdict([fencedPolicy()], call, around(call)), "ExplicitlyDenied");
      assert.equal(await verdict([archivePolicy(input), fencedPolicy()], call, around(call)), "ExplicitlyDenied");
    });
  }

  for (const [what, call] of Object.entries(others)) {
    it(`a node may not: ${what}`, async () => {
      assert.equal(await verdict([archivePolicy(input)], call, around(call)), "ImplicitlyDenied");
    });
  }

  it("a node uses the bucket's key through S3 only, and none where it has none", async () => {
    for (const action of ["kms:Decrypt", "kms:GenerateDataKey"]) {
      const call = { action, resource: key, context: { "kms:ViaService": `s3.${region}.amazonaws.com` } };
      assert.equal(await verdict([archivePolicy(input)], call, { resource: keyPolicy }), "Allowed");
      assert.equal(await verdict([archivePolicy(whole)], call, { resource: keyPolicy }), "ImplicitlyDenied");
    }
  });

  it("a network without a way out leads to the archive's bucket only", async () => {
    const anything: PolicyDocument = {
      Version: "2012-10-17",
      Statement: [{ Sid: "All", Effect: "Allow", Action: "s3:*", Resource: "*" }],
    };
    const elsewhere = { action: "s3:PutObject", resource: "arn:aws:s3:::another/x" };
    assert.equal(await verdict([anything], elsewhere), "Allowed");
    assert.notEqual(
      await verdict([anything], elsewhere, { endpoint: s3EndpointPolicy({ partition, buckets: [bucket] }) }),
      "Allowed",
    );
  });

  describe("of the ledger", () => {
    const ledger = ledgerBucket(bucket);
    const principal = `arn:aws:iam::${account}:user/databases/understudy-dev__ledger`;
    const user = ledgerPolicy({ partition, region, account, bucket: ledger, kmsKey: key });
    const resource = ledgerBucketPolicy({ partition, bucket: ledger });
    const endpoint = s3EndpointPolicy({ partition, buckets: [bucket, ledger] });
    const at = (action: string, path: string, context: Readonly<Record<string, string>> = {}): Call => ({
      ...{ action: `s3:${action}`, resource: `arn:aws:s3:::${ledger}${path}`, context },
    });
    const isNew = { "s3:if-none-match": "*" };
    const entry = "/ledger/700/1";
    const asked: Readonly<Record<string, Call>> = {
      "GetObject of an entry": at("GetObject", entry),
      "GetObject of what is not there: by ListBucket S3 decides between 404 and 403": at("ListBucket", ""),
      "PutObject of an entry that is new": at("PutObject", entry, isNew),
    };

    for (const [what, call] of Object.entries(asked)) {
      it(`agents may, and a node's role may not: ${what}`, async () => {
        assert.equal(await verdict([user], { ...call, principal }, { resource }), "Allowed");
        assert.equal(await verdict([user], { ...call, principal }, { resource, endpoint }), "Allowed");
        for (const role of [archivePolicy(input), archivePolicy(whole)])
          assert.equal(await verdict([role], call, { resource }), "ImplicitlyDenied");
        const bare = { ...call, principal, context: { ...call.context, "aws:SecureTransport": "false" } };
        assert.equal(await verdict([user], bare, { resource }), "ExplicitlyDenied");
      });
    }

    const never: Readonly<Record<string, Call>> = {
      "delete an entry": at("DeleteObject", entry),
      "delete a version of one": at("DeleteObjectVersion", entry),
      "read a version": at("GetObjectVersion", entry),
      "put something beside it": at("PutObject", "/else", isNew),
      "read something beside it": at("GetObject", "/else"),
      "lock an entry": at("PutObjectRetention", entry),
      "change the bucket": at("PutBucketPolicy", ""),
      "delete the bucket": at("DeleteBucket", ""),
      "read WAL": { action: "s3:GetObject", resource: arn(object) },
      "list the archive": list(),
      "sign in as somebody else": { action: "sts:AssumeRole", resource: `arn:aws:iam::${account}:role/admin` },
      "make another key": { action: "iam:CreateAccessKey", resource: principal },
    };
    for (const [what, call] of Object.entries(never)) {
      it(`agents may not: ${what}`, async () => {
        const around = call.resource.startsWith(`arn:aws:s3:::${ledger}`) ? { resource } : {};
        assert.equal(await verdict([user], { ...call, principal }, around), "ImplicitlyDenied");
      });
    }

    it("nobody replaces an entry, whatever he may: a write is refused that does not say that it is of a new object", async () => {
      const anything: PolicyDocument = {
        Version: "2012-10-17",
        Statement: [{ Sid: "All", Effect: "Allow", Action: "s3:*", Resource: "*" }],
      };
      for (const policy of [user, anything]) {
        assert.equal(
          await verdict([policy], { ...at("PutObject", entry), principal }, { resource }),
          "ExplicitlyDenied",
        );
      }
      assert.equal(await verdict([anything], at("PutObject", entry, isNew), { resource }), "Allowed");
      // The archive's bucket asks nothing of the kind: pgBackRest replaces.
      const archive = { action: "s3:PutObject", resource: arn(object) };
      assert.equal(await verdict([anything], archive, { resource: bucketPolicy(input) }), "Allowed");
    });

    it("is no longer than IAM takes of a user, whatever the names", () => {
      const long = ledgerPolicy({
        ...{ partition: "aws-us-gov", region: "us-gov-west-1", account, bucket: ledgerBucket("x".repeat(63)) },
        kmsKey: key.replace(":aws:", ":aws-us-gov:").replace(region, "us-gov-west-1"),
      });
      assert.ok(JSON.stringify(long).length <= 2048, String(JSON.stringify(long).length));
    });
  });

  it("snapshots are taken and dropped of volumes with the cluster's tag only", async () => {
    const tag = { key: "understudy:snapshots", value: "dev" };
    const policy = [snapshotPolicy({ partition, region, account, tag })];
    const volume = `arn:aws:ec2:${region}:${account}:volume/vol-0123456789abcdef0`;
    const snapshot = `arn:aws:ec2:${region}::snapshot/snap-0123456789abcdef0`;
    const tagged = (value: string) => ({ [`ec2:ResourceTag/${tag.key}`]: value });
    const asked: readonly (readonly [Call, boolean])[] = [
      [{ action: "ec2:CreateSnapshot", resource: volume, context: tagged("dev") }, true],
      [{ action: "ec2:CreateSnapshot", resource: volume, context: tagged("other") }, false],
      [{ action: "ec2:CreateSnapshot", resource: volume }, false],
      [{ action: "ec2:CreateSnapshot", resource: snapshot }, true],
      [{ action: "ec2:DeleteSnapshot", resource: snapshot, context: tagged("dev") }, true],
      [{ action: "ec2:DeleteSnapshot", resource: snapshot }, false],
      [{ action: "ec2:CreateTags", resource: snapshot, context: { "ec2:CreateAction": "CreateSnapshot" } }, true],
      [{ action: "ec2:CreateTags", resource: snapshot }, true],
      [{ action: "ec2:CreateTags", resource: volume, context: tagged("dev") }, false],
      [{ action: "ec2:DeleteVolume", resource: volume, context: tagged("dev") }, false],
      [{ action: "ec2:ModifySnapshotAttribute", resource: snapshot, context: tagged("dev") }, false],
    ];
    for (const [call, allowed] of asked) {
      assert.equal((await verdict(policy, call)) === "Allowed", allowed, JSON.stringify(call));
    }
  });

  it("a node sends figures of its own cluster, and nothing else to CloudWatch", async () => {
    const namespace = metricsNamespace("dev");
    const policy = joinedPolicy(archivePolicy(input), metricsPolicy(namespace)) as PolicyDocument;
    const put = (name: string): Call => ({
      action: "cloudwatch:PutMetricData",
      resource: "*",
      context: { "cloudwatch:namespace": name },
    });
    const through = { endpoint: metricsEndpointPolicy(namespace, account) };
    const principal = { "aws:PrincipalAccount": account };
    assert.equal(await verdict([policy], put(namespace)), "Allowed");
    const own = { ...put(namespace), context: { "cloudwatch:namespace": namespace, ...principal } };
    assert.equal(await verdict([policy], own, through), "Allowed");
    const stranger = { ...own, context: { ...own.context, "aws:PrincipalAccount": "210987654321" } };
    assert.notEqual(await verdict([policy], stranger, through), "Allowed");
    for (const other of ["Understudy/other", "Understudy/dev2", "AWS/EC2", "CWAgent"]) {
      assert.equal(await verdict([policy], put(other)), "ImplicitlyDenied", other);
    }
    for (const action of ["cloudwatch:GetMetricData", "cloudwatch:PutMetricAlarm", "cloudwatch:DeleteAlarms"]) {
      const resource = action === "cloudwatch:GetMetricData" ? "*" : `arn:aws:cloudwatch:${region}:${account}:alarm:x`;
      assert.equal(await verdict([policy], { action, resource }), "ImplicitlyDenied", action);
    }
    assert.equal(await verdict([policy, fencedPolicy()], put(namespace)), "ExplicitlyDenied");
    assert.equal(joinedPolicy(undefined, undefined), undefined);
  });
});
