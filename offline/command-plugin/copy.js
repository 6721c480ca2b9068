// @ts-check
/** Copies of files, folders and texts to another machine, over SFTP. */
import { readdir, readFile, stat } from "node:fs/promises";
import { posix } from "node:path";
import { promisify } from "node:util";
import { dial } from "./dial.js";

/** @typedef {import("./main.js").Call} Call */
/** @typedef {{ isDirectory: () => boolean }} Stat */
/** @typedef {{ path?: string, text?: string }} Source */

const NO_SUCH_FILE = 2;

/**
 * @param {Call} call
 * @param {{ connection: import("./dial.js").Connection, source: Source, remotePath: string }} inputs
 */
export async function copyToRemote(call, { connection, source, remotePath }) {
  const client = await dial(call, connection);
  try {
    const remote = new RemoteFiles(await promisify(client.sftp.bind(client))());
    if (source.path === undefined) {
      await copyText(remote, source.text ?? "", remotePath);
    } else {
      await copyPath(remote, source.path, remotePath);
    }
  } finally {
    client.end();
  }
}

/** @param {RemoteFiles} remote @param {string} text @param {string} target */
async function copyText(remote, text, target) {
  if ((await remote.stat(target))?.isDirectory()) {
    throw new Error(`remote path ${target} is a directory; when using a text asset, remotePath must be a file path`);
  }
  await remote.makeParents(target);
  await remote.write(target, Buffer.from(text));
}

/**
 * A file goes into an existing folder, or becomes the target. A folder goes into the target under its own name; with a
 * slash at the end of its path, its content does.
 *
 * @param {RemoteFiles} remote
 * @param {string} source
 * @param {string} target
 */
async function copyPath(remote, source, target) {
  const isFolder = (await localStat(source)).isDirectory();
  const existing = await remote.stat(target);
  if (isFolder) {
    if (existing === undefined) await remote.makeFolders(target);
    const into = source.endsWith("/") ? target : posix.join(target, posix.basename(source));
    await copyFolder(remote, source, into);
  } else if (existing?.isDirectory()) {
    await copyFile(remote, source, posix.join(target, posix.basename(source)));
  } else {
    if (existing === undefined) await remote.makeParents(target);
    await copyFile(remote, source, target);
  }
}

/** @param {RemoteFiles} remote @param {string} source @param {string} target */
async function copyFolder(remote, source, target) {
  const existing = await remote.stat(target);
  if (existing === undefined) await remote.makeFolder(target);
  else if (!existing.isDirectory()) throw new Error(`remote path ${target} exists but is not a directory`);
  const entries = await readdir(source, { withFileTypes: true });
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const copy = entry.isDirectory() ? copyFolder : copyFile;
    await copy(remote, posix.join(source, entry.name), posix.join(target, entry.name));
  }
}

/** @param {RemoteFiles} remote @param {string} source @param {string} target */
async function copyFile(remote, source, target) {
  await remote.write(target, await readFile(source));
}

/** @param {string} path */
async function localStat(path) {
  try {
    return await stat(path);
  } catch {
    throw new Error(`open ${path}: no such file or directory`);
  }
}

/** The few things that a copy asks of SFTP. */
class RemoteFiles {
  /** @type {import("ssh2").SFTPWrapper} */
  #sftp;

  /** @param {import("ssh2").SFTPWrapper} sftp */
  constructor(sftp) {
    this.#sftp = sftp;
  }

  /** @param {string} path @returns {Promise<Stat | undefined>} */
  async stat(path) {
    try {
      return await promisify(this.#sftp.stat.bind(this.#sftp))(path);
    } catch (error) {
      if (/** @type {{ code?: number }} */ (error).code === NO_SUCH_FILE) return undefined;
      throw new Error(`failed to stat remote path ${path}: ${sftpReason(error)}`);
    }
  }

  /** @param {string} path */
  async makeFolder(path) {
    await new Promise((resolve, reject) => {
      this.#sftp.mkdir(path, (error) =>
        error
          ? reject(new Error(`failed to create remote directory ${path}: ${sftpReason(error)}`))
          : resolve(undefined),
      );
    });
  }

  /** @param {string} path */
  async makeFolders(path) {
    const existing = await this.stat(path);
    if (existing?.isDirectory()) return;
    if (existing) throw new Error(`failed to create remote directory ${path}: mkdir ${path}: not a directory`);
    const parent = posix.dirname(path);
    if (parent !== path) await this.makeFolders(parent);
    await this.makeFolder(path);
  }

  /** @param {string} path */
  async makeParents(path) {
    try {
      await this.makeFolders(posix.dirname(path));
    } catch (error) {
      const reason = /** @type {Error} */ (error).message.replace(/^failed to create remote directory [^:]*: /, "");
      throw new Error(`failed to create parent directories for ${path}: ${reason}`);
    }
  }

  /** @param {string} path @param {Buffer} content */
  async write(path, content) {
    const open = /** @type {(path: string, flags: string) => Promise<Buffer>} */ (
      promisify(this.#sftp.open.bind(this.#sftp))
    );
    const handle = await open(path, "w+").catch((error) => {
      throw new Error(`failed to create remote file ${path}: ${sftpReason(error)}`);
    });
    try {
      if (content.length > 0) await this.#writeAll(handle, content);
    } catch (error) {
      throw new Error(`failed to write to remote path ${path}: ${sftpReason(error)}`);
    } finally {
      await new Promise((resolve) => this.#sftp.close(handle, resolve));
    }
  }

  /** @param {Buffer} handle @param {Buffer} content */
  #writeAll(handle, content) {
    return new Promise((resolve, reject) => {
      this.#sftp.write(handle, content, 0, content.length, 0, (error) => (error ? reject(error) : resolve(undefined)));
    });
  }
}

/** @param {unknown} error */
function sftpReason(error) {
  const { code, message } = /** @type {{ code?: number, message: string }} */ (error);
  if (code === NO_SUCH_FILE) return "file does not exist";
  if (code === 3) return "permission denied";
  return `sftp: ${JSON.stringify(message)} (SSH_FX_FAILURE)`;
}
