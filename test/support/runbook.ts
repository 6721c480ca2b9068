import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type PulumiStack, REPOSITORY, stateUrl } from "./pulumiStack.ts";

/** A part of a runbook that is carried out: what happens to the cluster, or a block of commands. */
export type Passage =
  | { readonly kind: "situation"; readonly what: string }
  | { readonly kind: "commands"; readonly commands: readonly Command[] };

export interface Command {
  readonly line: string;
  /** The lines that the page shows of its output. */
  readonly shows: readonly string[];
  /** Whether the page says that it is refused. */
  readonly refused: boolean;
}

/**
 * What a page of `docs/runbooks/` has to be carried out, in order: comments `<!-- situation: … -->`, and the lines behind `$ ` in
 * blocks of the language `console`. The last command of a block behind `<!-- refused -->` has to fail.
 */
export function passagesOf(page: string): Passage[] {
  const text = readFileSync(join(REPOSITORY, "docs/runbooks", page), "utf8");
  const parts = text.matchAll(/^<!-- situation: (.+) -->$|(^<!-- refused -->\s+)?^```console\n([\s\S]*?)^```$/gm);
  return [...parts].map(([, what, refused, block = ""]): Passage => {
    if (what !== undefined) return { kind: "situation", what };
    const commands: { line: string; shows: string[]; refused: boolean }[] = [];
    for (const line of block.split("\n").filter((each) => each !== "")) {
      if (line.startsWith("$ ")) commands.push({ line: line.slice(2), shows: [], refused: false });
      else commands.at(-1)?.shows.push(line);
    }
    const last = commands.at(-1);
    if (last && refused !== undefined) last.refused = true;
    return { kind: "commands", commands };
  });
}

export interface Ran {
  readonly exitCode: number;
  readonly output: string;
}

/** Runs a line of a runbook, as its reader would in the checkout, for a stack of the tests instead of `dev`. */
export function runLine(stack: PulumiStack, line: string): Promise<Ran> {
  const { name, directory } = stack;
  const prelude = `
    pulumi() {
      local verb=$1 options=(--non-interactive --color never)
      shift
      case $verb in
        up) options+=(--yes --skip-preview --config-file "$CONFIG" --stack "$STACK") ;;
        cancel) options+=("$STACK") ;;
        stack) options+=(--stack "$STACK") ;;
        *) options+=(--config-file "$CONFIG" --stack "$STACK") ;;
      esac
      ./scripts/pulumi "$verb" "\${options[@]}" "$@"
    }
    npm() {
      [[ $1 == run && $2 == status ]] || { echo "no command of a runbook: npm $*" >&2; return 2; }
      shift 2
      [[ \${1:-} != -- ]] || shift
      node scripts/status.ts --stack "$STACK" "$@"
    }`;
  const command = line.replaceAll(".understudy/dev/", `.understudy/${name}/`);
  return new Promise((resolve) => {
    const child = execFile(
      "bash",
      ["-c", `${prelude}\n${command}`],
      {
        cwd: REPOSITORY,
        timeout: 300_000,
        maxBuffer: 1 << 26,
        env: {
          ...Object.fromEntries(Object.entries(process.env).filter(([key]) => !/^PULUMI_(?!HOME$)/.test(key))),
          STACK: name,
          CONFIG: join(directory, `Pulumi.${name}.yaml`),
          PULUMI_BACKEND_URL: stateUrl(directory),
          PULUMI_CONFIG_PASSPHRASE_FILE: join(directory, "passphrase"),
        },
      },
      (_, stdout, stderr) => {
        const output = `${stdout}${stderr}`.replaceAll(name, "dev");
        resolve({ exitCode: child.exitCode ?? 1, output });
      },
    );
  });
}

/**
 * Runs a line of another page, which names its stacks itself: `stacks` has, for each of those names, the one of the tests. They are in the state of
 * `stack`.
 */
export function runPageLine(
  stack: PulumiStack,
  stacks: Readonly<Record<string, string>>,
  line: string,
  env: Readonly<Record<string, string>> = {},
): Promise<Ran> {
  const prelude = `
    pulumi() { ./scripts/pulumi "$@" --non-interactive --color never; }
    npm() {
      [[ $1 == run && -f scripts/$2.ts ]] || { echo "no command of ours: npm $*" >&2; return 2; }
      local name=$2
      shift 2
      [[ \${1:-} != -- ]] || shift
      node "scripts/$name.ts" "$@"
    }`;
  const pattern = new RegExp(`(?<=--(?:stack|from|name) |\\.understudy/)(${Object.keys(stacks).join("|")})\\b`, "g");
  const command = line.replaceAll(pattern, (name) => stacks[name] as string);
  return new Promise((resolve) => {
    const child = execFile(
      "bash",
      ["-c", `${prelude}\n${command}`],
      {
        cwd: REPOSITORY,
        timeout: 400_000,
        maxBuffer: 1 << 26,
        env: { ...stack.environment, ...env } as NodeJS.ProcessEnv,
      },
      (_, stdout, stderr) => resolve({ exitCode: child.exitCode ?? 1, output: `${stdout}${stderr}` }),
    );
    child.stdin?.end();
  });
}

/** Lines that a page shows and the output does not have. Figures and marks may differ; `…` stands for anything. */
export function missingLines(shows: readonly string[], output: string): string[] {
  const lines = output.split("\n").map(plain);
  const has = (shown: string) => {
    const parts = plain(shown)
      .split("…")
      .map((part) => part.trim());
    return lines.some((line) => {
      let from = 0;
      return parts.every((part) => {
        const at = line.indexOf(part, from);
        from = at + part.length;
        return at >= 0;
      });
    });
  };
  return shows.filter((shown) => !has(shown));
}

function plain(line: string): string {
  return line
    .replace(/[✓▲✖·]/g, "*")
    .replace(/\d+(\.\d+)?/g, "0")
    .replace(/\s+/g, " ")
    .trim();
}
