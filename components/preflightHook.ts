import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import type { types } from "@pulumi/command";
import {
  type CustomResourceOptions,
  type Input,
  log,
  type Output,
  output,
  ResourceHook,
  type ResourceHookArgs,
  runtime,
} from "@pulumi/pulumi";
import type { Members } from "../model/members.ts";
import { formatRefusal, otherVersion, type PreviewedVerdict } from "../model/preflight/index.ts";
import type { PreflightInput } from "../model/stepInputs.ts";
import { named } from "./part.ts";
import { pathOf } from "./programs.ts";

export interface PreviewedPreflight {
  /** What is declared; all of it is known in a preview. */
  readonly declaration: Omit<PreflightInput, "clusterId" | "archive" | "hosts" | "absent" | "members" | "retired">;
  readonly clusterId: Input<string>;
  readonly archive: Output<string>;
  /** The active nodes, and how each is reached. */
  readonly hosts: readonly ReachedHost[];
  readonly absent: readonly ReachedHost[];
  readonly members: Output<Members>;
}

interface ReachedHost {
  readonly name: string;
  readonly connection: Input<types.input.remote.ConnectionArgs>;
}

/**
 * Lets `pulumi preview` refuse what the step `preflight` would refuse: commands don't run in a preview, hooks do. In an update it
 * does nothing, since there the step itself looks. It changes nothing, and asks the hosts once a run.
 */
export function previewed(args: PreviewedPreflight, opts: CustomResourceOptions): Pick<CustomResourceOptions, "hooks"> {
  let check: Promise<void> | undefined;
  const hook = new ResourceHook(
    named("preflight", opts),
    (found) => {
      if (!runtime.isDryRun()) return;
      check ??= look(args, found);
      return check;
    },
    { onDryRun: true },
  );
  return { hooks: { beforeCreate: [hook], beforeUpdate: [hook] } };
}

async function look(args: PreviewedPreflight, found: ResourceHookArgs): Promise<void> {
  const knownId = await known(args.clusterId);
  const asked = await reachable(args.hosts);
  if (knownId === undefined || asked.length === 0) return;

  const previous = await known(found.oldOutputs?.stdout as Input<string> | undefined);
  const { members = [], retired = [] } = (await known(args.members)) ?? {};
  const input = {
    ...{ ...args.declaration, clusterId: knownId, hosts: asked, absent: await reachable(args.absent) },
    ...{ members: members.map(({ name }) => name), retired, archive: await known(args.archive) },
  };
  const { reasons, warnings, summary, silent } = await preview(input, previous);
  if (silent.length === asked.length) {
    const [first] = silent;
    warn(
      `no host can be asked from here (${first?.node}: ${first?.reason}); the update itself looks before it touches a role`,
    );
    return;
  }
  const old = silent.filter(({ reason }) => reason === otherVersion).map(({ node }) => node);
  if (old.length > 0) {
    warn(`${old.join(", ")} can't be asked before the update has installed this version; the update itself looks then`);
    return;
  }
  for (const warning of warnings) warn(warning);
  if (reasons.length > 0) throw new Error(formatRefusal(reasons));
  say(summary);
}

/** Runs the step's own script, in a process of its own: it has the SSH client, which the program has no use for. */
async function preview(input: PreflightInput, previous: string | undefined): Promise<PreviewedVerdict> {
  const env = previous === undefined ? {} : { PULUMI_COMMAND_STDOUT: previous };
  const { exitCode, stdout, said } = await runInPreview("steps/preflight.ts", input, { env, say });
  if (exitCode !== 0)
    throw new Error(`preflight could not look at the hosts: ${said.at(-1) ?? `exit code ${exitCode}`}`);
  return JSON.parse(stdout) as PreviewedVerdict;
}

interface InPreview {
  readonly env?: Readonly<Record<string, string>>;
  /** Takes one line of progress. */
  readonly say?: (line: string) => void;
}

/** Runs the program of a step with the word `preview`. */
export async function runInPreview(
  program: string,
  input: object,
  { env = {}, say: take }: InPreview = {},
): Promise<{ exitCode: number | null; stdout: string; said: readonly string[] }> {
  const child = spawn(process.execPath, [pathOf(program), "preview"], {
    stdio: ["pipe", "pipe", "pipe"],
    env: { ...process.env, ...env },
  });
  const said: string[] = [];
  createInterface({ input: child.stderr }).on("line", (line) => {
    said.push(line);
    take?.(line);
  });
  const ended = new Promise<number | null>((resolve, reject) => child.on("error", reject).on("close", resolve));
  child.stdin.on("error", () => {}).end(JSON.stringify(input));
  const [stdout, exitCode] = await Promise.all([text(child.stdout), ended]);
  return { exitCode, stdout, said };
}

/** A host that is still to be made has nothing to say. */
async function reachable(hosts: readonly ReachedHost[]): Promise<PreflightInput["hosts"]> {
  const each = await Promise.all(
    hosts.map(async ({ name, connection }) => ({ name, connection: await known(connection) })),
  );
  return each.flatMap(({ name, connection }) =>
    connection === undefined ? [] : [{ name, connection }],
  ) as PreflightInput["hosts"];
}

function say(line: string): void {
  void log.info(`preflight: ${line}`);
}

function warn(line: string): void {
  void log.warn(`preflight: ${line}`);
}

/** The value of an input, or undefined where only the update will tell. */
export async function known<T>(input: Input<T> | undefined): Promise<T | undefined> {
  if (input === undefined) return undefined;
  const value = output(input) as unknown as Output<T> & { isKnown: Promise<boolean>; promise(): Promise<T> };
  return (await value.isKnown) ? value.promise() : undefined;
}
