import { deviceOf, guardUnit, hostCommands } from "../../../model/aws/userData.ts";
import type { Host } from "../../../model/host.ts";
import type { BootInput } from "../../../model/stepInputs.ts";
import type { RunResult } from "../../ssh/runResult.ts";
import { runOnHost } from "../../ssh/ssh.ts";

export type Run = (
  host: Host,
  command: string,
  options: { stdin?: string; timeoutSeconds: number },
) => Promise<RunResult>;

export interface BootOptions {
  readonly run?: Run;
  /** How long a host may take until somebody can log in. @default 300 */
  readonly seconds?: number;
  /** How long a volume that has grown may take to show on the host. @default 60 */
  readonly growSeconds?: number;
  readonly pauseMilliseconds?: number;
  /** Takes one line of progress. */
  readonly say?: (line: string) => void;
}

/**
 * Brings a host from its first boot to where `install` can begin: its lasting host key in place, its data volume mounted, the file system as
 * large as the volume. Looks first, whatever an earlier run has done.
 *
 * @returns undefined, or what is wrong, with a hint
 */
export async function boot(input: BootInput, options: BootOptions = {}): Promise<string | undefined> {
  const { run = runOnHost, seconds = 300, growSeconds = 60, pauseMilliseconds = 3000, say = () => {} } = options;
  const lasting: Host = { name: input.name, connection: input.connection };
  const first: Host = { name: input.name, connection: { ...input.connection, hostKey: input.bootHostKey } };
  const deadline = Date.now() + seconds * 1000;

  // `answers`: the host is there, and known by its lasting key.
  const answers = async (): Promise<RunResult> => {
    const result = await run(lasting, "true", { timeoutSeconds: 20 });
    if (result.ok || result.reason !== "host-key-changed") return result;
    // By the key of user data, or by one that nobody knows: that one stays refused.
    const taken = await run(first, hostCommands.takeHostKey, { stdin: input.hostKey, timeoutSeconds: 30 });
    if (!taken.ok) return taken;
    say("its own SSH host key is in place");
    return run(lasting, "true", { timeoutSeconds: 20 });
  };
  let found = await answers();
  for (let waiting = false; !found.ok && passing(found) && Date.now() < deadline; waiting = true) {
    if (!waiting) say("waiting until somebody can log in");
    await new Promise((resolve) => setTimeout(resolve, pauseMilliseconds));
    found = await answers();
  }
  if (!found.ok) return found.message;

  // User data has to be through: it puts the commands there. cloud-init says 2 for a warning, which is none of ours.
  const guarded = await run(
    lasting,
    `cloud-init status --wait >/dev/null 2>&1; systemctl is-active --quiet ${guardUnit}`,
    {
      timeoutSeconds: 600,
    },
  );
  if (!guarded.ok) {
    if (guarded.exitCode === undefined) return guarded.message;
    const hint = `see 'journalctl -u ${guardUnit}' and /var/log/cloud-init-output.log on the host`;
    return `${input.name}: anybody on the host can ask the metadata service: ${guardUnit} does not run\nHINT: ${hint}`;
  }
  const device = deviceOf(input.volume);
  // A volume that has just grown shows on the host a moment later; the file system can grow from then on only.
  for (const until = Date.now() + growSeconds * 1000; ; ) {
    const mounted = await run(lasting, `${hostCommands.dataVolume} ${device}`, { timeoutSeconds: 300 });
    if (!mounted.ok) {
      const said = mounted.stderr?.trim();
      return said?.includes("\nHINT: ") ? `${input.name}: ${said}` : mounted.message;
    }
    const size = await run(lasting, `blockdev --getsize64 ${device}`, { timeoutSeconds: 30 });
    if (!size.ok) return size.message;
    const bytes = Number(size.stdout.trim());
    if (bytes >= input.sizeGb * 1024 ** 3) return undefined;
    if (Date.now() >= until)
      return `${input.name}: its data volume has ${Math.floor(bytes / 1024 ** 3)} GB on the host, and ${input.sizeGb} GB are declared
HINT: run 'pulumi up --refresh': AWS may have refused an earlier change.`;
    await new Promise((resolve) => setTimeout(resolve, pauseMilliseconds));
  }
}

/** A host that boots refuses, says nothing, does not know the key yet, or has no command where it will be. */
function passing(result: RunResult & { ok: false }): boolean {
  return result.reason !== "host-key-changed";
}
