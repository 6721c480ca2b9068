import { all, type CustomResourceOptions, log, type Output } from "@pulumi/pulumi";
import * as z from "zod";
import { parseOutcome } from "../../../model/outcome.ts";
import type { AwsPlace, SurroundingsInput } from "../../../model/stepInputs.ts";
import { LocalStep } from "../../localStep.ts";
import { command } from "../../programs.ts";
import type { Update } from "../../update.ts";

export interface SurroundingsArgs {
  readonly update: Update;
  readonly place: AwsPlace;
  /** Who leads, once that is known: the step comes after that. */
  readonly primary: Output<string>;
  readonly record?: Output<NonNullable<SurroundingsInput["record"]>>;
  readonly fenced: SurroundingsInput["fenced"];
}

const outcome = z.object({ missing: z.array(z.string()), again: z.string() });

/** What a change of primary asks of Route 53 and IAM. It never fails: what it could not do, the next update tries again. */
export class Surroundings extends LocalStep {
  constructor(
    { update, place: { account, region }, primary, record, fenced }: SurroundingsArgs,
    opts: CustomResourceOptions,
  ) {
    super(
      "surroundings",
      {
        update,
        command: command("steps/surroundings.ts"),
        stdin: all([primary, record, update.stored.then(lastSaid)]).apply(([leader, known, again]) =>
          JSON.stringify({
            ...({ account, region, fenced, again, ...(known ? { record: known } : {}) } satisfies SurroundingsInput),
            primary: leader,
          }),
        ),
        after: [],
      },
      opts,
    );
    // What a step prints is shown while it runs only; a warning stays.
    void this.outcome.apply((text) => {
      for (const what of parseOutcome(outcome, text)?.missing ?? []) void log.warn(what);
    });
  }
}

/** What the step of the last update wants to be given, so that it runs again where it has left something to do. */
function lastSaid(stored: (step: string) => { readonly stdout?: string } | undefined): string {
  const { stdout } = stored("surroundings") ?? {};
  return (stdout === undefined ? undefined : parseOutcome(outcome, stdout))?.again ?? "";
}
