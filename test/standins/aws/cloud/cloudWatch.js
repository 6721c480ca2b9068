// @ts-check
/** CloudWatch: a server in every VPC that has an endpoint for it, under AWS's own name. */
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { docker, LABEL } from "./docker.js";
import { imageTag } from "./images.js";
import { certify, serviceMounts } from "./services.js";

/** @typedef {import("./cloud.js").Cloud} Cloud */
/** @typedef {{ namespace: string, metric: string, value: number, node: string | null }} Figure */

/** @param {Cloud} cloud */
const folderOf = (cloud) => join(cloud.folder, "cloudwatch");

/**
 * @param {Cloud} cloud
 * @param {string} vpcId
 * @param {string} network
 */
export async function startCloudWatch(cloud, vpcId, network) {
  const { name, region } = cloud.state;
  const host = `monitoring.${region}.amazonaws.com`;
  mkdirSync(folderOf(cloud), { recursive: true });
  await certify(cloud, folderOf(cloud), [host]);
  await docker(
    ...["run", "--detach", "--init", "--name", `${name}-cloudwatch-${vpcId}`, "--label", `${LABEL}=${name}`],
    ...["--network", network, "--network-alias", host, ...serviceMounts(cloud)],
    ...["--mount", `type=bind,source=${folderOf(cloud)},target=/figures`],
    ...[
      await imageTag(),
      "node",
      "/services/cloudWatch.mjs",
      "/figures",
      "/cloud/cloud.json",
      "/figures/figures.jsonl",
    ],
  );
}

/**
 * @param {Cloud} cloud
 * @param {string} vpcId
 */
export async function stopCloudWatch(cloud, vpcId) {
  await docker("rm", "--force", `${cloud.state.name}-cloudwatch-${vpcId}`);
}

/**
 * What was sent so far.
 *
 * @param {Cloud} cloud
 * @returns {Figure[]}
 */
export function figures(cloud) {
  const file = join(folderOf(cloud), "figures.jsonl");
  if (!existsSync(file)) return [];
  return readFileSync(file, "utf8")
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line));
}
