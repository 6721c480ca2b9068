import { createInterface } from "node:readline";
import { Client, type ClientChannel, type ConnectConfig } from "ssh2";
import type { Host, SshConnection, SshEndpoint } from "../../model/host.ts";
import { printable, printableLines } from "../../model/text.ts";
import type { RunResult } from "./runResult.ts";
import { describeDialError, describeExit, HostFailure } from "./sshFailure.ts";
import { authenticationOf, hostKeyPolicy } from "./sshHostKey.ts";

export interface RunOptions {
  /** Given to the command on its standard input. Values of text never appear in messages. */
  readonly stdin?: string | Buffer;
  /** Seconds that dialling and the command may take together. @default 10 */
  readonly timeoutSeconds?: number;
  /** Whether values of `stdin` are kept out of messages. @default true */
  readonly stdinIsSecret?: boolean;
  /** Takes each line of standard error as it comes. */
  readonly onStderr?: (line: string) => void;
}

const DEFAULT_TIMEOUT_SECONDS = 10;
const DEFAULT_DIAL_SECONDS = 5;
/** A command of ours answers with some kilobytes; more than this is a runaway, not an answer. */
const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;

/** Runs one command on a host. It never throws for what the host does. */
export function runOnHost(host: Host, command: string, options: RunOptions = {}): Promise<RunResult> {
  return withHost(host, (run) => run(command, options));
}

/** {@link runOnHost}, over a login that is there. */
export type Run = (command: string, options?: RunOptions) => Promise<RunResult>;

/** Several commands on one host, over one login, which the first of them makes. */
export async function withHost<T>(host: Host, use: (run: Run) => Promise<T>): Promise<T> {
  const { connection } = host;
  const where = `${host.name} (${addressOf(connection)})`;
  const clients: Client[] = [];
  let client: Client | undefined;

  async function login(deadline: number): Promise<Client> {
    let sock: ClientChannel | undefined;
    if (connection.proxy !== undefined) {
      const jump = `jump host ${addressOf(connection.proxy)} of ${host.name}`;
      const proxy = await dial(connection.proxy, jump, undefined, deadline, clients);
      sock = await forward(proxy, connection, `${where} from its jump host ${addressOf(connection.proxy)}`, deadline);
    }
    return dial(connection, where, sock, deadline, clients);
  }

  async function run(command: string, options: RunOptions = {}): Promise<RunResult> {
    const secrets = secretsOf(connection, options.stdinIsSecret === false ? "" : options.stdin);
    const { onStderr } = options;
    const timeoutSeconds = options.timeoutSeconds ?? DEFAULT_TIMEOUT_SECONDS;
    const deadline = Date.now() + timeoutSeconds * 1000;
    try {
      client ??= await login(deadline);
      const stdout = await execute(
        client,
        asRoot(command, connection.user),
        where,
        options.stdin,
        deadline,
        timeoutSeconds,
        onStderr && ((line) => onStderr(printable(redact(line, secrets)))),
      );
      return { ok: true, stdout };
    } catch (error) {
      const failure =
        error instanceof HostFailure
          ? error
          : new HostFailure("failed", `the connection broke, ${host.name}`, "run it again", { stderr: String(error) });
      return failure.toResult((text) => printableLines(redact(text, secrets)));
    }
  }

  try {
    return await use(run);
  } finally {
    for (const open of clients.reverse()) open.destroy();
  }
}

function dial(
  endpoint: SshEndpoint,
  where: string,
  sock: ClientChannel | undefined,
  deadline: number,
  clients: Client[],
): Promise<Client> {
  const client = new Client();
  clients.push(client);
  return new Promise((resolve, reject) => {
    let connected = sock !== undefined;
    const hostKey = hostKeyPolicy(endpoint.hostKey, where);
    const limit = (endpoint.perDialTimeout ?? DEFAULT_DIAL_SECONDS) * 1000;
    const milliseconds = Math.max(1, Math.min(limit > 0 ? limit : Number.POSITIVE_INFINITY, deadline - Date.now()));
    const timer = setTimeout(() => {
      const seconds = `${Math.ceil(milliseconds / 1000)} s`;
      reject(
        connected
          ? new HostFailure(
              "timeout",
              `the SSH server did not finish its handshake within ${seconds}, ${where}`,
              "the port is open but what listens there hangs or is no SSH server: look at the host's console",
            )
          : describeDialError({ code: "ETIMEDOUT", message: "" }, where, `no answer within ${seconds}`),
      );
    }, milliseconds);
    client.on("connect", () => {
      connected = true;
      // Two small packets in a row would wait 40 ms for an acknowledgement, several times in a login.
      client.setNoDelay(true);
    });
    client.on("ready", () => {
      clearTimeout(timer);
      resolve(client);
    });
    client.on("error", (error) => {
      clearTimeout(timer);
      reject(hostKey.failure(error) ?? describeDialError(error, where));
    });
    client.on("close", () => {
      clearTimeout(timer);
      reject(describeDialError({ code: "ECONNRESET", message: "" }, where));
    });
    const config: ConnectConfig = {
      username: endpoint.user ?? "root",
      readyTimeout: 0,
      ...hostKey.config,
      ...authenticationOf(endpoint),
      ...(sock === undefined ? { host: endpoint.host, port: endpoint.port ?? 22 } : { sock }),
    };
    try {
      client.connect(config);
    } catch (error) {
      clearTimeout(timer);
      reject(
        new HostFailure(
          "refused-key",
          `the private key cannot be used (${(error as Error).message}), ${where}`,
          "give the whole key in PEM or OpenSSH format, and its password if it has one",
        ),
      );
    }
  });
}

function forward(client: Client, to: SshEndpoint, where: string, deadline: number): Promise<ClientChannel> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(describeDialError({ code: "ETIMEDOUT", message: "" }, where)),
      Math.max(1, deadline - Date.now()),
    );
    client.forwardOut("127.0.0.1", 0, to.host, to.port ?? 22, (error, channel) => {
      clearTimeout(timer);
      if (error) reject(describeDialError({ code: "EHOSTUNREACH", message: "" }, where, "not let through"));
      else resolve(channel);
    });
  });
}

function execute(
  client: Client,
  command: string,
  where: string,
  stdin: string | Buffer | undefined,
  deadline: number,
  timeoutSeconds: number,
  onStderr: ((line: string) => void) | undefined,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    let size = 0;
    const said = () => Buffer.concat(stderr).toString("utf8");
    const timer = setTimeout(
      () =>
        reject(
          new HostFailure(
            "timeout",
            `the command did not end within ${timeoutSeconds} s, ${where}`,
            "the host answers but is busy or stuck: log in and look at its load, disk and journal",
            { stderr: said() },
          ),
        ),
      Math.max(1, deadline - Date.now()),
    );
    const fail = (what: string, hint: string) => {
      clearTimeout(timer);
      reject(new HostFailure("failed", `${what}, ${where}`, hint, { stderr: said() }));
    };
    const lost = () => fail("the connection was lost before the command ended", "look whether the host went down");
    client.once("close", lost);
    client.exec(command, (error, stream) => {
      if (error) return fail("the host did not start the command", "see whether the user may run commands over SSH");
      const collect = (into: Buffer[]) => (chunk: Buffer) => {
        size += chunk.length;
        if (size > MAX_OUTPUT_BYTES)
          fail("the command printed more than 16 MiB", "run it by hand and look at its output");
        else into.push(chunk);
      };
      let ended: { code: number | null; signal: string | undefined } | undefined;
      stream.on("data", collect(stdout));
      stream.stderr.on("data", collect(stderr));
      if (onStderr) createInterface({ input: stream.stderr }).on("line", onStderr);
      // A command that does not read its input closes it early: what counts is how it ends.
      stream.on("error", () => {});
      stream.on("exit", (code: number | null, signal?: string) => {
        ended = { code, signal };
      });
      stream.on("close", () => {
        if (ended === undefined) return lost();
        clearTimeout(timer);
        client.off("close", lost);
        if (ended.code === 0) resolve(Buffer.concat(stdout).toString("utf8"));
        else reject(describeExit(ended, said(), where));
      });
      stream.end(stdin ?? "");
    });
  });
}

/** A plain command keeps its words, so that a sudo rule for just that command matches; anything else needs a shell. */
function asRoot(command: string, user = "root"): string {
  if (user === "root") return command;
  if (/^[\w./@%+:,=-]+( [\w./@%+:,=-]+)*$/.test(command) && !/^\S*=/.test(command)) return `sudo -n ${command}`;
  return `sudo -n sh -c '${command.replaceAll("'", `'\\''`)}'`;
}

function addressOf(endpoint: SshEndpoint): string {
  return `${endpoint.user ?? "root"}@${endpoint.host}:${endpoint.port ?? 22}`;
}

/** What must not be seen: every value on stdin, and what opens the connection. */
function secretsOf(connection: SshConnection, stdin: string | Buffer = ""): string[] {
  const lines = (typeof stdin === "string" ? stdin : "").split("\n").flatMap((line) => {
    const assigned = /^\s*\w+=(.*)$/.exec(line);
    const value = (assigned?.[1] ?? line).trim();
    return [value, value.replace(/^'(.*)'$/, "$1")];
  });
  const opening = [connection, connection.proxy].flatMap((end) => [end?.password, end?.privateKeyPassword]);
  return [...lines, ...opening]
    .filter((value): value is string => value !== undefined && value.length >= 4)
    .sort((a, b) => b.length - a.length);
}

function redact(text: string, secrets: readonly string[]): string {
  return secrets.reduce((clean, secret) => clean.replaceAll(secret, "[secret]"), text);
}
