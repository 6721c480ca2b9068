/** npm's `pg` and `postgres`: see ../README.md. */
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import postgres from "postgres";

const query = "select case when pg_is_in_recovery() then 'standby' else 'primary' end as found";
const tries = 4;
const patienceMs = 10_000;

/** @type {(uri: string) => Client} */
function viaPostgres(uri) {
  /** @type {postgres.Sql | undefined} */
  let kept;
  const make = () => postgres(uri, { max: 1, connect_timeout: 5, onnotice: () => undefined });
  return {
    kept: async () => {
      kept ??= make();
      return (await kept.unsafe(query))[0]?.found;
    },
    fresh: async () => {
      const sql = make();
      try {
        return (await sql.unsafe(query))[0]?.found;
      } finally {
        await sql.end({ timeout: 1 });
      }
    },
  };
}

/** @typedef {{ kept(): Promise<string>, fresh(): Promise<string> }} Client */

/** @type {Record<string, (uri: string) => Client>} */
const clients = {
  pg: (uri) => {
    /** @type {pg.Pool | undefined} */
    let pool;
    return {
      kept: async () => {
        if (pool === undefined) {
          pool = new pg.Pool({ connectionString: uri, max: 1 });
          // Said of a connection that breaks while nobody uses it; the next query makes another one.
          pool.on("error", () => undefined);
        }
        return (await pool.query(query)).rows[0].found;
      },
      fresh: async () => {
        const client = new pg.Client({ connectionString: uri });
        await client.connect();
        try {
          return (await client.query(query)).rows[0].found;
        } finally {
          await client.end();
        }
      },
    };
  },
  postgres: viaPostgres,
};

/** @param {() => Promise<string>} ask */
async function answer(ask) {
  let said = "";
  for (let attempt = 0; attempt < tries; attempt++) {
    try {
      // `postgres` goes on for ever where it is refused.
      return await Promise.race([ask(), once(patienceMs)]);
    } catch (error) {
      said = String(error).replace(/[\n\t]/g, " ");
    }
  }
  return said;
}

/** @param {number} ms */
async function once(ms) {
  await sleep(ms);
  return "no answer";
}

/** @type {Map<string, string>} */
const uris = new Map();
/** @type {Map<string, Client>} */
const known = new Map();
for await (const line of createInterface({ input: process.stdin })) {
  if (line !== "") {
    const [name = "", uri = ""] = line.split("\t");
    uris.set(name, uri);
    continue;
  }
  const lines = Object.entries(clients).flatMap(([client, make]) =>
    [...uris].map(async ([name, uri]) => {
      const key = `${client}\t${name}`;
      const { kept, fresh } = known.get(key) ?? make(uri);
      known.set(key, { kept, fresh });
      return `${key}\t${await answer(kept)}\t${await answer(fresh)}\n`;
    }),
  );
  console.log((await Promise.all(lines)).join(""));
}
process.exit();
