import type { HeldBackup, Holdings, SegmentNumber, WalRange } from "../../model/archive/holdings.ts";
import { nameOfSegment } from "../../model/archive/holdings.ts";
import type { Reach, Recoverable, Span } from "../../model/archive/recoverable.ts";
import { count, formatBytes, formatSeconds } from "../../model/status/format.ts";
import { printable } from "../../model/text.ts";
import { type Paint, painter, widthOf, wrap } from "../status/text.ts";

export interface PictureOptions {
  readonly width: number;
  readonly color: boolean;
}

const INDENT = 8;
const letters: Readonly<Record<string, string>> = { full: "F", diff: "D", incr: "I" };

/** What the archive holds and what can be restored from it, for a terminal. */
export function renderBackups(
  cluster: string,
  at: Date,
  holdings: Holdings,
  found: Recoverable,
  { width, color }: PictureOptions,
): string {
  const paint = painter(color);
  const { backups, wal, encrypted } = holdings;
  const lines = [
    `${paint(printable(cluster), "bold")} · ${count(backups.length, "backup")} · ${encrypted ? "encrypted" : "not encrypted"}`,
    "",
  ];
  if (wal.length > 0) lines.push(...drawTimelines(holdings, found, Math.max(20, width - INDENT), paint), "");
  lines.push(
    ...table(holdings, found, at, paint),
    "",
    ...summary(holdings, found, at, paint).flatMap((text) => wrap(text, width)),
  );
  return lines.join("\n");
}

/** One row a timeline, from the first WAL file on the left to the last one on the right; below it its backups. */
function drawTimelines(
  { backups, wal, walSegmentBytes }: Holdings,
  found: Recoverable,
  width: number,
  paint: Paint,
): string[] {
  const first = Math.min(...found.timelines.map((span) => span.first));
  const last = Math.max(...found.timelines.map((span) => span.last));
  const columns = Math.min(width, Math.max(10, last - first + 1));
  const columnOf = (segment: SegmentNumber) =>
    Math.min(columns - 1, Math.floor(((segment - first) * columns) / (last - first + 1)));
  const rows = found.timelines.flatMap((span) => {
    const line = [...walRow(span, wal, columns, columnOf)];
    const marks = markRow(
      backups.filter(({ timeline }) => timeline === span.timeline),
      columns,
      columnOf,
    );
    const label = `TL ${span.timeline}`.padEnd(INDENT);
    const text = line.map((cell) => (cell === "╌" ? paint(cell, "red") : cell)).join("");
    return [
      `${label}${text}`.trimEnd(),
      ...(marks.trim() === "" ? [] : [`${" ".repeat(INDENT)}${paint(marks.trimEnd(), "green")}`]),
    ];
  });
  const from = nameOfSegment(found.timelines[0]?.timeline ?? 1, first, walSegmentBytes);
  const to = nameOfSegment(found.timelines.at(-1)?.timeline ?? 1, last, walSegmentBytes);
  const gap = " ".repeat(Math.max(1, columns - from.length - to.length));
  return [...rows, paint(`${" ".repeat(INDENT)}${from}${gap}${to}`, "dim")];
}

/** `━` WAL, `╌` a hole, `┗` where it left the timeline before. */
function walRow(
  span: Span,
  wal: readonly WalRange[],
  columns: number,
  columnOf: (segment: SegmentNumber) => number,
): string[] {
  const cells = new Array<string>(columns).fill(" ");
  const fill = (from: SegmentNumber, to: SegmentNumber, cell: string) => {
    for (let column = columnOf(from); column <= columnOf(to); column++) cells[column] = cell;
  };
  fill(span.first, span.last, "━");
  // A hole is seen, however small it is.
  const ranges = wal.filter(({ timeline }) => timeline === span.timeline).sort((a, b) => a.first - b.first);
  let expected = span.first;
  for (const range of [...ranges, { first: span.last + 1, last: span.last }]) {
    if (range.first > expected && expected <= span.last) fill(expected, Math.min(range.first - 1, span.last), "╌");
    expected = Math.max(expected, range.last + 1);
  }
  if (span.parent !== undefined) cells[columnOf(span.first)] = "┗";
  return cells;
}

function markRow(
  backups: readonly HeldBackup[],
  columns: number,
  columnOf: (segment: SegmentNumber) => number,
): string {
  const cells = new Array<string>(columns).fill(" ");
  const rank = " IDF";
  for (const { type, first } of backups) {
    const letter = letters[type] ?? "?";
    const column = columnOf(first);
    if (rank.indexOf(letter) >= rank.indexOf(cells[column] ?? " ")) cells[column] = letter;
  }
  return cells.join("");
}

function table({ backups, walSegmentBytes }: Holdings, { reach }: Recoverable, at: Date, paint: Paint): string[] {
  if (backups.length === 0) return [paint("no backup: there is nothing to restore", "red")];
  const several = backups.some(({ repository }) => repository !== 1);
  const header = [
    "BACKUP",
    "TYPE",
    "FINISHED (UTC)",
    "TOOK",
    "DATA",
    "IN ARCHIVE",
    ...(several ? ["REPOSITORY"] : []),
    "RECOVERS UP TO",
  ];
  const rows = backups.map((backup) => [
    printable(backup.label),
    printable(backup.type),
    `${time(backup.finishedAt)}, ${formatSeconds((at.getTime() - backup.finishedAt.getTime()) / 1000)} ago`,
    formatSeconds((backup.finishedAt.getTime() - backup.startedAt.getTime()) / 1000),
    formatBytes(backup.dataBytes),
    formatBytes(backup.archiveBytes),
    ...(several ? [String(backup.repository)] : []),
    backup.error ? "pages of it are damaged" : reachText(reach.get(backup.label), walSegmentBytes),
  ]);
  const widths = header.map((title, column) =>
    Math.max(widthOf(title), ...rows.map((row) => widthOf(row[column] ?? ""))),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd();
  return [paint(line(header), "dim"), ...rows.map(line)];
}

function reachText(reach: Reach | undefined, walSegmentBytes: number): string {
  if (reach === undefined) return "nothing: WAL that it needs is missing";
  return reach.latest ? "the last WAL" : nameOfSegment(reach.timeline, reach.last, walSegmentBytes);
}

function summary(
  { backups, schedules, walSegmentBytes }: Holdings,
  { holes, reach }: Recoverable,
  at: Date,
  paint: Paint,
): string[] {
  const oldest = backups.find(({ label, error }) => !error && reach.get(label)?.latest);
  const name = (hole: WalRange, segment: SegmentNumber) => nameOfSegment(hole.timeline, segment, walSegmentBytes);
  const said = holes.map((hole) =>
    paint(
      `hole: ${name(hole, hole.first)}${hole.last > hole.first ? ` to ${name(hole, hole.last)}` : ""} (${count(hole.last - hole.first + 1, "WAL file")}); no recovery from a backup before it passes it`,
      "red",
    ),
  );
  if (oldest)
    said.push(`Any moment from ${time(oldest.finishedAt)} on can be restored, up to the last WAL in the archive.`);
  for (const { type, calendar, due } of schedules) {
    const when = due === null ? "never" : due <= at ? `was due at ${time(due)}` : time(due);
    said.push(paint(`next ${printable(type)}: ${when} (${printable(calendar)})`, "dim"));
  }
  return said;
}

function time(date: Date): string {
  return date.toISOString().slice(0, 19).replace("T", " ");
}
