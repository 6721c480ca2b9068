/** What is left of any start of a server: not what `postmaster.pid` says, but what runs. */
import type { BigIntStats } from "node:fs";
import { readdir, readFile, readlink, stat } from "node:fs/promises";
import { basename } from "node:path";
import { hasCode, readSmall } from "./files.ts";

/** A process that ends while it is looked at is none. */
const goneToo = (error: unknown): undefined => {
  if (hasCode(error, "ENOENT", "ESRCH")) return undefined;
  throw error;
};

/** A server runs as the owner of its data. What others run need not be seen, and may not be. */
const isOfOwner = async (pid: number, { uid }: BigIntStats): Promise<boolean> =>
  (await stat(`/proc/${pid}`, { bigint: true }).catch(goneToo))?.uid === uid;

const isPostgres = async (pid: number): Promise<boolean> => {
  const program = await readlink(`/proc/${pid}/exe`).catch(goneToo);
  // A package that was updated leaves the old program running.
  return program !== undefined && basename(program.replace(/ \(deleted\)$/, "")) === "postgres";
};

const worksIn = async (pid: number, directory: BigIntStats): Promise<boolean> => {
  const found = await stat(`/proc/${pid}/cwd`, { bigint: true }).catch(goneToo);
  return found !== undefined && found.ino === directory.ino && found.dev === directory.dev;
};

const directoryOf = async (path: string): Promise<BigIntStats | undefined> =>
  stat(path, { bigint: true }).catch(goneToo);

/** @throws where this agent may not see what a process of the owner's runs: then nobody knows what runs */
const serves = async (pid: number, directory: BigIntStats): Promise<boolean> =>
  (await isOfOwner(pid, directory)) && (await isPostgres(pid)) && (await worksIn(pid, directory));

/**
 * Server processes of this data directory, by whatever they were started: each of them works in it, under the program `postgres`. What they have started
 * (`archive_command`, and the like) is none: it cannot commit. A look at every process of the host.
 */
export async function serverProcesses(dataDirectory: string): Promise<readonly number[]> {
  const directory = await directoryOf(dataDirectory);
  if (!directory) return [];
  const pids = (await readdir("/proc")).filter((name) => /^[1-9][0-9]*$/.test(name)).map(Number);
  const found = await Promise.all(pids.map(async (pid) => ((await serves(pid, directory)) ? pid : undefined)));
  return found.filter((pid) => pid !== undefined);
}

/** The postmaster, if what its file names is one of the server's processes: a superuser can write any number into it. */
export async function postmaster(dataDirectory: string): Promise<number | undefined> {
  const pid = (await readPostmasterFile(dataDirectory))?.pid;
  const directory = await directoryOf(dataDirectory);
  return pid !== undefined && directory && (await serves(pid, directory)) ? pid : undefined;
}

export function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return !hasCode(error, "ESRCH");
  }
}

/** It may have ended meanwhile. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (!hasCode(error, "ESRCH")) throw error;
  }
}

export interface PostmasterFile {
  readonly pid: number;
  /** Of the segment by which PostgreSQL finds out who is still attached; absent while it starts. */
  readonly sharedMemory: number | undefined;
}

/** What the last postmaster left in its data directory, or the running one. A superuser can change it. */
export async function readPostmasterFile(dataDirectory: string): Promise<PostmasterFile | undefined> {
  const text = (await readSmall(`${dataDirectory}/postmaster.pid`, 4096))?.toString("utf8");
  const lines = text?.split("\n") ?? [];
  const pid = /^[1-9][0-9]{0,9}$/.exec(lines[0] ?? "")?.[0];
  if (pid === undefined) return undefined;
  const sharedMemory = /^\s*\d+\s+(\d{1,10})\s*$/.exec(lines[6] ?? "")?.[1];
  return { pid: Number(pid), sharedMemory: sharedMemory === undefined ? undefined : Number(sharedMemory) };
}

/** How many processes are attached to a segment of System V's shared memory. */
export async function attachedTo(segment: number): Promise<number> {
  const [heads, ...rows] = (await readFile("/proc/sysvipc/shm", "utf8"))
    .split("\n")
    .map((line) => line.trim().split(/\s+/));
  const id = heads?.indexOf("shmid") ?? -1;
  const attached = heads?.indexOf("nattch") ?? -1;
  const row = rows.find((columns) => Number(columns[id]) === segment);
  return row ? Number(row[attached]) : 0;
}
