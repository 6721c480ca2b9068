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
import { dialFailure } from "../model/dialFailure.ts";
import { renderParameters } from "../model/render/parameters.ts";
import { formerName } from "../model/steps.ts";
import { named } from "./part.ts";
import { loginOf } from "./targets/connection.ts";
import type { Machine } from "./targets/machine.ts";
import type { Again, Update } from "./update.ts";

export interface RemoteStepArgs {
  /** The update that it is a step of. */
  readonly update: Update;
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
  /** The outcome that the script reported, as JSON text: an input of the steps after it. */
  readonly outcome: Output<string>;

  constructor(name: string, args: RemoteStepArgs, opts: CustomResourceOptions) {
    super(
      named(name, opts),
      {
        connection: args.machine.connection,
        create: commandLine(args),
        stdin: secret(
          all([all(args.parameters), args.update.again]).apply(([parameters, again]) =>
            renderParameters({ ...definite(parameters), ...inWords(again) }),
          ),
        ),
        logging: remote.Logging.Stderr,
        addPreviousOutputInEnv: false,
      },
      {
        ...opts,
        ...explained(args.machine, opts),
        aliases: [formerName(name)]
          .filter((former) => former !== undefined)
          .map((former) => ({ name: named(former, opts) })),
        dependsOn: [...args.machine.ready, ...args.after],
      },
    );
    args.update.add(this);
    this.outcome = this.stdout.apply((text) => text.trim());
  }
}

const explanations = new WeakMap<Machine, ErrorHook>();

/**
 * Whatever a script refuses it explains itself; a connection that does not come about is explained here, in the same form,
 * beside the plugin's own message.
 */
function explained(machine: Machine, opts: CustomResourceOptions): Pick<CustomResourceOptions, "hooks"> {
  let hook = explanations.get(machine);
  if (!hook) {
    const where = loginOf(machine.connection).apply(
      ({ user, host, port }) => `${machine.node} (${user}@${host}:${port})`,
    );
    hook = new ErrorHook(named(`ssh-${machine.node}`, opts), async ({ errors: [message = ""] }) => {
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

/** As a parameter: no script reads it, but another value of it runs the step again. */
function inWords({ CONTINUES, RECONCILE }: Again): Record<string, string> {
  const words = [CONTINUES, RECONCILE].filter((word) => word !== undefined);
  return words.length === 0 ? {} : { again: words.join(" ") };
}

function definite(parameters: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return parameters as Record<string, string>;
}
