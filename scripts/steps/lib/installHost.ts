import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { digestOf, hostScripts } from "../../../model/hostScripts.ts";
import { renderParameters } from "../../../model/render/parameters.ts";
import type { InstallInput } from "../../../model/stepInputs.ts";
import type { RunResult } from "../../ssh/runResult.ts";
import { runOnHost } from "../../ssh/ssh.ts";
import { selfExtracting } from "./selfExtracting.ts";

/** How long a host may take until somebody can log in, and how often that is tried. */
const bootSeconds = 100;
const pauseMilliseconds = 2000;
/** Packages are installed meanwhile. */
const installSeconds = 3600;

/**
 * Brings the host scripts to the host and runs `install.sh`. It is the one step that waits for a host to boot.
 *
 * @param say takes one line of progress
 */
export async function install(input: InstallInput, say: (line: string) => void): Promise<RunResult> {
  const { name, connection, parameters } = input;
  const scripts = hostScripts(join(import.meta.dirname, "../../host"));
  if (digestOf(scripts) !== input.scripts) {
    const message = "scripts/host changed while the update ran\nHINT: run 'pulumi up' again.";
    return { ok: false, reason: "failed", message };
  }
  const options = {
    stdin: selfExtracting(scripts, renderParameters(parameters)),
    stdinIsSecret: false,
    timeoutSeconds: installSeconds,
    onStderr: say,
  };
  const deadline = Date.now() + bootSeconds * 1000;
  for (let waiting = false; ; waiting = true) {
    const result = await runOnHost({ name, connection }, `bash -s install ${name}`, options);
    const boots = !result.ok && ["unreachable", "timeout", "refused-key"].includes(result.reason);
    if (!boots || Date.now() >= deadline) return result;
    if (!waiting) say(`${name}: waiting until somebody can log in (${result.message.split("\n")[0]})`);
    await pause(pauseMilliseconds);
  }
}
