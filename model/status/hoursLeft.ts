import type { NodeFinding, NodeRule } from "./finding.ts";
import { formatBytes } from "./format.ts";
import { readValue } from "./observation.ts";
import { levelOf, thresholds } from "./thresholds.ts";

/** WAL that somebody keeps grows as fast as WAL comes in: how long until the disk is full, or a slot is cut off. */
export const hoursLeft: NodeRule = ({ observed, row, sql }) => {
  const rate = readValue(observed.host)?.wal.bytesPerHour ?? 0;
  if (rate <= 0 || sql === undefined) return [];
  const pace = `at the present rate (${formatBytes(rate)} of WAL an hour)`;
  const { archiver, maxSlotWalKeepBytes, slots } = sql;
  const failing =
    row.role === "primary" &&
    (row.backlog ?? 0) > 0 &&
    archiver.lastFailedAt !== null &&
    (archiver.lastArchivedAt === null || archiver.lastFailedAt > archiver.lastArchivedAt);
  const unused = slots.filter((slot) => !slot.active && (slot.retainedBytes ?? 0) > 0 && slot.walStatus !== "lost");
  const keepers = [
    ...(failing ? ["WAL that does not reach the archive"] : []),
    ...(maxSlotWalKeepBytes === null ? unused.map(({ name }) => `slot ${name}, which nobody uses`) : []),
  ];
  const findings: NodeFinding[] = [];
  if (keepers.length > 0 && row.disk !== undefined) {
    const hours = row.disk.freeBytes / rate;
    const level = levelOf(thresholds.hoursLeft, hours);
    if (level !== "ok") {
      findings.push({
        level,
        what: `the data volume is full in ${formatHours(hours)} ${pace}: ${keepers.join("; ")}`,
        hint: "mend what keeps WAL, or enlarge the volume: PostgreSQL stops when it can't write",
      });
    }
  }
  for (const { name, safeBytes } of maxSlotWalKeepBytes === null ? [] : unused) {
    const hours = (safeBytes ?? Number.POSITIVE_INFINITY) / rate;
    const level = levelOf(thresholds.hoursLeft, hours);
    if (level === "ok") continue;
    findings.push({
      level: "warning",
      what: `slot ${name} (not in use) is cut off from its WAL in ${formatHours(hours)} ${pace}`,
      hint: "bring back whoever reads from it: after that a standby has to catch up from the archive",
    });
  }
  return findings;
};

function formatHours(hours: number): string {
  if (hours < 1) return "less than an hour";
  return `${Math.floor(hours)} h`;
}
