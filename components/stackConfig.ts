import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { getProject, getStack, runtime } from "@pulumi/pulumi";
import { type ClusterConfig, parseConfig } from "../model/config/config.ts";

/**
 * The stack's config, checked as a whole. The one place that reads `pulumi.Config`; it takes all keys of the project at once,
 * because a key that nobody reads is a mistake too.
 *
 * @throws ConfigError with every problem there is, before any resource exists
 */
export function loadConfig(): ClusterConfig {
  const prefix = `${getProject()}:`;
  const raw: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(runtime.allConfig())) {
    if (key.startsWith(prefix)) raw[key.slice(prefix.length)] = value;
  }
  return parseConfig(raw, { stack: getStack(), readFile: (path) => readFileSync(expandHome(path), "utf8") });
}

/** `~/` is the operator's home, as in the shell that the path was copied from. */
function expandHome(path: string): string {
  return path.startsWith("~/") ? join(homedir(), path.slice(2)) : path;
}
