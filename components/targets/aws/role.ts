import type { ComponentResourceOptions, Output, Resource } from "@pulumi/pulumi";
import type { AwsRoles } from "../../../model/aws/config.ts";
import { awsName } from "../../../model/aws/names.ts";
import { type PolicyDocument, rolePolicyName, trustPolicy } from "../../../model/aws/policies.ts";
import { ClusterPart } from "../../part.ts";
import { sdk } from "./sdk.ts";

/** What an organisation asks of every role, and of a user. */
export function asOrganised({ path, permissionsBoundary }: AwsRoles) {
  return {
    ...(path === "/" ? {} : { path }),
    ...(permissionsBoundary === undefined ? {} : { permissionsBoundary }),
  };
}

export interface AwsRoleArgs {
  readonly roles: AwsRoles;
  readonly clusterName: string;
  /** What the node may do; undefined: nothing. */
  readonly policy: PolicyDocument | undefined;
}

/**
 * Who a node is to AWS: a role of its own, with one policy. While the node is fenced it is denied everything by another one, which the step
 * `surroundings` puts beside it and `power` takes away: a failover changes nothing of what is here.
 */
export class AwsRole extends ClusterPart {
  readonly name: Output<string>;
  /** Name of the instance profile. */
  readonly profile: Output<string>;
  readonly policy: Resource | undefined;

  constructor(name: string, { clusterName, policy, roles }: AwsRoleArgs, opts: ComponentResourceOptions) {
    super("understudy:index:AwsRole", name, opts);
    const iam = sdk("iam");
    const role = new iam.Role(
      this.named(`role-${name}`),
      {
        name: awsName("role", clusterName, name),
        description: `What the node ${name} may do`,
        assumeRolePolicy: JSON.stringify(trustPolicy("ec2.amazonaws.com")),
        // What `surroundings` has put there goes with it.
        forceDetachPolicies: true,
        ...asOrganised(roles),
      },
      // A path is for good: a change of it would make another role.
      { parent: this, ignoreChanges: ["path"] },
    );
    this.policy =
      policy &&
      new iam.RolePolicy(
        this.named(`role-policy-${name}`),
        { name: rolePolicyName, role: role.id, policy: JSON.stringify(policy) },
        { parent: this },
      );
    const profile = new iam.InstanceProfile(
      this.named(`profile-${name}`),
      {
        name: awsName("role", clusterName, name),
        role: role.name,
        ...(roles.path === "/" ? {} : { path: roles.path }),
      },
      { parent: this, ignoreChanges: ["path"] },
    );
    this.name = role.name;
    this.profile = profile.name;
    this.registerOutputs({});
  }
}
