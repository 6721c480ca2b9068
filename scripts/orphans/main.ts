import { parseArgs } from "node:util";
import {
  type ClusterPlace,
  clustersOf,
  type ExportedStack,
  exportedStack,
  type Found,
  hasPending,
  holdsData,
  type Orphan,
  orphansOf,
} from "../../model/aws/orphans.ts";
import { printable, printableJson } from "../../model/text.ts";
import type { Terminal } from "../status/screen.ts";
import { type RunPulumi, runProjectPulumi, UsageError } from "../status/stack.ts";
import { AwsFailure } from "../steps/lib/awsClients.ts";
import { findInAws } from "./find.ts";

const USAGE = `usage: npm run orphans -- [--json] [--stack NAME]

What AWS has with the tags of a stack, and the stack's state has not: what an update that was killed was just making, and volumes that are kept. Says
how each comes into the state, and how it is removed. Reads only, with the credentials of an update; removes nothing.

  --json        prints it as JSON
  --stack NAME  the stack to look at; default: the selected one

exit code: 0 nothing is left over, 1 something is, 3 nobody could be asked or wrong usage`;

/** What the command touches; tests put their own in its place. */
export interface OrphansWorld {
  readonly stdout: Terminal;
  readonly stderr: { write(text: string): unknown };
  readonly runPulumi: RunPulumi;
  find(cluster: ClusterPlace): Promise<readonly Found[]>;
}

export function realWorld(): OrphansWorld {
  const { stdout, stderr } = process;
  return { stdout, stderr, runPulumi: runProjectPulumi, find: findInAws };
}

/** Runs `orphans`; the result is its exit code. */
export async function orphans(argv: readonly string[], world: OrphansWorld): Promise<number> {
  try {
    const { json, help, stack } = parse(argv);
    if (help) {
      world.stdout.write(`${USAGE}\n`);
      return 0;
    }
    const state = await readState(world.runPulumi, stack);
    const clusters = clustersOf(state);
    if (clusters.length === 0) {
      throw new UsageError("the stack has nothing in AWS", "it is for stacks of the target aws that were updated once");
    }
    const found: Orphan[] = [];
    for (const cluster of clusters) found.push(...orphansOf(state, cluster, await world.find(cluster)));
    world.stdout.write(
      json ? `${printableJson(JSON.stringify(found, undefined, 2))}\n` : rendered(found) + pendingIn(state),
    );
    return found.length === 0 ? 0 : 1;
  } catch (error) {
    if (error instanceof AwsFailure) {
      world.stderr.write(`orphans: ${error.message}\nHINT: sign in to AWS anew, or see docs/aws-deployer.json\n`);
      return 3;
    }
    if (!(error instanceof UsageError)) throw error;
    world.stderr.write(`orphans: ${error.message}\nHINT: ${error.hint}\n`);
    return 3;
  }
}

function parse(argv: readonly string[]) {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        json: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
        stack: { type: "string", short: "s" },
      },
    });
    return values;
  } catch (error) {
    throw new UsageError((error as Error).message.split("\n")[0] ?? "", "see npm run orphans -- --help");
  }
}

async function readState(runPulumi: RunPulumi, stack: string | undefined): Promise<ExportedStack> {
  const name = stack === undefined ? [] : ["--stack", stack];
  const { exitCode, stdout, stderr } = await runPulumi(["stack", "export", "--non-interactive", ...name]);
  if (exitCode !== 0) {
    throw new UsageError(
      `the stack's state can't be read: ${printable(stderr.trim().slice(0, 500))}`,
      "name a stack with --stack; see ./scripts/pulumi stack ls",
    );
  }
  const parsed = exportedStack.safeParse(JSON.parse(stdout));
  if (!parsed.success)
    throw new UsageError("the stack's state has another form than this program knows", "please report it");
  return parsed.data;
}

/** What is to be done after all of it. */
function pendingIn(state: ExportedStack): string {
  if (!hasPending(state)) return "";
  return "\nThe state still has what the killed update was making. Once nothing is left over: pulumi refresh --clear-pending-creates\n";
}

function rendered(found: readonly Orphan[]): string {
  if (found.length === 0) return "Nothing in AWS has the stack's tags and is not in its state.\n";
  const each = found.map((orphan) => {
    const { kind, id, name, keep, remove } = orphan;
    const caution = holdsData(orphan) ? "   (it may hold data: look first)" : "";
    return [
      `${kind} ${printable(id)}${name === "" ? "" : `  ${printable(name)}`}`,
      ...(keep === undefined ? [] : [`  keep:   ${keep}`]),
      `  remove: ${remove}${caution}`,
      "",
    ].join("\n");
  });
  return `In AWS with the stack's tags, and not in its state. Nothing was changed. Remove from top to bottom; AWS may list for an hour what is gone.\n\n${each.join("\n")}`;
}
