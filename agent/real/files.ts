import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { chmod, type FileHandle, link, open, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";

export const hasCode = (error: unknown, ...codes: readonly string[]): boolean =>
  error instanceof Error && "code" in error && codes.includes(String(error.code));

/**
 * A regular file that another user may have put there: no link is followed at its end, no pipe is waited for.
 *
 * @returns undefined where there is no such file
 */
export async function openRegular(path: string): Promise<FileHandle | undefined> {
  let file: FileHandle;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
  try {
    if (!(await file.stat()).isFile()) throw new Error(`${path} is no regular file`);
  } catch (error) {
    await file.close();
    throw error;
  }
  return file;
}

/** Bytes of an open file from `position` on: as many as asked for, or fewer at its end. */
export async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(bytes, filled, length - filled, position + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return bytes.subarray(0, filled);
}

/**
 * The whole of a small file, as {@link openRegular} finds it.
 *
 * @throws where it is longer than `limit` bytes
 */
export async function readSmall(path: string, limit: number): Promise<Buffer | undefined> {
  const file = await openRegular(path);
  if (!file) return undefined;
  try {
    const bytes = await readAt(file, 0, limit + 1);
    if (bytes.length > limit) throw new Error(`${path} is longer than ${limit} bytes`);
    return bytes;
  } finally {
    await file.close();
  }
}

/** What was made, renamed or removed in a directory is there after a loss of power. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** A new file, of its owner alone; its content is there after a loss of power, once its name is. */
export async function writeNew(path: string, content: string | Uint8Array): Promise<void> {
  const file = await open(path, "wx", 0o600);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** A file with this name, whole and durable, if there was none. */
export async function createOnce(path: string, bytes: Uint8Array): Promise<"created" | "exists"> {
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

/**
 * A file of root's: whole and durable when it resolves, else as it was. `mode` holds whatever the umask.
 *
 * @param partial what a crash may leave of it. @default the same name each time
 */
export async function replaceFile(
  path: string,
  text: string,
  mode: number,
  partial = `${path}.partial`,
): Promise<void> {
  try {
    await rm(partial, { force: true });
    await writeNew(partial, text);
    await chmod(partial, mode);
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
  await syncDirectory(dirname(path));
}

/** Its content is there after a loss of power. One that has gone meanwhile needs it no more. */
export async function syncFile(path: string): Promise<void> {
  const file = await openRegular(path);
  try {
    await file?.sync();
  } finally {
    await file?.close();
  }
}
