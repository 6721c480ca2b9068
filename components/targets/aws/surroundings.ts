import { all, type CustomResourceOptions, type Output } from "@pulumi/pulumi";
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

const outcome = z.object({ missing: z.array(z.string()), at: z.string() });

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
        stdin: all([primary, record, update.stored.then(tryAgain)]).apply(([leader, known, again]) =>
          JSON.stringify({
            ...({ account, region, fenced, ...(known ? { record: known } : {}) } satisfies SurroundingsInput),
            primary: leader,
            again,
          }),
        ),
        after: [],
      },
      opts,
    );
  }
}

/** Another text where the step of the last update has left something to do; "": it has not. */
function tryAgain(stored: (step: string) => { readonly stdout?: string } | undefined): string {
  const { stdout } = stored("surroundings") ?? {};
  const known = stdout === undefined ? undefined : parseOutcome(outcome, stdout);
  return known && known.missing.length > 0 ? known.at : "";
}
