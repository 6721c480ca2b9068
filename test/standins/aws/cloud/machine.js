// @ts-check
/** What this machine gives to instances: as `scripts/docker/host` does for hosts of the target `docker`. */
import { existsSync, readFileSync } from "node:fs";

/** Where containers find a cgroup tree of version 2. */
export function cgroupMount() {
  return existsSync("/sys/fs/cgroup/cgroup.controllers") ? "/sys/fs/cgroup" : "/sys/fs/cgroup/unified";
}

/** An instance's root mounts disks, fences off mount points, sets up packet filters, looks at processes of others. */
const wanted = { LINUX_IMMUTABLE: 9, NET_ADMIN: 12, SYS_PTRACE: 19, SYS_ADMIN: 21, SYS_RESOURCE: 24 };

/** Those of them that this machine has to give. */
export function capabilities() {
  return Object.entries(wanted).flatMap(([name, bit]) => (has(bit) ? [name] : []));
}

/** Whether a mounted file system can be grown here: the kernel lets nobody do so without this capability. */
export const growsMounted = () => has(wanted.SYS_RESOURCE);

/** @param {number} bit */
function has(bit) {
  const bounding = /^CapBnd:\s*([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "0";
  return ((BigInt(`0x${bounding}`) >> BigInt(bit)) & 1n) === 1n;
}
