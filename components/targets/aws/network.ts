import type { Vpc } from "@pulumi/aws/ec2/vpc.js";
import { type ComponentResourceOptions, type Output, output, type Resource } from "@pulumi/pulumi";
import type { AwsConfig, ExistingNetwork, NewNetwork } from "../../../model/aws/config.ts";
import { s3EndpointPolicy } from "../../../model/aws/policies.ts";
import { partitionOf, s3GatewayService } from "../../../model/aws/regions.ts";
import { planSubnets } from "../../../model/aws/subnets.ts";
import type { Given } from "../../../model/config/later.ts";
import { given } from "../../given.ts";
import { ClusterPart } from "../../part.ts";
import { sdk } from "./sdk.ts";

export interface AwsNetworkArgs {
  readonly aws: AwsConfig;
  /** Name that everything is found by. */
  readonly name: string;
  /** Buckets that it leads to alone where nothing gets out otherwise: the archive's, where the stack has one of its own, and the ledger's. */
  readonly buckets: readonly Given<string>[];
}

/** The VPC that hosts are in: one that is made, or an existing one. No subnet of it gives out public addresses by itself. */
export class AwsNetwork extends ClusterPart {
  readonly vpcId: Output<string>;
  /** Subnets for nodes, by zone. */
  readonly subnets: Readonly<Record<string, Output<string>>>;
  /** Those of a VPC that is made, by zone, where something needs one. */
  readonly publicSubnets: Readonly<Record<string, Output<string>>>;
  /** The addresses of S3, where there is an own way to it. */
  readonly s3PrefixList: Output<string> | undefined;
  /** What has to be there before a host boots: its way out. */
  readonly ready: readonly Resource[];
  /** What has to be there before something has a public address. */
  readonly publicReady: readonly Resource[];

  constructor(name: string, args: AwsNetworkArgs, opts: ComponentResourceOptions) {
    super("understudy:index:AwsNetwork", name, opts);
    const { network } = args.aws;
    const made = network.kind === "new" ? this.make(args, network) : this.use(args, network);
    this.vpcId = made.vpcId;
    this.subnets = made.subnets;
    this.publicSubnets = made.publicSubnets;
    this.s3PrefixList = made.s3PrefixList;
    this.ready = made.ready;
    this.publicReady = made.publicReady;
    this.registerOutputs({ vpcId: this.vpcId });
  }

  private use({ aws, name }: AwsNetworkArgs, network: ExistingNetwork) {
    const vpcId = output(network.vpc);
    const tables = network.routeTables.map((table) => output(table));
    // Others use this network too: what goes through its way to S3 is not ours to say.
    const s3 = tables.length === 0 ? undefined : this.wayToS3({ aws, name, buckets: [] }, vpcId, tables);
    return {
      vpcId,
      subnets: Object.fromEntries(Object.entries(network.subnets).map(([zone, subnet]) => [zone, output(subnet)])),
      publicSubnets: {},
      s3PrefixList: s3?.prefixListId,
      ready: s3 ? [s3] : [],
      publicReady: [],
    };
  }

  private make(args: AwsNetworkArgs, { cidr, zones, egress }: NewNetwork) {
    const ec2 = sdk("ec2");
    const { aws, name } = args;
    const parent = { parent: this };
    // A VPC that moved would take every host with it.
    const vpc = new ec2.Vpc(
      this.named("vpc"),
      { cidrBlock: cidr, enableDnsSupport: true, enableDnsHostnames: true, tags: { Name: name } },
      { ...parent, ignoreChanges: ["cidrBlock"] },
    );
    // Without rules: nothing of ours is in it, and nothing else shall get through by being in it.
    new ec2.DefaultSecurityGroup(
      this.named("default-group"),
      { vpcId: vpc.id, tags: { Name: `${name}-default` } },
      parent,
    );

    const natZones = egress === "natPerZone" ? zones : egress === "nat" ? zones.slice(0, 1) : [];
    const bastionZones = aws.bastion?.places.map(({ zone }) => zone) ?? [];
    const publicZones = zones.filter((zone) => natZones.includes(zone) || bastionZones.includes(zone));
    const publicSubnets = this.makePublic(vpc, name, publicZones, zones);
    const gateways = Object.fromEntries(
      natZones.map((zone) => {
        const address = new ec2.Eip(
          this.named(`nat-address-${zone}`),
          { domain: "vpc", tags: { Name: `${name}-nat-${zone}` } },
          { ...parent, dependsOn: publicSubnets.routes },
        );
        const gateway = new ec2.NatGateway(
          this.named(`nat-${zone}`),
          {
            subnetId: publicSubnets.byZone[zone] as Output<string>,
            allocationId: address.id,
            tags: { Name: `${name}-${zone}` },
          },
          { ...parent, dependsOn: publicSubnets.routes },
        );
        return [zone, gateway];
      }),
    );

    const ready: Resource[] = [];
    const tables: Output<string>[] = [];
    const subnets = Object.fromEntries(
      zones.map((zone) => {
        const subnet = this.subnet(vpc, name, "private", zone, zones);
        const table = new ec2.RouteTable(
          this.named(`private-routes-${zone}`),
          { vpcId: vpc.id, tags: { Name: `${name}-private-${zone}` } },
          parent,
        );
        tables.push(table.id);
        ready.push(
          new ec2.RouteTableAssociation(
            this.named(`private-association-${zone}`),
            { subnetId: subnet.id, routeTableId: table.id },
            parent,
          ),
        );
        const gateway = gateways[zone] ?? Object.values(gateways)[0];
        if (gateway) {
          const route = { routeTableId: table.id, destinationCidrBlock: "0.0.0.0/0", natGatewayId: gateway.id };
          ready.push(new ec2.Route(this.named(`private-way-out-${zone}`), route, parent));
        }
        return [zone, subnet.id];
      }),
    );
    const closed = egress === "none";
    const s3 = this.wayToS3({ ...args, buckets: closed ? args.buckets : [] }, vpc.id, tables);
    return {
      vpcId: vpc.id,
      subnets,
      publicSubnets: publicSubnets.byZone,
      s3PrefixList: s3.prefixListId,
      ready: [...ready, s3],
      publicReady: publicSubnets.routes,
    };
  }

  private makePublic(vpc: Vpc, name: string, zones: readonly string[], all: readonly string[]) {
    const byZone: Record<string, Output<string>> = {};
    const routes: Resource[] = [];
    if (zones.length === 0) return { byZone, routes };
    const ec2 = sdk("ec2");
    const parent = { parent: this };
    const gateway = new ec2.InternetGateway(
      this.named("internet-gateway"),
      { vpcId: vpc.id, tags: { Name: name } },
      parent,
    );
    const table = new ec2.RouteTable(
      this.named("public-routes"),
      { vpcId: vpc.id, tags: { Name: `${name}-public` } },
      parent,
    );
    const route = { routeTableId: table.id, destinationCidrBlock: "0.0.0.0/0", gatewayId: gateway.id };
    routes.push(new ec2.Route(this.named("public-way-out"), route, parent));
    for (const zone of zones) {
      const subnet = this.subnet(vpc, name, "public", zone, all);
      byZone[zone] = subnet.id;
      const association = { subnetId: subnet.id, routeTableId: table.id };
      routes.push(new ec2.RouteTableAssociation(this.named(`public-association-${zone}`), association, parent));
    }
    return { byZone, routes };
  }

  private subnet(vpc: Vpc, name: string, kind: "public" | "private", zone: string, zones: readonly string[]) {
    return new (sdk("ec2").Subnet)(
      this.named(`${kind}-${zone}`),
      {
        vpcId: vpc.id,
        availabilityZone: zone,
        // Of the network that the VPC really has.
        cidrBlock: vpc.cidrBlock.apply((cidr) => planSubnets(cidr, zones)[kind][zone] as string),
        mapPublicIpOnLaunch: false,
        tags: { Name: `${name}-${kind}-${zone}` },
      },
      { parent: this },
    );
  }

  private wayToS3({ aws, name, buckets }: AwsNetworkArgs, vpcId: Output<string>, routeTableIds: Output<string>[]) {
    const { region } = aws;
    return new (sdk("ec2").VpcEndpoint)(
      this.named("s3-endpoint"),
      {
        vpcId,
        vpcEndpointType: "Gateway",
        serviceName: s3GatewayService(region),
        routeTableIds,
        ...(buckets.length === 0
          ? {}
          : {
              policy: given(buckets).apply((known) =>
                JSON.stringify(s3EndpointPolicy({ partition: partitionOf(region), buckets: known })),
              ),
            }),
        tags: { Name: `${name}-s3` },
      },
      { parent: this },
    );
  }
}
