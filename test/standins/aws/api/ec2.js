// @ts-check
import { askToStop, start, stateOf } from "../cloud/instances.js";
import { growVolume } from "../cloud/volumes.js";
import { ApiError } from "./xml.js";

/** @typedef {import("../cloud/cloud.js").Cloud} Cloud */
/** @typedef {Record<string, string>} Parameters */

const INSTANCE = "aws:ec2/instance:Instance";
const VOLUME = "aws:ebs/volume:Volume";
const ATTACHMENT = "aws:ec2/volumeAttachment:VolumeAttachment";

/**
 * @param {Cloud} cloud
 * @param {string} type
 * @param {string} id
 * @param {string} code
 */
function known(cloud, type, id, code) {
  const found = cloud.find(type, id);
  if (found === undefined) throw new ApiError(code, `The ID '${id}' does not exist`);
  return found;
}

/**
 * The instances that all filters fit: by a tag, or by a volume that is attached.
 *
 * @param {Cloud} cloud
 * @param {Parameters} parameters
 */
function filtered(cloud, parameters) {
  const filters = Object.keys(parameters).flatMap((key) => {
    const [, number] = /^Filter\.(\d+)\.Name$/.exec(key) ?? [];
    return number === undefined
      ? []
      : [{ name: parameters[key] ?? "", value: parameters[`Filter.${number}.Value.1`] ?? "" }];
  });
  const attached = (/** @type {string} */ volume) =>
    cloud.all(ATTACHMENT).filter(({ properties }) => properties.volumeId === volume);
  return cloud.all(INSTANCE).filter(({ id, properties }) =>
    filters.every(({ name, value }) => {
      if (name === "block-device-mapping.volume-id")
        return attached(value).some((one) => one.properties.instanceId === id);
      if (name.startsWith("tag:")) return properties.tags?.[name.slice("tag:".length)] === value;
      throw new ApiError("InvalidParameterValue", `The filter '${name}' is invalid`);
    }),
  );
}

/** @param {Cloud} cloud @param {Parameters} parameters */
const instanceOf = (cloud, { "InstanceId.1": id = "" }) => known(cloud, INSTANCE, id, "InvalidInstanceID.NotFound");

/** @type {Readonly<Record<string, (cloud: Cloud, parameters: Parameters) => Promise<object> | object>>} */
export const ec2Calls = {
  async DescribeInstances(cloud, parameters) {
    const asked = "InstanceId.1" in parameters ? [instanceOf(cloud, parameters)] : filtered(cloud, parameters);
    const instances = await Promise.all(
      asked.map(async ({ id, hidden }) => ({
        instanceId: id,
        instanceState: { code: 0, name: await stateOf(cloud, id) },
        hibernationOptions: { configured: hidden?.hibernates === true },
      })),
    );
    return { reservationSet: [{ reservationId: "r-1", ownerId: cloud.state.account, instancesSet: instances }] };
  },
  async StopInstances(cloud, parameters) {
    const { id } = instanceOf(cloud, parameters);
    const before = await stateOf(cloud, id);
    if (before === "terminated")
      throw new ApiError("IncorrectInstanceState", `${id} is not in a state from which it can be stopped`);
    const how = { force: parameters.Force === "true", skipOsShutdown: parameters.SkipOsShutdown === "true" };
    cloud.record("asked to stop", cloud.get(INSTANCE, id), how);
    // EC2 answers at once; the instance stops in its own time.
    void askToStop(cloud, id, how);
    return {
      instancesSet: [
        { instanceId: id, currentState: { code: 64, name: "stopping" }, previousState: { code: 16, name: before } },
      ],
    };
  },
  async StartInstances(cloud, parameters) {
    const { id } = instanceOf(cloud, parameters);
    const before = await stateOf(cloud, id);
    if (before === "terminated" || before === "stopping")
      throw new ApiError("IncorrectInstanceState", `${id} is not in a state from which it can be started`);
    await start(cloud, id);
    return {
      instancesSet: [
        { instanceId: id, currentState: { code: 0, name: "pending" }, previousState: { code: 80, name: before } },
      ],
    };
  },
  async ModifyInstanceAttribute(cloud, { InstanceId: id = "", "InstanceType.Value": instanceType }) {
    const instance = known(cloud, INSTANCE, id, "InvalidInstanceID.NotFound");
    if ((await stateOf(cloud, id)) !== "stopped")
      throw new ApiError("IncorrectInstanceState", `The instance '${id}' is not in the 'stopped' state.`);
    cloud.put({ ...instance, properties: { ...instance.properties, instanceType } });
    cloud.record("modify", instance, { instanceType });
    return { return: true };
  },
  DescribeVolumes(cloud, { "VolumeId.1": id = "" }) {
    const { properties } = known(cloud, VOLUME, id, "InvalidVolume.NotFound");
    const { type, size, iops, throughput } = properties;
    return { volumeSet: [{ volumeId: id, volumeType: type, size, iops, throughput, status: "in-use" }] };
  },
  DescribeVolumesModifications(cloud, { "VolumeId.1": id = "" }) {
    known(cloud, VOLUME, id, "InvalidVolume.NotFound");
    throw new ApiError("InvalidVolumeModification.NotFound", `Modification for volume '${id}' does not exist.`);
  },
  async ModifyVolume(cloud, { VolumeId: id = "", Size, Iops, Throughput, VolumeType }) {
    const volume = known(cloud, VOLUME, id, "InvalidVolume.NotFound");
    const wanted = {
      size: Number(Size),
      iops: Number(Iops),
      type: VolumeType,
      ...(Throughput ? { throughput: Number(Throughput) } : {}),
    };
    if (wanted.size < volume.properties.size)
      throw new ApiError("InvalidParameterValue", "New size cannot be smaller than existing size");
    await growVolume(cloud, volume, wanted.size);
    cloud.put({ ...cloud.get(VOLUME, id), properties: { ...cloud.get(VOLUME, id).properties, ...wanted } });
    return { volumeModification: { volumeId: id, modificationState: "optimizing", targetSize: wanted.size } };
  },
};
