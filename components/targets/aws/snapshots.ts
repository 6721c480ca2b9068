import type { ComponentResourceOptions } from "@pulumi/pulumi";
import type { AwsConfig, AwsSnapshots as SnapshotConfig } from "../../../model/aws/config.ts";
import { awsName } from "../../../model/aws/names.ts";
import { snapshotPolicy, trustPolicy } from "../../../model/aws/policies.ts";
import { partitionOf } from "../../../model/aws/regions.ts";
import { ClusterPart } from "../../part.ts";
import { asOrganised } from "./role.ts";
import { sdk } from "./sdk.ts";

export interface AwsSnapshotsArgs {
  readonly config: SnapshotConfig;
  readonly aws: AwsConfig;
  readonly clusterName: string;
}

/** What the volumes that snapshots are taken of are known by. */
export function snapshotTag(clusterName: string) {
  return { key: "understudy:snapshots", value: clusterName } as const;
}

/** Snapshots of every data volume, by schedule. They are copies of a crashed disk: what is restored from is the archive. */
export class AwsSnapshots extends ClusterPart {
  constructor(name: string, { config, aws, clusterName }: AwsSnapshotsArgs, opts: ComponentResourceOptions) {
    super("understudy:index:AwsSnapshots", name, opts);
    const iam = sdk("iam");
    const parent = { parent: this };
    const tag = snapshotTag(clusterName);
    const role = new iam.Role(
      this.named("snapshot-role"),
      {
        name: awsName("role", clusterName, "_snapshots"),
        description: "Takes snapshots of the cluster's data volumes",
        assumeRolePolicy: JSON.stringify(trustPolicy("dlm.amazonaws.com", aws.account)),
        ...asOrganised(aws.roles),
      },
      { ...parent, ignoreChanges: ["path"] },
    );
    const { region, account } = aws;
    const policy = new iam.RolePolicy(
      this.named("snapshot-role-policy"),
      {
        name: "understudy",
        role: role.id,
        policy: JSON.stringify(snapshotPolicy({ partition: partitionOf(region), region, account, tag })),
      },
      parent,
    );
    new (sdk("dlm").LifecyclePolicy)(
      this.named("snapshots"),
      {
        description: `Data volumes of ${clusterName}`,
        executionRoleArn: role.arn,
        state: "ENABLED",
        policyDetails: {
          resourceTypes: ["VOLUME"],
          targetTags: { [tag.key]: tag.value },
          schedules: [
            {
              name: `every ${config.everyHours} h`,
              createRule: { interval: config.everyHours, intervalUnit: "HOURS", times: "03:30" },
              retainRule: { count: config.keep },
              copyTags: true,
            },
          ],
        },
        tags: { Name: awsName("role", clusterName, "_snapshots") },
      },
      { ...parent, dependsOn: [policy] },
    );
    this.registerOutputs({});
  }
}
