// @ts-check
/** Types of which nothing is made but a note: the outputs that others go by. */

/** @typedef {import("./resources.js").Behaviour} Behaviour */

/** @type {Behaviour} */
const withArn = { create: (cloud, { id }) => ({ arn: `arn:of:${id}`, ownerId: cloud.state.account }) };

/** @type {Behaviour} */
const byArn = { create: (_, { id }) => ({ arn: id }) };

/** @type {Behaviour} */
const rule = { create: (_, { id }) => ({ arn: `arn:of:${id}`, securityGroupRuleId: id }) };

/** @type {Readonly<Record<string, Behaviour>>} */
export const paper = {
  "aws:ec2/subnet:Subnet": withArn,
  "aws:ec2/internetGateway:InternetGateway": withArn,
  "aws:ec2/routeTable:RouteTable": withArn,
  "aws:ec2/route:Route": { create: () => ({ origin: "CreateRoute", state: "active" }) },
  "aws:ec2/securityGroup:SecurityGroup": withArn,
  "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": withArn,
  "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": rule,
  "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": rule,
  "aws:route53/zone:Zone": { create: (_, { id }) => ({ arn: `arn:of:${id}`, zoneId: id }) },
  "aws:route53/record:Record": { create: (_, { properties }) => ({ fqdn: properties.name }) },
  "aws:lb/loadBalancer:LoadBalancer": {
    create: (_, { id, properties: { name } }) => ({ arn: id, dnsName: `${name}.elb.example`, zoneId: "Z0ELB" }),
  },
  "aws:lb/targetGroup:TargetGroup": byArn,
  "aws:lb/listener:Listener": byArn,
  "aws:cloudwatch/metricAlarm:MetricAlarm": { create: (_, { id }) => ({ arn: `arn:of:${id}` }) },
  "aws:dlm/lifecyclePolicy:LifecyclePolicy": { create: (_, { id }) => ({ arn: `arn:of:${id}` }) },
  "aws:secretsmanager/secret:Secret": byArn,
  "aws:secretsmanager/secretVersion:SecretVersion": { create: (_, { id }) => ({ arn: `arn:of:${id}`, versionId: id }) },
};
