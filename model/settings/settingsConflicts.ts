import type { Problem } from "../config/problems.ts";
import { keyPath } from "../config/problems.ts";
import { parseSize, sizeUnits } from "../config/units.ts";

/**
 * WAL senders and slots that every node has, at least: so many that adding a node restarts no other one.
 * A standby must have as many senders as its primary, so the number is the same on all nodes.
 */
export function replicationCapacity(nodes: number): number {
  return 16 * Math.ceil((nodes + 4) / 16);
}

/** What is wrong with settings that are legal one by one. PostgreSQL would refuse to start, or a standby find no room. */
export function settingsConflicts(values: Readonly<Record<string, string>>, nodes: number): readonly Problem[] {
  const problems: Problem[] = [];
  const atLeast = (name: string, least: number, why: string) => {
    if (name in values && Number(values[name]) < least) {
      const hint = `set ${least} or more, or remove it`;
      problems.push({ key: keyPath("settings", name), rule: `must be at least ${least}: ${why}`, hint });
    }
  };
  atLeast("max_wal_senders", nodes + 4, "one for each node, and some for copies and rejoins");
  atLeast("max_replication_slots", nodes + 4, "one for each node, and some to spare");
  problems.push(...connectionConflicts(values));
  for (const name of ["max_wal_size", "min_wal_size"]) {
    const value = values[name];
    if (value === undefined) continue;
    const bytes = /^\d+$/.test(value) ? Number(value) * sizeUnits.MB : parseSize(value);
    if (bytes !== undefined && bytes < 32 * sizeUnits.MB) {
      const rule = "must be at least 32MB: two WAL segments";
      problems.push({ key: keyPath("settings", name), rule, hint: "set 32MB or more, or remove it" });
    }
  }
  return problems;
}

/** Sessions that are kept for superusers and the like come out of `max_connections`; 100 and 3 are PostgreSQL's defaults. */
function connectionConflicts(values: Readonly<Record<string, string>>): readonly Problem[] {
  const names = ["max_connections", "superuser_reserved_connections", "reserved_connections"] as const;
  const name = names.find((each) => each in values);
  if (name === undefined) return [];
  const { max_connections = "100", superuser_reserved_connections = "3", reserved_connections = "0" } = values;
  const least = Number(superuser_reserved_connections) + Number(reserved_connections) + 10;
  if (Number(max_connections) >= least) return [];
  return [
    {
      key: keyPath("settings", name),
      rule: `leaves too few sessions: max_connections is ${max_connections}, with the reserved ones and ten more it must be ${least}`,
      hint: "raise max_connections, or reserve fewer",
    },
  ];
}
