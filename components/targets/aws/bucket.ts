import {
  type ComponentResourceOptions,
  type CustomResourceOptions,
  type InvokeOptions,
  type Output,
  type Resource,
  RunError,
  secret,
} from "@pulumi/pulumi";
import { type BucketAnswer, bucketProblem } from "../../../model/aws/bucketProblem.ts";
import type { AwsConfig } from "../../../model/aws/config.ts";
import { bucketPolicy, type PolicyDocument } from "../../../model/aws/policies.ts";
import { partitionOf, s3Server } from "../../../model/aws/regions.ts";
import type { ArchiveAccess } from "../../../model/render/pgbackrest.ts";
import { ClusterPart, named } from "../../part.ts";
import { storedOutputs } from "../../stackState.ts";
import type { ArchiveServer, LedgerPlace } from "../machine.ts";
import { sdk } from "./sdk.ts";

export interface AwsBucketArgs {
  readonly aws: AwsConfig;
  readonly bucket: string;
  /** Whether it outlives the stack, with all its settings. */
  readonly deletionProtection: boolean;
}

export interface AwsArchiveArgs extends AwsBucketArgs {
  readonly ledger: (LedgerPlace & { readonly ready: readonly Resource[] }) | undefined;
}

/** The archive's bucket, and the ledger beside it. */
export class AwsArchive extends ClusterPart implements ArchiveServer {
  readonly endpoint;
  readonly access: Output<ArchiveAccess>;
  readonly signedBy = "public";
  readonly ledger: LedgerPlace | undefined;
  readonly ready: readonly Resource[];

  constructor(name: string, { ledger, ...args }: AwsArchiveArgs, opts: ComponentResourceOptions) {
    super("understudy:index:AwsArchive", name, opts);
    const { aws } = args;
    const policy = bucketPolicy({ partition: partitionOf(aws.region), bucket: args.bucket });
    const { bucket, of, setting, versioning, ready } = privateBucket("archive", { ...args, policy }, this);
    const lifecycle = new (sdk("s3").BucketLifecycleConfiguration)(
      of("lifecycle"),
      { bucket: bucket.id, rules: lifecycleRules(aws.bucket.keepVersionsDays) },
      { ...setting, dependsOn: [versioning] },
    );
    const server = s3Server(aws.region);
    this.endpoint = server.endpoint;
    this.access = secret({
      endpoint: this.endpoint,
      role: "instance" as const,
      uriStyle: server.uriStyle,
      caFile: undefined,
      verifyTls: true,
    });
    this.ledger = ledger;
    this.ready = [...ready, lifecycle, ...(ledger?.ready ?? [])];
    this.registerOutputs({ endpoint: this.endpoint });
  }
}

/**
 * A bucket that nobody gets at but by policies of the account's, and what is set of it. Its name is in the names of its resources: another bucket is made
 * beside the one before, which is left alone.
 */
export function privateBucket(
  what: "archive" | "ledger",
  { aws, bucket: bucketName, deletionProtection, policy }: AwsBucketArgs & { readonly policy: PolicyDocument },
  part: ClusterPart,
) {
  const s3 = sdk("s3");
  const kept = { parent: part, retainOnDelete: deletionProtection };
  const resource = named(`${what}-${bucketName}`, { parent: part });
  const bucket = new s3.Bucket(
    resource,
    {
      bucket: freeName(resource, bucketName, { parent: part }),
      forceDestroy: !deletionProtection,
      tags: { Name: bucketName },
    },
    // Object lock is switched on below, on a bucket that exists: here it would be another bucket.
    { ...kept, ignoreChanges: ["objectLockEnabled"] },
  );
  const setting: CustomResourceOptions = { ...kept, deletedWith: bucket };
  const of = (whatOfIt: string) => named(`${what}-${bucketName}-${whatOfIt}`, { parent: part });

  const publicAccess = new s3.BucketPublicAccessBlock(
    of("public-access"),
    {
      bucket: bucket.id,
      blockPublicAcls: true,
      blockPublicPolicy: true,
      ignorePublicAcls: true,
      restrictPublicBuckets: true,
    },
    setting,
  );
  const ownership = new s3.BucketOwnershipControls(
    of("ownership"),
    { bucket: bucket.id, rule: { objectOwnership: "BucketOwnerEnforced" } },
    setting,
  );
  const encryption = new s3.BucketServerSideEncryptionConfiguration(
    of("encryption"),
    { bucket: bucket.id, rules: [encryptionRule(aws.bucket.kmsKey)] },
    setting,
  );
  const versioning = new s3.BucketVersioning(
    of("versioning"),
    { bucket: bucket.id, versioningConfiguration: { status: "Enabled" } },
    setting,
  );
  const itsPolicy = new s3.BucketPolicy(
    of("policy"),
    { bucket: bucket.id, policy: JSON.stringify(policy) },
    { ...setting, dependsOn: [publicAccess] },
  );
  const { objectLock } = aws.bucket;
  const lock =
    objectLock &&
    new s3.BucketObjectLockConfiguration(
      of("object-lock"),
      {
        bucket: bucket.id,
        rule: { defaultRetention: { mode: objectLock.mode.toUpperCase(), days: objectLock.days } },
      },
      { ...setting, dependsOn: [versioning] },
    );
  const ready: readonly Resource[] = [itsPolicy, ownership, encryption, ...(lock ? [lock] : [])];
  return { bucket, of, setting, versioning, ready };
}

/** The name of the bucket that `resource` is, once it is known that nobody else's bucket has it. Rejects, in the preview too. */
export async function freeName(resource: string, bucket: string, opts: InvokeOptions): Promise<string> {
  if (await storedOutputs("aws:s3/bucket:Bucket", resource)) return bucket;
  const answer = await sdk("s3")
    .getBucket({ bucket }, opts)
    .then(
      (): BucketAnswer => ({ kind: "there" }),
      (error): BucketAnswer => ({ kind: "error", message: String(error) }),
    );
  const problem = bucketProblem(bucket, answer);
  if (problem !== undefined) throw new RunError(problem);
  return bucket;
}

function encryptionRule(kmsKey: string | undefined) {
  return {
    ...(kmsKey === undefined
      ? { applyServerSideEncryptionByDefault: { sseAlgorithm: "AES256" } }
      : {
          applyServerSideEncryptionByDefault: { sseAlgorithm: "aws:kms", kmsMasterKeyId: kmsKey },
          // One call of KMS for many objects, instead of one for each WAL file.
          bucketKeyEnabled: true,
        }),
    // Whoever has a node's credentials can't lock the archive away with a key of his own.
    blockedEncryptionTypes: ["SSE-C"],
  };
}

/** pgBackRest itself decides what is not needed any more; here goes what it has left. */
function lifecycleRules(keepVersionsDays: number) {
  return [
    {
      id: "old-versions",
      status: "Enabled",
      filter: { prefix: "" },
      noncurrentVersionExpiration: { noncurrentDays: keepVersionsDays },
      expiration: { expiredObjectDeleteMarker: true },
    },
    {
      id: "unfinished-uploads",
      status: "Enabled",
      filter: { prefix: "" },
      abortIncompleteMultipartUpload: { daysAfterInitiation: 7 },
    },
  ];
}
