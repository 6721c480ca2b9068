// @ts-check
/** What a test has ordered to go wrong: `faults.json` in the cloud's folder. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * refuse: AWS says no, and nothing is changed. half: a provider that is bridged from Terraform says no half-way, and the engine keeps what was wanted
 * for what is. silent: no answer comes. late: what is asked for is made, and no answer comes.
 *
 * @typedef {object} Fault
 * @property {string} call `StopInstances` of the API, or `update aws:ebs/volume:Volume` of the plugin
 * @property {string} [name] of the resource in the program; left out: whatever it is
 * @property {"refuse" | "half" | "silent" | "late"} kind
 * @property {string} [code] AWS's name of the error
 * @property {string} [message]
 * @property {number} [status] of HTTP's
 * @property {number} [times] how often; left out: always
 */

/** @param {import("./cloud.js").Cloud} cloud */
const fileOf = (cloud) => join(cloud.folder, "faults.json");

/** @param {import("./cloud.js").Cloud} cloud @returns {Fault[]} */
const faultsOf = (cloud) => (existsSync(fileOf(cloud)) ? JSON.parse(readFileSync(fileOf(cloud), "utf8")) : []);

/**
 * @param {import("./cloud.js").Cloud} cloud
 * @param {readonly Fault[]} faults
 */
export function order(cloud, faults) {
  writeFileSync(fileOf(cloud), JSON.stringify(faults));
}

/**
 * The fault that is ordered for this call, which counts as one of its times; undefined: there is none.
 *
 * @param {import("./cloud.js").Cloud} cloud
 * @param {string} call
 * @param {string} [name]
 * @returns {Fault | undefined}
 */
export function takeFault(cloud, call, name) {
  return cloud.alone(() => {
    const faults = faultsOf(cloud);
    const found = faults.find(
      (fault) => fault.call === call && (fault.name ?? name) === name && (fault.times ?? 1) > 0,
    );
    if (found?.times !== undefined) found.times -= 1;
    if (found) order(cloud, faults);
    return found && { ...found };
  });
}

/** @param {Fault} fault */
export const messageOf = ({ code = "InternalError", message = "ordered by a test" }) => `api error ${code}: ${message}`;
