// @ts-check
/** A bucket is an S3 server of its own, with the certificate of the cloud's CA, in every VPC that has a way to S3. */
import { randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { internetOf } from "./addresses.js";
import { docker, inProject, LABEL, run } from "./docker.js";
import { networkOf } from "./networkName.js";
import { certify, serviceMounts } from "./services.js";

/** @typedef {import("./cloud.js").Cloud} Cloud */
/** @typedef {import("./cloud.js").Thing} Thing */

const BUCKET = "aws:s3/bucket:Bucket";

/** @type {Readonly<Record<string, import("./resources.js").Behaviour>>} */
export const buckets = {
  [BUCKET]: {
    async create(cloud, { id }) {
      await serve(cloud, id);
      await joinBuckets(cloud);
      const host = `${id}.${endpoint(cloud)}`;
      return { arn: `arn:aws:s3:::${id}`, bucketDomainName: host, bucketRegionalDomainName: host };
    },
    async remove(cloud, { id, properties }) {
      if (properties.forceDestroy !== true && objects(cloud, id).length > 0) {
        throw new Error(`BucketNotEmpty: the bucket ${id} you tried to delete is not empty`);
      }
      await docker("rm", "--force", containerOf(cloud, id));
      rmSync(folderOf(cloud, id), { recursive: true, force: true });
      // Its settings go with it: the engine does not delete them one by one.
      const settings = cloud.state.things.filter((thing) => thing.type.startsWith("aws:s3/bucket") && thing.id === id);
      for (const { type } of settings) cloud.remove(type, id);
    },
  },
};

/** @param {Cloud} cloud */
const endpoint = (cloud) => `s3.${cloud.state.region}.amazonaws.com`;

/**
 * @param {Cloud} cloud
 * @param {string} bucket
 */
const containerOf = (cloud, bucket) => `${cloud.state.name}-s3-${bucket}`;

/**
 * @param {Cloud} cloud
 * @param {string} bucket
 */
const folderOf = (cloud, bucket) => join(cloud.folder, "buckets", bucket);

/**
 * Names of the objects in a bucket.
 *
 * @param {Cloud} cloud
 * @param {string} bucket
 * @returns {string[]}
 */
export function objects(cloud, bucket) {
  const data = join(folderOf(cloud, bucket), "data", bucket);
  return readdirSync(data, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(data.length + 1));
}

/**
 * @param {Cloud} cloud
 * @param {string} bucket
 */
async function serve(cloud, bucket) {
  const { name, region } = cloud.state;
  const folder = folderOf(cloud, bucket);
  for (const part of [`data/${bucket}`, "metadata"]) mkdirSync(join(folder, part), { recursive: true });
  const host = endpoint(cloud);
  await certify(cloud, join(folder, "tls"), [host, `*.${host}`]);
  const gateway = [
    ...["versitygw --port :443 --quiet --region", region, "--virtual-domain", host],
    "--cert /bucket/tls/server.crt --key /bucket/tls/server.key",
    "--iam-standalone-endpoint /bucket/iam.sock --iam-cache-disable",
    "posix --sidecar /bucket/metadata /bucket/data",
  ].join(" ");
  await docker(
    ...["run", "--detach", "--init", "--name", containerOf(cloud, bucket), "--label", `${LABEL}=${name}`],
    ...[...serviceMounts(cloud), "--mount", `type=bind,source=${folder},target=/bucket`, "--network", internetOf(name)],
    // Nobody is the server's own user: who comes in has a role.
    ...["--env", "ROOT_ACCESS_KEY_ID=nobody", "--env", `ROOT_SECRET_ACCESS_KEY=${randomBytes(20).toString("hex")}`],
    ...[await run(inProject("scripts/docker/s3-image"), []), "sh", "-c"],
    `node /services/identity.mjs /bucket/iam.sock /cloud/cloud.json & exec ${gateway}`,
  );
}

/** @param {Thing} vpcEndpoint */
export const isForS3 = ({ properties }) => properties.serviceName.endsWith(".s3");

/** @type {Promise<void>} */
let joining = Promise.resolve();

/**
 * Makes every bucket reachable in every VPC that has an endpoint for S3, by the names that AWS gives it. One after the other: buckets and
 * endpoints are made at the same time.
 *
 * @param {Cloud} cloud
 */
export function joinBuckets(cloud) {
  const joined = joining.then(() => connectBuckets(cloud));
  joining = joined.catch(() => {});
  return joined;
}

/** @param {Cloud} cloud */
async function connectBuckets(cloud) {
  for (const { id: bucket } of cloud.all(BUCKET)) {
    for (const { properties } of cloud.all("aws:ec2/vpcEndpoint:VpcEndpoint").filter(isForS3)) {
      const network = networkOf(cloud, properties.vpcId);
      const known = await networksOf(cloud, bucket);
      // One that is still being made joins by itself.
      if (known === undefined || known.includes(network)) continue;
      const names = ["--alias", endpoint(cloud), "--alias", `${bucket}.${endpoint(cloud)}`];
      await docker("network", "connect", ...names, network, containerOf(cloud, bucket));
    }
  }
}

/**
 * @param {Cloud} cloud
 * @param {string} vpcId
 */
export async function leaveBuckets(cloud, vpcId) {
  const network = networkOf(cloud, vpcId);
  for (const { id: bucket } of cloud.all(BUCKET)) {
    if ((await networksOf(cloud, bucket))?.includes(network)) {
      await docker("network", "disconnect", "--force", network, containerOf(cloud, bucket));
    }
  }
}

/**
 * @param {Cloud} cloud
 * @param {string} bucket
 */
async function networksOf(cloud, bucket) {
  const known = await docker("container", "ls", "--all", "--quiet", "--filter", `name=^${containerOf(cloud, bucket)}$`);
  if (known === "") return undefined;
  const format = "{{range $name, $_ := .NetworkSettings.Networks}}{{$name}} {{end}}";
  return (await docker("container", "inspect", "--format", format, containerOf(cloud, bucket))).split(" ");
}
