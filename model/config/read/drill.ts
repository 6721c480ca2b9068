import type { DrillConfig } from "../clusterConfig.ts";
import { keyPath, type Problem } from "../problems.ts";
import { drillOptions } from "../schema/drillOptions.ts";
import { asObject, readOptions } from "../schema/option.ts";
import { parseDuration } from "../units.ts";

/** Reads `drill`. */
export function readDrill(raw: unknown, problems: Problem[]): DrillConfig {
  const values = readOptions(drillOptions, raw, "drill", problems);
  const schedule = values.schedule === "off" ? undefined : values.schedule;
  const maxAge = values.maxAge ?? (schedule === undefined ? undefined : "35d");
  return {
    schedule,
    maxAgeSeconds: maxAge && (parseDuration(maxAge) as number) / 1000,
    query: readQueries(values.query, problems),
  };
}

function readQueries(raw: unknown, problems: Problem[]): Readonly<Record<string, string>> {
  const object = asObject(raw);
  const { rule, hint } = drillOptions.query;
  if (object === undefined) problems.push({ key: "drill.query", rule, hint });
  const read = Object.entries(object ?? {}).flatMap(([database, query]) => {
    if (
      typeof query === "string" &&
      /[^\s;]/.test(query) &&
      !query.includes("\0") &&
      /^[^\p{Cc}]{1,63}$/u.test(database)
    ) {
      return [[database, query] as const];
    }
    problems.push({ key: keyPath("drill.query", database), rule, hint });
    return [];
  });
  return Object.fromEntries(read.sort(([a], [b]) => (a < b ? -1 : 1)));
}
