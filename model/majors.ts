/**
 * The PostgreSQL majors that this program knows, and what differs between them beside their settings (`settings/settingsData.ts`). A new
 * major is a row here, its settings (`scripts/docs/generate-settings.ts`), and where Debian has it, an image.
 */
interface Major {
  /** Debian's release that has it, which the hosts of the target docker are made from; undefined: that target does not offer it. */
  readonly debian: string | undefined;
  /** Whether `primary_conninfo` may name a database, for slots that are synchronized. @see https://www.postgresql.org/docs/17/logicaldecoding-explanation.html */
  readonly conninfoNamesDatabase: boolean;
}

export const majors = {
  13: { debian: "bullseye", conninfoNamesDatabase: false },
  14: { debian: undefined, conninfoNamesDatabase: false },
  15: { debian: "bookworm", conninfoNamesDatabase: false },
  16: { debian: undefined, conninfoNamesDatabase: false },
  17: { debian: "trixie", conninfoNamesDatabase: true },
  18: { debian: "forky", conninfoNamesDatabase: true },
} as const satisfies Readonly<Record<number, Major>>;

export type PostgresMajor = keyof typeof majors;

/** In ascending order. */
export const postgresMajors = Object.keys(majors).map(Number) as readonly PostgresMajor[];

export const defaultMajor: PostgresMajor = 17;
