// @ts-check
/** Runs a Node program for the engine, as `@pulumi/pulumi/cmd/run` wants it. */
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { join } from "node:path";
import language from "@pulumi/pulumi/proto/language_pb.js";

/** The program has told the user what is wrong, so the engine need not. */
const EXIT_BAIL = 32;

/** @type {Set<import("node:child_process").ChildProcess>} */
const running = new Set();

/** Ends every program that still runs. */
export function stopPrograms() {
  for (const child of running) child.kill("SIGKILL");
}

/**
 * @param {language.RunRequest} request
 * @param {string} engineAddress
 * @returns {Promise<language.RunResponse>}
 */
export async function runProgram(request, engineAddress) {
  const info = request.getInfo();
  const directory = info?.getProgramDirectory() || request.getPwd();
  const options = /** @type {Record<string, unknown>} */ (info?.getOptions()?.toJavaScript() ?? {});
  const child = spawn(
    process.execPath,
    [...splitWords(String(options.nodeargs ?? "")), ...programArguments(request, directory, engineAddress)],
    {
      cwd: request.getPwd() || directory,
      stdio: ["ignore", "inherit", "inherit"],
      env: {
        ...process.env,
        PULUMI_CONFIG: JSON.stringify(Object.fromEntries(request.getConfigMap().toArray())),
        PULUMI_CONFIG_SECRET_KEYS: JSON.stringify(request.getConfigsecretkeysList()),
        PULUMI_NODEJS_TYPESCRIPT: String(options.typescript ?? true),
        ...(typeof options.tsconfig === "string" ? { PULUMI_NODEJS_TSCONFIG_PATH: options.tsconfig } : {}),
      },
    },
  );
  running.add(child);
  try {
    return response(await ended(child));
  } finally {
    running.delete(child);
  }
}

/**
 * @param {language.RunRequest} request
 * @param {string} directory
 * @param {string} engineAddress
 */
function programArguments(request, directory, engineAddress) {
  const named = Object.entries({
    monitor: request.getMonitorAddress(),
    engine: engineAddress,
    organization: request.getOrganization(),
    project: request.getProject(),
    stack: request.getStack(),
    pwd: request.getPwd(),
    "dry-run": request.getDryrun() ? "true" : "",
    "query-mode": request.getQuerymode() ? "true" : "",
    parallel: String(request.getParallel()),
  }).flatMap(([name, value]) => (value === "" ? [] : [`--${name}`, value]));
  const entry = request.getInfo()?.getEntryPoint() || request.getProgram() || ".";
  return [
    createRequire(join(directory, "_")).resolve("@pulumi/pulumi/cmd/run"),
    ...named,
    entry,
    ...request.getArgsList(),
  ];
}

/**
 * @param {import("node:child_process").ChildProcess} child
 * @returns {Promise<number | NodeJS.Signals>}
 */
function ended(child) {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) => resolve(code ?? signal ?? "SIGKILL"));
  });
}

/** @param {number | NodeJS.Signals} outcome */
function response(outcome) {
  const answer = new language.RunResponse();
  if (outcome === EXIT_BAIL) {
    answer.setBail(true);
  } else if (typeof outcome === "string") {
    answer.setError(`Program was ended by ${outcome}`);
  } else if (outcome !== 0) {
    answer.setError(`Program exited with non-zero exit code: ${outcome}`);
  }
  return answer;
}

/**
 * Splits words as a shell does: blanks part them, quotes keep them together.
 *
 * @param {string} text
 */
export function splitWords(text) {
  return [...text.matchAll(/(?:[^\s"']|"[^"]*"|'[^']*')+/g)].map(([word]) =>
    word.replace(/"([^"]*)"|'([^']*)'/g, "$1$2"),
  );
}
