import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { REPOSITORY } from "./pulumiStack.ts";

/** Makes the one file that the agent is, and gives its path. */
export function agentBundle(directory: string): string {
  const bundle = join(directory, "understudy-agent.cjs");
  execFileSync(join(REPOSITORY, "scripts/agent-bundle"), [bundle], { stdio: ["ignore", "ignore", "inherit"] });
  return bundle;
}
