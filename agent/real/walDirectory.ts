/** An archive that is a plain directory: each file has the name that PostgreSQL gives it. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { requireMark, walMark } from "./mark.ts";
import type { RunProgram } from "./programs.ts";
import { historyPattern, isSegment, type WalFiles } from "./walArchive.ts";

/** Milliseconds. */
const copyDeadline = 20_000;

/** @param directory which has the {@link walMark} */
export function directoryFiles(directory: string, run: RunProgram): WalFiles {
  async function names(): Promise<readonly string[]> {
    await requireMark(directory, walMark);
    return await readdir(directory);
  }

  return {
    histories: async () => (await names()).filter((name) => historyPattern.test(name)),
    newestSegment: async (timeline) =>
      (await names())
        .filter((name) => isSegment(name, timeline))
        .sort()
        .at(-1),
    async fetch(name, path) {
      await run("cp", ["--", join(directory, name), path], copyDeadline);
    },
  };
}
