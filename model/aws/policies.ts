import { ledgerFolder } from "../paths.ts";

/** IAM policies as plain values: least privilege, written down once, evaluated in tests. */

export interface Statement {
  readonly Sid: string;
  readonly Effect: "Allow" | "Deny";
  readonly Principal?: "*" | { readonly Service: string };
  readonly Action: string | readonly string[];
  readonly Resource?: string | readonly string[];
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;
}

export interface PolicyDocument {
  readonly Version: "2012-10-17";
  readonly Statement: readonly Statement[];
}

function document(...statements: readonly Statement[]): PolicyDocument {
  return { Version: "2012-10-17", Statement: statements };
}

/** Who may take a role: one service of AWS's; where that says on whose behalf it acts, on behalf of `account` only. */
export function trustPolicy(service: "ec2.amazonaws.com" | "dlm.amazonaws.com", account?: string): PolicyDocument {
  return document({
    Sid: "TakenByTheService",
    Effect: "Allow",
    Principal: { Service: service },
    Action: "sts:AssumeRole",
    ...(account === undefined ? {} : { Condition: { StringEquals: { "aws:SourceAccount": account } } }),
  });
}

export interface ArchivePolicyInput {
  readonly partition: string;
  readonly region: string;
  readonly account: string;
  readonly bucket: string;
  /** Folder within the bucket, without slashes at its ends; "": all of it. */
  readonly prefix: string;
  /** ARN of the bucket's key, where it has one of the user's. */
  readonly kmsKey: string | undefined;
}

/**
 * What pgBackRest does on a node: read, write (parts of an upload too) and delete below the cluster's folder, list the bucket, and nothing
 * else. It never asks for old versions, so that what it deletes can be brought back by somebody else.
 */
export function archivePolicy(input: ArchivePolicyInput): PolicyDocument {
  const folder = input.prefix === "" ? "" : `${input.prefix}/`;
  const actions = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"];
  return document(...useOfBucket(input, { list: "ListTheArchive", use: "UseTheArchive", folder, actions }));
}

/** What agents do with the ledger: look what is there, read it, and make the next entry. Nothing is ever deleted. */
export function ledgerPolicy(input: Omit<ArchivePolicyInput, "prefix">): PolicyDocument {
  const actions = ["s3:GetObject", "s3:PutObject"];
  return document(...useOfBucket(input, { list: "ListTheLedger", use: "ReadAndAdd", folder: ledgerFolder, actions }));
}

interface BucketUse {
  /** The statements' names. */
  readonly list: string;
  readonly use: string;
  /** Below which `actions` are allowed; it ends with `/`, or is empty. */
  readonly folder: string;
  readonly actions: readonly string[];
}

function useOfBucket(
  input: Omit<ArchivePolicyInput, "prefix">,
  { list, use, folder, actions }: BucketUse,
): readonly Statement[] {
  const arn = `arn:${input.partition}:s3:::${input.bucket}`;
  const Condition = { StringEquals: { "aws:ResourceAccount": input.account } };
  return [
    // Not by `s3:prefix`: a look at an object that is not there has none, and S3 would answer it with 403 instead of 404.
    { Sid: list, Effect: "Allow", Action: "s3:ListBucket", Resource: arn, Condition },
    { Sid: use, Effect: "Allow", Action: actions, Resource: `${arn}/${folder}*`, Condition },
    ...useOfKey(input),
  ];
}

function useOfKey({
  partition,
  region,
  kmsKey,
}: Pick<ArchivePolicyInput, "partition" | "region" | "kmsKey">): readonly Statement[] {
  if (kmsKey === undefined) return [];
  const viaS3 = { "kms:ViaService": `s3.${region}.amazonaws.com${partition === "aws-cn" ? ".cn" : ""}` };
  return [
    {
      Sid: "UseTheKeyThroughS3",
      Effect: "Allow",
      Action: ["kms:Decrypt", "kms:GenerateDataKey"],
      Resource: kmsKey,
      Condition: { StringEquals: viaS3 },
    },
  ];
}

/** What a node sends to CloudWatch: figures of its own cluster. The call can't be told which ones; the namespace can. */
export function metricsPolicy(namespace: string): PolicyDocument {
  return document({
    Sid: "SendFigures",
    Effect: "Allow",
    Action: "cloudwatch:PutMetricData",
    Resource: "*",
    Condition: { StringEquals: { "cloudwatch:namespace": namespace } },
  });
}

/** All of them as one; undefined where there is none. */
export function joinedPolicy(...policies: readonly (PolicyDocument | undefined)[]): PolicyDocument | undefined {
  const statements = policies.flatMap((policy) => policy?.Statement ?? []);
  return statements.length === 0 ? undefined : document(...statements);
}

/** What goes through the VPC's own way to CloudWatch: the cluster's figures, from the stack's account. */
export function metricsEndpointPolicy(namespace: string, account: string): PolicyDocument {
  return document({
    Sid: "TheClustersFiguresOnly",
    Effect: "Allow",
    Principal: "*",
    Action: "cloudwatch:PutMetricData",
    Resource: "*",
    Condition: { StringEquals: { "cloudwatch:namespace": namespace, "aws:PrincipalAccount": account } },
  });
}

/** Name of the inline policy that says what a node may do. */
export const rolePolicyName = "understudy";
/** Name of the one that denies a fenced node everything. It stands beside the other one, so that a failover changes nothing that the stack's state knows. */
export const fencedPolicyName = "understudy-fenced";

/** What a fenced node may do: nothing. It holds for credentials that it has already, and lags, so it is no proof of anything. */
export function fencedPolicy(): PolicyDocument {
  return document({ Sid: "Fenced", Effect: "Deny", Action: "*", Resource: "*" });
}

/** Nobody reaches the bucket without TLS of today, whatever else they may. */
export function bucketPolicy({ partition, bucket }: Pick<ArchivePolicyInput, "partition" | "bucket">): PolicyDocument {
  const arn = `arn:${partition}:s3:::${bucket}`;
  const everything = { Principal: "*", Action: "s3:*", Resource: [arn, `${arn}/*`] } as const;
  return document(
    { Sid: "TlsOnly", Effect: "Deny", ...everything, Condition: { Bool: { "aws:SecureTransport": "false" } } },
    { Sid: "TlsOfToday", Effect: "Deny", ...everything, Condition: { NumericLessThan: { "s3:TlsVersion": "1.2" } } },
  );
}

/** As `bucketPolicy`. Nor is an object of the ledger's replaced, by whomever: a write that is not said to be of a new one is refused. */
export function ledgerBucketPolicy(input: Pick<ArchivePolicyInput, "partition" | "bucket">): PolicyDocument {
  return document(...bucketPolicy(input).Statement, {
    Sid: "NothingIsReplaced",
    Effect: "Deny",
    Principal: "*",
    Action: "s3:PutObject",
    Resource: `arn:${input.partition}:s3:::${input.bucket}/*`,
    Condition: { Null: { "s3:if-none-match": "true" } },
  });
}

/** What goes through the VPC's own way to S3: packages of the distribution are not there, so the archive and the ledger are all it is for. */
export function s3EndpointPolicy({
  partition,
  buckets,
}: Pick<ArchivePolicyInput, "partition"> & { readonly buckets: readonly string[] }): PolicyDocument {
  return document({
    Sid: "TheArchiveOnly",
    Effect: "Allow",
    Principal: "*",
    Action: ["s3:ListBucket", "s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
    Resource: buckets.map((bucket) => `arn:${partition}:s3:::${bucket}`).flatMap((arn) => [arn, `${arn}/*`]),
  });
}

/**
 * What the snapshot service does with the cluster's volumes. AWS's own policy for it takes every volume and instance of the account; this one goes
 * by the tag that the cluster's volumes have.
 */
export function snapshotPolicy(input: {
  readonly partition: string;
  readonly region: string;
  readonly account: string;
  readonly tag: { readonly key: string; readonly value: string };
}): PolicyDocument {
  const { partition, region, account, tag } = input;
  const volumes = `arn:${partition}:ec2:${region}:${account}:volume/*`;
  const snapshots = `arn:${partition}:ec2:${region}::snapshot/*`;
  return document(
    {
      Sid: "Look",
      Effect: "Allow",
      // Neither of them can be told which ones.
      Action: ["ec2:DescribeVolumes", "ec2:DescribeSnapshots"],
      Resource: "*",
    },
    {
      Sid: "SnapshotOurVolumes",
      Effect: "Allow",
      Action: "ec2:CreateSnapshot",
      Resource: volumes,
      Condition: { StringEquals: { [`ec2:ResourceTag/${tag.key}`]: tag.value } },
    },
    { Sid: "IntoSnapshots", Effect: "Allow", Action: "ec2:CreateSnapshot", Resource: snapshots },
    // Without a condition, as AWS documents it: nothing says that the service tags a snapshot in the same call that makes it.
    { Sid: "TagThem", Effect: "Allow", Action: "ec2:CreateTags", Resource: snapshots },
    {
      Sid: "DropOurOwn",
      Effect: "Allow",
      Action: "ec2:DeleteSnapshot",
      Resource: snapshots,
      Condition: { StringEquals: { [`ec2:ResourceTag/${tag.key}`]: tag.value } },
    },
  );
}
