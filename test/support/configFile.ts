import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ConfigValue, PulumiStack } from "./pulumiStack.ts";

/**
 * Sets the keys of `config`, each as a whole, without a start of the CLI for each leaf; the other keys stay. Not for keys with
 * a secret in them.
 */
export async function declare(stack: PulumiStack, config: Readonly<Record<string, ConfigValue>>): Promise<void> {
  const file = join(stack.directory, `Pulumi.${stack.name}.yaml`);
  const before = await readFile(file, "utf8");
  const salt = /^encryptionsalt: .*$/m.exec(before)?.[0];
  if (salt === undefined) throw new Error(`no encryptionsalt in ${file}`);
  const kept = Object.fromEntries(
    [...before.matchAll(/^ {2}understudy:(\w+): (\{.*\}|".*"|\d+|true|false)$/gm)].map(([, key = "", value = ""]) => [
      key,
      JSON.parse(value) as ConfigValue,
    ]),
  );
  // JSON is YAML: one line a key.
  const lines = Object.entries({ ...kept, ...config }).map(
    ([key, value]) => `  understudy:${key}: ${JSON.stringify(value)}`,
  );
  await writeFile(file, `${["config:", ...lines, salt].join("\n")}\n`);
}
