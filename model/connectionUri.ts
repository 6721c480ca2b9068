import { isIPv6 } from "node:net";

export interface ConnectionUriInput {
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /**
   * Where clients reach the nodes, the one to try first at the front: for `read-write` the primary, for `read-only` a
   * standby. At least one.
   */
  readonly hosts: readonly { readonly host: string; readonly port: number }[];
  /** Absolute path of the CA certificate on the client's machine. */
  readonly caFile: string;
  /**
   * read-write: only a writable server will do. read-only: a standby if there is one, else the primary. pooled: any of them,
   * since each leads to the right server.
   */
  readonly mode: "read-write" | "read-only" | "pooled";
}

/**
 * A connection URI that works as it is printed with psql (libpq: tries every host) and with npm's `pg` (connects to the
 * first host). A secret, since it holds the password.
 *
 * `pg` can't take several hosts. Its parser ends the query at `#`; libpq knows no fragments and reads on. What only libpq
 * is to see stands behind the `#`, which becomes the end of a value that means nothing: see
 * docs/decisions/connection-uri.md.
 */
export function connectionUri(input: ConnectionUriInput): string {
  const [first] = input.hosts;
  if (!first) throw new Error("a connection URI needs a host");
  const authority = `${percentEncode(input.user)}:${percentEncode(input.password)}@${bracketed(first.host)}:${first.port}`;
  const forBoth = [
    "sslmode=verify-full",
    `sslrootcert=${percentEncode(input.caFile).replaceAll("%2F", "/")}`,
    "fallback_application_name=understudy",
  ];
  const forLibpq = [
    `host=${input.hosts.map(({ host }) => percentEncode(host)).join(",")}`,
    `port=${input.hosts.map(({ port }) => port).join(",")}`,
    ...(input.mode === "pooled" ? [] : [`target_session_attrs=${sessionAttributes[input.mode]}`]),
  ];
  return `postgresql://${authority}/${percentEncode(input.database)}?${forBoth.join("&")}#&${forLibpq.join("&")}`;
}

const sessionAttributes = { "read-write": "read-write", "read-only": "prefer-standby" } as const;

/** Percent-encodes everything that means something in a URI or between single quotes in a shell. */
function percentEncode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function bracketed(host: string): string {
  return isIPv6(host) ? `[${host}]` : host;
}
