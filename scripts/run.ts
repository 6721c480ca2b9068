/**
 * Runs a file of the package's `scripts/` by its name: `node -e 'import("pulumi-understudy/run")' <file> [word...]`. So the command lines of resources
 * find it from any program that the package is installed for, and are the same on every machine. Made by `components/programs.ts`.
 */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const [file = "", ...words] = process.argv.slice(1);
const url = new URL(file, import.meta.url);
if (/\.m?js$/.test(file)) await import(url.href);
else {
  const child = spawn(fileURLToPath(url), words, { stdio: "inherit" });
  child.on("error", (error) => {
    throw error;
  });
  child.on("exit", (code) => process.exit(code ?? 1));
}
