import type pg from "pg";

/** What `pg` connects with to the host that a URI names, with the stack's CA (PEM) in place of the file or variable that says it. */
export function clientConfig(uri: string, ca: string): pg.ClientConfig {
  return { connectionString: uri.replace(/\?.*/, ""), ssl: { ca } };
}
