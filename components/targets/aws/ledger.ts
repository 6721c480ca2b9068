import { type ComponentResourceOptions, type Output, type Resource, secret } from "@pulumi/pulumi";
import { awsName } from "../../../model/aws/names.ts";
import { ledgerBucketPolicy, ledgerPolicy, rolePolicyName } from "../../../model/aws/policies.ts";
import { partitionOf, s3Server } from "../../../model/aws/regions.ts";
import { ClusterPart } from "../../part.ts";
import type { LedgerPlace } from "../machine.ts";
import { type AwsBucketArgs, privateBucket } from "./bucket.ts";
import { asOrganised } from "./role.ts";
import { sdk } from "./sdk.ts";

export interface AwsLedgerArgs extends AwsBucketArgs {
  readonly clusterName: string;
}

/**
 * The ledger's bucket, and the user that agents are to it. Not a node's role: root has that as postgres has it, and postgres must not reach the ledger.
 */
export class AwsLedger extends ClusterPart implements LedgerPlace {
  readonly bucket: string;
  readonly uriStyle;
  readonly accessKey: Output<string>;
  readonly secretKey: Output<string>;
  readonly ready: readonly Resource[];

  constructor(name: string, { clusterName, ...args }: AwsLedgerArgs, opts: ComponentResourceOptions) {
    super("understudy:index:AwsLedger", name, opts);
    const { aws, bucket } = args;
    const { region, account, roles } = aws;
    const parent = { parent: this };
    const place = { partition: partitionOf(region), bucket };
    // No rule removes what is old: an entry is never deleted.
    const { ready } = privateBucket("ledger", { ...args, policy: ledgerBucketPolicy(place) }, this);
    const iam = sdk("iam");
    const userName = awsName("role", clusterName, "_ledger");
    const user = new iam.User(
      this.named("ledger-user"),
      { name: userName, tags: { Name: userName }, ...asOrganised(roles) },
      parent,
    );
    const policy = new iam.UserPolicy(
      this.named("ledger-user-policy"),
      {
        name: rolePolicyName,
        user: user.name,
        policy: JSON.stringify(ledgerPolicy({ ...place, region, account, kmsKey: aws.bucket.kmsKey })),
      },
      parent,
    );
    const key = new iam.AccessKey(this.named("ledger-access-key"), { user: user.name }, parent);
    this.bucket = bucket;
    this.uriStyle = s3Server(region).uriStyle;
    this.accessKey = key.id;
    this.secretKey = secret(key.secret);
    this.ready = [...ready, policy];
    this.registerOutputs({});
  }
}
