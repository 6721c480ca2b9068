// @ts-check
/** Making a cloud, and removing all that is left of it: for tests. */
import { randomBytes, randomInt } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { internetOf } from "./addresses.js";
import { Cloud } from "./cloud.js";
import { docker, inProject, LABEL, run } from "./docker.js";
import { published } from "./images.js";
import { network, text } from "./ip.js";

/**
 * @param {string} folder that is empty; everything in the cloud is in it, secrets too
 * @param {{ account: string, region: string }} where
 */
export async function createCloud(folder, { account, region }) {
  const authority = JSON.stringify({ commonName: "the stand-in's public CA", days: 2 });
  const state = {
    name: `understudy-test-${randomBytes(4).toString("hex")}`,
    account,
    region,
    // Of the networks that are set aside for measurements: nobody's.
    internet: `198.${18 + randomInt(2)}.${randomInt(256)}.${64 * randomInt(4)}/26`,
    ca: JSON.parse(await run(process.execPath, [inProject("scripts/make-secret.mjs"), "ca"], authority)),
    images: published,
    things: [],
  };
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeFileSync(join(folder, "cloud.json"), JSON.stringify(state), { mode: 0o600 });
  // Docker gives out addresses of its own, to the buckets, from the upper half.
  const { first } = network(state.internet);
  const words = [
    "--label",
    `${LABEL}=${state.name}`,
    "--subnet",
    state.internet,
    "--ip-range",
    `${text(first + 32)}/27`,
  ];
  await docker("network", "create", ...words, "--gateway", text(first + 1), internetOf(state.name));
  return new Cloud(folder);
}

/**
 * Removes every container, network, loop device and file of it, whatever is going on there.
 *
 * @param {Cloud} cloud
 */
export async function removeCloud(cloud) {
  const of = ["--quiet", "--filter", `label=${LABEL}=${cloud.state.name}`];
  for (const container of lines(await docker("ps", "--all", ...of)))
    await docker("rm", "--force", "--volumes", container);
  for (const network of lines(await docker("network", "ls", ...of))) await docker("network", "rm", network);
  const volumes = join(cloud.folder, "volumes");
  for (const file of existsSync(volumes) ? readdirSync(volumes) : []) {
    const loops = ["--associated", join(volumes, file), "--output", "NAME", "--noheadings"];
    for (const loop of lines(await run("losetup", loops))) await run("losetup", ["--detach", loop]);
  }
  rmSync(cloud.folder, { recursive: true, force: true });
}

/** @param {string} text */
const lines = (text) => text.split("\n").filter(Boolean);
