import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { type Monitoring, parseMonitoring } from "../../model/status/sources.ts";

/** Runs the Pulumi CLI. Tests put their own in its place. */
/** @param input what it reads from standard input. @default nothing */
export type RunPulumi = (args: readonly string[], input?: string) => Promise<PulumiResult>;

export interface PulumiResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** There is nothing to look at, or the command was called wrongly: exit code 3. */
export class UsageError extends Error {
  readonly hint: string;

  constructor(what: string, hint: string) {
    super(what);
    this.hint = hint;
  }
}

const DEFAULT_STACK = "dev";

/**
 * What the stack's last update left to monitor.
 * @param stack its name; undefined: the selected stack, else `dev`
 */
export async function readMonitoring(runPulumi: RunPulumi, stack: string | undefined): Promise<Monitoring> {
  let name = stack;
  let result = await readOutputs(runPulumi, name);
  if (name === undefined && /no stack selected/i.test(result.stderr)) {
    name = DEFAULT_STACK;
    result = await readOutputs(runPulumi, name);
  }
  const which = name === undefined ? "the selected stack" : `stack ${name}`;
  if (result.exitCode !== 0) {
    if (/no stack named/i.test(result.stderr)) {
      throw new UsageError(
        `there is no stack ${name ?? ""}`.trimEnd(),
        stack === undefined ? "make one with ./scripts/up" : "see ./scripts/pulumi stack ls for those that exist",
      );
    }
    const said = result.stderr.split("\n").find((line) => line.startsWith("error: "));
    throw new UsageError(
      `the outputs of ${which} could not be read: ${said?.slice("error: ".length) ?? `pulumi ended with exit code ${result.exitCode}`}`,
      `run it by hand: ./scripts/pulumi stack output${name === undefined ? "" : ` --stack ${name}`}`,
    );
  }
  const outputs = parseOutputs(result.stdout);
  if (outputs?.monitoring === undefined) {
    throw new UsageError(`${which} has no outputs yet`, "bring it up first: ./scripts/up, or ./scripts/pulumi up");
  }
  const monitoring = parseMonitoring(outputs.monitoring);
  if (monitoring === undefined) {
    throw new UsageError(
      `the outputs of ${which} were written by another version of this program`,
      "run ./scripts/pulumi up with this one",
    );
  }
  return monitoring;
}

function readOutputs(runPulumi: RunPulumi, stack: string | undefined): Promise<PulumiResult> {
  return runPulumi([
    ...["stack", "output", "--json", "--show-secrets", "--non-interactive"],
    ...(stack === undefined ? [] : ["--stack", stack]),
  ]);
}

function parseOutputs(text: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** `./scripts/pulumi`. What it says is kept, and shown at once only when it takes long (it may have to build the CLI). */
export const runProjectPulumi: RunPulumi = (args, input = "") =>
  new Promise((resolve, reject) => {
    const path = fileURLToPath(new URL("../pulumi", import.meta.url));
    const child = spawn(path, [...args], { stdio: "pipe" });
    child.stdin.on("error", () => {}).end(input);
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    let live = false;
    const patience = setTimeout(() => {
      live = true;
      process.stderr.write(Buffer.concat(stderr));
    }, 5000);
    child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => {
      stderr.push(chunk);
      if (live) process.stderr.write(chunk);
    });
    child.on("error", (error) => {
      clearTimeout(patience);
      reject(
        new UsageError(`./scripts/pulumi could not be started: ${error.message}`, "run status from a whole checkout"),
      );
    });
    child.on("close", (code) => {
      clearTimeout(patience);
      resolve({
        exitCode: code ?? 1,
        stdout: Buffer.concat(stdout).toString("utf8"),
        stderr: Buffer.concat(stderr).toString("utf8"),
      });
    });
  });
