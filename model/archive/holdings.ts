import * as z from "zod";
import { most, number, parseJson, text } from "../hostFacts.ts";
import { lsnToBytes } from "../lsn.ts";
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
  /** Where it ends; undefined: its pgBackRest (before 2.36) does not say. */
  readonly stopLsn: string | undefined;
  /** The data that it restores. */
  readonly dataBytes: number;
  /** What it takes in the archive by itself, compressed. */
  readonly archiveBytes: number;
  /** Which of the archive's repositories has it. */
  readonly repository: number;
  /** Pages whose checksums were wrong. */
  readonly error: boolean;
}

export type Lineage = readonly { readonly timeline: number; readonly until: SegmentNumber | undefined }[];

/** What the archive holds of one cluster. */
export interface Holdings {
  /** Oldest first. */
  readonly backups: readonly HeldBackup[];
  readonly wal: readonly WalRange[];
  /** Where each timeline that this cluster has come along ends, oldest first; the present one has no end. */
  readonly lineage: Lineage;
  /** Of every timeline whose history is known, the timelines that it has come along, itself last. */
  readonly lineages: ReadonlyMap<number, Lineage>;
  readonly schedules: readonly Schedule[];
  readonly encrypted: boolean;
  readonly walSegmentBytes: number;
}

const seconds = z.number().min(0).max(253_402_300_799);
const segmentName = z.string().regex(/^[0-9A-F]{24}$/);
const lsn = z.string().regex(/^[0-9A-F]{1,8}\/[0-9A-F]{1,8}$/i);

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
          lsn: z.object({ stop: lsn.nullish() }).nullish(),
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
        parents: z.array(z.object({ timeline: number, until: lsn })).max(most),
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
  const lineageOf = (timeline: number, parents: (typeof newest)["parents"]): Lineage => [
    ...parents.map((parent) => ({ timeline: parent.timeline, until: segmentOf(parent.until, walSegmentBytes) })),
    { timeline, until: undefined },
  ];
  return {
    backups: held
      .flatMap(({ backup }) => backup)
      .flatMap(({ label, type, timestamp, archive, lsn: position, database, info: size, error }) =>
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
                stopLsn: position?.stop ?? undefined,
                dataBytes: size.size,
                archiveBytes: size.repository.delta,
                repository: database["repo-key"],
                error: error ?? false,
              },
            ],
      )
      .sort((a, b) => a.finishedAt.getTime() - b.finishedAt.getTime()),
    wal,
    lineage: lineageOf(newest.timeline, newest.parents),
    lineages: new Map(known.histories.map(({ timeline, parents }) => [timeline, lineageOf(timeline, parents)])),
    schedules,
    encrypted: held.some(({ cipher }) => cipher !== undefined && cipher !== "none"),
    walSegmentBytes,
  };
}

/** The WAL file that a position is in. */
export function segmentOf(position: string, walSegmentBytes: number): SegmentNumber {
  return Number(lsnToBytes(position) / BigInt(walSegmentBytes));
}

/** What an archive holds of one cluster, as a host sees it that is none of that cluster's. */
export interface SourceHoldings extends Holdings {
  /** All that the archive has. */
  readonly stanzas: readonly string[];
  /** PostgreSQL's major version; undefined: the stanza is not there. */
  readonly major: number | undefined;
  /** When the last WAL file of each timeline reached the archive. */
  readonly arrivals: ReadonlyMap<number, Date>;
}

const sourceSchema = z.object({
  info: z.array(
    z.object({ name: z.string(), db: z.array(z.object({ version: z.string().regex(/^[\d.]{1,10}$/) })).default([]) }),
  ),
  stanzas: z.array(text).max(most),
  arrivals: z.array(z.object({ timeline: number, at: seconds })).max(most),
});

/** Parses what `understudy backups <node> source` printed. Undefined where it is something else. */
export function parseSourceHoldings(printed: string, stanza: string): SourceHoldings | undefined {
  const raw = parseJson(printed);
  const known = sourceSchema.safeParse(raw).data;
  if (known === undefined) return undefined;
  const holdings = parseHoldings(printed, stanza);
  const version = known.info.find(({ name }) => name === stanza)?.db.at(-1)?.version;
  return (
    holdings && {
      ...holdings,
      stanzas: known.stanzas,
      major: version === undefined ? undefined : Number.parseInt(version, 10),
      arrivals: new Map(known.arrivals.map(({ timeline, at }) => [timeline, new Date(at * 1000)])),
    }
  );
}

/** As PostgreSQL names a WAL file. */
export function nameOfSegment(timeline: number, segment: SegmentNumber, walSegmentBytes: number): string {
  const per = 2 ** 32 / walSegmentBytes;
  const hex = (value: number) => value.toString(16).toUpperCase().padStart(8, "0");
  return hex(timeline) + hex(Math.floor(segment / per)) + hex(segment % per);
}
