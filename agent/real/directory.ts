/** The ledger in a shared directory: an object is a file that is whole when it gets its name, by `link()`, which makes a name at most once. */
import { randomBytes } from "node:crypto";
import { link, mkdir, readdir, rm } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { LedgerStorage } from "../surroundings.ts";
import { hasCode, readSmall, syncDirectory, writeNew } from "./files.ts";
import { checkedKey, largestObject } from "./ledgerObject.ts";

/** It tells the directory from the empty one on which it is to be mounted. */
const markName = ".understudy-ledger";
const mark = "The ledger of an Understudy cluster: it says who leads. Never delete a file here.\n";

/** Of provisioning: from now on the directory is the ledger's. It is there already. */
export async function markDirectory(root: string): Promise<void> {
  await createFile(join(root, markName), Buffer.from(mark));
}

/** A file with this name, whole and durable, if there was none. */
async function createFile(path: string, bytes: Uint8Array): Promise<"created" | "exists"> {
  const directory = dirname(path);
  const partial = join(directory, `.${randomBytes(12).toString("hex")}.partial`);
  try {
    await writeNew(partial, bytes);
    return await linkOnce(partial, path);
  } finally {
    await rm(partial, { force: true });
    await syncDirectory(directory);
  }
}

async function linkOnce(partial: string, path: string): Promise<"created" | "exists"> {
  try {
    await link(partial, path);
    return "created";
  } catch (error) {
    // Over NFS it may be this very link, whose reply was lost: the caller reads it.
    if (hasCode(error, "EEXIST")) return "exists";
    throw error;
  }
}

/** @param given an absolute path, which {@link markDirectory} has marked */
export function directoryStorage(given: string): LedgerStorage {
  const root = resolve(given);

  async function requireRoot(): Promise<void> {
    const found = await readSmall(join(root, markName), largestObject);
    if (found?.toString() !== mark) throw new Error(`${root} is not the ledger's directory: it has no ${markName}`);
  }

  const pathOf = (key: string): string => join(root, checkedKey(key));

  return {
    async create(key, bytes) {
      const path = pathOf(key);
      await requireRoot();
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      const outcome = await createFile(path, bytes);
      await syncParents(root, dirname(path));
      return outcome;
    },

    async get(key) {
      const path = pathOf(key);
      await requireRoot();
      const bytes = (await readSmall(path, largestObject)) ?? (await readListed(path));
      // Whoever made it may not have come to this: what was seen once is there for good.
      if (bytes) await syncDirectory(dirname(path));
      return bytes;
    },
  };
}

/** NFS may remember for a while that a name was not there. A list of the names is fetched anew; a name in it is looked up again. */
async function readListed(path: string): Promise<Uint8Array | undefined> {
  const name = path.slice(dirname(path).length + 1);
  let names: readonly string[];
  try {
    names = await readdir(dirname(path));
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
  if (!names.includes(name)) return undefined;
  const bytes = await readSmall(path, largestObject);
  if (!bytes) throw new Error(`${path} is in its directory, and cannot be found there`);
  return bytes;
}

/** Whoever made a directory may not have come to this. */
async function syncParents(root: string, directory: string): Promise<void> {
  for (let each = directory; each !== root; each = dirname(each)) await syncDirectory(dirname(each));
}
