import type { Consent } from "../clusterConfig.ts";
import type { Problem } from "../problems.ts";
import { acceptOptions } from "../schema/acceptOptions.ts";
import { asObject, readOptions } from "../schema/option.ts";

/** Reads `accept`: undefined where nothing is accepted. */
export function readAccept(raw: unknown, problems: Problem[]): Consent | undefined {
  const object = asObject(raw);
  if (object !== undefined && Object.values(object).every((value) => value === "")) return undefined;
  const {
    change = 0,
    lossBytes = 0,
    lossUnknown = false,
    behind = false,
  } = readOptions(acceptOptions, raw, "accept", problems);
  return { change, lossBytes, lossUnknown, behind };
}
