/** An archive that pgBackRest keeps, in whatever store: what its commands say, as far as it can be believed. */
import { z } from "zod";
import type { RunProgram } from "./programs.ts";
import { historyPattern, isSegment, timelinePrefix, type WalFiles } from "./walArchive.ts";

export interface PgbackrestOptions {
  readonly program: string;
  /** Its file: the repository, and `pg1-path`. */
  readonly config: string;
  readonly stanza: string;
  readonly run: RunProgram;
  /** Of this node's data. */
  readonly systemIdentifier: () => Promise<string>;
}

/** Milliseconds: it tries on for minutes by itself, where nobody answers. */
const deadlines = { list: 10_000, fetch: 20_000 } as const;

/** 0: well. 2: there is no backup yet. With any other one it has not looked, or has found something else than an archive, and exits with 0 all the same. */
const readable = z.union([z.literal(0), z.literal(2)]);
const stanzaSchema = z.object({
  name: z.string(),
  repo: z.array(z.object({ status: z.object({ code: z.int(), message: z.string().max(10_000) }) })).min(1),
  db: z.array(z.object({ id: z.int(), "repo-key": z.int(), "system-id": z.string() })).max(1000),
  archive: z
    .array(
      z.object({
        id: z.string().regex(/^[0-9.]{1,8}-[0-9]{1,9}$/),
        database: z.object({ id: z.int(), "repo-key": z.int() }),
      }),
    )
    .max(1000),
});
const infoSchema = z.tuple([stanzaSchema]);
const listSchema = z.record(z.string(), z.object({ type: z.enum(["file", "path", "link", "special"]) }));

/** JSON.parse would round it: it has more digits than a number of JavaScript's. */
const withWholeIdentifiers = (json: string): string =>
  json.replace(/"system-id":(\d{1,20})(?=[,}])/g, '"system-id":"$1"');

/** @throws where it does not say that it has looked, and found the archive of this system */
export function archiveIds(json: string, stanza: string, systemIdentifier: string): readonly string[] {
  const [found] = infoSchema.parse(JSON.parse(withWholeIdentifiers(json)));
  if (found.name !== stanza) throw new Error(`pgBackRest tells of the stanza ${found.name}, and not of ${stanza}`);
  for (const { status } of found.repo)
    if (!readable.safeParse(status.code).success)
      throw new Error(`pgBackRest cannot tell what the archive holds: ${status.message.slice(0, 300)}`);
  const mine = found.db.filter((each) => each["system-id"] === systemIdentifier);
  const ids = found.archive
    .filter(({ database }) => mine.some((db) => db.id === database.id && db["repo-key"] === database["repo-key"]))
    .map(({ id }) => id);
  if (ids.length === 0)
    throw new Error(`the archive's stanza ${stanza} is not of the system ${systemIdentifier}, as this node's data is`);
  return ids;
}

export function pgbackrestFiles({ program, config, stanza, run, systemIdentifier }: PgbackrestOptions): WalFiles {
  // What it writes to standard output is read here.
  const options = [`--config=${config}`, `--stanza=${stanza}`, "--log-level-console=off", "--log-level-stderr=error"];

  const command = (name: string, args: readonly string[], deadlineMs: number): Promise<string> =>
    run(program, [...options, name, ...args], deadlineMs);

  async function ids(): Promise<readonly string[]> {
    const said = await command("info", ["--output=json"], deadlines.list);
    return archiveIds(said, stanza, await systemIdentifier());
  }

  /** Names in a folder of the archive. One that is not there has none: `info` has found the archive. */
  async function list(folder: string, filter: RegExp): Promise<readonly string[]> {
    const args = [`archive/${stanza}/${folder}`, `--filter=${filter.source}`, "--output=json"];
    const found = listSchema.parse(JSON.parse(await command("repo-ls", args, deadlines.list)));
    return Object.keys(found).filter((name) => filter.test(name));
  }

  const newestOf = (folder: string, timeline: number) =>
    list(folder, /^[0-9A-F]{24}-[0-9a-f]{40}/).then((names) =>
      names
        .map((name) => name.slice(0, 24))
        .filter((name) => isSegment(name, timeline))
        .sort()
        .at(-1),
    );

  return {
    async histories() {
      const found = await Promise.all((await ids()).map((id) => list(id, historyPattern)));
      return [...new Set(found.flat())];
    },

    async newestSegment(timeline) {
      const newest: string[] = [];
      for (const id of await ids()) {
        const folders = await list(id, new RegExp(`^${timelinePrefix(timeline)}[0-9A-F]{8}$`));
        // What retention has removed may leave a folder that is empty.
        for (const folder of [...folders].sort().reverse()) {
          const found = await newestOf(`${id}/${folder}`, timeline);
          if (found === undefined) continue;
          newest.push(found);
          break;
        }
      }
      return newest.sort().at(-1);
    },

    async fetch(name, path) {
      await command("archive-get", ["--no-archive-async", name, path], deadlines.fetch);
    },
  };
}
