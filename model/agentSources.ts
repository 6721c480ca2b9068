import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Where the package has the agent, made already; a checkout makes it of its sources. */
export const packagedAgent = "agent/understudy-agent.cjs";

/** What the agent is made of, by file name, below the program's directory `root`. */
export function agentSources(root: string): Record<string, string> {
  const made = join(root, packagedAgent);
  if (existsSync(made)) return { [packagedAgent]: readFileSync(made, "utf8") };
  const files = ["agent", "model"].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".ts"))
      .map((file) => join(folder, file)),
  );
  return Object.fromEntries(
    [...files, "package-lock.json"].sort().map((file) => [file, readFileSync(join(root, file), "utf8")]),
  );
}
