import { formatBytes, formatPercent, formatSeconds } from "../../model/status/format.ts";
import type { NodeReport, StatusReport } from "../../model/status/report.ts";
import { type FindingLevel, type Level, worstOf } from "../../model/status/thresholds.ts";
import { printable } from "../../model/text.ts";
import { type Paint, painter, type Style, widthOf, wrap } from "./text.ts";

export interface RenderOptions {
  /** Columns that there are. */
  readonly width: number;
  readonly color: boolean;
}

/** Widest that anything is drawn, however wide the terminal. */
export const MAX_WIDTH = 120;

const MARKS = { ok: "✓", notice: "•", warning: "▲", critical: "✖" } as const satisfies Record<
  Level | FindingLevel,
  string
>;
const STYLES = { ok: "green", notice: "bold", warning: "yellow", critical: "red" } as const satisfies Record<
  Level | FindingLevel,
  Style
>;
const WORDS = { ok: "ALL WELL", warning: "WARNING", critical: "CRITICAL" } as const satisfies Record<Level, string>;
const NOTHING = "–";
/** Longer ones are no names and no figures. */
const longestCell = 60;

interface Cell {
  readonly text: string;
  readonly style?: Style | undefined;
}

interface Column {
  readonly title: string;
  readonly align?: "right";
  /** Columns with a rank go first where there is no room, the highest first. */
  readonly dispensable?: number;
  cell(node: NodeReport, level: Level): Cell;
}

/** The whole picture as text, without a newline at its end. */
export function renderReport(report: StatusReport, { width, color }: RenderOptions): string {
  const paint = painter(color);
  const room = Math.min(width, MAX_WIDTH);
  return [
    ...headline(report, room, paint),
    "",
    ...table(report, room, paint),
    "",
    ...archiveLines(report, room, paint),
    ...findingLines(report, room, paint),
  ].join("\n");
}

function headline(report: StatusReport, width: number, paint: Paint): string[] {
  const level = `${MARKS[report.level]} ${WORDS[report.level]}`;
  const when = `${report.at.slice(0, 19).replace("T", " ")} UTC`;
  const title = `${report.cluster}  PostgreSQL ${report.postgresVersion}`;
  const gap = width - widthOf(title) - widthOf(level) - widthOf(when) - 5;
  const state = paint(level, STYLES[report.level], "bold");
  if (gap < 0) return [`${state}  ${paint(report.cluster, "bold")}`, paint(when, "dim")];
  return [`${state}   ${paint(title, "bold")}${" ".repeat(gap + 2)}${paint(when, "dim")}`];
}

const COLUMNS: readonly Column[] = [
  { title: "NODE", cell: ({ node }) => ({ text: node, style: "bold" }) },
  { title: "ROLE", cell: roleCell },
  { title: "STATE", cell: ({ activity }, level) => ({ text: activity, style: STYLES[level] }) },
  { title: "TL", align: "right", dispensable: 1, cell: ({ timeline }) => ({ text: `${timeline ?? NOTHING}` }) },
  { title: "LSN", dispensable: 5, cell: ({ lsn }) => ({ text: lsn ?? NOTHING }) },
  { title: "LAG", cell: lagCell },
  { title: "SYNC", dispensable: 3, cell: ({ sync }) => ({ text: sync.real ?? NOTHING }) },
  { title: "SLOT KEEPS", dispensable: 2, cell: slotCell },
  { title: "ARCHIVER", dispensable: 4, cell: archiverCell },
  { title: "DISK FREE", align: "right", cell: diskCell },
];

function table(report: StatusReport, width: number, paint: Paint): string[] {
  const levels = report.nodes.map(({ node }) => {
    if (report.primary.real.length > 1 && report.primary.real.includes(node)) return "critical";
    return worstOf(report.findings.filter((finding) => finding.node === node).map(({ level }) => level));
  });
  const cells = COLUMNS.map((column) => ({
    column,
    cells: report.nodes.map((node, index) => {
      const cell = column.cell(node, node.state === "active" ? (levels[index] ?? "ok") : "ok");
      return { ...cell, text: printable(cell.text).slice(0, longestCell) };
    }),
  })).map((entry) => ({
    ...entry,
    size: Math.max(widthOf(entry.column.title), ...entry.cells.map(({ text }) => widthOf(text))),
  }));
  const taken = (columns: readonly (typeof cells)[number][]) =>
    1 + columns.reduce((sum, { size }) => sum + size + 2, 0);
  const shown = fitting(cells, (columns) => taken(columns) <= width);
  const left = cells.filter((entry) => !shown.includes(entry)).map(({ column }) => column.title.toLowerCase());
  const pad = (text: string, { column, size }: (typeof cells)[number]) => {
    const space = " ".repeat(size - widthOf(text));
    return column.align === "right" ? [space, ""] : ["", space];
  };
  const header = shown.map((entry) => {
    const [before, after] = pad(entry.column.title, entry);
    return `${before}${paint(entry.column.title, "dim")}${after}`;
  });
  const rows = report.nodes.map((node, index) => {
    const level = levels[index] ?? "ok";
    const idle = node.state !== "active" && level === "ok";
    const mark = idle ? paint("·", "dim") : paint(MARKS[level], STYLES[level]);
    const texts = shown.map((entry) => {
      const cell = entry.cells[index] ?? { text: "" };
      const [before, after] = pad(cell.text, entry);
      const style = idle || cell.text === NOTHING ? "dim" : cell.style;
      return `${before}${style === undefined ? cell.text : paint(cell.text, style)}${after}`;
    });
    return [mark, ...texts].join("  ").trimEnd();
  });
  const note = left.length === 0 ? [] : [paint(`not shown for want of room: ${left.join(", ")}`, "dim")];
  return [[" ", ...header].join("  ").trimEnd(), ...rows, ...note];
}

/** Leaves out columns by rank until the rest fits, then takes back those for which there is room after all. */
function fitting<Entry extends { readonly column: Column }>(
  entries: readonly Entry[],
  fits: (entries: readonly Entry[]) => boolean,
): readonly Entry[] {
  const rank = ({ column }: Entry) => column.dispensable ?? 0;
  const gone: Entry[] = [];
  const without = (absent: readonly Entry[]) => entries.filter((entry) => !absent.includes(entry));
  for (const entry of entries.filter((each) => rank(each) > 0).sort((a, b) => rank(b) - rank(a))) {
    if (fits(without(gone))) break;
    gone.unshift(entry);
  }
  for (const entry of [...gone]) {
    const fewer = gone.filter((other) => other !== entry);
    if (fits(without(fewer))) gone.splice(gone.indexOf(entry), 1);
  }
  return without(gone);
}

function roleCell({ role, state }: NodeReport): Cell {
  const same = role.real === role.declared || role.real === "unknown" || role.real === "none";
  if (state !== "active" && role.real !== "primary") return { text: role.declared };
  return same ? { text: role.declared } : { text: `${role.declared} → ${role.real}`, style: "red" };
}

function lagCell({ lag }: NodeReport): Cell {
  if (lag === null || (lag.bytes === null && lag.seconds === null)) return { text: NOTHING };
  const parts = [
    lag.bytes === null ? undefined : formatBytes(lag.bytes),
    lag.seconds === null ? undefined : formatSeconds(lag.seconds),
  ];
  return { text: parts.filter((part) => part !== undefined).join(", ") };
}

function slotCell({ slot }: NodeReport): Cell {
  if (slot === null) return { text: NOTHING };
  if (slot.walStatus === "lost") return { text: "lost", style: "red" };
  const notes = [
    ...(slot.active ? [] : ["unused"]),
    ...(slot.walStatus === null || slot.walStatus === "reserved" ? [] : [slot.walStatus]),
  ];
  return {
    text: `${formatBytes(slot.retainedBytes ?? 0)} ${notes.join(", ")}`.trimEnd(),
    style: notes.length === 0 ? undefined : "yellow",
  };
}

function archiverCell({ archiver, role }: NodeReport): Cell {
  if (archiver === null || role.real !== "primary") return { text: NOTHING };
  if (archiver.mode === "off") return { text: "off" };
  const { lastFailedAt, lastArchivedAt, backlog } = archiver;
  const failing = lastFailedAt !== null && (lastArchivedAt === null || lastFailedAt > lastArchivedAt);
  const waiting = (backlog ?? 0) > 0 ? `, ${backlog} wait` : "";
  return { text: `${failing ? "failing" : "ok"}${waiting}`, style: failing ? "yellow" : undefined };
}

function diskCell({ disk }: NodeReport): Cell {
  if (disk === null || disk.totalBytes <= 0) return { text: NOTHING };
  return { text: formatPercent((100 * disk.freeBytes) / disk.totalBytes) };
}

function archiveLines({ archive, primary, at }: StatusReport, width: number, paint: Paint): string[] {
  const ago = (time: string) => `${formatSeconds((Date.parse(at) - Date.parse(time)) / 1000)} ago`;
  const { archiver, lastBackup, backups, provenRestore: proven } = archive;
  const wal: string[] = [];
  if (archiver === null) wal.push("not known: no primary was read");
  else if (archiver.mode === "off") wal.push("archive_mode is off");
  else {
    const { lastArchivedWal, lastArchivedAt, lastFailedWal, lastFailedAt, backlog } = archiver;
    wal.push(lastArchivedAt === null ? "none archived yet" : `${lastArchivedWal} archived ${ago(lastArchivedAt)}`);
    wal.push(backlog === null ? "backlog not known" : `backlog ${backlog}`);
    if (lastFailedAt !== null) wal.push(`last failure ${ago(lastFailedAt)} (${lastFailedWal})`);
  }
  const backup =
    lastBackup === null
      ? [backups === null ? "not known" : "none yet"]
      : [`last ${lastBackup.type} ${lastBackup.label}, ${ago(lastBackup.finishedAt)}`, `${backups} in the archive`];
  const drill =
    proven === null
      ? []
      : [`restore proven ${ago(proven.endedAt)} on ${proven.node} · ${proven.backup}, and WAL up to ${proven.lsn}`];
  const leads = primary.leads === null ? [] : [`${primary.leads.node} since change ${primary.leads.epoch}`];
  return [
    ...leads.flatMap((text) => labelled("   Leads   ", printable(text), width, (label) => paint(label, "dim"))),
    ...labelled("   WAL     ", printable(wal.join(" · ")), width, (text) => paint(text, "dim")),
    ...labelled("   Backup  ", printable(backup.join(" · ")), width, (text) => paint(text, "dim")),
    ...drill.flatMap((text) => labelled("   Drill   ", printable(text), width, (label) => paint(label, "dim"))),
  ];
}

function findingLines({ findings }: StatusReport, width: number, paint: Paint): string[] {
  return findings.flatMap(({ node, level, what, hint }) => [
    "",
    ...labelled(`${MARKS[level]}  `, printable(node === undefined ? what : `${node}: ${what}`), width, (text) =>
      paint(text, STYLES[level]),
    ),
    ...labelled("   ", printable(`HINT: ${hint}`), width).map((line) => paint(line, "dim")),
  ]);
}

/** A label, and a text that goes on below itself. */
function labelled(label: string, text: string, width: number, style = (part: string) => part): string[] {
  const indent = " ".repeat(widthOf(label));
  return wrap(text, Math.max(20, width - widthOf(label))).map((line, index) =>
    index === 0 ? `${style(label)}${line}` : `${indent}${line}`,
  );
}
