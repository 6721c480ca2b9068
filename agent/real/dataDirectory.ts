/**
 * Files that root makes and removes in a directory of `postgres`. The directory is held open while that is done, so nothing that is put in its place
 * meanwhile leads root elsewhere; a link at the end of a name is never followed.
 */
import { constants } from "node:fs";
import { type FileHandle, open, rename, unlink } from "node:fs/promises";
import { hasCode, openRegular, readSmall } from "./files.ts";
import type { ServerUser } from "./programs.ts";

/** A text; or what writes the whole of it into the new file. */
export type Content = string | ((file: FileHandle) => Promise<void>);

export interface OpenDirectory {
  has(name: string): Promise<boolean>;
  /** undefined: there is none. */
  read(name: string, limit: number): Promise<Buffer | undefined>;
  /** Whole and durable when it resolves; it replaces what was there. */
  put(name: string, content: Content): Promise<void>;
  /** Durable when it resolves. */
  remove(name: string): Promise<void>;
}

async function openDirectory(path: string, user: ServerUser): Promise<FileHandle> {
  const directory = await open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  const { uid } = await directory.stat();
  if (uid === user.uid) return directory;
  await directory.close();
  throw new Error(`${path} does not belong to the user ${user.name}`);
}

async function removeIfThere(path: string): Promise<void> {
  await unlink(path).catch((error: unknown) => {
    if (!hasCode(error, "ENOENT")) throw error;
  });
}

async function write(path: string, content: Content, user: ServerUser): Promise<void> {
  const file = await open(
    path,
    constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
    0o600,
  );
  try {
    await file.chown(user.uid, user.gid);
    await (typeof content === "string" ? file.writeFile(content) : content(file));
    await file.sync();
  } finally {
    await file.close();
  }
}

export async function inDirectory<T>(
  path: string,
  user: ServerUser,
  use: (directory: OpenDirectory) => Promise<T>,
): Promise<T> {
  const directory = await openDirectory(path, user);
  const at = (name: string): string => `/proc/self/fd/${directory.fd}/${name}`;
  try {
    return await use({
      async has(name) {
        const file = await openRegular(at(name));
        await file?.close();
        return file !== undefined;
      },
      read: (name, limit) => readSmall(at(name), limit),
      async put(name, content) {
        const partial = at(`${name}.understudy`);
        await removeIfThere(partial);
        await write(partial, content, user);
        await rename(partial, at(name));
        await directory.sync();
      },
      async remove(name) {
        await removeIfThere(at(name));
        await directory.sync();
      },
    });
  } finally {
    await directory.close();
  }
}
