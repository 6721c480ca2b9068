// @ts-check
/** An instance is a container that boots systemd, cloud-init and sshd. Its root goes with it; its address and its volumes stay. */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { allocate } from "./addresses.js";
import { docker, isRunning, LABEL, putFiles } from "./docker.js";
import { imageTag } from "./images.js";
import { capabilities, cgroupMount } from "./machine.js";
import { linkLocal } from "./metadata.js";
import { networkOf } from "./networkName.js";

/** @typedef {import("./cloud.js").Cloud} Cloud */
/** @typedef {import("./cloud.js").Thing} Thing */

const INSTANCE = "aws:ec2/instance:Instance";
const INTERFACE = "aws:ec2/networkInterface:NetworkInterface";
const MOST_USER_DATA_BYTES = 16_384;

/** @type {Readonly<Record<string, import("./resources.js").Behaviour>>} */
export const instances = {
  [INSTANCE]: {
    async create(cloud, thing) {
      const { ami, instanceType, userDataBase64 = "" } = thing.properties;
      requireFitting(cloud, ami, instanceType);
      if (Buffer.from(userDataBase64, "base64").length > MOST_USER_DATA_BYTES) {
        throw new Error("InvalidParameterValue: User data is limited to 16384 bytes");
      }
      const { privateIp, subnetId, interfaceId, availabilityZone } = placed(cloud, thing);
      const computed = {
        arn: `arn:of:${thing.id}`,
        availabilityZone,
        instanceState: "running",
        primaryNetworkInterfaceId: interfaceId,
        privateIp,
      };
      const hidden = { linkLocal: linkLocal(privateIp) };
      cloud.put({ ...thing, properties: { ...thing.properties, ...computed }, hidden });
      await launch(cloud, thing, { privateIp, subnetId, linkLocal: hidden.linkLocal });
      return computed;
    },
    async update(cloud, thing, inputs) {
      const { ami, instanceType, userDataBase64 } = inputs;
      requireFitting(cloud, ami, instanceType);
      const { properties: before } = thing;
      if (before.instanceType === instanceType && before.userDataBase64 === userDataBase64) return;
      await stop(cloud, thing.id);
      cloud.record("modify", thing, { instanceType });
      await start(cloud, thing.id);
    },
    async remove(cloud, thing) {
      const container = containerOf(cloud, thing.id);
      if (await isRunning(container)) await docker("stop", "--time", "60", container);
      await docker("rm", "--force", container);
      const attached = cloud
        .all("aws:ec2/volumeAttachment:VolumeAttachment")
        .find(({ properties }) => properties.instanceId === thing.id);
      if (attached)
        throw new Error(`the stand-in terminates no instance with a volume on it: ${attached.properties.volumeId}`);
      rmSync(join(cloud.folder, "instances", thing.id), { recursive: true, force: true });
      cloud.record("terminate", thing);
    },
    read: async (cloud, { id }) => ({ instanceState: await stateOf(cloud, id) }),
  },
};

/**
 * @param {Cloud} cloud
 * @param {string} instanceId
 */
export const containerOf = (cloud, instanceId) => `${cloud.state.name}-${instanceId}`;

/**
 * The folder that is `/dev/disk` in the instance.
 *
 * @param {Cloud} cloud
 * @param {string} instanceId
 */
export const disksOf = (cloud, instanceId) => join(cloud.folder, "instances", instanceId, "disk");

/**
 * @param {Cloud} cloud
 * @param {string} instanceId
 */
export async function stateOf(cloud, instanceId) {
  const { state } = cloud.get(INSTANCE, instanceId).hidden ?? {};
  if (state) return state;
  return (await isRunning(containerOf(cloud, instanceId))) ? "running" : "stopped";
}

/**
 * What it takes until it stops: nothing much; force; that its shutdown is skipped; or nothing helps, because its zone is gone.
 *
 * @typedef {"asked" | "forced" | "skipped" | "never"} Stubbornness
 */

/**
 * @param {Cloud} cloud
 * @param {string} instanceId
 * @param {{ force: boolean, skipOsShutdown: boolean }} how
 */
export async function askToStop(cloud, instanceId, { force, skipOsShutdown }) {
  const { hidden } = cloud.get(INSTANCE, instanceId);
  /** @type {readonly Stubbornness[]} */
  const helps = [
    "asked",
    ...(force ? /** @type {const} */ (["forced"]) : []),
    ...(skipOsShutdown ? /** @type {const} */ (["skipped"]) : []),
  ];
  const state = await stateOf(cloud, instanceId);
  if (state === "stopped" || state === "terminated") return;
  cloud.note(INSTANCE, instanceId, { state: "stopping" });
  if (!helps.includes(hidden?.stubborn ?? "asked")) return;
  const turnOff = force
    ? docker("kill", containerOf(cloud, instanceId))
    : docker("stop", "--time", "60", containerOf(cloud, instanceId));
  await turnOff.catch(() => {});
  cloud.record("stop", cloud.get(INSTANCE, instanceId), { force });
  cloud.note(INSTANCE, instanceId, { state: undefined });
}

/**
 * @param {Cloud} cloud
 * @param {string} instanceId
 */
export async function stop(cloud, instanceId) {
  if ((await stateOf(cloud, instanceId)) === "stopped") return;
  const container = containerOf(cloud, instanceId);
  // One that hangs does not hear that it is to shut down: EC2 turns it off after a while.
  const hangs = (await docker("container", "inspect", "--format", "{{.State.Paused}}", container)) === "true";
  await (hangs ? docker("kill", container) : docker("stop", "--time", "60", container));
  cloud.record("stop", cloud.get(INSTANCE, instanceId), { force: false });
}

/**
 * @param {Cloud} cloud
 * @param {string} instanceId
 */
export async function start(cloud, instanceId) {
  if ((await stateOf(cloud, instanceId)) === "running") return;
  await docker("start", containerOf(cloud, instanceId));
  cloud.record("start", cloud.get(INSTANCE, instanceId));
}

/**
 * @param {Cloud} cloud
 * @param {string} ami
 * @param {string} instanceType
 */
function requireFitting(cloud, ami, instanceType) {
  const image = cloud.state.images.find(({ id }) => id === ami);
  if (image === undefined) throw new Error(`InvalidAMIID.NotFound: the image id '[${ami}]' does not exist`);
  const own = /^(?:a1|[a-z]+\d+[a-z]*g[a-z]*)\./.test(instanceType) ? "arm64" : "x86_64";
  if (image.architecture !== own) {
    throw new Error(
      `InvalidParameterValue: the architecture '${own}' of the specified instance type does not match the architecture '${image.architecture}' of the specified AMI`,
    );
  }
}

/**
 * Where it is in the network: on an interface that is there, or on one that goes with it.
 *
 * @param {Cloud} cloud
 * @param {Thing} thing
 */
function placed(cloud, { id, properties }) {
  const { primaryNetworkInterface, subnetId } = properties;
  if (primaryNetworkInterface === undefined) {
    return { ...allocate(cloud, subnetId), subnetId, interfaceId: `eni-of-${id}` };
  }
  if (subnetId !== undefined)
    throw new Error("InvalidParameterCombination: network interfaces and an instance-level subnet ID");
  const interfaceId = primaryNetworkInterface.networkInterfaceId;
  const { privateIp, subnetId: within } = cloud.get(INTERFACE, interfaceId).properties;
  const user = cloud
    .all(INSTANCE)
    .find((other) => other.id !== id && other.properties.primaryNetworkInterfaceId === interfaceId);
  if (user) throw new Error(`InvalidNetworkInterface.InUse: ${interfaceId} is in use by ${user.id}`);
  const { availabilityZone } = cloud.get("aws:ec2/subnet:Subnet", within).properties;
  return { privateIp, subnetId: within, interfaceId, availabilityZone };
}

/**
 * @param {Cloud} cloud
 * @param {Thing} thing
 * @param {{ privateIp: string, subnetId: string, linkLocal: string }} where
 */
async function launch(cloud, thing, { privateIp, subnetId, linkLocal: local }) {
  const { name, ca } = cloud.state;
  const { vpcId } = cloud.get("aws:ec2/subnet:Subnet", subnetId).properties;
  const container = containerOf(cloud, thing.id);
  const disks = disksOf(cloud, thing.id);
  mkdirSync(join(disks, "by-id"), { recursive: true });
  const hostName = `ip-${privateIp.replaceAll(".", "-")}`;
  await docker(
    ...["create", "--name", container, "--hostname", hostName, "--label", `${LABEL}=${name}`],
    ...["--network", networkOf(cloud, vpcId), "--ip", privateIp, "--link-local-ip", local],
    ...capabilities().flatMap((capability) => ["--cap-add", capability]),
    ...["--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined", "--cgroupns=host"],
    ...["--mount", `type=bind,source=${cgroupMount()},target=/sys/fs/cgroup`],
    ...["--tmpfs", "/run:exec,mode=755", "--tmpfs", "/run/lock", "--env", "container=docker"],
    // Loop devices, which volumes are.
    ...["--device-cgroup-rule", "b 7:* rmw", "--mount", `type=bind,source=${disks},target=/dev/disk`],
    ...["--memory", "1g", "--memory-swap", "1g", "--shm-size", "512m"],
    ...["--stop-signal", "SIGRTMIN+3", "--log-driver", "local", "--log-opt", "max-size=1m"],
    ...[await imageTag(), "/sbin/init"],
  );
  const seed = "/var/lib/cloud/seed/nocloud";
  await putFiles(container, {
    [`${seed}/user-data`]: Buffer.from(thing.properties.userDataBase64 ?? "", "base64").toString(),
    [`${seed}/meta-data`]: JSON.stringify({ "instance-id": thing.id, "local-hostname": hostName }),
  });
  // The public trust store, as far as this cloud is concerned: OpenSSL's, and the one that curl goes by.
  const stores = ["/usr/lib/ssl/cert.pem", "/etc/ssl/certs/ca-certificates.crt"];
  await putFiles(container, Object.fromEntries(stores.map((path) => [path, ca.certificate])), "644");
  await docker("start", container);
  cloud.record("launch", thing, { ami: thing.properties.ami, privateIp });
}
