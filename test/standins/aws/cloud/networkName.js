// @ts-check
/** @typedef {import("./cloud.js").Cloud} Cloud */

/**
 * The name of the Docker network that a VPC is.
 *
 * @param {Cloud} cloud
 * @param {string} vpcId
 */
export const networkOf = (cloud, vpcId) => `${cloud.state.name}-${vpcId}`;
