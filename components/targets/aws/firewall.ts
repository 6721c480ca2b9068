import type { SecurityGroup } from "@pulumi/aws/ec2/securityGroup.js";
import type { ComponentResourceOptions, Output, Resource } from "@pulumi/pulumi";
import { type Group, type Peer, type Rule, ruleName } from "../../../model/aws/firewallRules.ts";
import { awsName } from "../../../model/aws/names.ts";
import { ClusterPart } from "../../part.ts";
import type { AwsNetwork } from "./network.ts";
import { sdk } from "./sdk.ts";

export interface AwsFirewallArgs {
  readonly clusterName: string;
  readonly network: AwsNetwork;
  readonly rules: readonly Rule[];
}

const about: Readonly<Record<Group, string>> = {
  nodes: "PostgreSQL nodes",
  bastion: "The way in for operators",
  balancer: "Load balancer before the poolers",
  cloudWatch: "The way to CloudWatch",
};

/** The security groups, and each rule as a resource of its own: one that changes does not open or close another for a moment. */
export class AwsFirewall extends ClusterPart {
  /** Ids, of the groups that have rules. */
  readonly groups: Readonly<Partial<Record<Group, Output<string>>>>;
  readonly rules: readonly Resource[];

  constructor(name: string, { clusterName, network, rules }: AwsFirewallArgs, opts: ComponentResourceOptions) {
    super("understudy:index:AwsFirewall", name, opts);
    const groups: Partial<Record<Group, SecurityGroup>> = {};
    for (const { group } of rules) {
      groups[group] ??= new (sdk("ec2").SecurityGroup)(
        this.named(`${group}-group`),
        {
          name: awsName("securityGroup", clusterName, group),
          description: about[group],
          vpcId: network.vpcId,
          tags: { Name: awsName("securityGroup", clusterName, group) },
        },
        { parent: this },
      );
    }
    const idOf = (group: Group) => (groups[group] as SecurityGroup).id;
    const other = (peer: Peer) => {
      switch (peer.kind) {
        case "network":
          return { cidrIpv4: peer.cidr };
        case "group":
          return { referencedSecurityGroupId: idOf(peer.group) };
        case "foreign":
          return { referencedSecurityGroupId: peer.id };
        case "s3":
          return { prefixListId: network.s3PrefixList as Output<string> };
        default:
          return peer satisfies never;
      }
    };
    this.rules = rules.map((rule) => {
      const { group, direction, peer, protocol, port, what } = rule;
      const { SecurityGroupEgressRule, SecurityGroupIngressRule } = sdk("vpc");
      return new (direction === "in" ? SecurityGroupIngressRule : SecurityGroupEgressRule)(
        this.named(ruleName(rule)),
        {
          securityGroupId: idOf(group),
          ipProtocol: protocol,
          fromPort: port,
          toPort: port,
          ...other(peer),
          description: what,
          tags: { Name: what },
        },
        { parent: this },
      );
    });
    this.groups = Object.fromEntries(Object.entries(groups).map(([group, { id }]) => [group, id]));
    this.registerOutputs({});
  }
}
