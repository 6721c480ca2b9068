// @ts-check
/** What stands around the hosts: names, a load balancer, alarms, snapshots, secrets. They are taken down, and do nothing. */
import { fixed, of, optional, required, requiredFixed, within } from "./field.js";

const ZONE = "aws:route53/zone:Zone";
const BALANCER = "aws:lb/loadBalancer:LoadBalancer";
const TARGETS = "aws:lb/targetGroup:TargetGroup";
const SECRET = "aws:secretsmanager/secret:Secret";

/** @type {Readonly<Record<string, import("./field.js").ResourceType>>} */
export const extras = {
  [ZONE]: {
    prefix: "Z",
    fields: { name: fixed, comment: optional, vpcs: optional, tags: optional },
    computed: ["arn", "zoneId"],
  },
  "aws:route53/record:Record": {
    prefix: "record-",
    unique: ["zoneId", "name", "type"],
    conflicts: [
      ["aliases", "records"],
      ["aliases", "ttl"],
    ],
    fields: {
      zoneId: within(requiredFixed, ZONE),
      name: requiredFixed,
      type: required,
      ttl: optional,
      records: optional,
      aliases: optional,
    },
    computed: ["fqdn"],
  },
  [BALANCER]: {
    prefix: "arn:aws:elasticloadbalancing:loadbalancer/",
    unique: ["name"],
    fields: {
      name: fixed,
      internal: fixed,
      loadBalancerType: fixed,
      subnets: within(optional, "aws:ec2/subnet:Subnet"),
      securityGroups: within(optional, "aws:ec2/securityGroup:SecurityGroup"),
      enableCrossZoneLoadBalancing: optional,
      tags: optional,
    },
    computed: ["arn", "dnsName", "zoneId"],
  },
  [TARGETS]: {
    prefix: "arn:aws:elasticloadbalancing:targetgroup/",
    unique: ["name"],
    fields: {
      name: fixed,
      port: fixed,
      protocol: fixed,
      targetType: fixed,
      vpcId: within(fixed, "aws:ec2/vpc:Vpc"),
      preserveClientIp: optional,
      connectionTermination: optional,
      deregistrationDelay: optional,
      healthCheck: optional,
      tags: optional,
    },
    computed: ["arn"],
  },
  "aws:lb/listener:Listener": {
    prefix: "arn:aws:elasticloadbalancing:listener/",
    unique: ["loadBalancerArn", "port"],
    fields: {
      loadBalancerArn: of(requiredFixed, BALANCER),
      port: optional,
      protocol: optional,
      tcpIdleTimeoutSeconds: optional,
      defaultActions: required,
      tags: optional,
    },
    computed: ["arn"],
  },
  "aws:lb/targetGroupAttachment:TargetGroupAttachment": {
    prefix: "target-",
    unique: ["targetGroupArn", "targetId", "port"],
    fields: { targetGroupArn: of(requiredFixed, TARGETS), targetId: requiredFixed, port: fixed },
    computed: [],
  },
  "aws:cloudwatch/metricAlarm:MetricAlarm": {
    prefix: "",
    id: "name",
    fields: {
      name: fixed,
      comparisonOperator: optional,
      evaluationPeriods: optional,
      alarmActions: optional,
      alarmDescription: optional,
      datapointsToAlarm: optional,
      dimensions: optional,
      metricName: optional,
      namespace: optional,
      okActions: optional,
      period: optional,
      statistic: optional,
      extendedStatistic: optional,
      metricQueries: optional,
      unit: optional,
      threshold: optional,
      treatMissingData: optional,
      tags: optional,
    },
    computed: ["arn"],
  },
  "aws:dlm/lifecyclePolicy:LifecyclePolicy": {
    prefix: "policy-",
    fields: {
      description: required,
      executionRoleArn: required,
      policyDetails: required,
      state: optional,
      tags: optional,
    },
    computed: ["arn"],
  },
  [SECRET]: {
    prefix: "arn:aws:secretsmanager:secret:",
    unique: ["name"],
    fields: { name: fixed, description: optional, recoveryWindowInDays: optional, tags: optional },
    computed: ["arn"],
  },
  "aws:secretsmanager/secretVersion:SecretVersion": {
    prefix: "version-",
    fields: { secretId: of(requiredFixed, SECRET), secretString: fixed },
    computed: ["arn", "versionId"],
  },
};
