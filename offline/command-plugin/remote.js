// @ts-check
/** Commands that run on another machine, over SSH. */
import { dial } from "./dial.js";
import { CommandOutput, quoted } from "./output.js";

/** @typedef {import("./main.js").Call} Call */
/** @typedef {import("../lib/values.js").Properties} Properties */

/**
 * @typedef {object} RemoteInputs
 * @property {import("./dial.js").Connection} connection
 * @property {string} [stdin]
 * @property {string} [logging]
 * @property {Record<string, string>} [environment]
 * @property {boolean} [addPreviousOutputInEnv]
 */

const SIGNAL_NUMBERS = new Map(
  Object.entries({ ABRT: 6, ALRM: 14, FPE: 8, HUP: 1, ILL: 4, INT: 2, KILL: 9, PIPE: 13, QUIT: 3, SEGV: 11, TERM: 15 }),
);

/**
 * @param {Call} call
 * @param {string} command
 * @param {RemoteInputs} inputs
 * @param {{ stdout?: string, stderr?: string }} previous what the last run has printed
 * @returns {Promise<Properties>} the outputs that this run sets
 */
export async function runRemote(call, command, inputs, previous) {
  const client = await dial(call, inputs.connection);
  try {
    const output = new CommandOutput(inputs.logging, (line) => call.log("info", line, { status: true }));
    const reason = await execute(call, client, command, environmentOf(inputs, previous), (channel) =>
      outcome(channel, inputs.stdin ?? "", output),
    );
    output.end();
    if (reason !== undefined) throw output.failure(reason, command);
    return output.results;
  } finally {
    client.end();
  }
}

/** @typedef {{ name: string, value: string, required: boolean }} Variable */

/**
 * @param {RemoteInputs} inputs
 * @param {{ stdout?: string, stderr?: string }} previous
 * @returns {Variable[]}
 */
function environmentOf(inputs, previous) {
  const remembered = inputs.addPreviousOutputInEnv ?? true;
  return [
    ...Object.entries(inputs.environment ?? {}).map(([name, value]) => ({ name, value, required: true })),
    ...(remembered && previous.stdout
      ? [{ name: "PULUMI_COMMAND_STDOUT", value: previous.stdout, required: false }]
      : []),
    ...(remembered && previous.stderr
      ? [{ name: "PULUMI_COMMAND_STDERR", value: previous.stderr, required: false }]
      : []),
  ];
}

/**
 * Starts the command once the server has answered for each variable: one that it refuses stops the step before the
 * command runs. ssh2 sends variables without asking for an answer, so its `exec` is held back here until they are set.
 *
 * @param {Call} call
 * @param {import("ssh2").Client} client
 * @param {string} command
 * @param {Variable[]} variables
 * @param {(channel: import("ssh2").ClientChannel) => Promise<string | undefined>} follow called before anything else of
 *   the channel is read: of a quick command, start and exit status arrive in one piece
 * @returns {Promise<string | undefined>} what `follow` found
 */
function execute(call, client, command, variables, follow) {
  const internals = /** @type {any} */ (client);
  const protocol = internals._protocol;
  const exec = protocol.exec.bind(protocol);
  protocol.exec = async (/** @type {number} */ id, /** @type {string} */ line, /** @type {boolean} */ wantReply) => {
    const channel = Object.values(internals._chanMgr._channels).find((candidate) => candidate?.outgoing?.id === id);
    for (const { name, value, required } of variables) {
      const refused = await new Promise((resolve) => {
        channel._callbacks.unshift((/** @type {unknown} */ failed) => resolve(Boolean(failed)));
        protocol.env(id, name, value, true);
      });
      if (!refused) continue;
      call.log(required ? "error" : "warning", refusal(name));
      if (required) {
        channel.close();
        const answer = channel._callbacks.shift();
        answer(new Error(`could not set environment variable ${quoted(name)}: ssh: setenv failed`));
        return;
      }
    }
    exec(id, line, wantReply);
  };
  return new Promise((resolve, reject) => {
    client.once("close", () => reject(new Error("EOF")));
    client.exec(command, (error, channel) => (error ? reject(error) : resolve(follow(channel))));
  });
}

/** @param {string} name */
const refusal = (name) =>
  `Unable to set '${name}'. This only works if your SSH server is configured to accept\n\tthese variables via AcceptEnv. ` +
  "Alternatively, if a Bash-like shell runs the command on the remote host, you could\n\tprefix the command itself with " +
  "the variables in the form 'VAR=value command'";

/**
 * @param {import("ssh2").ClientChannel} channel
 * @param {string} stdin
 * @param {CommandOutput} output
 * @returns {Promise<string | undefined>} why the command failed, if it did
 */
function outcome(channel, stdin, output) {
  return new Promise((resolve) => {
    /** @type {string | undefined} */
    let reason = "wait: remote command exited without exit status or exit signal";
    channel.on("data", (/** @type {Buffer} */ chunk) => output.stdout(chunk));
    channel.stderr.on("data", (/** @type {Buffer} */ chunk) => output.stderr(chunk));
    channel.on("error", () => {});
    channel.once(
      "exit",
      (
        /** @type {number | null} */ code,
        /** @type {string} */ signal,
        /** @type {unknown} */ _dump,
        /** @type {string} */ why,
      ) => {
        reason = code === 0 ? undefined : exitReason(code, signal, why);
      },
    );
    channel.once("close", () => resolve(reason));
    channel.end(stdin);
  });
}

/** @param {number | null} code @param {string | undefined} signal @param {string | undefined} why */
function exitReason(code, signal, why) {
  if (code !== null) return `Process exited with status ${code}`;
  const name = (signal ?? "").replace(/^SIG/, "");
  const status = 128 + (SIGNAL_NUMBERS.get(name) ?? 0);
  return `Process exited with status ${status} from signal ${name}${why ? `. Reason was: ${why}` : ""}`;
}
