/** Programs of others, as the server's user, with an environment of ours: what they say is in English, and nothing of the agent's reaches them. */
import { execFile } from "node:child_process";
import { printable } from "../../model/text.ts";

/** Whom PostgreSQL belongs to. */
export interface ServerUser {
  readonly uid: number;
  readonly gid: number;
  readonly name: string;
  readonly home: string;
}

export const cleanEnvironment = ({ name, home }: ServerUser): Readonly<Record<string, string>> => ({
  HOME: home,
  LC_ALL: "C",
  LOGNAME: name,
  PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  USER: name,
});

/** Root gives its rights away; an agent that is no root has them not. */
export const asUser = ({ uid, gid }: ServerUser): { readonly uid?: number; readonly gid?: number } =>
  process.getuid?.() === 0 ? { uid, gid } : {};

/** Bytes of output. */
const mostOutput = 4 * 1024 * 1024;

export type RunProgram = (program: string, args: readonly string[], deadlineMs: number) => Promise<string>;

/**
 * Runs a program to its end.
 *
 * @returns what it wrote to standard output
 * @throws with the line that it wrote of an error, or its last one, when it fails or takes longer
 */
export const runAs =
  (user: ServerUser): RunProgram =>
  (program, args, deadlineMs) =>
    new Promise((resolve, reject) => {
      const options = {
        ...asUser(user),
        cwd: "/",
        env: cleanEnvironment(user),
        encoding: "utf8",
        killSignal: "SIGKILL",
        maxBuffer: mostOutput,
        timeout: deadlineMs,
      } as const;
      const child = execFile(program, [...args], options, (error, stdout, stderr) => {
        if (error === null) return resolve(stdout);
        const lines = stderr.trim().split("\n");
        const said = lines.find((line) => /\bERROR: /.test(line)) ?? lines.at(-1) ?? "";
        const how = error.killed ? `did not end within ${deadlineMs} ms` : `failed (${error.code ?? error.signal})`;
        reject(new Error(printable(`${program} ${how}: ${said.slice(0, 500)}`)));
      });
      child.stdin?.end();
    });
