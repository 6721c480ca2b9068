import { count, formatBytes, formatSeconds } from "../../model/status/format.ts";
import type { ChangeReport, History, HistoryReport } from "../../model/status/history.ts";
import { type Reading, readValue } from "../../model/status/observation.ts";
import type { Monitoring } from "../../model/status/sources.ts";
import { printable } from "../../model/text.ts";
import { readChanges } from "./sql.ts";
import { UsageError } from "./stack.ts";
import { painter, widthOf } from "./text.ts";

/** Seconds that any one answer may take. */
const NODE_SECONDS = 5;

/**
 * Asks every node for the changes of primary before: the primary's answer counts; without one, that of the standby that knows most.
 *
 * @throws UsageError where no node answers
 */
export async function recall(monitoring: Monitoring): Promise<History> {
  const asked = monitoring.nodes.flatMap(({ name, state, endpoint }) =>
    state === "active" && endpoint != null ? [{ name, endpoint }] : [],
  );
  const answers = await Promise.all(
    asked.map(async ({ name, endpoint }) => ({ name, reading: await readChanges(endpoint, monitoring, NODE_SECONDS) })),
  );
  return historyIn(answers);
}

type Answer = { readonly name: string; readonly reading: Reading<Omit<History, "source"> & { inRecovery: boolean }> };

/** Picks the answer that counts. */
export function historyIn(answers: readonly Answer[]): History {
  const known = answers.flatMap(({ name, reading }) => {
    const value = readValue(reading);
    return value ? [{ name, ...value }] : [];
  });
  const latest = ({ changes }: (typeof known)[number]) => Math.max(0, ...changes.map(({ epoch }) => epoch));
  const [best] = known.sort((a, b) => Number(a.inRecovery) - Number(b.inRecovery) || latest(b) - latest(a));
  if (best) {
    return { source: { node: best.name, role: best.inRecovery ? "standby" : "primary" }, changes: best.changes };
  }
  const reasons = answers.flatMap(({ name, reading }) =>
    reading.kind === "failed" ? [`  ${name}: ${reading.what}`] : [],
  );
  throw new UsageError(
    ["no primary is in reach, and no standby that takes queries: they keep the history", ...reasons].join("\n"),
    "npm run status says what is wrong with them; the receipt of the last change is also in ./scripts/pulumi stack output handover",
  );
}

const NOTHING = "–";

interface Column {
  readonly title: string;
  /** Columns with a rank go first where there is no room, the highest first. */
  readonly dispensable?: number;
  cell(change: ChangeReport): string;
}

const COLUMNS: readonly Column[] = [
  { title: "CHANGE", cell: ({ epoch }) => String(epoch) },
  { title: "WHEN (UTC)", cell: ({ at }) => at.slice(0, 19).replace("T", " ") },
  { title: "KIND", cell: ({ kind }) => kind ?? "not finished" },
  { title: "PRIMARY", cell: ({ from, to }) => (from === null || from === to ? to : `${from} → ${to}`) },
  { title: "TIMELINE", dispensable: 3, cell: timelineCell },
  { title: "WRITE GAP", dispensable: 1, cell: gapCell },
  { title: "AT RISK", dispensable: 2, cell: riskCell },
  { title: "LOST", cell: lostCell },
];

/** The history as a table, without a newline at its end. */
export function renderHistory(report: HistoryReport, { width, color }: { width: number; color: boolean }): string {
  const paint = painter(color);
  if (report.changes.length === 0) return `${report.cluster}: no change of primary is on record`;
  const all = COLUMNS.map((column) => {
    const cells = report.changes.map((change) => printable(column.cell(change)));
    return { column, cells, size: Math.max(...[column.title, ...cells].map(widthOf)) };
  });
  let shown = all;
  const taken = () => shown.reduce((sum, { size }) => sum + size + 2, -2);
  for (const rank of [3, 2, 1]) {
    if (taken() > width) shown = shown.filter(({ column }) => column.dispensable !== rank);
  }
  const line = (texts: readonly string[]) =>
    texts
      .map((text, index) => text.padEnd(shown[index]?.size ?? 0))
      .join("  ")
      .trimEnd();
  return [
    paint(line(shown.map(({ column }) => column.title)), "dim"),
    ...report.changes.map((_, row) => line(shown.map(({ cells }) => cells[row] ?? ""))),
  ].join("\n");
}

function timelineCell({ timeline, receipt }: ChangeReport): string {
  const before = receipt?.timelines.before ?? null;
  return before === null || before === timeline ? String(timeline) : `${before} → ${timeline}`;
}

function gapCell({ receipt }: ChangeReport): string {
  const gap = receipt?.writeGapMs ?? null;
  if (gap === null) return NOTHING;
  return gap < 10_000 ? `${gap} ms` : formatSeconds(gap / 1000);
}

function riskCell({ receipt }: ChangeReport): string {
  const risk = receipt?.atRisk ?? null;
  if (risk === null) return NOTHING;
  if (risk.known) return risk.bytes === 0 ? "nothing" : formatBytes(risk.bytes);
  return risk.bytes === 0 ? "not known" : `${formatBytes(risk.bytes)} or more`;
}

function lostCell({ receipt }: ChangeReport): string {
  if (receipt === null || receipt.kind === "provisioned") return NOTHING;
  const { lost } = receipt;
  if (lost === null) return "not known yet";
  if (lost.bytes === null) return "could not be counted";
  return lost.bytes === 0 ? "nothing" : `${count(lost.transactions ?? 0, "commit")}, ${formatBytes(lost.bytes)}`;
}
