import type { Endpoint } from "../../model/host.ts";

/** What a failed connection to PostgreSQL means, and what to do. Holds no secret. */
export function describeSqlError(
  error: unknown,
  endpoint: Endpoint,
  user: string,
  timeoutSeconds?: number,
): { readonly what: string; readonly hint: string } {
  const { code, message = "" } = error as { code?: string; message?: string };
  const where = `${endpoint.host}:${endpoint.port}`;
  if (timeoutSeconds !== undefined) {
    return { what: `no answer on ${where} within ${timeoutSeconds} s`, hint: NETWORK_HINT };
  }
  const known = KNOWN[code ?? ""];
  if (known !== undefined) return { what: `${known[0]} (${where})`, hint: known[1] };
  if (code?.startsWith("28")) {
    return {
      what: `PostgreSQL on ${where} refused ${user}: ${message}`,
      hint: "run pulumi up, which sets password and pg_hba.conf",
    };
  }
  if (code?.startsWith("ERR_TLS") || TLS_CODES.test(code ?? "") || /does not support SSL/.test(message)) {
    return {
      what: `the certificate of ${where} can't be verified: ${message || code}`,
      hint: "see that it is our server that answers there; run pulumi up, which renews its certificate",
    };
  }
  if (/error establishing an SSL/.test(message)) {
    return { what: `what answers on ${where} is no PostgreSQL with TLS`, hint: "see that address and port are right" };
  }
  if (code === undefined && /terminated|ended|reset/i.test(message)) {
    return { what: `PostgreSQL on ${where} closed the connection`, hint: "look at PostgreSQL's log on the node" };
  }
  return {
    what: `PostgreSQL on ${where}: ${message || code || "unknown error"}`,
    hint: "look at PostgreSQL's log on the node",
  };
}

const NETWORK_HINT = "see that the host runs and that network and firewall let this machine through to PostgreSQL";
const TLS_CODES = /CERT|SELF_SIGNED|UNABLE_TO|ISSUER|SIGNATURE|EPROTO/;

const KNOWN: Readonly<Record<string, readonly [what: string, hint: string] | undefined>> = {
  ECONNREFUSED: ["nothing listens", "see that PostgreSQL runs: systemctl status understudy-postgresql on the node"],
  ECONNRESET: ["the connection was closed", "look at PostgreSQL's log on the node"],
  EHOSTUNREACH: ["no route to the host", NETWORK_HINT],
  ENETUNREACH: ["no route to its network", NETWORK_HINT],
  ETIMEDOUT: ["no answer", NETWORK_HINT],
  ENOTFOUND: ["the host name is not known", "see that this machine can resolve it"],
  EAI_AGAIN: ["the host name could not be looked up", "see that this machine's name resolution works"],
  "57P03": [
    "PostgreSQL is not accepting connections yet",
    "wait for it to start; if it stays so, look at its log on the node",
  ],
  "42P01": ["no change of primary is on record", "run pulumi up, which keeps it with the data"],
  "3F000": ["no change of primary is on record", "run pulumi up, which keeps it with the data"],
  "57014": ["a query took too long", "the server is overloaded or its disk hangs: look at its load"],
  "53300": ["PostgreSQL has no connection left", "raise max_connections, or see who holds so many"],
};
