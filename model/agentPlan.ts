import * as z from "zod";
import { parseOutcome } from "./outcome.ts";

/** What the steps `announce` and `prepare` report of what an agent has begun; null: nothing. */
const planOutcome = z.object({
  plan: z.object({ plan: z.enum(["leads", "planned", "claim"]), entry: z.int().positive().optional() }).nullable(),
});

/** The entries of the ledger that are claimed, by what steps have reported. A fence proves something about these only. */
export function claimsIn(outcomes: readonly string[]): readonly number[] {
  const entries = outcomes.flatMap((text) => {
    const { plan, entry } = parseOutcome(planOutcome, text)?.plan ?? {};
    return plan === "claim" && entry !== undefined ? [entry] : [];
  });
  return [...new Set(entries)].sort((a, b) => a - b);
}
