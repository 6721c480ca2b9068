/** What starts the server. What runs of it, `processes.ts` finds out. */
import { spawn } from "node:child_process";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { isThere, signal } from "./processes.ts";
import { asUser, cleanEnvironment, type RunProgram, type ServerUser } from "./programs.ts";

export interface Service {
  /** Resolves when the start is under way. */
  start(): Promise<void>;
  /** Whether a start is under way, or the server is up: it may have no process yet that can be told from others. */
  isUp(): Promise<boolean>;
  /** Kills what belongs to it. */
  kill(): Promise<void>;
}

const commandDeadlineMs = 20_000;

/** A unit of systemd, without `Restart=`: the agent starts it. */
export function systemdService(unit: string, run: RunProgram): Service {
  const systemctl = (...args: readonly string[]) => run("systemctl", args, commandDeadlineMs);
  return {
    async start() {
      await systemctl("reset-failed", unit).catch(() => {});
      await systemctl("start", "--no-block", unit);
    },
    async isUp() {
      const state = (await systemctl("show", "--property=ActiveState", "--value", unit)).trim();
      switch (state) {
        case "inactive":
        case "failed":
        // Its server has ended; what that had started may be left.
        case "deactivating":
          return false;
        default:
          return true;
      }
    },
    async kill() {
      await systemctl("kill", "--signal=SIGKILL", unit).catch(() => {});
    },
  };
}

/** A child of the agent's, for hosts without systemd: tests have some. It lives on when the agent ends. */
export function plainService(
  binaries: string,
  dataDirectory: string,
  log: string,
  user: ServerUser,
  configFile?: string,
): Service {
  const args = configFile === undefined ? ["-D", dataDirectory] : [`--config-file=${configFile}`];
  let child: number | undefined;
  return {
    async start() {
      const file = await open(log, "a", 0o600);
      try {
        const started = spawn(join(binaries, "postgres"), args, {
          ...asUser(user),
          cwd: "/",
          detached: true,
          env: cleanEnvironment(user),
          stdio: ["ignore", file.fd, file.fd],
        });
        child = started.pid;
        started.on("error", () => {});
        started.on("exit", () => {
          child = undefined;
        });
        started.unref();
      } finally {
        await file.close();
      }
      if (child === undefined) throw new Error(`${binaries}/postgres cannot be run`);
    },
    async isUp() {
      return child !== undefined && isThere(child);
    },
    async kill() {
      if (child !== undefined) signal(child, "SIGKILL");
    },
  };
}
