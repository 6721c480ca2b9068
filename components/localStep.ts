import { local } from "@pulumi/command";
import { type CustomResourceOptions, type Input, type Output, output, type Resource, secret } from "@pulumi/pulumi";
import { named } from "./part.ts";
import type { Update } from "./update.ts";

export interface LocalStepArgs {
  /** The update that it is a step of. */
  readonly update: Update;
  /** Command line, run in the project's folder. It is shown by previews: nothing secret in it. */
  readonly command: Input<string>;
  /** What it gets on its standard input: a secret as a whole. A change of it runs the step again. */
  readonly stdin: Input<string>;
  /** Whether it gets its own previous outcome in PULUMI_COMMAND_STDOUT. @default false */
  readonly remembers?: boolean;
  /** The steps that come before it. */
  readonly after: readonly Resource[];
}

/**
 * One step of the runbook that looks at several hosts at once, and so runs on the operator's machine. As with `RemoteStep`:
 * no `update`, no `delete`; progress is streamed, the outcome is data for the next step.
 */
export class LocalStep extends local.Command {
  /** What the command printed: an input of the steps after it. */
  readonly outcome: Output<string>;

  constructor(name: string, args: LocalStepArgs, opts: CustomResourceOptions) {
    super(
      named(name, opts),
      {
        create: args.command,
        stdin: secret(args.stdin),
        environment: args.update.environment(),
        logging: local.Logging.Stderr,
        addPreviousOutputInEnv: args.remembers ?? false,
      },
      { ...opts, dependsOn: [...args.after] },
    );
    args.update.add(this);
    this.outcome = this.stdout.apply((text) => text.trim());
  }
}

/** What a step gets on its standard input, as JSON: `T` is what its script reads. */
export function jsonInput<T>(input: { readonly [Key in keyof T]: Input<unknown> }): Output<string> {
  return output(input).apply((known) => JSON.stringify(known));
}
