import { log, type Output, output } from "@pulumi/pulumi";
import * as z from "zod";
import { parseOutcome } from "../../../model/outcome.ts";
import type { Update } from "../../update.ts";

/** What a step reports that does not fail for what it could not do, or could not see. */
const outcome = z.object({ missing: z.array(z.string()), again: z.string() });

/** What the step of the last update wants to be given, so that it runs again where it has left something to do. */
export function againOf(update: Pick<Update, "stored">, step: string): Output<string> {
  return output(
    update.stored.then((stored) => {
      const { stdout } = stored(step) ?? {};
      return (stdout === undefined ? undefined : parseOutcome(outcome, stdout))?.again ?? "";
    }),
  );
}

/** What a step prints is shown while it runs only; a warning stays. */
export function warnOfMissing(said: Output<string>): void {
  void said.apply((text) => {
    for (const what of parseOutcome(outcome, text)?.missing ?? []) void log.warn(what);
  });
}
