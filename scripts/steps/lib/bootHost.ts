import { bastionLogin, deviceOf, guardUnit, hostCommands, nodeLogin } from "../../../model/aws/userData.ts";
import type { Host } from "../../../model/host.ts";
import type { BootInput, OperatorKey } from "../../../model/stepInputs.ts";
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
 * Brings a host from its first boot, or from keys that are exchanged, to where `install` can begin: its lasting host key in place, the declared
 * operator keys let in and no others of ours, its data volume mounted, the file system as large as the volume. Looks first, whatever an earlier run
 * has done.
 *
 * @returns undefined, or what is wrong, with a hint
 */
export async function boot(input: BootInput, options: BootOptions = {}): Promise<string | undefined> {
  const { run = runOnHost, seconds = 300, pauseMilliseconds = 3000, say = () => {} } = options;
  const deadline = Date.now() + seconds * 1000;
  let found = await takeKeys(input, run, say);
  for (let waiting = false; !found.ok && passing(found) && Date.now() < deadline; waiting = true) {
    if (!waiting) say("waiting until somebody can log in");
    await new Promise((resolve) => setTimeout(resolve, pauseMilliseconds));
    found = await takeKeys(input, run, say);
  }
  if (!found.ok && found.reason === "refused-key" && found.final !== true) {
    return `${found.message.split("\nHINT: ")[0]}\nHINT: none of the keys of aws.keys.operator logs in. Put the name of a former key back into the list; or let the host be made anew, on its old data: aws.maintain.`;
  }
  if (!found.ok) return found.message;
  return input.volume === undefined ? undefined : mountVolume({ ...input, volume: input.volume }, run, options);
}

/** `final`: it does not pass by itself. */
type Attempt = RunResult & { readonly final?: true };

/** Host key and operator keys are what is declared, whichever of those that may be there are. */
async function takeKeys(input: BootInput, run: Run, say: (line: string) => void): Promise<Attempt> {
  const { name, connection, hostKey, operatorKeys, volume } = input;
  const way = await findWay(input, run);
  if (!("answer" in way)) return way;
  const { answer, hostKey: shown, operatorKey } = way;
  const isBastion = volume === undefined;
  const first = operatorKeys[0] as OperatorKey;
  const changes = shown !== connection.hostKey || operatorKey !== first;
  if (!answer.ok) {
    // One that has just booted has another host key, and no command yet.
    if (shown !== connection.hostKey) return answer;
    if (!changes && operatorKeys.length === 1) return { ok: true, stdout: "" };
    const message = `${name}: it takes no other keys: an earlier version has made it
HINT: let this update make it anew: pulumi config set --path aws.maintain ${name}`;
    return { ...answer, message, final: true };
  }
  const host: Host = {
    name,
    connection: {
      ...connection,
      privateKey: operatorKey.privateKey,
      ...(shown === undefined ? {} : { hostKey: shown }),
    },
  };
  const logins = operatorKeys.map(({ publicKey }) => `${(isBastion ? bastionLogin : nodeLogin)(publicKey)}\n`).join("");
  // Who may log in comes first: with it alone, the next run gets in too.
  const taken = await run(host, isBastion ? hostCommands.bastionKeys : hostCommands.takeLogins, {
    stdin: isBastion && shown !== connection.hostKey ? `${logins}${hostKey}` : logins,
    timeoutSeconds: 30,
  });
  if (!taken.ok) return taken;
  if (!isBastion && shown !== connection.hostKey) {
    const known = await run(host, hostCommands.takeHostKey, { stdin: hostKey, timeoutSeconds: 30 });
    if (!known.ok) return known;
  }
  if (!changes) return taken;
  if (shown !== connection.hostKey) say("its own SSH host key is in place");
  if (operatorKey !== first) say("another SSH key logs in to it from now on");
  return run({ name, connection }, "true", { timeoutSeconds: 20 });
}

interface Way {
  /** What the login said. Not ok: it is a bastion of an earlier version, which runs nothing. */
  readonly answer: RunResult;
  readonly hostKey: string | undefined;
  readonly operatorKey: OperatorKey;
}

/** The keys by which somebody can log in now: the host is known by one of them, or refused. */
async function findWay(input: BootInput, run: Run): Promise<Way | (RunResult & { ok: false })> {
  const { name, connection, formerHostKeys, operatorKeys, volume } = input;
  let stranger: (RunResult & { ok: false }) | undefined;
  for (const hostKey of [connection.hostKey, ...formerHostKeys]) {
    let refused: (RunResult & { ok: false }) | undefined;
    for (const operatorKey of operatorKeys) {
      const login = {
        ...connection,
        privateKey: operatorKey.privateKey,
        ...(hostKey === undefined ? {} : { hostKey }),
      };
      const answer = await run({ name, connection: login }, "true", { timeoutSeconds: 20 });
      const isLogin =
        answer.ok || (volume === undefined && answer.reason === "failed" && answer.exitCode !== undefined);
      if (isLogin) return { answer, hostKey, operatorKey };
      if (answer.reason === "host-key-changed") {
        stranger ??= answer;
        break;
      }
      if (answer.reason !== "refused-key") return answer;
      refused ??= answer;
    }
    if (refused) return refused;
  }
  // What is said of the lasting key counts.
  return stranger as RunResult & { ok: false };
}

async function mountVolume(
  { name, connection, volume }: BootInput & { readonly volume: NonNullable<BootInput["volume"]> },
  run: Run,
  { growSeconds = 60, pauseMilliseconds = 3000 }: BootOptions,
): Promise<string | undefined> {
  const lasting: Host = { name, connection };
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
    return `${name}: anybody on the host can ask the metadata service: ${guardUnit} does not run\nHINT: ${hint}`;
  }
  const device = deviceOf(volume.id);
  // A volume that has just grown shows on the host a moment later; the file system can grow from then on only.
  for (const until = Date.now() + growSeconds * 1000; ; ) {
    const mounted = await run(lasting, `${hostCommands.dataVolume} ${device}`, { timeoutSeconds: 300 });
    if (!mounted.ok) {
      const said = mounted.stderr?.trim();
      return said?.includes("\nHINT: ") ? `${name}: ${said}` : mounted.message;
    }
    const size = await run(lasting, `blockdev --getsize64 ${device}`, { timeoutSeconds: 30 });
    if (!size.ok) return size.message;
    const bytes = Number(size.stdout.trim());
    if (bytes >= volume.sizeGb * 1024 ** 3) return undefined;
    if (Date.now() >= until)
      return `${name}: its data volume has ${Math.floor(bytes / 1024 ** 3)} GB on the host, and ${volume.sizeGb} GB are declared
HINT: run 'pulumi up --refresh': AWS may have refused an earlier change.`;
    await new Promise((resolve) => setTimeout(resolve, pauseMilliseconds));
  }
}

/** A host that boots refuses, says nothing, does not know the key yet, or has no command where it will be. */
function passing(result: Attempt & { ok: false }): boolean {
  return result.reason !== "host-key-changed" && result.final !== true;
}
