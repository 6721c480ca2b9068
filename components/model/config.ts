import type { ClusterConfig } from "./clusterConfig.ts";
import { ConfigError } from "./problems.ts";

export * from "./clusterConfig.ts";
export { ConfigError, type Problem } from "./problems.ts";

export interface ConfigContext {
  /** Name of the Pulumi stack. */
  readonly stack: string;
  /** Reads a file of the operator's machine (path as written in config); throws where it can't. */
  readFile(path: string): string;
}

/**
 * Turns the values of the stack's config, keyed without the project's name, into a checked `ClusterConfig`. Values are
 * taken as `pulumi config` stores them: text, or (object keys) parsed objects or their JSON.
 *
 * @throws ConfigError with every problem there is
 */
export function parseConfig(raw: Readonly<Record<string, unknown>>, context: ConfigContext): ClusterConfig {
  void raw;
  void context;
  throw new ConfigError([{ key: "target", rule: "not implemented", hint: "wait" }]);
}
