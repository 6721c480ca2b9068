import { setTimeout } from "node:timers/promises";
import { type History, historyOf } from "../../model/status/history.ts";
import type { Observation } from "../../model/status/observation.ts";
import { reportOf, type StatusReport } from "../../model/status/report.ts";
import type { Monitoring } from "../../model/status/sources.ts";
import { printableJson } from "../../model/text.ts";
import { parseArguments, USAGE } from "./arguments.ts";
import { observe } from "./collect.ts";
import { recall, renderHistory } from "./history.ts";
import { Screen, type Terminal } from "./screen.ts";
import { type RunPulumi, readMonitoring, runProjectPulumi, UsageError } from "./stack.ts";
import { MAX_WIDTH, renderReport } from "./table.ts";

/** What the command touches; tests put their own in its place. */
export interface StatusWorld {
  readonly stdout: Terminal;
  readonly stderr: { write(text: string): unknown };
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Fires when the user has had enough of `--watch`. */
  readonly signal: AbortSignal;
  readonly runPulumi: RunPulumi;
  look(monitoring: Monitoring): Promise<Observation>;
  recall(monitoring: Monitoring): Promise<History>;
}

/** The world as it is. */
export function realWorld(signal: AbortSignal): StatusWorld {
  const { stdout, stderr, env } = process;
  return { stdout, stderr, env, signal, runPulumi: runProjectPulumi, look: observe, recall };
}

/** While watching, what is declared is read again after this long: a stack update may have changed it. */
const DECLARED_SECONDS = 30;

/** Runs `status`; the result is its exit code. */
export async function status(argv: readonly string[], world: StatusWorld): Promise<number> {
  try {
    const { json, help, history, watchSeconds, stack } = parseArguments(argv);
    if (help) {
      world.stdout.write(`${USAGE}\n`);
      return 0;
    }
    const draw = (report: StatusReport, lines: boolean) =>
      json
        ? printableJson(JSON.stringify(report, undefined, lines ? undefined : 2))
        : renderReport(report, renderOptions(world));
    const monitoring = await readMonitoring(world.runPulumi, stack);
    if (history) return await showHistory(monitoring, json, world);
    if (watchSeconds !== undefined) return await watch(monitoring, stack, watchSeconds, json, draw, world);
    const report = reportOf(await world.look(monitoring));
    world.stdout.write(`${draw(report, false)}\n`);
    return report.exitCode;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    world.stderr.write(`status: ${error.message}\nHINT: ${error.hint}\n`);
    return 3;
  }
}

async function showHistory(monitoring: Monitoring, json: boolean, world: StatusWorld): Promise<number> {
  const report = historyOf(monitoring.clusterName, new Date(), await world.recall(monitoring));
  const { node, role } = report.source;
  world.stdout.write(`${json ? JSON.stringify(report, undefined, 2) : renderHistory(report, renderOptions(world))}\n`);
  if (role === "primary") return 0;
  world.stderr.write(
    `status: no primary is in reach; this is what ${node}, a standby, has: the last change may be missing\nHINT: npm run status says what is wrong\n`,
  );
  return 1;
}

async function watch(
  first: Monitoring,
  stack: string | undefined,
  seconds: number,
  json: boolean,
  draw: (report: StatusReport, lines: boolean) => string,
  { stdout, signal, runPulumi, look }: StatusWorld,
): Promise<number> {
  const screen = new Screen(stdout, !json && stdout.isTTY === true);
  let monitoring = first;
  let readAt = Date.now();
  let last: StatusReport | undefined;
  const redraw = () => {
    if (last !== undefined && screen.inPlace) screen.show(draw(last, true));
  };
  screen.open();
  stdout.on?.("resize", redraw);
  try {
    while (!signal.aborted) {
      const started = Date.now();
      if (started - readAt > DECLARED_SECONDS * 1000) {
        readAt = started;
        // In the background: it takes the CLI a second or two. What can't be read stays as it was.
        readMonitoring(runPulumi, stack).then(
          (read) => {
            monitoring = read;
          },
          () => {},
        );
      }
      const observation = await unlessAborted(look(monitoring), signal);
      if (observation === undefined) break;
      last = reportOf(observation);
      screen.show(draw(last, true));
      const left = Math.max(0, seconds * 1000 - (Date.now() - started));
      await setTimeout(left, undefined, { signal }).catch(() => {});
    }
  } finally {
    stdout.off?.("resize", redraw);
    screen.close();
  }
  // The last picture stays on the ordinary screen.
  if (last !== undefined && screen.inPlace) stdout.write(`${draw(last, true)}\n`);
  return 0;
}

function renderOptions({ stdout, env }: StatusWorld) {
  const color = stdout.isTTY === true && !env.NO_COLOR && env.TERM !== "dumb";
  return { width: stdout.isTTY ? (stdout.columns ?? MAX_WIDTH) : MAX_WIDTH, color };
}

/** What `work` gives, or undefined as soon as the signal fires. It leaves no listener: a watch runs for days. */
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const give = () => resolve(undefined);
    if (signal.aborted) give();
    signal.addEventListener("abort", give, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", give));
  });
}
