// @ts-check
/** The functions of @pulumi/aws that the program calls. */
import { findImage } from "./images.js";

/** @type {Readonly<Record<string, (cloud: import("./cloud.js").Cloud, args: any) => Promise<Record<string, any>>>>} */
export const functions = {
  "aws:ec2/getAmi:getAmi": async (cloud, args) => {
    const { id, name, architecture, owner, published } = findImage(cloud.state.images, args);
    return {
      creationDate: new Date(Date.parse("2026-01-01") + published * 24 * 3600 * 1000).toISOString(),
      rootDeviceName: "/dev/xvda",
      blockDeviceMappings: [{ deviceName: "/dev/xvda", ebs: { volume_size: "8" }, noDevice: "", virtualName: "" }],
      ...args,
      id,
      imageId: id,
      name,
      architecture,
      ownerId: owner,
      rootDeviceType: "ebs",
      virtualizationType: "hvm",
    };
  },
  "aws:s3/getBucket:getBucket": async (cloud, { bucket }) => {
    const found = cloud.find("aws:s3/bucket:Bucket", bucket);
    if (found === undefined) throw new Error(`reading S3 Bucket (${bucket}): couldn't find resource`);
    return { ...found.properties, id: bucket, bucket };
  },
};
