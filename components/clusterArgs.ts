import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { Output, output, RunError } from "@pulumi/pulumi";
import { type ClusterConfig, ConfigError, type Problem, parseConfig } from "../model/config/config.ts";
import type { Later } from "../model/config/later.ts";
import { formatProblems } from "../model/config/problems.ts";
import type { ClusterArgs } from "./args.ts";

/** What there is to say about a `PostgresCluster`: the keys of the stack's config, and how it fits into its program. */
export type PostgresClusterArgs = ClusterArgs & {
  /**
   * What the names of all its resources begin with, so that a stack can have several clusters. `""` is for a stack that has one.
   *
   * Rule: must be "", or lower-case letters, digits and hyphens. A change: every resource is another one, secrets and data
   * among them. Never change it on a cluster that exists.
   *
   * @default the cluster's name and `-`
   */
  readonly resourcePrefix?: string;
};

/**
 * The arguments as a checked config.
 *
 * @throws RunError with every problem there is, before any resource exists
 */
export function configOf(name: string, { resourcePrefix, ...declared }: PostgresClusterArgs): ClusterConfig {
  // A stack's one cluster is declared by the stack's config, which its messages are written for.
  const subject = resourcePrefix === "" ? undefined : name;
  const problems: Problem[] = [];
  if (!/^[a-z0-9-]*$/.test(resourcePrefix ?? name)) {
    const hint = `set resourcePrefix, or call the cluster by lower-case letters, digits and hyphens`;
    problems.push({ key: "resourcePrefix", rule: "must be lower-case letters, digits and hyphens", hint });
  }
  let config: ClusterConfig | undefined;
  try {
    config = parseConfig(rawOf(declared, subject) as Record<string, unknown>, { name, readFile });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    problems.push(...error.problems);
  }
  if (config === undefined || problems.length > 0) throw new RunError(formatProblems(problems, subject));
  return config;
}

/** What the config's reader takes: outputs of other resources stay what they are, and are read once they are known. */
function rawOf(value: unknown, subject: string | undefined): unknown {
  if (Output.isInstance(value) || value instanceof Promise) return later(output(value), subject);
  if (Array.isArray(value)) return value.map((item) => rawOf(item, subject));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, rawOf(item, subject)]));
}

/** What the reader makes of the value refuses it as it refuses any other: without a stack trace. */
function later(value: Output<unknown>, subject: string | undefined): Later<unknown> {
  return {
    apply: <U>(then: (known: unknown) => U) =>
      value.apply((known) => {
        try {
          return then(known);
        } catch (error) {
          throw error instanceof ConfigError ? new RunError(formatProblems(error.problems, subject)) : error;
        }
      }) as unknown as Later<U>,
  };
}

/** `~/` is the operator's home, as in the shell that the path was copied from. */
function readFile(path: string): string {
  return readFileSync(path.startsWith("~/") ? join(homedir(), path.slice(2)) : path, "utf8");
}
