import { type Holdings, parseHoldings } from "../../model/archive/holdings.ts";
import { recoverable } from "../../model/archive/recoverable.ts";
import type { Monitoring } from "../../model/status/sources.ts";
import { printableJson } from "../../model/text.ts";
import { runOnHost } from "../ssh/ssh.ts";
import type { Terminal } from "../status/screen.ts";
import { type RunPulumi, readMonitoring, runProjectPulumi, UsageError } from "../status/stack.ts";
import { MAX_WIDTH } from "../status/table.ts";
import { renderBackups } from "./picture.ts";

const USAGE = `usage: npm run backups -- [--json] [--stack NAME]

What can be restored from the archive: backups, WAL, holes, timelines. Asks one node, changes nothing.

  --json        prints it as JSON
  --stack NAME  the stack to look at; default: the selected one, else dev

exit code: 0 well, 1 a hole, or nothing can be restored up to the last WAL, 3 nobody could be asked or wrong usage`;

/** To list all WAL of a large archive takes its time. */
const SECONDS = 120;

/** What the command touches; tests put their own in its place. */
export interface BackupsWorld {
  readonly stdout: Terminal;
  readonly stderr: { write(text: string): unknown };
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly now: () => Date;
  readonly runPulumi: RunPulumi;
  look(monitoring: Monitoring): Promise<Holdings>;
}

export function realWorld(): BackupsWorld {
  const { stdout, stderr, env } = process;
  return { stdout, stderr, env, now: () => new Date(), runPulumi: runProjectPulumi, look };
}

/** Runs `backups`; the result is its exit code. */
export async function backups(argv: readonly string[], world: BackupsWorld): Promise<number> {
  try {
    const { json, help, stack } = parse(argv);
    if (help) {
      world.stdout.write(`${USAGE}\n`);
      return 0;
    }
    const monitoring = await readMonitoring(world.runPulumi, stack);
    const holdings = await world.look(monitoring);
    const found = recoverable(holdings);
    const { stdout, env } = world;
    stdout.write(
      json
        ? `${printableJson(JSON.stringify({ ...holdings, ...found, reach: Object.fromEntries(found.reach) }, undefined, 2))}\n`
        : `${renderBackups(monitoring.clusterName, world.now(), holdings, found, {
            width: stdout.isTTY ? (stdout.columns ?? MAX_WIDTH) : MAX_WIDTH,
            color: stdout.isTTY === true && !env.NO_COLOR && env.TERM !== "dumb",
          })}\n`,
    );
    return found.holes.length === 0 && [...found.reach.values()].some((reach) => reach?.latest) ? 0 : 1;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    world.stderr.write(`backups: ${error.message}\nHINT: ${error.hint}\n`);
    return 3;
  }
}

function parse(argv: readonly string[]): { json: boolean; help: boolean; stack: string | undefined } {
  const rest = argv.flatMap((word) => word.split(/(?<=^--\w+)=/));
  const stackAt = rest.findIndex((word) => word === "--stack" || word === "-s");
  const [option, stack] = stackAt < 0 ? [] : rest.splice(stackAt, 2);
  if (option !== undefined && (stack === undefined || stack === "" || stack.startsWith("-"))) {
    throw new UsageError(`${option} needs the name of a stack`, "see ./scripts/pulumi stack ls");
  }
  const unknown = rest.find((word) => !["--json", "--help", "-h"].includes(word));
  if (unknown !== undefined) {
    throw new UsageError(`unknown argument ${JSON.stringify(unknown)}`, "see npm run backups -- --help");
  }
  return { json: rest.includes("--json"), help: rest.includes("--help") || rest.includes("-h"), stack };
}

/** Asks the primary, or else another active node. */
async function look({ nodes, primary, clusterName }: Monitoring): Promise<Holdings> {
  const asked = nodes
    .filter(({ state, connection }) => state === "active" && connection != null)
    .sort((a, b) => Number(b.name === primary) - Number(a.name === primary));
  const reasons: string[] = [];
  for (const { name, connection } of asked) {
    if (connection == null) continue;
    const command = `/usr/local/sbin/understudy backups ${name} wal`;
    const result = await runOnHost({ name, connection }, command, { timeoutSeconds: SECONDS });
    const holdings = result.ok ? parseHoldings(result.stdout, clusterName) : undefined;
    if (holdings !== undefined) return holdings;
    reasons.push(
      result.ok ? `  ${name}: it answered what this version does not understand` : `  ${result.message.split("\n")[0]}`,
    );
  }
  throw new UsageError(
    ["no node could say what the archive holds", ...reasons].join("\n"),
    "npm run status says what is wrong",
  );
}
