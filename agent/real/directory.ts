/** The ledger in a shared directory: an object is a file that is whole when it gets its name, by `link()`, which makes a name at most once. */
import { mkdir, readdir } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { LedgerStorage } from "../surroundings.ts";
import { createOnce, hasCode, readSmall, syncDirectory } from "./files.ts";
import { checkedKey, largestObject } from "./ledgerObject.ts";
import { ledgerMark, putMark, requireMark } from "./mark.ts";

/** Of provisioning: from now on the directory is the ledger's. It is there already. */
export const markDirectory = (root: string): Promise<void> => putMark(root, ledgerMark);

/** @param given an absolute path, which has the {@link ledgerMark} */
export function directoryStorage(given: string): LedgerStorage {
  const root = resolve(given);

  const pathOf = (key: string): string => join(root, checkedKey(key));

  return {
    async create(key, bytes) {
      const path = pathOf(key);
      await requireMark(root, ledgerMark);
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      const outcome = await createOnce(path, bytes);
      await syncParents(root, dirname(path));
      return outcome;
    },

    async get(key) {
      const path = pathOf(key);
      await requireMark(root, ledgerMark);
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
