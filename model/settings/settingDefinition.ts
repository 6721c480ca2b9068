/** What PostgreSQL says of one of its settings, in a range of majors. */
export interface SettingDefinition {
  readonly name: string;
  readonly firstMajor: number;
  readonly lastMajor: number;
  readonly type: "bool" | "enum" | "integer" | "real" | "string";
  /** Unit of a bare number: `8kB`, `ms`, … */
  readonly unit: string | undefined;
  readonly min: number | undefined;
  readonly max: number | undefined;
  /** Of an enum. */
  readonly values: readonly string[] | undefined;
  /** When a change takes effect: `postmaster` needs a restart, `internal` can't be changed, others a reload at most. */
  readonly context: string;
  /** For developers of PostgreSQL: can destroy data. */
  readonly developer: boolean;
}
