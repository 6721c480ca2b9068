import { isIPv6 } from "node:net";

export interface ConnectionInput {
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** Where clients reach the servers, the one to try first at the front. At least one. */
  readonly hosts: readonly { readonly host: string; readonly port: number }[];
  /** Path of the CA certificate on the client's machine; undefined: the client is told in another way. */
  readonly caFile: string | undefined;
  /**
   * read-write: only a writable server will do. read-only: a standby if there is one, else the primary. any: the first
   * that answers.
   */
  readonly mode: "read-write" | "read-only" | "any";
}

/**
 * A connection URI as libpq defines it. A secret, since it holds the password. It has no parameter but those that the
 * drivers in docs/connecting.md take: see docs/decisions/connection-uri.md before you add one.
 */
export function connectionUri(input: ConnectionInput): string {
  const attributes = { "read-write": "read-write", "read-only": "prefer-standby", any: undefined }[input.mode];
  const login = `${percentEncode(input.user)}:${percentEncode(input.password)}`;
  const parameters = query({
    sslmode: "verify-full",
    sslrootcert: input.caFile,
    target_session_attrs: attributes,
  });
  return `postgresql://${login}@${authority(input)}/${percentEncode(input.database)}?${parameters}`;
}

/** The same for pgjdbc, the JDBC driver. A secret. */
export function jdbcUrl(input: ConnectionInput): string {
  const serverType = { "read-write": "primary", "read-only": "preferSecondary", any: undefined }[input.mode];
  const parameters = query({
    user: input.user,
    password: input.password,
    sslmode: "verify-full",
    sslrootcert: input.caFile,
    targetServerType: serverType,
  });
  return `jdbc:postgresql://${authority(input)}/${percentEncode(input.database)}?${parameters}`;
}

function authority({ hosts }: ConnectionInput): string {
  if (hosts.length === 0) throw new Error("a connection string needs a host");
  return hosts.map(({ host, port }) => `${isIPv6(host) ? `[${host}]` : host}:${port}`).join(",");
}

function query(parameters: Readonly<Record<string, string | undefined>>): string {
  return Object.entries(parameters)
    .flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${percentEncode(value).replaceAll("%2F", "/")}`]))
    .join("&");
}

/** Percent-encodes everything that means something in a URI or between single quotes in a shell. */
function percentEncode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
