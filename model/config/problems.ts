/** One thing that is wrong with the config: where, what, and what to do about it. */
export interface Problem {
  /** Path of the key as `pulumi config set --path` takes it: `nodes.node-a.port`. */
  readonly key: string;
  /** The rule that is broken, in lower case, to be read after the key: "must be …". */
  readonly rule: string;
  /** What to do. */
  readonly hint: string;
}

/** Path of `key` under `path` as `pulumi config set --path` takes it: `nodes.node-a`, `nodes["a.b"]`. */
export function keyPath(path: string, key: string): string {
  if (!/^[A-Za-z0-9_-]+$/.test(key)) return `${path}[${JSON.stringify(key)}]`;
  return path === "" ? key : `${path}.${key}`;
}

/** Everything that is wrong with the config, at once. A mistake of the user's: shown without a stack trace. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super(formatProblems(problems));
    this.problems = problems;
  }
}

/**
 * The message that a person reads.
 *
 * @param cluster name of the cluster whose arguments are wrong, in a program that has several; undefined: it is the stack's config
 */
export function formatProblems(problems: readonly Problem[], cluster?: string): string {
  const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
  const lines = problems.map(({ key, rule, hint }) => `  ${key}: ${rule}\n    HINT: ${hint}`);
  if (cluster === undefined) return [`the configuration has ${count}; nothing was changed`, ...lines].join("\n");
  const note = "Where a hint says 'pulumi config set', set the argument of that path in the program.";
  return [`the arguments of PostgresCluster ${cluster} have ${count}`, ...lines, note].join("\n");
}

/** The candidate that `word` was probably meant to be. */
export function closest(word: string, candidates: Iterable<string>): string | undefined {
  const limit = Math.max(1, Math.floor(word.length / 3));
  let best: string | undefined;
  let bestDistance = limit + 1;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - word.length) >= bestDistance) continue;
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/** Edits (insert, delete, replace, swap of neighbours) from `a` to `b`. */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let value = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        value = Math.min(value, (beforeLast[j - 2] ?? 0) + 1);
      }
      row.push(value);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length] ?? 0;
}
