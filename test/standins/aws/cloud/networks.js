// @ts-check
/** A VPC is a Docker network; in it is what every VPC has, the metadata service, and behind its endpoint the buckets. */
import { isForS3, joinBuckets, leaveBuckets } from "./buckets.js";
import { startCloudWatch, stopCloudWatch } from "./cloudWatch.js";
import { docker, LABEL } from "./docker.js";
import { network, text } from "./ip.js";
import { startMetadataService, stopMetadataService } from "./metadata.js";
import { networkOf } from "./networkName.js";

/** @typedef {import("./cloud.js").Cloud} Cloud */

/** @type {Readonly<Record<string, import("./resources.js").Behaviour>>} */
export const networks = {
  "aws:ec2/vpc:Vpc": {
    async create(cloud, { id, properties: { cidrBlock } }) {
      const { name, account } = cloud.state;
      const { first, size } = network(cidrBlock);
      const prefix = 32 - Math.log2(size);
      // What Docker gives out by itself, to the buckets, is in the last sixteenth: no subnet of ours is.
      const own = `${text(first + (size / 16) * 15)}/${prefix + 4}`;
      const words = ["--label", `${LABEL}=${name}`, "--subnet", cidrBlock, "--ip-range", own];
      await docker("network", "create", ...words, "--gateway", text(first + 1), networkOf(cloud, id));
      await startMetadataService(cloud, { network: networkOf(cloud, id), vpcId: id, address: text(first + 2) });
      return {
        arn: `arn:of:${id}`,
        defaultSecurityGroupId: "sg-default",
        mainRouteTableId: "rtb-main",
        ownerId: account,
      };
    },
    async remove(cloud, { id }) {
      await stopMetadataService(cloud, id);
      await docker("network", "rm", networkOf(cloud, id));
    },
  },
  "aws:ec2/vpcEndpoint:VpcEndpoint": {
    async create(cloud, thing) {
      const { serviceName, vpcId } = thing.properties;
      if (isForS3(thing)) await joinBuckets(cloud);
      else if (serviceName.endsWith(".monitoring")) await startCloudWatch(cloud, vpcId, networkOf(cloud, vpcId));
      else throw new Error(`the stand-in has no service ${serviceName}`);
      return { arn: `arn:of:${thing.id}`, prefixListId: "pl-0123456789abcdef0", state: "available" };
    },
    async remove(cloud, thing) {
      const { vpcId } = thing.properties;
      await (isForS3(thing) ? leaveBuckets(cloud, vpcId) : stopCloudWatch(cloud, vpcId));
    },
  },
};
