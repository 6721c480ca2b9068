/** The server as processes: what runs of it, how it starts, is promoted, and ends. */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Postgres } from "../surroundings.ts";
import type { ControlFile } from "./control.ts";
import { inDirectory } from "./dataDirectory.ts";
import { syncFile } from "./files.ts";
import { attachedTo, isThere, postmaster, readPostmasterFile, serverProcesses, signal } from "./processes.ts";
import type { ServerUser } from "./programs.ts";
import type { Service } from "./service.ts";
import type { Session } from "./session.ts";

/** Milliseconds. */
const deadlines = { query: 3_000, start: 600_000, promotion: 60_000, stop: 60_000, kill: 30_000 } as const;
const everyMs = 4;
const settledMs = 1_000;

export interface ServerParts {
  readonly dataDirectory: string;
  readonly user: ServerUser;
  readonly service: Service;
  readonly sql: Session;
  /** @throws where there is none, or it cannot be read */
  readonly control: () => Promise<ControlFile>;
}

export interface RunningServer extends Pick<Postgres, "running" | "promote" | "stopCleanly" | "stopAtOnce"> {
  isNothing(): Promise<boolean>;
  /** Starts it, and waits until it is so. */
  start(wanted: "recovery" | "writes"): Promise<void>;
}

const isDown = ({ state }: ControlFile): boolean => state === "shut down" || state === "shut down in recovery";

async function waitFor(what: string, deadlineMs: number, look: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + deadlineMs;
  while (!(await look())) {
    if (performance.now() > end) throw new Error(`${what} within ${deadlineMs / 1000} s`);
    await sleep(everyMs);
  }
}

export function runningServer({ dataDirectory, user, service, sql, control }: ServerParts): RunningServer {
  /** Since this agent told it, until it has come to it or has ended. */
  let toldToPromote = false;

  async function isAttached(): Promise<boolean> {
    const segment = (await readPostmasterFile(dataDirectory))?.sharedMemory;
    return segment !== undefined && (await attachedTo(segment)) > 0;
  }

  async function isNothing(): Promise<boolean> {
    const isFound = (await serverProcesses(dataDirectory)).length > 0 || (await isAttached());
    return !isFound && !(await service.isUp());
  }

  async function isInRecovery(): Promise<boolean | undefined> {
    try {
      const [row] = await sql.query("select pg_is_in_recovery() as answer", deadlines.query);
      return typeof row?.answer === "boolean" ? row.answer : undefined;
    } catch {
      return undefined;
    }
  }

  async function running(): ReturnType<Postgres["running"]> {
    const is = await lookAt();
    return is === "replays" ? "recovery" : is;
  }

  /** "replays": it lets nobody in, since it is not consistent yet, or is a warm standby. */
  async function lookAt(): Promise<"nothing" | "recovery" | "replays" | "writes" | "unclear"> {
    if ((await postmaster(dataDirectory)) === undefined) return (await isNothing()) ? "nothing" : "unclear";
    const answer = await isInRecovery();
    if (answer === false) return "writes";
    if (toldToPromote) return "unclear";
    if (answer === true) return "recovery";
    return (await control()).state === "in archive recovery" ? "replays" : "unclear";
  }

  async function start(wanted: "recovery" | "writes"): Promise<void> {
    if (!(await isNothing())) throw new Error("PostgreSQL runs already");
    toldToPromote = false;
    await service.start();
    let replaysSince = Number.POSITIVE_INFINITY;
    await waitFor("PostgreSQL did not come up", deadlines.start, async () => {
      const is = await lookAt();
      // Settings that a standby cannot start with end it after it has begun to replay.
      if (is !== "replays") replaysSince = Number.POSITIVE_INFINITY;
      else replaysSince = Math.min(replaysSince, performance.now());
      if (wanted === "recovery" && performance.now() - replaysSince > settledMs) return true;
      if (is === "nothing") throw new Error("PostgreSQL ended while it started: its log says why");
      if (is === "writes" && wanted === "recovery")
        throw new Error("PostgreSQL was started as a standby, and takes writes");
      return is === wanted;
    });
  }

  async function promote(): Promise<void> {
    const pid = await postmaster(dataDirectory);
    if (pid === undefined || (await control()).state !== "in archive recovery") throw new Error("no standby runs");
    toldToPromote = true;
    // What pg_promote() and pg_ctl do, in every major, and without a session. The server removes the file at each start.
    await inDirectory(dataDirectory, user, (data) => data.put("promote", ""));
    signal(pid, "SIGUSR1");
    await waitFor("PostgreSQL was not promoted", deadlines.promotion, async () => {
      if (!isThere(pid)) throw new Error("PostgreSQL ended while it was promoted: its log says why");
      return (await isInRecovery()) === false;
    });
    toldToPromote = false;
  }

  /**
   * A recovery that ends writes the checkpoint of a shutdown, and pg_control says "shut down" for a moment. So where the server was not up when it was
   * told to stop, what pg_control says counts only when nothing runs any more.
   */
  async function stopCleanly(): Promise<void> {
    const pid = await postmaster(dataDirectory);
    const wasUp = pid !== undefined && ["in production", "in archive recovery"].includes((await control()).state);
    if (pid !== undefined) signal(pid, "SIGINT");
    await waitFor("PostgreSQL did not stop", deadlines.stop, async () => {
      const hasEnded = pid === undefined || !isThere(pid);
      const now = await control();
      if (isDown(now) && (wasUp || (hasEnded && (await isNothing())))) return true;
      if (hasEnded && !isDown(now)) throw new Error(`PostgreSQL ended, and pg_control says "${now.state}"`);
      return false;
    });
    toldToPromote = false;
    await syncFile(join(dataDirectory, "global/pg_control"));
  }

  async function stopAtOnce(): Promise<void> {
    await waitFor("processes of PostgreSQL were left", deadlines.kill, async () => {
      const pid = await postmaster(dataDirectory);
      // The postmaster first: it would start others.
      if (pid !== undefined) signal(pid, "SIGKILL");
      for (const each of await serverProcesses(dataDirectory)) signal(each, "SIGKILL");
      if (await service.isUp()) await service.kill();
      return await isNothing();
    });
    toldToPromote = false;
  }

  return { isNothing, running, start, promote, stopCleanly, stopAtOnce };
}
