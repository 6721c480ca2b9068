// @ts-check
/** Commands that run on this machine. */
import { spawn } from "node:child_process";
import { statSync } from "node:fs";
import { archiveOf, matchingAssets } from "./glob.js";
import { CommandOutput } from "./output.js";

/** @typedef {import("./main.js").Call} Call */
/** @typedef {import("../lib/values.js").Properties} Properties */

/**
 * @typedef {object} LocalInputs
 * @property {string} [stdin]
 * @property {string} [logging]
 * @property {string[]} [interpreter]
 * @property {string} [dir]
 * @property {Record<string, string>} [environment]
 * @property {string[]} [assetPaths]
 * @property {string[]} [archivePaths]
 * @property {boolean} [addPreviousOutputInEnv]
 */

/**
 * @param {Call} call
 * @param {string} command
 * @param {LocalInputs} inputs
 * @param {{ stdout?: string, stderr?: string }} previous what the last run has printed
 * @returns {Promise<Properties>} the outputs that this run sets
 */
export async function runLocal(call, command, inputs, previous) {
  const output = new CommandOutput(inputs.logging, (line) => call.log("info", line, { status: true }));
  const [program = "/bin/sh", ...words] = inputs.interpreter?.length ? inputs.interpreter : ["/bin/sh", "-c"];
  const directory = inputs.dir ?? process.cwd();
  const reason = await outcome(
    call,
    program,
    [...words, command],
    directory,
    inputs,
    environmentOf(inputs, previous),
    output,
  );
  output.end();
  if (reason !== undefined) throw output.failure(reason, command);
  return {
    ...(inputs.assetPaths ? { assets: await matchingAssets(directory, inputs.assetPaths) } : {}),
    ...(inputs.archivePaths ? { archive: archiveOf(await matchingAssets(directory, inputs.archivePaths)) } : {}),
    ...output.results,
  };
}

/**
 * @param {LocalInputs} inputs
 * @param {{ stdout?: string, stderr?: string }} previous
 */
function environmentOf(inputs, previous) {
  const remembered = inputs.addPreviousOutputInEnv ?? true;
  return {
    ...process.env,
    ...inputs.environment,
    ...(remembered && previous.stdout ? { PULUMI_COMMAND_STDOUT: previous.stdout } : {}),
    ...(remembered && previous.stderr ? { PULUMI_COMMAND_STDERR: previous.stderr } : {}),
  };
}

/**
 * Runs the program to its end.
 *
 * @param {Call} call
 * @param {string} program
 * @param {string[]} words
 * @param {string} cwd
 * @param {LocalInputs} inputs
 * @param {NodeJS.ProcessEnv} env
 * @param {CommandOutput} output
 * @returns {Promise<string | undefined>} why it failed, if it did
 */
function outcome(call, program, words, cwd, inputs, env, output) {
  return new Promise((resolve) => {
    if (!isDirectory(cwd)) {
      resolve(`chdir ${cwd}: no such file or directory`);
      return;
    }
    const child = spawn(program, words, { cwd, env, stdio: ["pipe", "pipe", "pipe"] });
    const kill = () => child.kill("SIGKILL");
    call.signal.addEventListener("abort", kill);
    child.stdout.on("data", (chunk) => output.stdout(chunk));
    child.stderr.on("data", (chunk) => output.stderr(chunk));
    // A command may end without reading what it is given.
    child.stdin.on("error", () => {});
    child.stdin.end(inputs.stdin ?? "");
    child.once("error", (error) => resolve(startFailure(program, error)));
    child.once("close", (code, signal) => {
      call.signal.removeEventListener("abort", kill);
      resolve(code === 0 ? undefined : code === null ? `signal: ${signalName(signal)}` : `exit status ${code}`);
    });
  });
}

/** @param {string} path */
function isDirectory(path) {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** @param {string} program @param {Error & { code?: string }} error */
function startFailure(program, error) {
  const what = error.code === "EACCES" ? "permission denied" : "no such file or directory";
  if (program.includes("/")) return `fork/exec ${program}: ${what}`;
  return `exec: ${JSON.stringify(program)}: executable file not found in $PATH`;
}

const SIGNAL_NAMES = new Map([
  ["SIGKILL", "killed"],
  ["SIGTERM", "terminated"],
  ["SIGINT", "interrupt"],
  ["SIGHUP", "hangup"],
  ["SIGQUIT", "quit"],
  ["SIGABRT", "aborted"],
  ["SIGSEGV", "segmentation fault"],
  ["SIGPIPE", "broken pipe"],
]);

/** @param {NodeJS.Signals | null} signal */
const signalName = (signal) => SIGNAL_NAMES.get(String(signal)) ?? String(signal);
