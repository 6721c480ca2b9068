/** Where a server's WAL is: what it has replayed, received, written and kept, and on which timelines. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { WalEnd } from "../../model/leadership/index.ts";
import { type ServerMajorName, serverMajors } from "../../model/serverMajors.ts";
import type { Postgres, Timeline } from "../surroundings.ts";
import type { ControlFile } from "./control.ts";
import { inDirectory } from "./dataDirectory.ts";
import { readSmall, syncDirectory, syncFile } from "./files.ts";
import type { ServerUser } from "./programs.ts";
import type { Session } from "./session.ts";
import { lastWholeRecordEnd, segmentName, shutdownCheckpointEnd } from "./wal.ts";

const queryDeadlineMs = 3_000;
/** Bytes. */
const longestHistory = 1024 * 1024;
const isSegment = (name: string): boolean => /^[0-9A-F]{24}$/.test(name);

export interface WalParts {
  readonly major: ServerMajorName;
  readonly dataDirectory: string;
  readonly user: ServerUser;
  readonly sql: Session;
  /** A session of replication, which alone tells the timeline that is replayed. */
  readonly walsender: Session;
  readonly control: () => Promise<ControlFile>;
  readonly isNothing: () => Promise<boolean>;
}

export interface WalPlaces extends Pick<Postgres, "replayEnd" | "lastRecordEnd" | "walEnd" | "history" | "syncWal"> {
  /** History files that are not there yet; numbers between them are taken, too. */
  keepHistories(histories: ReadonlyMap<number, string>): Promise<void>;
}

const lsnOf = (value: unknown): bigint => {
  const [, upper, lower] = /^([0-9A-F]{1,8})\/([0-9A-F]{1,8})$/.exec(String(value)) ?? [];
  if (upper === undefined || lower === undefined) throw new Error("PostgreSQL tells no position in its WAL");
  return (BigInt(`0x${upper}`) << 32n) | BigInt(`0x${lower}`);
};

const timelineOf = (value: unknown): number => {
  if (!/^[1-9][0-9]{0,9}$/.test(String(value))) throw new Error("PostgreSQL tells no timeline");
  return Number(value);
};

const historyName = (timeline: number): string => `${timeline.toString(16).toUpperCase().padStart(8, "0")}.history`;

/** A line of a history file names a timeline that was left, and where. */
export function parseHistory(text: string, timeline: number): readonly Timeline[] {
  const left = text
    .split("\n")
    .map((line) => /^\s*([1-9][0-9]{0,9})\s+([0-9A-F]{1,8}\/[0-9A-F]{1,8})(?:\s|$)/.exec(line))
    .filter((match) => match !== null)
    .map(([, id, at]) => ({ timeline: Number(id), end: lsnOf(at) }));
  return [...left, { timeline, end: null }];
}

/** Of the timeline that the data is on, while nothing runs. */
async function endOnDisk(directory: string, control: ControlFile): Promise<WalEnd> {
  const { checkpoint, minRecovery } = control;
  if (minRecovery.timeline <= checkpoint.timeline) {
    return { timeline: checkpoint.timeline, lsn: await lastWholeRecordEnd(directory, checkpoint, control) };
  }
  // It was promoted, or has followed one that was, and has had no checkpoint since. There may be no record behind this point.
  const { timeline, lsn } = minRecovery;
  return { timeline, lsn: await lastWholeRecordEnd(directory, minRecovery, control).catch(() => lsn) };
}

export function walPlaces({ major, dataDirectory, user, sql, walsender, control, isNothing }: WalParts): WalPlaces {
  const { walDirectory: name, functions } = serverMajors[major];
  const directory = join(dataDirectory, name);

  /** Of a server that runs: the timeline that it writes or replays, and how far it has WAL of that. */
  async function identify(): Promise<WalEnd> {
    const [row] = await walsender.query("IDENTIFY_SYSTEM", queryDeadlineMs);
    return { timeline: timelineOf(row?.timeline), lsn: lsnOf(row?.xlogpos) };
  }

  async function replayEnd(): Promise<WalEnd> {
    const { state, minRecovery } = await control();
    if (state === "shut down in recovery") return minRecovery;
    // The timeline first: replay that has left it meanwhile has gone on, and is at no end of it any more.
    const { timeline } = await identify();
    const [row] = await sql.query(
      `select pg_last_${functions.wal}_replay_${functions.lsn}()::text as lsn`,
      queryDeadlineMs,
    );
    return { timeline, lsn: lsnOf(row?.lsn) };
  }

  async function lastRecordEnd(): Promise<WalEnd> {
    const found = await control();
    if (found.state !== "shut down") throw new Error(`pg_control says "${found.state}"`);
    const { timeline } = found.checkpoint;
    return { timeline, lsn: await shutdownCheckpointEnd(directory, found.checkpoint, found) };
  }

  async function walEnd(timeline: number): Promise<bigint | undefined> {
    const current = (await isNothing()) ? await endOnDisk(directory, await control()) : await identify();
    if (current.timeline === timeline) return current.lsn;
    const past = (await historyOf(current.timeline)).find((each) => each.timeline === timeline);
    if (past) return past.end ?? undefined;
    const prefix = historyName(timeline).slice(0, 8);
    if ((await readdir(directory)).some((each) => isSegment(each) && each.startsWith(prefix))) {
      throw new Error(`the data is on timeline ${current.timeline}: how far WAL of ${timeline} is here cannot be told`);
    }
    return undefined;
  }

  async function historyOf(timeline: number): Promise<readonly Timeline[]> {
    const text = await readSmall(join(directory, historyName(timeline)), longestHistory);
    if (text) return parseHistory(text.toString("utf8"), timeline);
    if (timeline === 1) return [{ timeline, end: null }];
    throw new Error(`${directory} has no ${historyName(timeline)}`);
  }

  async function history(): Promise<readonly Timeline[]> {
    if (!(await isNothing())) return await historyOf((await identify()).timeline);
    const { checkpoint, minRecovery } = await control();
    return await historyOf(Math.max(checkpoint.timeline, minRecovery.timeline));
  }

  /** A segment that came from the archive was renamed, and not synced. */
  async function syncWal(): Promise<void> {
    const found = await control();
    const from = segmentName(found.checkpoint.timeline, found.redo, found).slice(8);
    const segments = (await readdir(directory)).filter((each) => isSegment(each) && each.slice(8) >= from);
    for (const each of segments) await syncFile(join(directory, each));
    await syncDirectory(directory);
  }

  async function keepHistories(histories: ReadonlyMap<number, string>): Promise<void> {
    const newest = Math.max(0, ...histories.keys());
    await inDirectory(directory, user, async (wal) => {
      for (let timeline = 2; timeline <= newest; timeline += 1) {
        // PostgreSQL counts on until one is missing: a hole would end its search.
        const text = histories.get(timeline) ?? "# this number is taken\n";
        if (!(await wal.has(historyName(timeline)))) await wal.put(historyName(timeline), text);
      }
    });
  }

  return { replayEnd, lastRecordEnd, walEnd, history, syncWal, keepHistories };
}
