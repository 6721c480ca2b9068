/** The data of a node becomes a beginning of its leader's, under another name: no start finds it before the signal is there. */
import { readdir, rename, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Member } from "../../model/leadership/index.ts";
import type { ServerMajorName } from "../../model/serverMajors.ts";
import { inDirectory } from "./dataDirectory.ts";
import { hasCode, syncDirectory } from "./files.ts";
import type { RunProgram, ServerUser } from "./programs.ts";
import { renderSettings } from "./standbySettings.ts";

interface Joining {
  readonly major: ServerMajorName;
  readonly binaries: string;
  readonly dataDirectory: string;
  readonly user: ServerUser;
  readonly run: RunProgram;
  readonly conninfo: (source: Member) => string;
  readonly signal: { readonly name: string; readonly text: string };
  /** By which WAL comes back that is in the archive only. undefined: there is none. */
  readonly restoreCommand: string | undefined;
  readonly isNothing: () => Promise<boolean>;
}

/** Milliseconds. */
const initdbDeadline = 600_000;
/** Milliseconds: a terabyte over a slow network. */
const copyDeadline = 24 * 3600_000;
/** Milliseconds: a checkpoint of a server that has just been promoted. */
const sourceDeadline = 120_000;

const exists = async (path: string): Promise<boolean> => {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (hasCode(error, "ENOENT")) return false;
    throw error;
  }
};

async function move(from: string, to: string): Promise<void> {
  await rename(from, to);
  await syncDirectory(dirname(to));
}

export async function becomeCopy(node: Joining, source: Member, how: "rewind" | "copy"): Promise<void> {
  const { dataDirectory } = node;
  const joining = `${dataDirectory}.joining`;
  await moveAside(joining);
  if (how === "rewind") await rewindAt(node, joining, source);
  else await copyTo(node, joining, source);
  await putSignal(node, joining);
  await move(joining, dataDirectory);
}

/** An empty database cluster, with the signal: no start takes it for a primary's. */
export async function createCluster({
  binaries,
  dataDirectory,
  run,
  ...node
}: Pick<Joining, "binaries" | "dataDirectory" | "run" | "user" | "signal">): Promise<void> {
  const joining = `${dataDirectory}.joining`;
  await moveAside(joining);
  const auth = ["--auth-local=peer", "--auth-host=scram-sha-256", "--username=postgres"];
  const args = ["-D", joining, "--data-checksums", "--encoding=UTF8", "--locale=C.UTF-8", ...auth];
  await run(join(binaries, "initdb"), args, initdbDeadline);
  await putSignal(node, joining);
  await move(joining, dataDirectory);
}

/** Nothing of a user's is ever removed. */
async function moveAside(path: string): Promise<void> {
  if (!(await exists(path)) || (await readdir(path)).length === 0) return;
  const aside = `${path.replace(/\.joining$/, "")}.aside-${new Date().toISOString().replace(/[^0-9]/g, "")}`;
  await move(path, aside);
}

const putSignal = ({ user, signal }: Pick<Joining, "user" | "signal">, directory: string): Promise<void> =>
  inDirectory(directory, user, (data) => data.put(signal.name, signal.text));

/**
 * A rewind that ends before it has changed anything leaves the data as it was, with the signal. One that is cut off later leaves none under this
 * name: only a copy helps, and what is left of it is moved aside then.
 */
async function rewindAt(node: Joining, joining: string, source: Member): Promise<void> {
  const { binaries, dataDirectory, major, run, user, signal } = node;
  await putSignal(node, dataDirectory);
  // The server that pg_rewind would start to end a recovery leaves "shut down": a stop that never was.
  const onlyStopped = Number(major) >= 13 ? ["--no-ensure-shutdown"] : [];
  const common = [`--source-server=${node.conninfo(source)} dbname=postgres`, ...onlyStopped];
  const program = join(binaries, "pg_rewind");
  await tryRewind(node, (more) => run(program, ["-D", dataDirectory, ...common, ...more, "--dry-run"], copyDeadline));
  if (!(await node.isNothing())) throw new Error("PostgreSQL runs");
  await move(dataDirectory, joining);
  const args = ["-D", joining, ...common];
  await inDirectory(joining, user, (data) => data.remove(signal.name));
  const end = performance.now() + sourceDeadline;
  for (;;) {
    await run(program, args, copyDeadline);
    // It has found nothing to do where the source has had no checkpoint on its new timeline yet (before 16). That there is something to do is known.
    if (await inDirectory(joining, user, (data) => data.has("backup_label"))) return;
    if (performance.now() > end) break;
    await sleep(500);
  }
  await putSignal(node, joining);
  await move(joining, dataDirectory);
  throw new Error("pg_rewind finds nothing to do, and there is");
}

const rewindSettings = "understudy-rewind.conf";

/**
 * Nothing is changed, but WAL comes into the data directory that is needed, and was removed there after it was archived: from 15 on, where pg_rewind can be
 * told by which file of settings. It is in its place meanwhile, where the archive's command expects it.
 */
async function tryRewind(
  { major, dataDirectory, user, restoreCommand }: Joining,
  run: (more: string[]) => Promise<string>,
) {
  if (restoreCommand === undefined || Number(major) < 15) return await run([]);
  const text = renderSettings({ restore_command: restoreCommand });
  await inDirectory(dataDirectory, user, (data) => data.put(rewindSettings, text));
  try {
    return await run(["--restore-target-wal", `--config-file=${join(dataDirectory, rewindSettings)}`]);
  } finally {
    await inDirectory(dataDirectory, user, (data) => data.remove(rewindSettings));
  }
}

async function copyTo(node: Joining, joining: string, source: Member): Promise<void> {
  const { binaries, dataDirectory, run } = node;
  await moveAside(dataDirectory);
  const args = ["-D", joining, "-d", node.conninfo(source), "-X", "stream", "-c", "fast", "--no-password"];
  await run(join(binaries, "pg_basebackup"), args, copyDeadline);
}
