// @ts-check
/**
 * The calls of AWS's API that a resource's inputs become, as far as terraform-provider-aws makes them of its inputs on creation; and what AWS's own
 * models (api.json, see extract.py) say of such a call.
 */
import { readFileSync } from "node:fs";

/**
 * @typedef {object} Shape
 * @property {string} type
 * @property {readonly string[]} [enum]
 * @property {string} [pattern]
 * @property {number} [min]
 * @property {number} [max]
 * @property {readonly string[]} [required]
 * @property {Readonly<Record<string, Shape>>} [members]
 * @property {Shape} [member]
 * @property {Shape} [value]
 */

/** @typedef {Record<string, any>} Inputs */
/** @typedef {{ operation: string, input: Inputs }} Call */

/** @type {{ botocore: string, operations: Readonly<Record<string, Shape>> }} */
export const api = JSON.parse(readFileSync(new URL("api.json", import.meta.url), "utf8"));

/** What is put in for what only AWS knows. */
const given = { id: "vpc-0123456789abcdef0", token: "1" };

/** @param {Inputs} tags */
const tagList = (tags) => Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));

/** @param {any} policy as text, or as the snapshots show it */
const json = (policy) => (typeof policy === "string" ? policy : JSON.stringify(policy));

/** The keys of `inputs` by the names that the API has for them; others are told. @param {Readonly<Record<string, string>>} names */
const renamed = (names) => (/** @type {Inputs} */ inputs) =>
  Object.fromEntries(
    Object.entries(inputs).map(([key, value]) => [names[key] ?? key.charAt(0).toUpperCase() + key.slice(1), value]),
  );

const plainly = renamed({});

/** @param {string} operation @param {(inputs: Inputs) => Inputs} [input] @returns {(inputs: Inputs) => Call[]} */
const one =
  (operation, input = plainly) =>
  (inputs) => [{ operation, input: input(inputs) }];

/** @param {Inputs} inputs */
function permissions({
  securityGroupId,
  ipProtocol,
  fromPort,
  toPort,
  cidrIpv4,
  prefixListId,
  referencedSecurityGroupId,
  description,
  ...others
}) {
  const peer = {
    ...(cidrIpv4 === undefined ? {} : { IpRanges: [{ CidrIp: cidrIpv4, Description: description }] }),
    ...(prefixListId === undefined
      ? {}
      : { PrefixListIds: [{ PrefixListId: prefixListId, Description: description }] }),
    ...(referencedSecurityGroupId === undefined
      ? {}
      : { UserIdGroupPairs: [{ GroupId: referencedSecurityGroupId, Description: description }] }),
  };
  return {
    GroupId: securityGroupId,
    IpPermissions: [{ IpProtocol: ipProtocol, FromPort: fromPort, ToPort: toPort, ...peer }],
    ...others,
  };
}

/** @param {Inputs} inputs */
function runInstances({
  ami,
  userDataBase64,
  vpcSecurityGroupIds,
  primaryNetworkInterface,
  iamInstanceProfile,
  rootBlockDevice,
  ...others
}) {
  const { tags: _, ...disk } = rootBlockDevice;
  // For the provider alone.
  const { userDataReplaceOnChange: __, capacityReservationSpecification: capacity, ...sent } = others;
  return {
    ...{ MinCount: 1, MaxCount: 1, ImageId: ami, UserData: userDataBase64 },
    ...plainly(sent),
    ...(sent.metadataOptions ? { MetadataOptions: plainly(sent.metadataOptions) } : {}),
    ...(sent.maintenanceOptions ? { MaintenanceOptions: plainly(sent.maintenanceOptions) } : {}),
    ...(vpcSecurityGroupIds ? { SecurityGroupIds: vpcSecurityGroupIds } : {}),
    ...(iamInstanceProfile ? { IamInstanceProfile: { Name: iamInstanceProfile } } : {}),
    ...(primaryNetworkInterface ? { NetworkInterfaces: [plainly(primaryNetworkInterface)] } : {}),
    BlockDeviceMappings: [{ Ebs: plainly(disk) }],
    ...(capacity
      ? {
          CapacityReservationSpecification: {
            CapacityReservationTarget: plainly(capacity.capacityReservationTarget),
          },
        }
      : {}),
  };
}

/** @param {Inputs} inputs @returns {Call[]} */
function targetGroup({
  healthCheck,
  connectionTermination: _,
  deregistrationDelay: __,
  preserveClientIp: ___,
  ...others
}) {
  const { protocol, port, interval, timeout, healthyThreshold, unhealthyThreshold, ...unknown } = healthCheck;
  const input = {
    ...plainly(others),
    ...{ HealthCheckProtocol: protocol, HealthCheckPort: port, HealthCheckIntervalSeconds: interval },
    ...{ HealthCheckTimeoutSeconds: timeout, HealthyThresholdCount: healthyThreshold },
    ...{ UnhealthyThresholdCount: unhealthyThreshold, ...unknown },
  };
  return [{ operation: "elbv2:CreateTargetGroup", input }];
}

/** @param {Inputs} inputs @returns {Inputs} */
function recordChange({ zoneId, ttl, records, aliases, ...others }) {
  const [alias] = aliases ?? [];
  const set = {
    ...plainly(others),
    ...(records ? { TTL: ttl, ResourceRecords: records.map((/** @type {string} */ Value) => ({ Value })) } : {}),
    ...(alias ? { AliasTarget: renamed({ zoneId: "HostedZoneId", name: "DNSName" })(alias) } : {}),
  };
  return { HostedZoneId: zoneId, ChangeBatch: { Changes: [{ Action: "CREATE", ResourceRecordSet: set }] } };
}

/** @param {Inputs} inputs @returns {Inputs} */
function lifecyclePolicy({ policyDetails, ...others }) {
  const { targetTags, schedules, ...details } = policyDetails;
  return {
    ...plainly(others),
    PolicyDetails: {
      ...plainly(details),
      TargetTags: tagList(targetTags),
      Schedules: schedules.map((/** @type {Inputs} */ { createRule, retainRule, tagsToAdd, ...schedule }) => ({
        ...plainly(schedule),
        CreateRule: { ...plainly(createRule), Times: [createRule.times] },
        RetainRule: plainly(retainRule),
        ...(tagsToAdd ? { TagsToAdd: tagList(tagsToAdd) } : {}),
      })),
    },
  };
}

/** All rules of a lifecycle, by the API's names. @param {Inputs} rule */
const lifecycleRule = ({ id, ...rule }) => ({
  ID: id,
  ...Object.fromEntries(
    Object.entries(plainly(rule)).map(([name, value]) => [name, typeof value === "object" ? plainly(value) : value]),
  ),
});

/** @param {Inputs} rule */
const encryptionRule = ({
  applyServerSideEncryptionByDefault: byDefault,
  bucketKeyEnabled,
  blockedEncryptionTypes,
  ...unknown
}) => ({
  ApplyServerSideEncryptionByDefault: renamed({ sseAlgorithm: "SSEAlgorithm", kmsMasterKeyId: "KMSMasterKeyID" })(
    byDefault,
  ),
  ...(bucketKeyEnabled === undefined ? {} : { BucketKeyEnabled: bucketKeyEnabled }),
  BlockedEncryptionTypes: { EncryptionType: blockedEncryptionTypes },
  ...unknown,
});

/** @type {Readonly<Record<string, (inputs: Inputs) => Call[]>>} */
const calls = {
  "aws:ec2/instance:Instance": one("ec2:RunInstances", runInstances),
  "aws:ebs/volume:Volume": one("ec2:CreateVolume", renamed({ type: "VolumeType" })),
  "aws:ec2/volumeAttachment:VolumeAttachment": one(
    "ec2:AttachVolume",
    ({ deviceName, stopInstanceBeforeDetaching: _, ...others }) => ({ Device: deviceName, ...plainly(others) }),
  ),
  "aws:ec2/networkInterface:NetworkInterface": one("ec2:CreateNetworkInterface", renamed({ securityGroups: "Groups" })),
  // The two settings are calls of their own.
  "aws:ec2/vpc:Vpc": one("ec2:CreateVpc", ({ enableDnsSupport: _, enableDnsHostnames: __, ...others }) =>
    plainly(others),
  ),
  "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": () => [],
  "aws:ec2/subnet:Subnet": one("ec2:CreateSubnet", ({ mapPublicIpOnLaunch: _, ...others }) => plainly(others)),
  "aws:ec2/internetGateway:InternetGateway": one("ec2:AttachInternetGateway", (inputs) => ({
    InternetGatewayId: given.id,
    ...plainly(inputs),
  })),
  "aws:ec2/eip:Eip": one("ec2:AllocateAddress"),
  "aws:ec2/eipAssociation:EipAssociation": one("ec2:AssociateAddress"),
  "aws:ec2/natGateway:NatGateway": one("ec2:CreateNatGateway"),
  "aws:ec2/routeTable:RouteTable": one("ec2:CreateRouteTable"),
  "aws:ec2/route:Route": one("ec2:CreateRoute"),
  "aws:ec2/routeTableAssociation:RouteTableAssociation": one("ec2:AssociateRouteTable"),
  "aws:ec2/vpcEndpoint:VpcEndpoint": one("ec2:CreateVpcEndpoint", ({ policy, ...others }) => ({
    ...plainly(others),
    ...(policy === undefined ? {} : { PolicyDocument: json(policy) }),
  })),
  "aws:ec2/securityGroup:SecurityGroup": one("ec2:CreateSecurityGroup", renamed({ name: "GroupName" })),
  "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": one("ec2:AuthorizeSecurityGroupIngress", permissions),
  "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": one("ec2:AuthorizeSecurityGroupEgress", permissions),
  "aws:iam/role:Role": one("iam:CreateRole", ({ name, assumeRolePolicy, forceDetachPolicies: _, ...others }) => ({
    ...{ RoleName: name, AssumeRolePolicyDocument: json(assumeRolePolicy) },
    ...plainly(others),
  })),
  "aws:iam/rolePolicy:RolePolicy": one("iam:PutRolePolicy", ({ name, role, policy, ...others }) => ({
    ...{ RoleName: role, PolicyName: name, PolicyDocument: json(policy) },
    ...plainly(others),
  })),
  "aws:iam/instanceProfile:InstanceProfile": ({ name, role, path, ...others }) => [
    { operation: "iam:CreateInstanceProfile", input: { InstanceProfileName: name, Path: path, ...others } },
    { operation: "iam:AddRoleToInstanceProfile", input: { InstanceProfileName: name, RoleName: role } },
  ],
  "aws:iam/user:User": one("iam:CreateUser", renamed({ name: "UserName" })),
  "aws:iam/userPolicy:UserPolicy": one("iam:PutUserPolicy", ({ name, user, policy, ...others }) => ({
    ...{ UserName: user, PolicyName: name, PolicyDocument: json(policy) },
    ...plainly(others),
  })),
  "aws:iam/accessKey:AccessKey": one("iam:CreateAccessKey", renamed({ user: "UserName" })),
  "aws:s3/bucket:Bucket": one("s3:CreateBucket", ({ forceDestroy: _, ...others }) => plainly(others)),
  "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": one("s3:PutPublicAccessBlock", ({ bucket, ...flags }) => ({
    ...{ Bucket: bucket, PublicAccessBlockConfiguration: plainly(flags) },
  })),
  "aws:s3/bucketOwnershipControls:BucketOwnershipControls": one(
    "s3:PutBucketOwnershipControls",
    ({ bucket, rule, ...others }) => ({
      ...{ Bucket: bucket, OwnershipControls: { Rules: [plainly(rule)] } },
      ...others,
    }),
  ),
  "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": one(
    "s3:PutBucketEncryption",
    ({ bucket, rules, ...others }) => ({
      ...{ Bucket: bucket, ServerSideEncryptionConfiguration: { Rules: rules.map(encryptionRule) } },
      ...others,
    }),
  ),
  "aws:s3/bucketVersioning:BucketVersioning": one(
    "s3:PutBucketVersioning",
    ({ bucket, versioningConfiguration, ...others }) => ({
      ...{ Bucket: bucket, VersioningConfiguration: plainly(versioningConfiguration) },
      ...others,
    }),
  ),
  "aws:s3/bucketPolicy:BucketPolicy": one("s3:PutBucketPolicy", ({ bucket, policy, ...others }) => ({
    ...{ Bucket: bucket, Policy: json(policy) },
    ...others,
  })),
  "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": one(
    "s3:PutBucketLifecycleConfiguration",
    ({ bucket, rules, ...others }) => ({
      ...{ Bucket: bucket, LifecycleConfiguration: { Rules: rules.map(lifecycleRule) } },
      ...others,
    }),
  ),
  "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration": one(
    "s3:PutObjectLockConfiguration",
    ({ bucket, rule, ...others }) => ({
      Bucket: bucket,
      ObjectLockConfiguration: { Rule: { DefaultRetention: plainly(rule.defaultRetention) } },
      ...others,
    }),
  ),
  // Cross-zone balancing is an attribute, set by a call of its own.
  "aws:lb/loadBalancer:LoadBalancer": one(
    "elbv2:CreateLoadBalancer",
    ({ internal, loadBalancerType, enableCrossZoneLoadBalancing: _, ...others }) => ({
      ...{ Scheme: internal ? "internal" : "internet-facing", Type: loadBalancerType },
      ...plainly(others),
    }),
  ),
  "aws:lb/targetGroup:TargetGroup": targetGroup,
  "aws:lb/listener:Listener": ({ defaultActions, tcpIdleTimeoutSeconds: idle, ...others }) => [
    { operation: "elbv2:CreateListener", input: { DefaultActions: defaultActions.map(plainly), ...plainly(others) } },
    {
      operation: "elbv2:ModifyListenerAttributes",
      input: { ListenerArn: given.id, Attributes: [{ Key: "tcp.idle_timeout.seconds", Value: String(idle) }] },
    },
  ],
  "aws:lb/targetGroupAttachment:TargetGroupAttachment": one(
    "elbv2:RegisterTargets",
    ({ targetGroupArn, targetId, port, ...others }) => ({
      ...{ TargetGroupArn: targetGroupArn, Targets: [{ Id: targetId, Port: port }] },
      ...others,
    }),
  ),
  "aws:route53/zone:Zone": one("route53:CreateHostedZone", ({ name, comment, vpcs, ...others }) => ({
    ...{ Name: name, CallerReference: given.token, HostedZoneConfig: { Comment: comment } },
    ...{ VPC: { VPCId: vpcs[0].vpcId }, ...others },
  })),
  "aws:route53/record:Record": one("route53:ChangeResourceRecordSets", recordChange),
  "aws:cloudwatch/metricAlarm:MetricAlarm": one(
    "cloudwatch:PutMetricAlarm",
    ({ name, okActions, dimensions, ...others }) => ({
      AlarmName: name,
      ...(okActions ? { OKActions: okActions } : {}),
      ...(dimensions ? { Dimensions: Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value })) } : {}),
      ...plainly(others),
    }),
  ),
  "aws:dlm/lifecyclePolicy:LifecyclePolicy": one("dlm:CreateLifecyclePolicy", lifecyclePolicy),
  "aws:secretsmanager/secret:Secret": ({ name, description, recoveryWindowInDays, ...others }) => [
    { operation: "secretsmanager:CreateSecret", input: { Name: name, Description: description, ...others } },
    ...(recoveryWindowInDays === 0
      ? []
      : [
          {
            operation: "secretsmanager:DeleteSecret",
            input: { SecretId: name, RecoveryWindowInDays: recoveryWindowInDays },
          },
        ]),
  ],
  "aws:secretsmanager/secretVersion:SecretVersion": one("secretsmanager:PutSecretValue"),
};

/**
 * The calls that make a resource.
 *
 * @param {string} type
 * @param {Inputs} inputs
 * @returns {Call[]}
 */
export function callsOf(type, { tags, ...inputs }) {
  const make = calls[type];
  if (make === undefined) throw new Error(`nothing says which calls of AWS's API make a ${type}`);
  const tagging = { operation: "ec2:CreateTags", input: { Resources: [given.id], Tags: tagList(tags ?? {}) } };
  return [...make(inputs), ...(tags === undefined ? [] : [tagging])];
}

/**
 * What AWS's model says against a value.
 *
 * @param {Shape} shape
 * @param {any} value
 * @param {string} path
 * @returns {string[]}
 */
export function problemsOf(shape, value, path) {
  // What is secret, or known only once it is made.
  if (value === "[secret]") return [];
  switch (shape.type) {
    case "structure": {
      if (typeof value !== "object" || value === null || Array.isArray(value)) return [`${path} has to be an object`];
      const sent = Object.entries(value).filter(([, member]) => member !== undefined && member !== null);
      const missing = (shape.required ?? []).filter((name) => !sent.some(([key]) => key === name));
      return [
        ...missing.map((name) => `${path}.${name} is required`),
        ...sent.flatMap(([name, member]) => {
          const known = shape.members?.[name];
          return known === undefined ? [`${path} has no ${name}`] : problemsOf(known, member, `${path}.${name}`);
        }),
      ];
    }
    case "list":
      if (!Array.isArray(value)) return [`${path} has to be a list`];
      return [
        ...bounds(shape, value.length, `the length of ${path}`),
        ...value.flatMap((item, index) => problemsOf(/** @type {Shape} */ (shape.member), item, `${path}[${index}]`)),
      ];
    case "string":
      if (typeof value !== "string") return [`${path} has to be text, not ${JSON.stringify(value)}`];
      return [
        ...bounds(shape, value.length, `the length of ${path}`),
        ...(shape.enum && !shape.enum.includes(value) ? [`${path} can't be '${value}'`] : []),
        ...(shape.pattern && !inFull(shape.pattern).test(value)
          ? [`${path} '${value}' does not match ${shape.pattern}`]
          : []),
      ];
    case "integer":
    case "long":
    case "double":
    case "float":
      if (typeof value !== "number") return [`${path} has to be a number, not ${JSON.stringify(value)}`];
      return bounds(shape, value, path);
    case "boolean":
      return typeof value === "boolean" ? [] : [`${path} has to be true or false`];
    case "blob":
      return typeof value === "string" ? [] : [`${path} has to be bytes`];
    default:
      return [`${path}: the model has the type ${shape.type}, which nothing checks`];
  }
}

/** The models' patterns are Java's. @param {string} pattern */
const inFull = (pattern) => new RegExp(`^(?:${pattern.replaceAll("\\p{all}", "\\s\\S")})$`, "u");

/**
 * @param {Shape} shape
 * @param {number} size
 * @param {string} what
 */
const bounds = ({ min, max }, size, what) => [
  ...(min !== undefined && size < min ? [`${what} is ${size}, at least ${min}`] : []),
  ...(max !== undefined && size > max ? [`${what} is ${size}, at most ${max}`] : []),
];

/**
 * What AWS's models say against a call.
 *
 * @param {Call} call
 */
export function callProblems({ operation, input }) {
  const shape = api.operations[operation];
  return shape === undefined ? [`no model of ${operation}`] : problemsOf(shape, input, operation);
}
