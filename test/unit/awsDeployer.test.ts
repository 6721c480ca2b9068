import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { ledgerBucket } from "../../model/aws/names.ts";
import { api } from "../standins/aws/models/requests.js";
import { decision, type Statement } from "../standins/aws/services/policy.mjs";
import { account } from "../support/awsConfigs.ts";

const region = "eu-central-1";
const bucket = "acme-archive";
const text = readFileSync(new URL("../../docs/aws-deployer.json", import.meta.url), "utf8");
const { Statement: statements } = JSON.parse(
  text.replaceAll("REGION", region).replaceAll("ACCOUNT", account).replaceAll("BUCKET", bucket),
) as { Statement: Statement[] };

/** Where the right to make a call has another name than the call. */
const rightOf: Readonly<Record<string, string>> = {
  "resourcegroupstaggingapi:GetResources": "tag:GetResources",
  "s3:PutPublicAccessBlock": "s3:PutBucketPublicAccessBlock",
  "s3:PutBucketEncryption": "s3:PutEncryptionConfiguration",
  "s3:PutBucketLifecycleConfiguration": "s3:PutLifecycleConfiguration",
  "s3:PutObjectLockConfiguration": "s3:PutBucketObjectLockConfiguration",
};

const user = `arn:aws:iam::${account}:user/databases/understudy-dev__ledger`;
const resources: Readonly<Record<string, string>> = {
  iam: `arn:aws:iam::${account}:role/databases/understudy-dev_node-a`,
  s3: `arn:aws:s3:::${bucket}`,
  secretsmanager: `arn:aws:secretsmanager:${region}:${account}:secret:understudy-dev_app-AbCdEf`,
};

/** What takes resources away, and changes them, besides what makes them. */
const others = [
  ...["TerminateInstances", "DeleteVolume", "DetachVolume", "DeleteNetworkInterface", "DetachNetworkInterface"],
  ...["DeleteVpc", "DeleteSubnet", "ModifySubnetAttribute", "ModifyVpcAttribute", "DetachInternetGateway"],
  ...["DeleteInternetGateway", "CreateInternetGateway", "DisassociateAddress", "ReleaseAddress", "DeleteNatGateway"],
  ...["DeleteRoute", "ReplaceRoute", "DeleteRouteTable", "DisassociateRouteTable", "DeleteVpcEndpoints"],
  ...["ModifyVpcEndpoint", "DeleteSecurityGroup", "RevokeSecurityGroupIngress", "RevokeSecurityGroupEgress"],
  ...["ModifySecurityGroupRules", "ModifyInstanceAttribute", "ModifyInstanceMetadataOptions", "DeleteTags"],
].map((call) => `ec2:${call}`);
/** And of the ledger's user, what its provider asks. */
const ofUsers = [
  ...["GetUser", "UpdateUser", "DeleteUser", "TagUser", "UntagUser", "ListGroupsForUser", "GetUserPolicy"],
  ...["DeleteUserPolicy", "PutUserPermissionsBoundary", "DeleteUserPermissionsBoundary"],
  ...["ListAccessKeys", "DeleteAccessKey"],
].map((call) => `iam:${call}`);

function resourceOf(action: string): string {
  if (/^iam:List(?:Roles|InstanceProfiles|Users)$/.test(action)) return "*";
  return /^iam:.*(?:User|AccessKey)/.test(action) ? user : (resources[action.split(":")[0] ?? ""] ?? "*");
}

const allowed = (action: string, resource = resourceOf(action), context: Record<string, string[]> = {}) =>
  decision(statements, { action, resource, context: { "aws:RequestedRegion": [region], ...context } });

describe("the policy for who deploys the target aws", () => {
  it("allows every call that resources and steps are made of, and what takes them away", () => {
    const calls = [
      ...Object.keys(api.operations).map((call) => rightOf[call] ?? call.replace(/^elbv2:/, "elasticloadbalancing:")),
      ...others,
      ...ofUsers,
    ];
    assert.ok(calls.length > 70, String(calls.length));
    assert.deepEqual(
      calls.filter((call) => allowed(call) !== "allow"),
      [],
    );
    for (const service of ["ec2.amazonaws.com", "dlm.amazonaws.com"])
      assert.equal(allowed("iam:PassRole", resources.iam, { "iam:PassedToService": [service] }), "allow");
    for (const call of ["CreateBucket", "PutBucketPolicy", "DeleteBucket", "DeleteObjectVersion"])
      assert.equal(allowed(`s3:${call}`, `arn:aws:s3:::${ledgerBucket(bucket)}`), "allow", call);
  });

  it("allows nothing that reaches beyond the stack", () => {
    const beyond: readonly (readonly [string, string?, Record<string, string[]>?])[] = [
      ["iam:CreateUser", `arn:aws:iam::${account}:user/admin`],
      ["iam:CreateAccessKey", `arn:aws:iam::${account}:user/admin`],
      ["iam:AttachUserPolicy", user],
      ["iam:CreateLoginProfile", user],
      ["iam:AttachRolePolicy"],
      ["iam:PutRolePolicy", `arn:aws:iam::${account}:role/admin`],
      ["iam:PassRole", resources.iam as string, { "iam:PassedToService": ["lambda.amazonaws.com"] }],
      ["s3:PutBucketPolicy", "arn:aws:s3:::somebody-elses"],
      ["secretsmanager:GetSecretValue", `arn:aws:secretsmanager:${region}:${account}:secret:others-AbCdEf`],
      ["ec2:RunInstances", "*", { "aws:RequestedRegion": ["us-east-1"] }],
      ["kms:ScheduleKeyDeletion"],
    ];
    for (const [action, resource, context] of beyond)
      assert.equal(allowed(action, resource, context), "no_match", action);
  });

  it("fits into one managed policy", () => {
    assert.ok(text.replaceAll(/\s/g, "").length <= 6144, String(text.replaceAll(/\s/g, "").length));
  });
});
