/**
 * What differs for the agent between PostgreSQL's majors, and nowhere else. `majors.ts` says which ones the program offers; these are the ones
 * that the agent can run. A new major is a row here, and a row of `agent/real/control.ts` where its `pg_control` has another version.
 */
interface ServerMajor {
  /** `PG_CONTROL_VERSION` of `src/include/catalog/pg_control.h`. */
  readonly controlVersion: number;
  readonly walDirectory: "pg_xlog" | "pg_wal";
  /** What makes a start one of a standby. To 11 it also holds the standby's settings, and PostgreSQL renames it when it is promoted. */
  readonly signal: "recovery.conf" | "standby.signal";
  /** The word that names WAL, and the one that names a position, in PostgreSQL's functions. */
  readonly functions: { readonly wal: "xlog" | "wal"; readonly lsn: "location" | "lsn" };
}

const old = { walDirectory: "pg_wal", signal: "recovery.conf", functions: { wal: "wal", lsn: "lsn" } } as const;
const now = { ...old, signal: "standby.signal" } as const;

export const serverMajors = {
  "9.6": {
    controlVersion: 960,
    walDirectory: "pg_xlog",
    signal: "recovery.conf",
    functions: { wal: "xlog", lsn: "location" },
  },
  "10": { ...old, controlVersion: 1002 },
  "11": { ...old, controlVersion: 1100 },
  "12": { ...now, controlVersion: 1201 },
  "13": { ...now, controlVersion: 1300 },
  "14": { ...now, controlVersion: 1300 },
  "15": { ...now, controlVersion: 1300 },
  "16": { ...now, controlVersion: 1300 },
  "17": { ...now, controlVersion: 1700 },
  "18": { ...now, controlVersion: 1800 },
} as const satisfies Readonly<Record<string, ServerMajor>>;

export type ServerMajorName = keyof typeof serverMajors;

export const serverMajor = (name: ServerMajorName): ServerMajor => serverMajors[name];
