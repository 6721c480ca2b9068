// @ts-check
/** The configuration of the provider. The SDK sends what is no string as JSON in a string. */
import { plain } from "../../../offline/lib/values.js";

/** @typedef {{ region: string, allowedAccountIds: string[], defaultTags: Record<string, string> }} ProviderConfig */

/**
 * @param {import("../../../offline/lib/values.js").Properties} inputs
 * @returns {ProviderConfig}
 */
export function configOf(inputs) {
  const { region = "", allowedAccountIds, defaultTags } = plain(inputs);
  return {
    region,
    allowedAccountIds: decoded(allowedAccountIds) ?? [],
    defaultTags: decoded(defaultTags)?.tags ?? {},
  };
}

/** @param {unknown} value @returns {any} */
function decoded(value) {
  return typeof value === "string" ? JSON.parse(value) : value;
}
