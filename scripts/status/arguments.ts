import { UsageError } from "./stack.ts";

export interface StatusArguments {
  readonly json: boolean;
  /** Seconds between two looks; undefined: one look. */
  readonly watchSeconds: number | undefined;
  readonly stack: string | undefined;
  readonly help: boolean;
  /** The changes of primary before, instead of what is true now. */
  readonly history: boolean;
}

const DEFAULT_WATCH_SECONDS = 2;

export const USAGE = `usage: npm run status -- [--json] [--watch [seconds] | --history] [--stack NAME]

What is true now of the cluster that a stack made: reads every node through PostgreSQL and SSH, changes nothing.

  --json             prints the report as JSON (with --watch: one report a line)
  --watch [seconds]  looks again and again, every ${DEFAULT_WATCH_SECONDS} seconds if not told otherwise; ends with Ctrl-C
  --history          the changes of primary before, as the primary's database has them; newest first
  --stack NAME       the stack to look at; default: the selected one, else dev

exit code: 0 well, 1 warning, 2 critical, 3 nothing to look at or wrong usage; 0 after Ctrl-C
           with --history: 0, or 1 where no primary is in reach and a standby was asked`;

/** Reads the command line; refuses what it does not know. */
export function parseArguments(argv: readonly string[]): StatusArguments {
  let json = false;
  let help = false;
  let history = false;
  let watchSeconds: number | undefined;
  let stack: string | undefined;
  const rest = argv.flatMap((word) => {
    const option = /^(--\w+)=(.*)$/.exec(word);
    return option === null ? [word] : [option[1] ?? "", option[2] ?? ""];
  });
  while (rest.length > 0) {
    const word = rest.shift() ?? "";
    switch (word) {
      case "--json":
        json = true;
        break;
      case "--history":
        history = true;
        break;
      case "-h":
      case "--help":
        help = true;
        break;
      case "--watch":
        watchSeconds = rest[0] === undefined || rest[0].startsWith("-") ? DEFAULT_WATCH_SECONDS : seconds(rest.shift());
        break;
      case "--stack":
      case "-s":
        stack = rest.shift();
        if (stack === undefined || stack === "" || stack.startsWith("-")) {
          throw new UsageError(`${word} needs the name of a stack`, "see ./scripts/pulumi stack ls");
        }
        break;
      default:
        throw new UsageError(`unknown argument ${JSON.stringify(word)}`, "see npm run status -- --help");
    }
  }
  if (history && watchSeconds !== undefined) {
    throw new UsageError("--history and --watch don't go together", "leave one of them out");
  }
  return { json, help, history, watchSeconds, stack };
}

function seconds(text = ""): number {
  const value = Number(text);
  if (text.trim() === "" || !(value >= 1 && value <= 3600)) {
    throw new UsageError(`--watch ${text}: not a number of seconds from 1 to 3600`, "for example --watch 5");
  }
  return value;
}
