/** Where a server's WAL is: what it has replayed, received, written and kept, and on which timelines. */
import { type FileHandle, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { WalEnd } from "../../model/leadership/index.ts";
import { type ServerMajorName, serverMajors } from "../../model/serverMajors.ts";
import type { CleanEnd, Postgres, Timeline } from "../surroundings.ts";
import type { ControlFile } from "./control.ts";
import { inDirectory } from "./dataDirectory.ts";
import { openRegular, readAt, readSmall, syncDirectory, syncFile } from "./files.ts";
import type { ServerUser } from "./programs.ts";
import type { Session } from "./session.ts";
import { isFirstRecord, lastWholeRecordEnd, segmentName, segmentOf, shutdownCheckpointEnd } from "./wal.ts";
import { historyName, isSegment, longestHistory, type WalArchive } from "./walArchive.ts";

const queryDeadlineMs = 3_000;
/** What PostgreSQL would have to look for one by one, until it finds a number that is free. */
const mostTimelines = 10_000;
/** Bytes that go from agent to agent at most: a target that is further away waits for the archive. */
const mostTail = 1024n * 1024n * 1024n;
const isAnySegment = (name: string): boolean => /^[0-9A-F]{24}$/.test(name);

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

export interface WalPlaces
  extends Pick<Postgres, "replayEnd" | "lastRecordEnd" | "walEnd" | "history" | "syncWal" | "readWal" | "putWal"> {
  /** The archive's history files that are not here yet; numbers between them are taken, too. */
  keepHistories(archive: Pick<WalArchive, "timelines" | "history">): Promise<void>;
  /** The highest timeline that WAL on this host is of: also what was received, and is not replayed yet. The server is down. */
  lastTimeline(): Promise<number>;
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
  // It was promoted, or has followed one that was, and has had no checkpoint since. There may be no record after this point.
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

  async function lastRecordEnd(): Promise<CleanEnd> {
    const found = await control();
    if (found.state !== "shut down") throw new Error(`pg_control says "${found.state}"`);
    const { timeline, lsn: start } = found.checkpoint;
    const lsn = await shutdownCheckpointEnd(directory, found.checkpoint, found);
    const segmentStart = segmentOf(start, found);
    return isFirstRecord(start, found) ? { timeline, lsn, segmentStart } : { timeline, lsn };
  }

  async function walEnd(timeline: number): Promise<bigint | undefined> {
    const current = (await isNothing()) ? await endOnDisk(directory, await control()) : await identify();
    if (current.timeline === timeline) return current.lsn;
    const past = (await historyOf(current.timeline)).find((each) => each.timeline === timeline);
    if (past) return past.end ?? undefined;
    if ((await readdir(directory)).some((each) => isSegment(each, timeline))) {
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

  async function lastTimeline(): Promise<number> {
    const { checkpoint } = await control();
    const segments = (await readdir(directory)).filter(isAnySegment);
    return Math.max(checkpoint.timeline, ...segments.map((name) => Number.parseInt(name.slice(0, 8), 16)));
  }

  /** A segment that came from the archive was renamed, and not synced. */
  async function syncWal(): Promise<void> {
    const found = await control();
    const from = segmentName(found.checkpoint.timeline, found.redo, found).slice(8);
    const segments = (await readdir(directory)).filter((each) => isAnySegment(each) && each.slice(8) >= from);
    for (const each of segments) await syncFile(join(directory, each));
    await syncDirectory(directory);
  }

  async function readWal({ timeline, lsn }: WalEnd, most: number): Promise<Uint8Array> {
    const found = await control();
    const file = await openRegular(join(directory, segmentName(timeline, lsn, found)));
    if (!file) return new Uint8Array();
    try {
      return await readAt(file, Number(lsn - segmentOf(lsn, found)), most);
    } finally {
      await file.close();
    }
  }

  /** From the beginning of the segment in which replay ends: what is here of it may be an old one that is used again. */
  async function putWal(
    { timeline, lsn: replayed }: WalEnd,
    end: bigint,
    read: (from: WalEnd) => Promise<Uint8Array>,
  ): Promise<void> {
    const found = await control();
    const size = BigInt(found.walSegmentSize);
    const first = segmentOf(replayed, found);
    if (end - first > mostTail) throw new Error(`the archive lacks ${end - first} bytes of WAL: it is waited for`);
    for (let segment = first; segment < end; segment += size) {
      const until = end < segment + size ? end : segment + size;
      const fill = async (file: FileHandle): Promise<void> => {
        for (let at = segment; at < until; ) {
          const bytes = await read({ timeline, lsn: at });
          const part = bytes.subarray(0, Number(until - at));
          await file.write(part, 0, part.length, Number(at - segment));
          at += BigInt(part.length);
        }
        await file.truncate(found.walSegmentSize);
      };
      await inDirectory(directory, user, (wal) => wal.put(segmentName(timeline, segment, found), fill));
    }
  }

  async function keepHistories(archive: Pick<WalArchive, "timelines" | "history">): Promise<void> {
    const theirs = await archive.timelines();
    const newest = theirs.at(-1) ?? 0;
    if (newest > mostTimelines)
      throw new Error(`the archive has a ${historyName(newest)}, and no cluster has had so many timelines`);
    await inDirectory(directory, user, async (wal) => {
      for (let timeline = 2; timeline <= newest; timeline += 1) {
        if (await wal.has(historyName(timeline))) continue;
        // PostgreSQL counts on until one is missing: a hole would end its search.
        const text = theirs.includes(timeline) ? await archive.history(timeline) : "# this number is taken\n";
        await wal.put(historyName(timeline), text);
      }
    });
  }

  return { replayEnd, lastRecordEnd, walEnd, history, syncWal, readWal, putWal, keepHistories, lastTimeline };
}
