/**
 * What a session of ours holds, whatever config, `ALTER SYSTEM`, `ALTER ROLE` or `ALTER DATABASE` say: what a client asks for at its start goes before all of them.
 * `scripts/host/lib-session.sh` has the same list for the hosts.
 */
const always: Readonly<Record<string, string>> = {
  // No function or operator is looked up where users may make them.
  search_path: "pg_catalog,pg_temp",
  role: "none",
  statement_timeout: "0",
  lock_timeout: "0",
  idle_in_transaction_session_timeout: "0",
  default_transaction_isolation: "read committed",
  default_transaction_read_only: "off",
  default_transaction_deferrable: "off",
  DateStyle: "ISO",
  IntervalStyle: "postgres",
  TimeZone: "UTC",
  bytea_output: "hex",
  extra_float_digits: "1",
  standard_conforming_strings: "on",
  client_min_messages: "warning",
  client_encoding: "UTF8",
};

/** The startup parameter `options` of a session with a server of this major: a server refuses a parameter that it does not know. */
export function sessionOptions(major: number): string {
  const settings = {
    ...always,
    ...(major >= 14 ? { idle_session_timeout: "0" } : {}),
    ...(major >= 17 ? { transaction_timeout: "0" } : {}),
  };
  return Object.entries(settings)
    .map(([name, value]) => `-c ${name}=${value.replaceAll(" ", "\\ ")}`)
    .join(" ");
}
