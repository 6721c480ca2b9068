import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { REPOSITORY } from "./pulumiStack.ts";

/**
 * A program of its own that makes the hosts of a stack and no PostgreSQL on them (test/fixtures/machines/program.ts), in a
 * temporary folder that looks like a checkout.
 */
export async function machinesProgram(): Promise<{ readonly directory: string; remove(): Promise<void> }> {
  const directory = await mkdtemp(join(tmpdir(), "understudy-machines-"));
  await writeFile(
    join(directory, "Pulumi.yaml"),
    `name: machines\nmain: index.ts\nruntime:\n  name: nodejs\n  options:\n    typescript: false\n`,
  );
  await writeFile(join(directory, "package.json"), JSON.stringify({ type: "module" }));
  const program = JSON.stringify(join(REPOSITORY, "test/fixtures/machines/program.ts"));
  await writeFile(join(directory, "index.ts"), `export * from ${program};\n`);
  for (const name of ["scripts", "node_modules"]) await symlink(join(REPOSITORY, name), join(directory, name));
  return { directory, remove: () => rm(directory, { recursive: true, force: true }) };
}
