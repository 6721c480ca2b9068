import type { ComponentResourceOptions, Output, Resource } from "@pulumi/pulumi";
import { awsName } from "../../../model/aws/names.ts";
import { fencedPolicy, type PolicyDocument, trustPolicy } from "../../../model/aws/policies.ts";
import { ClusterPart } from "../../part.ts";
import type { FenceChange } from "../machine.ts";
import { sdk } from "./sdk.ts";

export interface AwsRoleArgs {
  readonly clusterName: string;
  /** What the node may do; undefined: nothing. */
  readonly policy: PolicyDocument | undefined;
  /** Given where the node is fenced: it may do nothing then, once the change is armed. */
  readonly fence: FenceChange | undefined;
}

/** Who a node is to AWS: a role of its own, with one policy. */
export class AwsRole extends ClusterPart {
  /** Name of the instance profile. */
  readonly profile: Output<string>;
  readonly policy: Resource | undefined;

  constructor(name: string, { clusterName, policy, fence }: AwsRoleArgs, opts: ComponentResourceOptions) {
    super("understudy:index:AwsRole", name, opts);
    const iam = sdk("iam");
    const role = new iam.Role(
      this.named(`role-${name}`),
      {
        name: awsName("role", clusterName, name),
        description: `What the node ${name} may do`,
        assumeRolePolicy: JSON.stringify(trustPolicy("ec2.amazonaws.com")),
      },
      { parent: this },
    );
    const document = fence ? fencedPolicy() : policy;
    this.policy =
      document &&
      new iam.RolePolicy(
        this.named(`role-policy-${name}`),
        { name: "understudy", role: role.id, policy: JSON.stringify(document) },
        { parent: this, dependsOn: [...(fence?.after ?? [])] },
      );
    const profile = new iam.InstanceProfile(
      this.named(`profile-${name}`),
      { name: awsName("role", clusterName, name), role: role.name },
      { parent: this },
    );
    this.profile = profile.name;
    this.registerOutputs({});
  }
}
