// @ts-check
/**
 * Which property makes another resource when it changes, where that was read: the schema of terraform-provider-aws, from which the plugin is made
 * (`ForceNew`, `RequiresReplace`, `CustomizeDiff`). Each file is named with the commit in which it was read; it need not be the plugin's own. What is
 * in no list is unconfirmed: `types/` has it as it was known to who wrote it. `test/unit/awsStandIn.test.ts` holds the stand-in against this table.
 */

/**
 * @typedef {object} Source
 * @property {string} file of github.com/hashicorp/terraform-provider-aws
 * @property {string} commit
 * @property {readonly string[]} replaces
 * @property {readonly string[]} inPlace
 * @property {readonly string[]} [conditional] it depends on more than the property: see `replacesHere` in diff.js
 */

const rule = {
  replaces: ["securityGroupId"],
  inPlace: ["ipProtocol", "fromPort", "toPort", "description", "tags"],
  // Another kind of peer makes another rule; another peer of the same kind does not.
  conditional: ["cidrIpv4", "prefixListId", "referencedSecurityGroupId"],
};

/** @type {Readonly<Record<string, Source>>} */
export const sources = {
  "aws:ec2/instance:Instance": {
    file: "internal/service/ec2/ec2_instance.go",
    commit: "0015dfcd06d5d78e5e1c3cabe8cea837d379d1c7",
    replaces: ["ami", "associatePublicIpAddress", "ebsOptimized", "subnetId"],
    inPlace: [
      ...[
        "capacityReservationSpecification",
        "iamInstanceProfile",
        "instanceInitiatedShutdownBehavior",
        "instanceType",
      ],
      ...["maintenanceOptions", "metadataOptions", "tags", "userDataReplaceOnChange", "vpcSecurityGroupIds"],
    ],
    conditional: ["rootBlockDevice", "userDataBase64"],
  },
  "aws:ebs/volume:Volume": {
    file: "internal/service/ec2/ebs_volume.go",
    commit: "0073593e7d6993ba482409f4dc35438daaa79bb3",
    replaces: ["availabilityZone", "encrypted", "kmsKeyId", "snapshotId"],
    inPlace: ["iops", "size", "tags", "throughput", "type"],
  },
  "aws:ec2/volumeAttachment:VolumeAttachment": {
    file: "internal/service/ec2/ebs_volume_attachment.go",
    commit: "0620f2a6a126dfcbc4aecbc9a117b0fbea1656ff",
    replaces: ["deviceName", "instanceId", "volumeId"],
    inPlace: ["forceDetach", "stopInstanceBeforeDetaching"],
  },
  "aws:ec2/networkInterface:NetworkInterface": {
    file: "internal/service/ec2/vpc_network_interface.go",
    commit: "01c08000ddb14181b5bd19201d8fca311dc570e4",
    replaces: ["subnetId"],
    inPlace: ["description", "securityGroups", "tags"],
  },
  "aws:ec2/subnet:Subnet": {
    file: "internal/service/ec2/vpc_subnet.go",
    commit: "00cda125a19d31754cb0d073cf551264c57955cb",
    replaces: ["availabilityZone", "cidrBlock", "vpcId"],
    inPlace: ["mapPublicIpOnLaunch", "tags"],
  },
  "aws:ec2/routeTableAssociation:RouteTableAssociation": {
    file: "internal/service/ec2/vpc_route_table_association.go",
    commit: "0be71beb458ad8875e0acc5c91519c0ceeb214aa",
    replaces: ["subnetId"],
    inPlace: ["routeTableId"],
  },
  "aws:ec2/eip:Eip": {
    file: "internal/service/ec2/ec2_eip.go",
    commit: "01606926a0c0ab9174aec440f976a48b0baee722",
    replaces: ["domain"],
    inPlace: ["tags"],
  },
  "aws:ec2/eipAssociation:EipAssociation": {
    file: "internal/service/ec2/ec2_eip_association.go",
    commit: "01c08000ddb14181b5bd19201d8fca311dc570e4",
    replaces: ["allocationId", "instanceId"],
    inPlace: [],
  },
  "aws:ec2/natGateway:NatGateway": {
    file: "internal/service/ec2/vpc_nat_gateway.go",
    commit: "04088eaa54948421bf1ef7494ae2b2c01d9243e3",
    replaces: ["allocationId", "subnetId"],
    inPlace: ["tags"],
  },
  "aws:ec2/vpcEndpoint:VpcEndpoint": {
    file: "internal/service/ec2/vpc_endpoint.go",
    commit: "008db85aad5e56627b1eecab8830464a282552ed",
    replaces: ["serviceName", "vpcEndpointType", "vpcId"],
    inPlace: ["policy", "routeTableIds", "securityGroupIds", "subnetIds", "tags"],
    conditional: ["privateDnsEnabled"],
  },
  "aws:ec2/securityGroup:SecurityGroup": {
    file: "internal/service/ec2/vpc_security_group.go",
    commit: "01606926a0c0ab9174aec440f976a48b0baee722",
    replaces: ["description", "name", "vpcId"],
    inPlace: ["tags"],
  },
  "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": {
    file: "internal/service/ec2/vpc_security_group_ingress_rule.go",
    commit: "00a322094b4b9ade8a81b244345dbcf4b52ee8d6",
    ...rule,
  },
  "aws:lb/loadBalancer:LoadBalancer": {
    file: "internal/service/elbv2/load_balancer.go",
    commit: "00edc94be7a89c4c485415cdec27094875f61bfc",
    replaces: ["internal", "loadBalancerType", "name"],
    // Subnets and security groups of a network load balancer depend on more (`customizeDiffLoadBalancerNLB`), which was not read.
    inPlace: ["enableCrossZoneLoadBalancing", "tags"],
  },
  "aws:lb/targetGroup:TargetGroup": {
    file: "internal/service/elbv2/target_group.go",
    commit: "013cfb4cddc9c44a28f34abad0c11768bcdb9b85",
    replaces: ["name", "port", "protocol", "targetType", "vpcId"],
    inPlace: ["connectionTermination", "deregistrationDelay", "healthCheck", "preserveClientIp", "tags"],
  },
  "aws:iam/role:Role": {
    file: "internal/service/iam/role.go",
    commit: "0040ea6911af00bea2cca6dbb14e86829826ad8e",
    replaces: ["name", "path"],
    inPlace: ["assumeRolePolicy", "description", "forceDetachPolicies", "permissionsBoundary", "tags"],
  },
  "aws:iam/rolePolicy:RolePolicy": {
    file: "internal/service/iam/role_policy.go",
    commit: "02f97af85f89a04e8ed89f5e8b64a9a67f3cfe07",
    replaces: ["name", "role"],
    inPlace: ["policy"],
  },
  "aws:iam/instanceProfile:InstanceProfile": {
    file: "internal/service/iam/instance_profile.go",
    commit: "013f1736b90439e5a19567a87d3e5cd11858c420",
    replaces: ["name", "path"],
    inPlace: ["role", "tags"],
  },
  "aws:iam/user:User": {
    file: "internal/service/iam/user.go",
    commit: "058fd401f211b1533358038ada6a36b311c9c5e3",
    replaces: [],
    inPlace: ["name", "path", "permissionsBoundary", "tags"],
  },
  "aws:iam/userPolicy:UserPolicy": {
    file: "internal/service/iam/user_policy.go",
    commit: "02f97af85f89a04e8ed89f5e8b64a9a67f3cfe07",
    replaces: ["name", "user"],
    inPlace: ["policy"],
  },
  "aws:iam/accessKey:AccessKey": {
    file: "internal/service/iam/access_key.go",
    commit: "1271cd2293d2a94a384cb721bdeb0066c6bf2bc0",
    replaces: ["user"],
    inPlace: ["status"],
  },
  "aws:s3/bucketVersioning:BucketVersioning": {
    file: "internal/service/s3/bucket_versioning.go",
    commit: "01c08000ddb14181b5bd19201d8fca311dc570e4",
    replaces: ["bucket"],
    inPlace: ["versioningConfiguration"],
  },
  "aws:secretsmanager/secret:Secret": {
    file: "internal/service/secretsmanager/secret.go",
    commit: "00c21cedec069dd27093b175baf15bac6d4b30fe",
    replaces: ["name"],
    inPlace: ["description", "recoveryWindowInDays", "tags"],
  },
  "aws:secretsmanager/secretVersion:SecretVersion": {
    file: "internal/service/secretsmanager/secret_version.go",
    commit: "0042e8ea0de293c6cd8b003f89f7f4d2fb5fcf31",
    replaces: ["secretId", "secretString"],
    inPlace: [],
  },
};

/** Types of which nothing was read, and properties of the others: what the stand-in does with them is unconfirmed. */
export const unconfirmed = {
  types: [
    ...["aws:cloudwatch/metricAlarm:MetricAlarm", "aws:dlm/lifecyclePolicy:LifecyclePolicy"],
    ...["aws:ec2/defaultSecurityGroup:DefaultSecurityGroup", "aws:ec2/internetGateway:InternetGateway"],
    ...["aws:ec2/route:Route", "aws:ec2/routeTable:RouteTable", "aws:ec2/vpc:Vpc"],
    ...["aws:ec2transitgateway/instanceState:InstanceState"],
    ...["aws:lb/listener:Listener", "aws:lb/targetGroupAttachment:TargetGroupAttachment"],
    ...["aws:route53/record:Record", "aws:route53/zone:Zone"],
    ...["aws:s3/bucket:Bucket", "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"],
    ...["aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration"],
    ...["aws:s3/bucketOwnershipControls:BucketOwnershipControls", "aws:s3/bucketPolicy:BucketPolicy"],
    ...["aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"],
    ...["aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"],
    // It has the ingress rule's schema, as far as is known.
    ...["aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"],
  ],
  properties: [
    "aws:ec2/instance:Instance primaryNetworkInterface",
    "aws:lb/loadBalancer:LoadBalancer securityGroups",
    "aws:lb/loadBalancer:LoadBalancer subnets",
  ],
};
