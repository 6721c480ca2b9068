// @ts-check
/** Networks: what a change of each input means is what terraform-provider-aws, which the plugin is made from, marks with ForceNew. */
import { fixed, of, optional, required, requiredFixed, within } from "./field.js";

const VPC = "aws:ec2/vpc:Vpc";
const SUBNET = "aws:ec2/subnet:Subnet";
const GROUP = "aws:ec2/securityGroup:SecurityGroup";
const ROUTES = "aws:ec2/routeTable:RouteTable";
const ADDRESS = "aws:ec2/eip:Eip";

/** @type {import("./field.js").ResourceType} */
const rule = {
  prefix: "sgr-",
  conflicts: [
    ["cidrIpv4", "prefixListId"],
    ["cidrIpv4", "referencedSecurityGroupId"],
    ["prefixListId", "referencedSecurityGroupId"],
  ],
  fields: {
    securityGroupId: of(requiredFixed, GROUP),
    ipProtocol: required,
    fromPort: optional,
    toPort: optional,
    cidrIpv4: optional,
    prefixListId: optional,
    referencedSecurityGroupId: within(optional, GROUP),
    description: optional,
    tags: optional,
  },
  computed: ["arn", "securityGroupRuleId"],
};

/** @type {Readonly<Record<string, import("./field.js").ResourceType>>} */
export const network = {
  [VPC]: {
    prefix: "vpc-",
    fields: { cidrBlock: fixed, enableDnsSupport: optional, enableDnsHostnames: optional, tags: optional },
    computed: ["arn", "defaultSecurityGroupId", "mainRouteTableId", "ownerId"],
  },
  [SUBNET]: {
    prefix: "subnet-",
    fields: {
      vpcId: within(requiredFixed, VPC),
      availabilityZone: fixed,
      cidrBlock: fixed,
      mapPublicIpOnLaunch: optional,
      tags: optional,
    },
    computed: ["arn", "ownerId"],
  },
  "aws:ec2/internetGateway:InternetGateway": {
    prefix: "igw-",
    fields: { vpcId: within(optional, VPC), tags: optional },
    computed: ["arn", "ownerId"],
  },
  [ROUTES]: {
    prefix: "rtb-",
    fields: { vpcId: within(requiredFixed, VPC), tags: optional },
    computed: ["arn", "ownerId"],
  },
  "aws:ec2/route:Route": {
    prefix: "r-",
    unique: ["routeTableId", "destinationCidrBlock"],
    conflicts: [["gatewayId", "natGatewayId"]],
    fields: {
      routeTableId: of(requiredFixed, ROUTES),
      destinationCidrBlock: fixed,
      gatewayId: of(optional, "aws:ec2/internetGateway:InternetGateway"),
      natGatewayId: of(optional, "aws:ec2/natGateway:NatGateway"),
    },
    computed: ["origin", "state"],
  },
  "aws:ec2/routeTableAssociation:RouteTableAssociation": {
    prefix: "rtbassoc-",
    unique: ["subnetId"],
    fields: { subnetId: of(fixed, SUBNET), routeTableId: within(required, ROUTES) },
    computed: [],
  },
  [ADDRESS]: {
    prefix: "eipalloc-",
    fields: { domain: fixed, tags: optional },
    computed: ["arn", "allocationId", "publicIp"],
  },
  "aws:ec2/eipAssociation:EipAssociation": {
    prefix: "eipassoc-",
    unique: ["allocationId"],
    fields: { allocationId: within(fixed, ADDRESS), instanceId: of(fixed, "aws:ec2/instance:Instance") },
    computed: ["networkInterfaceId", "privateIpAddress", "publicIp"],
  },
  "aws:ec2/natGateway:NatGateway": {
    prefix: "nat-",
    unique: ["allocationId"],
    fields: { subnetId: within(fixed, SUBNET), allocationId: within(fixed, ADDRESS), tags: optional },
    computed: ["privateIp", "publicIp"],
  },
  "aws:ec2/vpcEndpoint:VpcEndpoint": {
    prefix: "vpce-",
    unique: ["vpcId", "serviceName"],
    fields: {
      vpcId: within(requiredFixed, VPC),
      serviceName: fixed,
      vpcEndpointType: fixed,
      routeTableIds: of(optional, ROUTES),
      subnetIds: within(optional, SUBNET),
      securityGroupIds: within(optional, GROUP),
      privateDnsEnabled: optional,
      policy: optional,
      tags: optional,
    },
    computed: ["arn", "prefixListId", "state"],
  },
  "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": {
    prefix: "sg-",
    unique: ["vpcId"],
    fields: { vpcId: of(fixed, VPC), tags: optional },
    computed: ["arn", "ownerId"],
  },
  [GROUP]: {
    prefix: "sg-",
    unique: ["vpcId", "name"],
    fields: { vpcId: within(fixed, VPC), name: fixed, description: fixed, tags: optional },
    computed: ["arn", "ownerId"],
  },
  "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": rule,
  "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": rule,
  "aws:ec2/networkInterface:NetworkInterface": {
    prefix: "eni-",
    fields: {
      subnetId: within(requiredFixed, SUBNET),
      securityGroups: within(optional, GROUP),
      description: optional,
      tags: optional,
    },
    computed: ["arn", "macAddress", "privateIp"],
  },
};
