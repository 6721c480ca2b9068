// @ts-check
/** What IAM policies say of one request, as far as the program's own use the language. What they do not use is refused. */

/**
 * @typedef {object} Statement
 * @property {"Allow" | "Deny"} Effect
 * @property {string | string[]} Action
 * @property {string | string[]} Resource
 * @property {Record<string, Record<string, string | string[]>>} [Condition]
 */
/** @typedef {{ action: string, resource: string, context: Record<string, string[]> }} Request */

/**
 * @param {readonly Statement[]} statements
 * @param {Request} request
 * @returns {"allow" | "deny" | "no_match"}
 */
export function decision(statements, request) {
  const effects = statements.filter((statement) => concerns(statement, request)).map(({ Effect }) => Effect);
  if (effects.includes("Deny")) return "deny";
  return effects.includes("Allow") ? "allow" : "no_match";
}

/**
 * @param {Statement} statement
 * @param {Request} request
 */
function concerns({ Action, Resource, Condition = {} }, { action, resource, context }) {
  return (
    [Action].flat().some((pattern) => matches(pattern.toLowerCase(), action.toLowerCase())) &&
    [Resource].flat().some((pattern) => matches(pattern, resource)) &&
    Object.entries(Condition).every(([operator, keys]) => holds(operator, keys, context))
  );
}

/**
 * @param {string} pattern
 * @param {string} text
 */
function matches(pattern, text) {
  const escaped = pattern
    .replace(/[.+^$()|[\]\\{}]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${escaped}$`, "s").test(text);
}

/**
 * @param {string} operator
 * @param {Record<string, string | string[]>} keys
 * @param {Record<string, string[]>} context
 */
function holds(operator, keys, context) {
  if (operator !== "StringEquals") throw new Error(`the stand-in's IAM does not know the operator ${operator}`);
  return Object.entries(keys).every(([key, wanted]) => context[key]?.some((value) => [wanted].flat().includes(value)));
}
