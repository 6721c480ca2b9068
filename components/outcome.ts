import { type Output, RunError } from "@pulumi/pulumi";
import type * as z from "zod";
import { sourceOutcome } from "../model/archive/restorePlan.ts";
import { type ClusterConfig, nodesOf } from "../model/config/config.ts";
import { installedHost } from "../model/installedHost.ts";
import { parseOutcome } from "../model/outcome.ts";
import { preflightOutcome } from "../model/preflight/index.ts";
import { receiptOutcome } from "../model/receipt.ts";
import { prepareOutcome, promoteOutcome, restoreOutcome } from "../model/stepOutcomes.ts";
import type { StoredStep } from "./stackState.ts";

/** What the step `name` reported, checked. A step whose stored outcome does not fit runs again: see `outcomesFit`. */
export function reported<T extends object>(name: string, outcome: Output<string>, schema: z.ZodType<T>): Output<T> {
  return outcome.apply((text): T => {
    const known = parseOutcome(schema, text);
    if (known === undefined) {
      throw new RunError(`${name}: what it has reported is not what it should be: ${text.slice(0, 500)}
HINT: run 'pulumi up' again: then every step runs anew. If it says the same again, please report it.`);
    }
    return known;
  });
}

/** Whether this program can read what the steps of the last update have reported, as the stack's state holds it. */
export function outcomesFit(config: ClusterConfig, stored: (step: string) => StoredStep | undefined): boolean {
  const schemas: Record<string, z.ZodType> = {
    preflight: preflightOutcome,
    prepare: prepareOutcome,
    promote: promoteOutcome,
    source: sourceOutcome,
    restore: restoreOutcome,
    receipt: receiptOutcome,
    ...Object.fromEntries(nodesOf(config).map(({ name }) => [`install-${name}`, installedHost])),
  };
  return Object.entries(schemas).every(([name, schema]) => {
    const { stdout } = stored(name) ?? {};
    return stdout === undefined || parseOutcome(schema, stdout) !== undefined;
  });
}
