/** Users of the host, by name. */
import type { RunProgram, ServerUser } from "./programs.ts";

const deadlineMs = 10_000;

/** @throws where there is none, or it is root */
export async function userNamed(name: string, run: RunProgram): Promise<ServerUser> {
  const line = (await run("getent", ["passwd", "--", name], deadlineMs)).trim();
  const [found, , uid, gid, , home] = line.split(":");
  if (found !== name || !/^[1-9][0-9]*$/.test(uid ?? "") || !/^[0-9]+$/.test(gid ?? "") || !home?.startsWith("/"))
    throw new Error(`user ${name} cannot be told by 'getent passwd': ${line.slice(0, 100)}`);
  return { name, uid: Number(uid), gid: Number(gid), home };
}
