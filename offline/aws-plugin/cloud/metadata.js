// @ts-check
/** The metadata service of a VPC: a container at 169.254.169.254 of the same network, which tells instances apart by their addresses. */
import { docker, inProject, LABEL } from "./docker.js";
import { imageTag } from "./images.js";

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
    ...["--mount", `type=bind,source=${cloud.folder},target=/cloud,readonly`],
    ...[
      "--mount",
      `type=bind,source=${inProject("offline/aws-plugin/metadata-service.mjs")},target=/service.mjs,readonly`,
    ],
    // The image has no Node of its own.
    ...["--mount", `type=bind,source=${process.execPath},target=/usr/local/bin/node,readonly`],
    ...["--init", await imageTag(), "node", "/service.mjs", "/cloud/cloud.json"],
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
