// @ts-check
/** The metadata service of a VPC: a container at 169.254.169.254 of the same network, which tells instances apart by their addresses. */
import { docker, LABEL } from "./docker.js";
import { imageTag } from "./images.js";
import { serviceMounts } from "./services.js";

/** @typedef {import("./cloud.js").Cloud} Cloud */

export const METADATA_ADDRESS = "169.254.169.254";

/**
 * @param {Cloud} cloud
 * @param {{ network: string, vpcId: string, address: string }} where
 */
export async function startMetadataService(cloud, { network, vpcId, address }) {
  const { name } = cloud.state;
  await docker(
    ...["run", "--detach", "--name", `${name}-metadata-${vpcId}`, "--label", `${LABEL}=${name}`],
    ...["--network", network, "--ip", address, "--link-local-ip", METADATA_ADDRESS],
    ...[...serviceMounts(cloud), "--init", await imageTag(), "node", "/services/metadata.mjs", "/cloud/cloud.json"],
  );
}

/**
 * @param {Cloud} cloud
 * @param {string} vpcId
 */
export async function stopMetadataService(cloud, vpcId) {
  await docker("rm", "--force", `${cloud.state.name}-metadata-${vpcId}`);
}

/**
 * The address by which an instance reaches the service, and is known to it: of the same kind, so that no route is needed.
 *
 * @param {string} privateIp
 */
export const linkLocal = (privateIp) => `169.254.${privateIp.split(".").slice(2).join(".")}`;
