// @ts-check
/** Docker, and other programs of this machine. */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

/** Everything that the project makes in Docker has it, with the name of what it belongs to: what is left over is found by it. */
export const LABEL = "understudy";

/** @param {string} path in the project */
export const inProject = (path) => fileURLToPath(new URL(`../../../../${path}`, import.meta.url));

/**
 * Runs a program and gives what it printed.
 *
 * @param {string} program
 * @param {readonly string[]} words
 * @param {string | Buffer} [stdin]
 * @returns {Promise<Buffer>}
 */
function bytesOf(program, words, stdin = "") {
  return new Promise((resolve, reject) => {
    const child = spawn(program, words, { stdio: ["pipe", "pipe", "pipe"] });
    /** @type {Buffer[]} */
    const stdout = [];
    /** @type {Buffer[]} */
    const stderr = [];
    child.stdout.on("data", (chunk) => stdout.push(chunk));
    child.stderr.on("data", (chunk) => stderr.push(chunk));
    child.once("error", reject);
    child.once("close", (code) => {
      if (code === 0) resolve(Buffer.concat(stdout));
      else
        reject(
          new Error(`${program} ${words.join(" ")} ended with ${code}: ${Buffer.concat(stderr).toString().trim()}`),
        );
    });
    child.stdin.on("error", () => {});
    child.stdin.end(stdin);
  });
}

/**
 * @param {string} program
 * @param {readonly string[]} words
 * @param {string | Buffer} [stdin]
 */
export async function run(program, words, stdin) {
  return (await bytesOf(program, words, stdin)).toString().trim();
}

/** @param {readonly string[]} words */
export const docker = (...words) => run("docker", words);

/** @param {string} container */
export async function isRunning(container) {
  return (await docker("container", "inspect", "--format", "{{.State.Running}}", container)) === "true";
}

/**
 * Puts files, which are root's alone, into a container that need not run.
 *
 * @param {string} container
 * @param {Readonly<Record<string, string>>} files by absolute path
 * @param {string} [mode]
 */
export async function putFiles(container, files, mode = "600") {
  const lines = Object.entries(files).map(
    ([path, content]) => `${path} ${mode} ${Buffer.from(content).toString("base64")}\n`,
  );
  const archive = await bytesOf(process.execPath, [inProject("scripts/docker/tar.mjs")], lines.join(""));
  await run("docker", ["cp", "-", `${container}:/`], archive);
}
