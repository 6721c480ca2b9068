// @ts-check
/** A volume is a file, which no instance takes with it; attached, it is a loop device in the instance, under the names that udev gives it on EC2. */
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "./docker.js";
import { disksOf, stateOf, stop } from "./instances.js";

/** @typedef {import("./cloud.js").Cloud} Cloud */
/** @typedef {import("./cloud.js").Thing} Thing */

const VOLUME = "aws:ebs/volume:Volume";
const ATTACHMENT = "aws:ec2/volumeAttachment:VolumeAttachment";
const INSTANCE = "aws:ec2/instance:Instance";

const GIB = 1024 ** 3;

/** @type {Readonly<Record<string, import("./resources.js").Behaviour>>} */
export const volumes = {
  [VOLUME]: {
    async create(cloud, { id, properties: { size, snapshotId } }) {
      mkdirSync(join(cloud.folder, "volumes"), { recursive: true });
      if (snapshotId === undefined) writeFileSync(fileOf(cloud, id), "");
      else if (existsSync(fileOf(cloud, snapshotId))) await copyDisk(cloud, snapshotId, id);
      else throw new Error(`InvalidSnapshot.NotFound: The snapshot '${snapshotId}' does not exist.`);
      truncateSync(fileOf(cloud, id), size * GIB);
      return { arn: `arn:of:${id}` };
    },
    async update(cloud, thing, { size }) {
      const { size: before } = thing.properties;
      if (size === before) return;
      if (size < before)
        throw new Error(`InvalidParameterValue: New size cannot be smaller than existing size (${thing.id})`);
      await growVolume(cloud, thing, size);
    },
    remove(cloud, { id }) {
      rmSync(fileOf(cloud, id), { force: true });
    },
  },
  [ATTACHMENT]: {
    async create(cloud, { id, properties: { instanceId, volumeId } }) {
      const other = cloud.all(ATTACHMENT).find((one) => one.properties.volumeId === volumeId && one.id !== id);
      if (other)
        throw new Error(`VolumeInUse: ${volumeId} is already attached to an instance (${other.properties.instanceId})`);
      const zone = cloud.get(VOLUME, volumeId).properties.availabilityZone;
      const instance = cloud.get(INSTANCE, instanceId);
      if (instance.properties.availabilityZone !== zone) {
        throw new Error(
          `InvalidVolume.ZoneMismatch: the volume ${volumeId} is not in the same availability zone as instance ${instanceId}`,
        );
      }
      await attach(cloud, volumeId, instanceId);
      return {};
    },
    async remove(cloud, { properties: { instanceId, volumeId, stopInstanceBeforeDetaching } }) {
      if (cloud.find(INSTANCE, instanceId) && (await stateOf(cloud, instanceId)) === "running") {
        // It would hang in `detaching` for as long as the file system is mounted.
        if (stopInstanceBeforeDetaching !== true)
          throw new Error(`IncorrectState: ${volumeId} is busy: ${instanceId} runs`);
        await stop(cloud, instanceId);
      }
      await detach(cloud, volumeId, instanceId);
    },
  },
};

/**
 * @param {Cloud} cloud
 * @param {Thing} volume
 * @param {number} size GiB
 */
export async function growVolume(cloud, volume, size) {
  const { size: from } = volume.properties;
  if (size === from) return;
  truncateSync(fileOf(cloud, volume.id), size * GIB);
  const loop = await loopOf(cloud, volume.id);
  if (loop !== undefined) await run("losetup", ["--set-capacity", loop]);
  cloud.record("grow", volume, { from, to: size });
}

/**
 * A snapshot of a volume, as it is while it is used; gives its id.
 *
 * @param {Cloud} cloud
 * @param {string} volumeId
 */
export async function snapshotOf(cloud, volumeId) {
  const id = `snap-0${randomBytes(8).toString("hex")}`;
  await copyDisk(cloud, volumeId, id);
  return id;
}

/**
 * @param {Cloud} cloud
 * @param {string} from
 * @param {string} to
 */
const copyDisk = (cloud, from, to) => run("cp", ["--sparse=always", fileOf(cloud, from), fileOf(cloud, to)]);

/**
 * @param {Cloud} cloud
 * @param {string} volumeId or a snapshot's
 */
const fileOf = (cloud, volumeId) => join(cloud.folder, "volumes", `${volumeId}.img`);

/**
 * The loop device that a volume is; undefined: it is attached nowhere.
 *
 * @param {Cloud} cloud
 * @param {string} volumeId
 */
async function loopOf(cloud, volumeId) {
  const known = await run("losetup", ["--associated", fileOf(cloud, volumeId), "--output", "NAME", "--noheadings"]);
  return known === "" ? undefined : known;
}

/**
 * @param {Cloud} cloud
 * @param {string} volumeId
 * @param {string} instanceId
 */
async function attach(cloud, volumeId, instanceId) {
  const loop = await run("losetup", ["--find", "--show", fileOf(cloud, volumeId)]);
  const disks = disksOf(cloud, instanceId);
  const device = `nvme${readdirSync(disks).filter((name) => name.startsWith("nvme")).length + 1}n1`;
  await run("mknod", [join(disks, device), "b", ...(await run("stat", ["--format", "%Hr %Lr", loop])).split(" ")]);
  symlinkSync(`../${device}`, join(disks, "by-id", linkOf(volumeId)));
  cloud.record("attach", cloud.get(VOLUME, volumeId), { instance: instanceId });
}

/**
 * @param {Cloud} cloud
 * @param {string} volumeId
 * @param {string} instanceId
 */
async function detach(cloud, volumeId, instanceId) {
  const loop = await loopOf(cloud, volumeId);
  if (loop !== undefined) await run("losetup", ["--detach", loop]);
  // An instance has one volume of ours.
  const disks = disksOf(cloud, instanceId);
  rmSync(join(disks, "by-id", linkOf(volumeId)), { force: true });
  rmSync(join(disks, "nvme1n1"), { force: true });
  cloud.record("detach", cloud.get(VOLUME, volumeId), { instance: instanceId });
}

/** @param {string} volumeId */
const linkOf = (volumeId) => `nvme-Amazon_Elastic_Block_Store_${volumeId.replace("-", "")}`;
