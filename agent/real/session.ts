/** Sessions with the server of this host, by its socket. */
import pg from "pg";
import { sessionOptions } from "../../model/sessionSettings.ts";
import { printable } from "../../model/text.ts";

export interface SessionOptions {
  readonly socketDirectory: string;
  readonly port: number;
  /** For the settings of a session. */
  readonly major: number;
}

export type Row = Readonly<Record<string, unknown>>;

export interface Session {
  /** Text goes as it is: names in it are ours. A session that fails is given up; the next query makes a new one. */
  query(text: string, deadlineMs: number): Promise<readonly Row[]>;
  close(): Promise<void>;
}

const superuser = "postgres";

async function connected(
  { socketDirectory, port, major }: SessionOptions,
  kind: "sql" | "walsender",
  deadlineMs: number,
) {
  const replication = kind === "walsender" ? { replication: "true" } : {};
  const client = new pg.Client({
    ...replication,
    host: socketDirectory,
    port,
    user: superuser,
    database: superuser,
    application_name: "understudy",
    connectionTimeoutMillis: deadlineMs,
    options: sessionOptions(major),
    ssl: false,
  } as pg.ClientConfig);
  // A server may go at any moment, also while it lets somebody in: who waits for an answer is told, and nobody else has to be.
  client.on("error", () => {});
  await client.connect();
  return client;
}

const told = (error: unknown): Error => new Error(printable(error instanceof Error ? error.message : String(error)));

/** One that stands until it fails. Queries wait for one another. */
export function standingSession(options: SessionOptions, kind: "sql" | "walsender"): Session {
  let standing: Promise<pg.Client> | undefined;

  function session(deadlineMs: number): Promise<pg.Client> {
    if (standing) return standing;
    const made = connected(options, kind, deadlineMs);
    standing = made;
    const forget = () => {
      if (standing === made) standing = undefined;
    };
    made.then((client) => client.on("error", forget).on("end", forget), forget);
    return made;
  }

  async function close(): Promise<void> {
    const closing = standing;
    standing = undefined;
    await closing?.then((client) => client.end()).catch(() => {});
  }

  return {
    async query(text, deadlineMs) {
      try {
        const client = await session(deadlineMs);
        return (await client.query({ text, query_timeout: deadlineMs } as pg.QueryConfig)).rows as Row[];
      } catch (error) {
        void close();
        throw told(error);
      }
    },
    close,
  };
}

/** One query in a session of its own. */
export async function queryOnce(options: SessionOptions, text: string, deadlineMs: number): Promise<readonly Row[]> {
  const session = standingSession(options, "sql");
  try {
    return await session.query(text, deadlineMs);
  } finally {
    await session.close();
  }
}
