// @ts-check
/** Addresses: network interfaces, which are in a subnet, and public ones, which are on a Docker network that stands for the internet. */
import { docker } from "./docker.js";
import { freeAddress } from "./ip.js";

/** @typedef {import("./cloud.js").Cloud} Cloud */
/** @typedef {import("./cloud.js").Thing} Thing */

const INTERFACE = "aws:ec2/networkInterface:NetworkInterface";
const ADDRESS = "aws:ec2/eip:Eip";
const INSTANCE = "aws:ec2/instance:Instance";

/** @type {Readonly<Record<string, import("./resources.js").Behaviour>>} */
export const addresses = {
  [INTERFACE]: {
    create(cloud, thing) {
      const { privateIp } = allocate(cloud, thing.properties.subnetId);
      const computed = { arn: `arn:of:${thing.id}`, macAddress: "02:00:00:00:00:00", privateIp };
      // At once: the next one must not get the same address.
      cloud.put({ ...thing, properties: { ...thing.properties, ...computed } });
      return computed;
    },
    remove(cloud, thing) {
      const user = cloud
        .all(INSTANCE)
        .find(({ properties }) => properties.primaryNetworkInterface?.networkInterfaceId === thing.id);
      if (user) throw new Error(`InvalidParameterValue: network interface ${thing.id} is in use by ${user.id}`);
    },
  },
  [ADDRESS]: {
    create(cloud, thing) {
      const taken = cloud.all(ADDRESS).map(({ properties }) => properties.publicIp);
      const publicIp = freeAddress(cloud.state.internet, taken);
      const computed = { arn: `arn:of:${thing.id}`, allocationId: thing.id, publicIp };
      cloud.put({ ...thing, properties: { ...thing.properties, ...computed } });
      return computed;
    },
  },
  "aws:ec2/eipAssociation:EipAssociation": {
    async create(cloud, { properties: { allocationId, instanceId } }) {
      const { publicIp } = cloud.get(ADDRESS, allocationId).properties;
      const { primaryNetworkInterfaceId, privateIp } = cloud.get(INSTANCE, instanceId).properties;
      const { name } = cloud.state;
      await docker("network", "connect", "--ip", publicIp, internetOf(name), `${name}-${instanceId}`);
      return { networkInterfaceId: primaryNetworkInterfaceId, privateIpAddress: privateIp, publicIp };
    },
    async remove(cloud, { properties: { instanceId } }) {
      // With an instance that is gone its address is free.
      if (!cloud.find(INSTANCE, instanceId)) return;
      const { name } = cloud.state;
      await docker("network", "disconnect", "--force", internetOf(name), `${name}-${instanceId}`);
    },
  },
  "aws:ec2/natGateway:NatGateway": {
    create(cloud, { properties: { subnetId, allocationId } }) {
      const { privateIp } = allocate(cloud, subnetId);
      return { privateIp, publicIp: cloud.get(ADDRESS, allocationId).properties.publicIp };
    },
  },
};

/**
 * An address of the subnet that nobody has.
 *
 * @param {Cloud} cloud
 * @param {string} subnetId
 */
export function allocate(cloud, subnetId) {
  const { cidrBlock, availabilityZone } = cloud.get("aws:ec2/subnet:Subnet", subnetId).properties;
  const taken = cloud.state.things.map(({ properties }) => properties.privateIp).filter(Boolean);
  return { privateIp: freeAddress(cidrBlock, taken), availabilityZone };
}

/** The network of the public addresses. @param {string} name of the cloud */
export const internetOf = (name) => `${name}-internet`;
