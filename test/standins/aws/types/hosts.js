// @ts-check
/** Instances, volumes, and who an instance is. */
import { fixed, of, optional, required, requiredFixed, within } from "./field.js";

const INSTANCE = "aws:ec2/instance:Instance";
const VOLUME = "aws:ebs/volume:Volume";
const ROLE = "aws:iam/role:Role";

/** @type {Readonly<Record<string, import("./field.js").ResourceType>>} */
export const hosts = {
  [INSTANCE]: {
    prefix: "i-",
    conflicts: [
      ["primaryNetworkInterface", "subnetId"],
      ["primaryNetworkInterface", "vpcSecurityGroupIds"],
      ["primaryNetworkInterface", "associatePublicIpAddress"],
    ],
    fields: {
      ami: fixed,
      // In place: it is stopped, changed and started.
      instanceType: optional,
      // In place: it is stopped, changed and started.
      capacityReservationSpecification: optional,
      subnetId: within(fixed, "aws:ec2/subnet:Subnet"),
      vpcSecurityGroupIds: within(optional, "aws:ec2/securityGroup:SecurityGroup"),
      associatePublicIpAddress: fixed,
      primaryNetworkInterface: fixed,
      iamInstanceProfile: of(optional, "aws:iam/instanceProfile:InstanceProfile"),
      ebsOptimized: fixed,
      // Only its encryption makes another instance: see diff.js.
      rootBlockDevice: optional,
      metadataOptions: optional,
      maintenanceOptions: optional,
      instanceInitiatedShutdownBehavior: optional,
      // In place, or not, by userDataReplaceOnChange: see diff.js.
      userDataBase64: optional,
      userDataReplaceOnChange: optional,
      tags: optional,
    },
    computed: ["arn", "availabilityZone", "instanceState", "primaryNetworkInterfaceId", "privateIp"],
  },
  // Of stacks of earlier versions, for which it is to be deleted: that does nothing.
  "aws:ec2transitgateway/instanceState:InstanceState": {
    prefix: "",
    id: "instanceId",
    fields: { instanceId: of(requiredFixed, INSTANCE), state: required, force: optional },
    computed: [],
  },
  [VOLUME]: {
    prefix: "vol-",
    fields: {
      availabilityZone: requiredFixed,
      encrypted: fixed,
      kmsKeyId: fixed,
      snapshotId: fixed,
      type: optional,
      size: optional,
      iops: optional,
      throughput: optional,
      tags: optional,
    },
    computed: ["arn"],
  },
  "aws:ec2/volumeAttachment:VolumeAttachment": {
    prefix: "vai-",
    fields: {
      deviceName: requiredFixed,
      instanceId: of(requiredFixed, INSTANCE),
      volumeId: within(requiredFixed, VOLUME),
      forceDetach: optional,
      stopInstanceBeforeDetaching: optional,
    },
    computed: [],
  },
  [ROLE]: {
    prefix: "",
    id: "name",
    fields: {
      name: fixed,
      assumeRolePolicy: required,
      description: optional,
      forceDetachPolicies: optional,
      path: fixed,
      permissionsBoundary: optional,
      tags: optional,
    },
    computed: ["arn", "uniqueId"],
  },
  "aws:iam/rolePolicy:RolePolicy": {
    prefix: "",
    unique: ["role", "name"],
    fields: { name: fixed, role: within(requiredFixed, ROLE), policy: required },
    computed: [],
  },
  "aws:iam/instanceProfile:InstanceProfile": {
    prefix: "",
    id: "name",
    fields: { name: fixed, role: of(optional, ROLE), path: fixed, tags: optional },
    computed: ["arn", "uniqueId"],
  },
};
