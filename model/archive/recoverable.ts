import type { HeldBackup, Holdings, SegmentNumber, WalRange } from "./holdings.ts";

/** What can be brought back from the archive, along the timelines that the cluster has come. */
export interface Recoverable {
  /** WAL files that are missing between the first backup and the last WAL: no recovery passes them. */
  readonly holes: readonly WalRange[];
  /** Up to where each backup can be recovered, by its label; undefined: not at all. */
  readonly reach: ReadonlyMap<string, Reach | undefined>;
  /** The WAL files that there should be, of each timeline: the cluster's own, and others that the archive has. */
  readonly timelines: readonly Span[];
}

export interface Reach {
  readonly timeline: number;
  /** The last WAL file that it gets to. */
  readonly last: SegmentNumber;
  /** Whether that is the last one of the present timeline that the archive has. */
  readonly latest: boolean;
}

/** A timeline from its first to its last WAL file. */
export interface Span {
  readonly timeline: number;
  readonly first: SegmentNumber;
  readonly last: SegmentNumber;
  /** The timeline that it left, where the cluster has come along both. */
  readonly parent: number | undefined;
}

export function recoverable({ backups, wal, lineage }: Holdings): Recoverable {
  const own = path(wal, backups, lineage);
  const missing = own.flatMap((span) => gaps(span, wal));
  const end = own.at(-1);
  return {
    holes: missing,
    reach: new Map(backups.map((backup) => [backup.label, reachOf(backup, own, missing, wal)])),
    timelines: [
      ...own,
      // Those that the cluster has left: a former primary's, or a branch that nobody follows.
      ...[...new Set(wal.map(({ timeline }) => timeline))]
        .filter((timeline) => !own.some((span) => span.timeline === timeline) && timeline !== end?.timeline)
        .map((timeline) => {
          const ranges = wal.filter((range) => range.timeline === timeline);
          return {
            timeline,
            first: Math.min(...ranges.map(({ first }) => first)),
            last: Math.max(...ranges.map(({ last }) => last)),
            parent: undefined,
          };
        }),
    ].sort((a, b) => a.timeline - b.timeline),
  };
}

/** The cluster's own way: from the first backup (or the first WAL there is) to the last WAL file of the present timeline. */
function path(wal: readonly WalRange[], backups: readonly HeldBackup[], lineage: Holdings["lineage"]): Span[] {
  const starts = backups.length > 0 ? backups.map(({ first }) => first) : wal.map(({ first }) => first);
  if (starts.length === 0) return [];
  const begin = Math.min(...starts);
  const spans: Span[] = [];
  let from = begin;
  let parent: number | undefined;
  for (const { timeline, until } of lineage) {
    // The file in which a timeline ends is complete on the next one only.
    const last =
      until === undefined
        ? Math.max(...wal.filter((range) => range.timeline === timeline).map((range) => range.last), from - 1)
        : until - 1;
    if (until !== undefined && until < begin) continue;
    if (last >= from) spans.push({ timeline, first: from, last, parent });
    parent = timeline;
    from = Math.max(from, last + 1);
  }
  return spans;
}

function gaps({ timeline, first, last }: Span, wal: readonly WalRange[]): WalRange[] {
  const holes: WalRange[] = [];
  let expected = first;
  const ranges = wal.filter((range) => range.timeline === timeline).sort((a, b) => a.first - b.first);
  for (const range of ranges) {
    if (range.last < expected) continue;
    if (range.first > last) break;
    if (range.first > expected) holes.push({ timeline, first: expected, last: range.first - 1 });
    expected = range.last + 1;
  }
  if (expected <= last) holes.push({ timeline, first: expected, last });
  return holes;
}

function reachOf(
  backup: HeldBackup,
  own: readonly Span[],
  holes: readonly WalRange[],
  wal: readonly WalRange[],
): Reach | undefined {
  const at = own.findIndex((span) => span.timeline === backup.timeline);
  const end = own.at(-1);
  if (at < 0 || end === undefined) {
    // On a timeline that was left: as far as its own WAL goes.
    const range = wal.find(
      (each) => each.timeline === backup.timeline && each.first <= backup.first && each.last >= backup.last,
    );
    return range && { timeline: range.timeline, last: range.last, latest: false };
  }
  const hole = holes.filter(({ last }) => last >= backup.first).sort((a, b) => a.first - b.first)[0];
  if (hole === undefined) return { timeline: end.timeline, last: end.last, latest: true };
  if (hole.first <= backup.last) return undefined;
  return { timeline: hole.timeline, last: hole.first - 1, latest: false };
}
