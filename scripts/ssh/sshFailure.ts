import type { FailureReason, RunFailure } from "./runResult.ts";

interface FailureDetails {
  readonly exitCode?: number;
  readonly stderr?: string;
}

/** Why a host gave no result, in the project's form: what and where, then what to do. */
export class HostFailure extends Error {
  readonly reason: FailureReason;
  readonly hint: string;
  readonly details: FailureDetails;

  constructor(reason: FailureReason, what: string, hint: string, details: FailureDetails = {}) {
    super(what);
    this.reason = reason;
    this.hint = hint;
    this.details = details;
  }

  toResult(redact: (text: string) => string): RunFailure {
    const { exitCode, stderr } = this.details;
    return {
      ok: false,
      reason: this.reason,
      message: redact(`${this.message}\nHINT: ${this.hint}`),
      ...(exitCode === undefined ? {} : { exitCode }),
      ...(stderr === undefined || stderr === "" ? {} : { stderr: redact(stderr) }),
    };
  }
}

/** What a failed dial means. `error` is what `ssh2` or the socket reported. */
export function describeDialError(
  error: { readonly code?: string | undefined; readonly level?: string | undefined; readonly message: string },
  where: string,
  words?: string,
): HostFailure {
  if (error.level === "client-authentication") {
    return new HostFailure(
      "refused-key",
      `the host refused the login, ${where}`,
      "see that the user exists there and that the public half of the configured key is in its authorized_keys",
    );
  }
  const known = DIAL_ERRORS[error.code ?? ""];
  if (known !== undefined) {
    return new HostFailure("unreachable", `cannot be reached by SSH: ${words ?? known[0]}, ${where}`, known[1]);
  }
  return new HostFailure(
    "unreachable",
    `cannot be reached by SSH: ${error.code ?? error.message.toLowerCase()}, ${where}`,
    "try the same host, port and user with ssh -v",
  );
}

const NETWORK_HINT = "see that the host runs and that network and firewall let SSH through to it";

/** Codes of the system: what they are called, and what to do. */
const DIAL_ERRORS: Readonly<Record<string, readonly [what: string, hint: string] | undefined>> = {
  ECONNREFUSED: [
    "connection refused",
    "see that the host runs, that sshd runs on it, and that address and port are right",
  ],
  ECONNRESET: [
    "the connection was closed",
    "sshd ended it: look at its journal on the host (load, MaxStartups, denied user)",
  ],
  EHOSTUNREACH: ["no route to the host", NETWORK_HINT],
  ENETUNREACH: ["no route to its network", NETWORK_HINT],
  ENOTFOUND: ["the name is not known", "see that the host name is spelt right and that this machine can resolve it"],
  EAI_AGAIN: ["the name could not be looked up", "see that this machine's name resolution works"],
  ETIMEDOUT: ["no answer", NETWORK_HINT],
};

/** What a command that ran and failed said about it. A message of a host script is passed on as it is. */
export function describeExit(
  ended: { readonly code: number | null; readonly signal: string | undefined },
  stderr: string,
  where: string,
): HostFailure {
  const details: FailureDetails = { stderr, ...(ended.code === null ? {} : { exitCode: ended.code }) };
  const lines = stderr
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
  const hintAt = lines.map((line) => line.startsWith("HINT:")).lastIndexOf(true);
  const said = lines.slice(0, hintAt >= 0 ? hintAt : undefined).at(-1);
  if (/^sudo: /.test(lines.at(-1) ?? "")) {
    return new HostFailure(
      "failed",
      `sudo asked for a password or refused (${lines.at(-1)}), ${where}`,
      "let the user run commands as root without a password (NOPASSWD in sudoers), or log in as root",
      details,
    );
  }
  const how =
    ended.code === null ? `was killed (${ended.signal ?? "no exit code"})` : `failed with exit code ${ended.code}`;
  return new HostFailure(
    "failed",
    said === undefined ? `the command ${how}, ${where}` : `${said}, ${where}`,
    hintAt >= 0
      ? (lines[hintAt] ?? "").replace(/^HINT:\s*/, "")
      : ended.code === 127
        ? "the command is not on the host: run pulumi up, which puts it there"
        : `the command ${how}: its log is on the host, in /var/log/understudy`,
    details,
  );
}
