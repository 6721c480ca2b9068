// @ts-check
/** Whose credentials those are that somebody comes with, and what the policies say that he has, by the cloud's state as it is now. */
import { readFileSync } from "node:fs";

/** @typedef {{ type: string, id: string, properties: Record<string, any>, hidden?: Record<string, any> }} Thing */

/**
 * A session of a role, or a user.
 *
 * @typedef {object} Principal
 * @property {string} arn
 * @property {string} secretKey
 * @property {string} token of a session; "" of a user, whose key is for good
 * @property {readonly import("./policy.mjs").Statement[]} statements
 */

const ROLE = "aws:iam/role:Role";
const USER = "aws:iam/user:User";

/**
 * @param {string} file the cloud's state
 * @returns {{ account: string, region: string, things: Thing[] }}
 */
export const stateIn = (file) => JSON.parse(readFileSync(file, "utf8"));

/**
 * @param {readonly Thing[]} things
 * @param {string | undefined} accessKey
 * @returns {Principal | undefined}
 */
export function principalOf(things, accessKey) {
  const key = things.find(({ hidden }) => hidden?.accessKey !== undefined && hidden.accessKey === accessKey);
  if (key?.hidden === undefined || key.properties.status === "Inactive") return undefined;
  const { secretKey, token = "" } = key.hidden;
  const role = key.type === ROLE ? key : undefined;
  const owner = role ?? things.find(({ type, id }) => type === USER && id === key.properties.user);
  return owner && { arn: owner.properties.arn, secretKey, token, statements: statementsOf(things, owner) };
}

/**
 * @param {readonly Thing[]} things
 * @param {Thing} owner
 * @returns {import("./policy.mjs").Statement[]}
 */
function statementsOf(things, { type, id, hidden }) {
  const [policy, field] =
    type === ROLE ? ["aws:iam/rolePolicy:RolePolicy", "role"] : ["aws:iam/userPolicy:UserPolicy", "user"];
  const made = things.filter((thing) => thing.type === policy && thing.properties[field] === id);
  return [...made.map(({ properties }) => properties.policy), ...Object.values(hidden?.inline ?? {})].flatMap(
    (document) => JSON.parse(document).Statement,
  );
}
