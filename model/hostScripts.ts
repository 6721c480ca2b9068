import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** The scripts that run on the hosts, by file name, as `directory` has them. */
export function hostScripts(directory: string): Record<string, string> {
  const files = readdirSync(directory).filter((file) => !file.startsWith("."));
  return Object.fromEntries(files.sort().map((file) => [file, readFileSync(join(directory, file), "utf8")]));
}

/** What the engine knows the host scripts by: another digest runs `install` again. */
export function digestOf(scripts: Readonly<Record<string, string>>): string {
  return createHash("sha256")
    .update(JSON.stringify(Object.entries(scripts).sort()))
    .digest("hex");
}
