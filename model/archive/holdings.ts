import * as z from "zod";
import { most, number, parseJson, text } from "../hostFacts.ts";
import type { Schedule } from "../status/observation.ts";
import { scheduleInfo } from "../status/sources.ts";

/** A WAL file, counted from the beginning of the WAL: its timeline is told apart. */
export type SegmentNumber = number;

/** An unbroken row of WAL files of one timeline. */
export interface WalRange {
  readonly timeline: number;
  readonly first: SegmentNumber;
  readonly last: SegmentNumber;
}

export interface HeldBackup {
  readonly label: string;
  /** `full`, `diff` or `incr`. */
  readonly type: string;
  readonly startedAt: Date;
  readonly finishedAt: Date;
  readonly timeline: number;
  /** The WAL that it needs to be consistent. */
  readonly first: SegmentNumber;
  readonly last: SegmentNumber;
  /** The data that it restores. */
  readonly dataBytes: number;
  /** What it takes in the archive by itself, compressed. */
  readonly archiveBytes: number;
  /** Which of the archive's repositories has it. */
  readonly repository: number;
  /** Pages whose checksums were wrong. */
  readonly error: boolean;
}

/** What the archive holds of one cluster. */
export interface Holdings {
  /** Oldest first. */
  readonly backups: readonly HeldBackup[];
  readonly wal: readonly WalRange[];
  /** Where each timeline that this cluster has come along ends, oldest first; the present one has no end. */
  readonly lineage: readonly { readonly timeline: number; readonly until: SegmentNumber | undefined }[];
  readonly schedules: readonly Schedule[];
  readonly encrypted: boolean;
  readonly walSegmentBytes: number;
}

const seconds = z.number().min(0).max(253_402_300_799);
const segmentName = z.string().regex(/^[0-9A-F]{24}$/);

const info = z.array(
  z.object({
    name: z.string(),
    cipher: z.string().optional(),
    backup: z
      .array(
        z.object({
          label: text,
          type: text,
          timestamp: z.object({ start: seconds, stop: seconds }),
          archive: z.object({ start: segmentName.nullable(), stop: segmentName.nullable() }),
          database: z.object({ id: number, "repo-key": number.default(1) }),
          info: z.object({ size: number, repository: z.object({ delta: number.default(0) }) }),
          error: z.boolean().nullish(),
        }),
      )
      .max(most)
      .default([]),
    db: z
      .array(z.object({ id: number }))
      .max(most)
      .default([]),
  }),
);

const schema = z.object({
  info,
  schedules: scheduleInfo,
  walSegmentBytes: z
    .number()
    .min(2 ** 20)
    .max(2 ** 30),
  wal: z
    .array(
      z.object({
        id: z.string().regex(/^\d{1,4}-\d{1,4}$/),
        ranges: z.array(z.tuple([segmentName, segmentName])).max(100_000),
      }),
    )
    .max(most),
  histories: z
    .array(
      z.object({
        timeline: number,
        parents: z
          .array(z.object({ timeline: number, until: z.string().regex(/^[0-9A-F]{1,8}\/[0-9A-F]{1,8}$/) }))
          .max(most),
      }),
    )
    .max(most),
});

/** Parses what `understudy backups <node> wal` printed. Undefined where it is something else. */
export function parseHoldings(printed: string, stanza: string): Holdings | undefined {
  const known = schema.safeParse(parseJson(printed)).data;
  if (known === undefined) return undefined;
  const { walSegmentBytes, schedules } = known;
  const numberOf = (name: string) =>
    Number.parseInt(name.slice(8, 16), 16) * (2 ** 32 / walSegmentBytes) + Number.parseInt(name.slice(16), 16);
  const timelineOf = (name: string) => Number.parseInt(name.slice(0, 8), 16);
  const held = known.info.filter(({ name }) => name === stanza);
  // After an upgrade to another major there are several: the last one is in use.
  const wal = (known.wal.at(-1)?.ranges ?? []).map(([first, last]) => ({
    timeline: timelineOf(first),
    first: numberOf(first),
    last: numberOf(last),
  }));
  const newest = known.histories.reduce((best, history) => (history.timeline > best.timeline ? history : best), {
    timeline: Math.max(1, ...(known.histories.length > 0 ? [0] : wal.map(({ timeline }) => timeline))),
    parents: [],
  } as {
    timeline: number;
    parents: readonly { timeline: number; until: string }[];
  });
  const segmentOf = (lsn: string) => {
    const [high = "0", low = "0"] = lsn.split("/");
    return (
      Number.parseInt(high, 16) * (2 ** 32 / walSegmentBytes) + Math.floor(Number.parseInt(low, 16) / walSegmentBytes)
    );
  };
  return {
    backups: held
      .flatMap(({ backup }) => backup)
      .flatMap(({ label, type, timestamp, archive, database, info: size, error }) =>
        archive.start === null || archive.stop === null
          ? []
          : [
              {
                label,
                type,
                startedAt: new Date(timestamp.start * 1000),
                finishedAt: new Date(timestamp.stop * 1000),
                timeline: timelineOf(archive.start),
                first: numberOf(archive.start),
                last: numberOf(archive.stop),
                dataBytes: size.size,
                archiveBytes: size.repository.delta,
                repository: database["repo-key"],
                error: error ?? false,
              },
            ],
      )
      .sort((a, b) => a.finishedAt.getTime() - b.finishedAt.getTime()),
    wal,
    lineage: [
      ...newest.parents.map(({ timeline, until }) => ({ timeline, until: segmentOf(until) })),
      { timeline: newest.timeline, until: undefined },
    ],
    schedules,
    encrypted: held.some(({ cipher }) => cipher !== undefined && cipher !== "none"),
    walSegmentBytes,
  };
}

/** As PostgreSQL names a WAL file. */
export function nameOfSegment(timeline: number, segment: SegmentNumber, walSegmentBytes: number): string {
  const per = 2 ** 32 / walSegmentBytes;
  const hex = (value: number) => value.toString(16).toUpperCase().padStart(8, "0");
  return hex(timeline) + hex(Math.floor(segment / per)) + hex(segment % per);
}
