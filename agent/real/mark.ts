/** A directory on a network file system has a file that tells it from the empty one on which it is to be mounted. */
import { join } from "node:path";
import { createOnce, readSmall } from "./files.ts";

export interface Mark {
  readonly name: string;
  readonly text: string;
  /** What the directory is. */
  readonly of: string;
}

export const ledgerMark: Mark = {
  name: ".understudy-ledger",
  text: "The ledger of an Understudy cluster: it says who leads. Never delete a file here.\n",
  of: "the ledger's directory",
};

export const walMark: Mark = {
  name: ".understudy-wal",
  text: "The archive of WAL of an Understudy cluster.\n",
  of: "the directory of the archive",
};

/** Of provisioning. The directory is there already. */
export async function putMark(root: string, { name, text }: Mark): Promise<void> {
  await createOnce(join(root, name), Buffer.from(text));
}

/** @throws where the directory is another one, or nothing is mounted there */
export async function requireMark(root: string, { name, text, of }: Mark): Promise<void> {
  const found = await readSmall(join(root, name), 1024);
  if (found?.toString() !== text) throw new Error(`${root} is not ${of}: it has no ${name}`);
}
