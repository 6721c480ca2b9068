/** The agent's own small files: root's, each whole or as it was, after a loss of power too. */
import { randomBytes } from "node:crypto";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Store } from "../surroundings.ts";
import { readSmall, replaceFile } from "./files.ts";

/** Bytes. */
const largestFile = 64 * 1024;

const checkedName = (name: string): string => {
  if (!/^[a-z0-9][a-z0-9.-]{0,60}$/.test(name)) throw new Error(`'${name}' is no name of a file of the agent's`);
  return name;
};

/** @param directory it is there already, and nobody but the agent's user may write in it or above it */
export function fileStore(directory: string): Store {
  return {
    async read(name) {
      return (await readSmall(join(directory, checkedName(name)), largestFile))?.toString("utf8");
    },

    async write(name, text) {
      const path = join(directory, checkedName(name));
      if (Buffer.byteLength(text) > largestFile) throw new Error(`${path} would be longer than ${largestFile} bytes`);
      await replaceFile(path, text, 0o600, `${path}.${randomBytes(6).toString("hex")}.partial`);
    },
  };
}

/** What a crash has left of a file that was being written. At the agent's start, before it writes any. */
export async function removePartials(directory: string): Promise<void> {
  const left = (await readdir(directory)).filter((name) => /^[a-z0-9.-]+\.[0-9a-f]{12}\.partial$/.test(name));
  await Promise.all(left.map((name) => rm(join(directory, name), { force: true })));
}
