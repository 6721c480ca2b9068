// @ts-check
/** What AWS calls each of its things in lists of all services. */

/** Service and kind, by the type's name. @type {Readonly<Record<string, readonly [string, string]>>} */
const kinds = {
  "aws:ec2/instance:Instance": ["ec2", "instance/"],
  "aws:ebs/volume:Volume": ["ec2", "volume/"],
  "aws:ec2/networkInterface:NetworkInterface": ["ec2", "network-interface/"],
  "aws:ec2/vpc:Vpc": ["ec2", "vpc/"],
  "aws:ec2/subnet:Subnet": ["ec2", "subnet/"],
  "aws:ec2/routeTable:RouteTable": ["ec2", "route-table/"],
  "aws:ec2/internetGateway:InternetGateway": ["ec2", "internet-gateway/"],
  "aws:ec2/natGateway:NatGateway": ["ec2", "natgateway/"],
  "aws:ec2/eip:Eip": ["ec2", "elastic-ip/"],
  "aws:ec2/vpcEndpoint:VpcEndpoint": ["ec2", "vpc-endpoint/"],
  "aws:ec2/securityGroup:SecurityGroup": ["ec2", "security-group/"],
  "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": ["ec2", "security-group/"],
  "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": ["ec2", "security-group-rule/"],
  "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": ["ec2", "security-group-rule/"],
  "aws:iam/role:Role": ["iam", "role/"],
  "aws:iam/instanceProfile:InstanceProfile": ["iam", "instance-profile/"],
  "aws:iam/user:User": ["iam", "user/"],
  "aws:route53/zone:Zone": ["route53", "hostedzone/"],
  "aws:cloudwatch/metricAlarm:MetricAlarm": ["cloudwatch", "alarm:"],
  "aws:dlm/lifecyclePolicy:LifecyclePolicy": ["dlm", "policy/"],
};

/**
 * @param {import("./cloud.js").Cloud} cloud
 * @param {import("./cloud.js").Thing} thing
 */
export function arnOf(cloud, { type, id }) {
  if (id.startsWith("arn:")) return id;
  if (type.startsWith("aws:s3/")) return `arn:aws:s3:::${id}`;
  const [service, kind] = kinds[type] ?? [];
  if (service === undefined) throw new Error(`the stand-in has no ARN for a ${type}`);
  const region = ["iam", "route53"].includes(service) ? "" : cloud.state.region;
  return `arn:aws:${service}:${region}:${cloud.state.account}:${kind}${id}`;
}
