import { all, type ComponentResourceOptions, type CustomResourceOptions, type Output } from "@pulumi/pulumi";
import { type AwsEndpoint as EndpointConfig, endpointNames } from "../../../model/aws/config.ts";
import { awsName } from "../../../model/aws/names.ts";
import type { PoolerConfig } from "../../../model/config/clusterConfig.ts";
import { balancerIdleSeconds } from "../../../model/keepalive.ts";
import type { SurroundingsInput } from "../../../model/stepInputs.ts";
import { ClusterPart } from "../../part.ts";
import type { Machine } from "../machine.ts";
import type { AwsNetwork } from "./network.ts";
import { sdk } from "./sdk.ts";

export interface AwsEndpointArgs {
  readonly config: EndpointConfig;
  readonly clusterName: string;
  readonly network: AwsNetwork;
  readonly pooler: PoolerConfig | undefined;
  /** Of the load balancer, where there is one. */
  readonly securityGroup: Output<string> | undefined;
  /** The nodes that take part. */
  readonly machines: readonly Machine[];
}

type LeadingRecord = NonNullable<SurroundingsInput["record"]>;

/** Seconds that clients may go on to the old primary's address after a change. */
const ttlSeconds = 5;

/** The names by which clients reach the primary and the poolers: a private DNS zone, and a load balancer where one is wanted. */
export class AwsEndpoint extends ClusterPart {
  private readonly zoneId: Output<string>;
  private readonly args: AwsEndpointArgs;

  constructor(name: string, args: AwsEndpointArgs, opts: ComponentResourceOptions) {
    super("understudy:index:AwsEndpoint", name, opts);
    const { config, network } = args;
    const zone = new (sdk("route53").Zone)(
      this.named("endpoint-zone"),
      {
        name: config.domain,
        comment: `PostgreSQL cluster ${args.clusterName}`,
        vpcs: [{ vpcId: network.vpcId }],
      },
      { parent: this },
    );
    this.zoneId = zone.zoneId;
    this.args = args;
    const { pooler } = endpointNames(config);
    if (pooler !== undefined) this.balance(pooler);
    this.registerOutputs({});
  }

  /**
   * The record that leads to the primary: made once one is known to lead. From then on the step `surroundings` leads it, so that a failover does
   * not end where Route 53 does not answer.
   *
   * @returns the record as it is to be
   */
  followPrimary(primary: Output<string>): Output<LeadingRecord> {
    const { config, machines } = this.args;
    const addresses = all(Object.fromEntries(machines.map(({ node, address }) => [node, address])));
    const address = all([primary, addresses]).apply(([leader, known]) => known[leader] as string);
    const name = endpointNames(config).primary;
    new (sdk("route53").Record)(
      this.named("endpoint-primary"),
      {
        zoneId: this.zoneId,
        name,
        type: "A",
        ttl: ttlSeconds,
        records: [address],
      },
      { parent: this, ignoreChanges: ["records"] },
    );
    return all([this.zoneId, address]).apply(([zone, known]) => ({ zone, name, ttl: ttlSeconds, address: known }));
  }

  private balance(domainName: string): void {
    const { clusterName, network, pooler, securityGroup, machines } = this.args;
    if (!pooler || !securityGroup) throw new Error("a load balancer needs poolers and a security group");
    const lb = sdk("lb");
    const parent: CustomResourceOptions = { parent: this };
    const balancer = new lb.LoadBalancer(
      this.named("balancer"),
      {
        name: awsName("loadBalancer", clusterName),
        loadBalancerType: "network",
        internal: true,
        subnets: Object.values(network.subnets),
        securityGroups: [securityGroup],
        enableCrossZoneLoadBalancing: true,
        tags: { Name: awsName("loadBalancer", clusterName) },
      },
      // A subnet that goes makes another one of it, and no two can have that name.
      { ...parent, deleteBeforeReplace: true },
    );
    for (const [kind, port] of [
      ["primary", pooler.port],
      ["standbys", pooler.readOnlyPort],
    ] as const) {
      const group = new lb.TargetGroup(
        this.named(`balancer-${kind}-${port}`),
        {
          // The port makes another group of it, and both are there for a moment.
          name: awsName("targetGroup", clusterName, kind, String(port)),
          port,
          protocol: "TCP",
          // Addresses stay when instances are exchanged.
          targetType: "ip",
          vpcId: network.vpcId,
          // PostgreSQL and the poolers let clients in by where they come from.
          preserveClientIp: "true",
          connectionTermination: true,
          deregistrationDelay: 30,
          healthCheck: {
            protocol: "TCP",
            port: "traffic-port",
            interval: 10,
            // Less than the interval, which the default is not.
            timeout: 5,
            healthyThreshold: 2,
            unhealthyThreshold: 2,
          },
          tags: { Name: awsName("targetGroup", clusterName, kind, String(port)) },
        },
        parent,
      );
      new lb.Listener(
        this.named(`balancer-listener-${kind}-${port}`),
        {
          loadBalancerArn: balancer.arn,
          port,
          protocol: "TCP",
          tcpIdleTimeoutSeconds: balancerIdleSeconds,
          defaultActions: [{ type: "forward", targetGroupArn: group.arn }],
          tags: { Name: kind },
        },
        parent,
      );
      for (const { node, address } of machines) {
        new lb.TargetGroupAttachment(
          this.named(`balancer-${kind}-${port}-${node}`),
          { targetGroupArn: group.arn, targetId: address, port },
          parent,
        );
      }
    }
    new (sdk("route53").Record)(
      this.named("endpoint-pooler"),
      {
        zoneId: this.zoneId,
        name: domainName,
        type: "A",
        aliases: [{ name: balancer.dnsName, zoneId: balancer.zoneId, evaluateTargetHealth: true }],
      },
      parent,
    );
  }
}
