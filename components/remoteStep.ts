import { remote } from "@pulumi/command";
import {
  all,
  type CustomResourceOptions,
  ErrorHook,
  type Input,
  log,
  type Output,
  output,
  type Resource,
  secret,
} from "@pulumi/pulumi";
import { gzipSync } from "fflate";
import { bootConnection, loginOf } from "./machines/connection.ts";
import type { Machine } from "./machines/machine.ts";
import { dialFailure } from "./model/dialFailure.ts";
import { renderParameters } from "./model/render/parameters.ts";

export interface RemoteStepArgs {
  /** Where it runs. */
  readonly machine: Machine;
  /** Name of the host script under `scripts/host/` that it runs. */
  readonly script: string;
  /** Role or state in words, for whoever reads the preview: the only part of the inputs that is not secret. */
  readonly words?: Input<string>;
  /** What the script gets on its standard input. A change of any value runs the step again. */
  readonly parameters: Readonly<Record<string, Input<string>>>;
  /** The steps that come before it. */
  readonly after: readonly Resource[];
}

/**
 * One step of the runbook on one host: the one place that knows how `remote.Command` behaves.
 *
 * - It has no `update`: a changed input runs `create` again, and every script looks first and does what is missing.
 * - It has no `delete`: that would fail on a host that is gone. Who goes is dealt with from the side that stays.
 * - Everything that a script needs is on its standard input, as a secret: command lines, environments and previews show none of it.
 * - Only progress (standard error) is streamed; the outcome (standard output) is data for the next step.
 */
export class RemoteStep extends remote.Command {
  /** The outcome that the script reported, as JSON text: an input of the steps behind it. */
  readonly outcome: Output<string>;

  constructor(name: string, args: RemoteStepArgs, opts: CustomResourceOptions) {
    super(
      name,
      {
        connection: args.machine.connection,
        create: commandLine(args),
        stdin: secret(all(args.parameters).apply((parameters) => renderParameters(definite(parameters)))),
        logging: remote.Logging.Stderr,
        addPreviousOutputInEnv: false,
      },
      { ...opts, ...explained(args.machine), dependsOn: [...args.machine.ready, ...args.after] },
    );
    this.outcome = this.stdout.apply((text) => text.trim());
  }
}

export interface InstallStepArgs {
  readonly machine: Machine;
  /** The host scripts, by file name. */
  readonly scripts: Readonly<Record<string, string>>;
  readonly parameters: Readonly<Record<string, Input<string>>>;
}

/**
 * Brings the host scripts to a host and runs the first of them. It is the one step that waits for a host to boot.
 * A changed script is a changed input: it reaches the hosts with the next update.
 */
export class InstallStep extends remote.Command {
  readonly outcome: Output<string>;

  constructor(name: string, args: InstallStepArgs, opts: CustomResourceOptions) {
    const { machine } = args;
    super(
      name,
      {
        connection: bootConnection(machine.connection),
        create: asRoot(machine, `bash -s install ${machine.node}`),
        stdin: secret(
          all([args.parameters, machine.instance]).apply(([parameters, instance]) =>
            selfExtracting(args.scripts, `# ${instance}\n${renderParameters(definite(parameters))}`),
          ),
        ),
        logging: remote.Logging.Stderr,
        addPreviousOutputInEnv: false,
      },
      { ...opts, ...explained(machine), dependsOn: [...machine.ready] },
    );
    this.outcome = this.stdout.apply((text) => text.trim());
  }
}

const explanations = new WeakMap<Machine, ErrorHook>();

/**
 * Whatever a script refuses it explains itself; a connection that does not come about is explained here, in the same form,
 * beside the plugin's own message.
 */
function explained(machine: Machine): Pick<CustomResourceOptions, "hooks"> {
  let hook = explanations.get(machine);
  if (!hook) {
    const where = loginOf(machine.connection).apply(
      ({ user, host, port }) => `${machine.node} (${user}@${host}:${port})`,
    );
    hook = new ErrorHook(`ssh-${machine.node}`, async ({ errors: [message = ""] }) => {
      where.apply((known) => {
        const explanation = dialFailure(message, known);
        if (explanation !== undefined) void log.error(explanation);
      });
      return false;
    });
    explanations.set(machine, hook);
  }
  return { hooks: { onError: [hook] } };
}

function commandLine({ script, machine, words }: RemoteStepArgs): Output<string> {
  return output(words ?? "").apply((text) => asRoot(machine, `understudy ${script} ${machine.node} ${text}`.trimEnd()));
}

function asRoot(machine: Machine, line: string): Output<string> {
  return loginOf(machine.connection).apply(({ user }) => (user === "root" ? line : `sudo -n ${line}`));
}

const endOfFile = "UNDERSTUDY_END_OF_FILE";

/** A shell script that puts `scripts` into place, each as a whole, and runs the step with `parameters`. */
export function selfExtracting(scripts: Readonly<Record<string, string>>, parameters: string): string {
  const files = Object.keys(scripts)
    .sort()
    .map((file) => `cat >"$new/${file}" <<'${endOfFile}'\n${scripts[file]}${endOfFile}\n`);
  return `set -euo pipefail
directory=/usr/local/lib/understudy
new=$(mktemp -d /usr/local/lib/understudy.XXXXXX)
export new
base64 -d <<'${endOfFile}' | gzip -d | bash -eu
${packed(files.join(""))}
${endOfFile}
chmod 755 "$new/understudy" "$new/guard" "$new/handover" "$new/metrics" "$new/peer" "$new/pgbackrest-push"
mkdir -p "$directory"
chmod 755 "$directory"
mv -f "$new"/* "$directory/"
rmdir "$new"
ln -sfn "$directory/understudy" /usr/local/sbin/understudy
exec "$directory/understudy" "$@" <<'${endOfFile}'
${parameters}${endOfFile}
`;
}

const packedTexts = new Map<string, string>();

/**
 * The engine writes the whole state before and after each step, and these scripts are most of it: twice for each node. It is not
 * Node's own gzip, which may pack differently from one machine to the next: an update would see a change where there is none.
 */
function packed(text: string): string {
  const known = packedTexts.get(text) ?? Buffer.from(gzipSync(Buffer.from(text), { mtime: 0 })).toString("base64");
  packedTexts.set(text, known);
  return known;
}

function definite(parameters: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return parameters as Record<string, string>;
}
