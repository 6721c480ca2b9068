/** The archive of WAL, whatever serves it: how far it holds a timeline, which history files it has, and what PostgreSQL's own commands may do with it. */
import { mkdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readSmall } from "./files.ts";
import type { RunProgram } from "./programs.ts";
import { lastWholeRecordEndIn, readSegmentHeader } from "./wal.ts";

/** Whatever asks the archive rejects where the archive cannot tell. */
export interface WalArchive {
  /** The end of the last whole record of a timeline that it holds. undefined: it holds no segment of it. */
  end(timeline: number): Promise<bigint | undefined>;
  /** The timelines of which it has a history file. */
  timelines(): Promise<readonly number[]>;
  /** The text of one of these. */
  history(timeline: number): Promise<string>;
  /** From now on `restore_command` gives nothing; or what there is, again. */
  hush(isOn: boolean): Promise<void>;
  /** From now on `archive_command` pushes; or fails. */
  allowPush(isAllowed: boolean): Promise<void>;
}

/** What serves the archive: the program and the place. */
export interface WalFiles {
  /** Names of history files. */
  histories(): Promise<readonly string[]>;
  /** The name of the newest whole segment of a timeline. */
  newestSegment(timeline: number): Promise<string | undefined>;
  /** Puts this file of the archive at `path`, where nothing is yet. The server's user writes it. */
  fetch(name: string, path: string): Promise<void>;
}

export interface WalArchiveOptions {
  readonly files: WalFiles;
  /**
   * A directory of root's that others can read; it is made. While `quiet` is in it, `restore_command` gives nothing; unless `pushes` is, `archive_command`
   * fails. Nothing of it has to outlive a boot.
   */
  readonly flags: string;
  /** As the server's user. */
  readonly run: RunProgram;
  /** Of this node's data. */
  readonly systemIdentifier: () => Promise<string>;
}

/** Milliseconds. */
const localDeadline = 10_000;
/** Bytes. */
export const longestHistory = 1024 * 1024;

/** How the names of a timeline's files begin. */
export const timelinePrefix = (timeline: number): string => timeline.toString(16).toUpperCase().padStart(8, "0");
export const historyName = (timeline: number): string => `${timelinePrefix(timeline)}.history`;
export const historyPattern = /^[0-9A-F]{8}\.history$/;
/** Of this timeline. A segment that was not full yet has another name. */
export const isSegment = (name: string, timeline: number): boolean =>
  /^[0-9A-F]{24}$/.test(name) && name.startsWith(timelinePrefix(timeline));

export function walArchive({ files, flags, run, systemIdentifier }: WalArchiveOptions): WalArchive {
  /** Lets `use` read a file of the archive, from a directory in which it has its own name. */
  async function fetched<T>(name: string, use: (directory: string) => Promise<T>): Promise<T> {
    const directory = (await run("mktemp", ["-d", join(tmpdir(), "understudy-wal-XXXXXXXX")], localDeadline)).trim();
    try {
      await files.fetch(name, join(directory, name));
      return await use(directory);
    } finally {
      // By its owner, who could put a link in its place.
      await run("rm", ["-rf", "--", directory], localDeadline);
    }
  }

  async function setFlag(name: "quiet" | "pushes", isOn: boolean): Promise<void> {
    if (!isOn) return await rm(join(flags, name), { force: true });
    await mkdir(flags, { recursive: true, mode: 0o755 });
    await writeFile(join(flags, name), "", { mode: 0o644 });
  }

  return {
    async end(timeline) {
      const name = await files.newestSegment(timeline);
      if (name === undefined) return undefined;
      return await fetched(name, async (directory) => {
        const header = await readSegmentHeader(join(directory, name));
        const mine = await systemIdentifier();
        if (header.systemIdentifier !== mine)
          throw new Error(`${name} in the archive is of the system ${header.systemIdentifier}, and not of ${mine}`);
        return await lastWholeRecordEndIn(directory, timeline, header.start, header);
      });
    },
    async timelines() {
      const numbers = (await files.histories()).map((name) => Number.parseInt(name.slice(0, 8), 16));
      return numbers.sort((a, b) => a - b);
    },
    history: (timeline) =>
      fetched(historyName(timeline), async (directory) => {
        const text = await readSmall(join(directory, historyName(timeline)), longestHistory);
        if (text === undefined) throw new Error(`the archive has not given ${historyName(timeline)}`);
        return text.toString("utf8");
      }),
    hush: (isOn) => setFlag("quiet", isOn),
    allowPush: (isAllowed) => setFlag("pushes", isAllowed),
  };
}
