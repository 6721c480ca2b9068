import { parseArgs } from "node:util";
import { drillInWords, parseDrill } from "../../model/archive/drill.ts";
import type { Host } from "../../model/host.ts";
import type { Drill } from "../../model/hostFacts.ts";
import type { Monitoring } from "../../model/status/sources.ts";
import { printable, printableJson } from "../../model/text.ts";
import { runOnHost } from "../ssh/ssh.ts";
import { type RunPulumi, readMonitoring, runProjectPulumi, UsageError } from "../status/stack.ts";

const USAGE = `usage: npm run drill -- [--node NAME] [--json] [--stack NAME]

Restores the last backup of the archive and all WAL after it on a node, beside its server, checks it (pg_amcheck, pg_checksums, drill.query), and throws it away. npm run status
shows when a restore was proven last. It goes on where this command is ended; a second one waits for the same drill.

  --node NAME   the node that makes it; default: the first active one that is not the primary, else the primary
  --json        prints what came of it as JSON
  --stack NAME  default: the selected one, else dev

exit code: 0 the restore is proven, 1 it failed, 3 nobody could be asked or wrong usage`;

/** The restore of a large cluster takes its time. */
const SECONDS = 7 * 86_400;

/** What the command touches; tests put their own in its place. */
export interface DrillWorld {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
  readonly runPulumi: RunPulumi;
  make(host: Host, say: (line: string) => void): Promise<Drill>;
}

export function realWorld(): DrillWorld {
  const { stdout, stderr } = process;
  return { stdout, stderr, runPulumi: runProjectPulumi, make };
}

/** Runs `drill`; the result is its exit code. */
export async function drill(argv: readonly string[], world: DrillWorld): Promise<number> {
  const { stdout, stderr } = world;
  try {
    if (argv.includes("--help") || argv.includes("-h")) {
      stdout.write(`${USAGE}\n`);
      return 0;
    }
    const { json, node, stack } = parse(argv);
    const host = hostFor(await readMonitoring(world.runPulumi, stack), node);
    const made = await world.make(host, (line) => stderr.write(`${line}\n`));
    if (json) stdout.write(`${printableJson(JSON.stringify({ node: host.name, ...made }, undefined, 2))}\n`);
    else if (made.ok) stdout.write(`${printable(drillInWords(made, host.name))}\n`);
    if (made.ok) return 0;
    stderr.write(
      `drill: it failed on ${host.name}: ${made.why}\nHINT: /var/log/understudy/drill.log on ${host.name} has more; docs/recovery.md says what to do\n`,
    );
    return 1;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    stderr.write(`drill: ${error.message}\nHINT: ${error.hint}\n`);
    return 3;
  }
}

function parse(argv: readonly string[]): { json: boolean; node: string | undefined; stack: string | undefined } {
  try {
    const { json, node, stack } = parseArgs({
      args: [...argv],
      options: { json: { type: "boolean" }, node: { type: "string" }, stack: { type: "string", short: "s" } },
    }).values;
    return { json: json ?? false, node, stack };
  } catch (error) {
    throw new UsageError((error as Error).message, "see npm run drill -- --help");
  }
}

function hostFor({ nodes, primary }: Monitoring, asked: string | undefined): Host {
  const able = nodes
    .filter(({ name, state }) => state === "active" && (asked === undefined || name === asked))
    .sort((a, b) => Number(a.name === primary) - Number(b.name === primary) || (a.name < b.name ? -1 : 1));
  const [host] = able.flatMap(({ name, connection }) => (connection == null ? [] : [{ name, connection }]));
  if (host === undefined) {
    throw new UsageError(
      asked === undefined ? "no active node has a host that is known" : `there is no active node ${asked}`,
      `the nodes are ${nodes.map(({ name, state }) => `${name} (${state})`).join(", ")}`,
    );
  }
  return host;
}

async function make(host: Host, say: (line: string) => void): Promise<Drill> {
  const made = await runOnHost(host, `/usr/local/sbin/understudy drill ${host.name}`, {
    timeoutSeconds: SECONDS,
    // The rest is systemd's, and what the outcome says again.
    onStderr: (line) => line.startsWith(`${host.name}: `) && say(line),
  });
  if (!made.ok) {
    const [what = "", hint = ""] = made.message.split("\nHINT: ");
    throw new UsageError(what, hint);
  }
  const outcome = parseDrill(made.stdout);
  if (outcome !== undefined) return outcome;
  throw new UsageError(
    `${host.name} answered what this version does not understand`,
    "run pulumi up, so that the host has the scripts of this version",
  );
}
