import { all, type CustomResourceOptions, type Output } from "@pulumi/pulumi";
import type { AwsPlace, SurroundingsInput } from "../../../model/stepInputs.ts";
import { LocalStep } from "../../localStep.ts";
import { command } from "../../programs.ts";
import type { Update } from "../../update.ts";
import { againOf, warnOfMissing } from "./unfinished.ts";

export interface SurroundingsArgs {
  readonly update: Update;
  readonly place: AwsPlace;
  /** Who leads, once that is known: the step comes after that. */
  readonly primary: Output<string>;
  readonly record?: Output<NonNullable<SurroundingsInput["record"]>>;
  readonly fenced: SurroundingsInput["fenced"];
}

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
        stdin: all([primary, record, againOf(update, "surroundings")]).apply(([leader, known, again]) =>
          JSON.stringify({
            ...({ account, region, fenced, again, ...(known ? { record: known } : {}) } satisfies SurroundingsInput),
            primary: leader,
          }),
        ),
        after: [],
      },
      opts,
    );
    warnOfMissing(this.outcome);
  }
}
