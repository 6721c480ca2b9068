export interface ConnectionUriInput {
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** Where clients reach the nodes, the one to try first at the front. */
  readonly hosts: readonly { readonly host: string; readonly port: number }[];
  /** Absolute path of the CA certificate on the client's machine. */
  readonly caFile: string;
  readonly mode: "read-write" | "read-only";
}

/** A connection URI for psql (libpq, every host) and for npm's `pg` (the first host). A secret. */
export function connectionUri(input: ConnectionUriInput): string {
  void input;
  return "";
}
