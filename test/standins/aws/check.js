// @ts-check
/** Checks the inputs of a resource against its type, and gives it the provider's tags, as the real plugin does. */
import { isUnknown, plain } from "../../../offline/lib/values.js";

/** @typedef {import("../../../offline/lib/values.js").Properties} Properties */
/** @typedef {{ property: string, reason: string }} Failure */

/**
 * @param {string} typeName
 * @param {import("./types/field.js").ResourceType} type
 * @param {Properties} given
 * @param {Readonly<Record<string, string>>} defaultTags
 * @returns {{ inputs: Properties, failures: Failure[] }}
 */
export function check(typeName, { fields, conflicts = [] }, given, defaultTags) {
  const { __defaults: _, ...inputs } = given;
  const present = (/** @type {string} */ name) => (inputs[name] ?? null) !== null;
  const missing = Object.keys(fields)
    .filter((name) => fields[name]?.required && !present(name))
    .map((property) => ({ property, reason: `Missing required argument: ${typeName} needs '${property}'` }));
  const unknown = Object.keys(inputs)
    .filter((name) => !(name in fields) && present(name))
    .map((property) => ({ property, reason: `the stand-in does not know '${property}' of ${typeName}` }));
  const both = conflicts
    .filter((names) => names.every(present))
    .map(([property = "", other]) => ({
      property,
      reason: `Conflicting configuration arguments: '${property}' and '${other}' of ${typeName}`,
    }));
  const tagged = "tags" in fields && !isUnknown(inputs.tags) ? { tags: { ...defaultTags, ...plain(inputs.tags) } } : {};
  return { inputs: { ...inputs, ...tagged }, failures: [...missing, ...unknown, ...both] };
}
