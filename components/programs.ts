import { fileURLToPath } from "node:url";

/** Whether this runs from the package, where everything is compiled. A checkout runs its sources as they stand. */
const packaged = import.meta.url.endsWith(".js");

const compiled = (file: string) => (packaged ? file.replace(/\.ts$/, ".js") : file);

/**
 * Command line that runs a file of `scripts/`. It is an input of a resource: the same text on every machine, and in the package in every version of it, since another text
 * runs the step again and makes a secret anew (docs/decisions/package.md).
 */
export function command(file: string, ...words: readonly (string | number)[]): string {
  const program = packaged
    ? `node -e 'import("pulumi-understudy/run")' ${compiled(file)}`
    : /\.(?:ts|mjs)$/.test(file)
      ? `node scripts/${file}`
      : `./scripts/${file}`;
  return [program, ...words].join(" ");
}

/** Where a file of `scripts/` is on this machine. */
export function pathOf(file: string): string {
  return fileURLToPath(new URL(`../scripts/${compiled(file)}`, import.meta.url));
}
