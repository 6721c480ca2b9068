// @ts-check
/** Whose credentials those of a session are, and what the policies of his role say, by the cloud's state as it is now. */
import { readFileSync } from "node:fs";

/** @typedef {{ type: string, id: string, properties: Record<string, any>, hidden?: Record<string, any> }} Thing */

/**
 * @param {string} file the cloud's state
 * @returns {{ account: string, region: string, things: Thing[] }}
 */
export const stateIn = (file) => JSON.parse(readFileSync(file, "utf8"));

/**
 * @param {readonly Thing[]} things
 * @param {string | undefined} accessKey
 */
export function roleOf(things, accessKey) {
  const role = things.find(({ type, hidden }) => type === "aws:iam/role:Role" && hidden?.accessKey === accessKey);
  return role?.hidden && { ...role, hidden: role.hidden };
}

/**
 * @param {readonly Thing[]} things
 * @param {string} role
 * @returns {import("./policy.mjs").Statement[]}
 */
export function statementsOf(things, role) {
  const made = things.filter(
    ({ type, properties }) => type === "aws:iam/rolePolicy:RolePolicy" && properties.role === role,
  );
  const put = things.find(({ type, id }) => type === "aws:iam/role:Role" && id === role)?.hidden?.inline ?? {};
  return [...made.map(({ properties }) => properties.policy), ...Object.values(put)].flatMap(
    (policy) => JSON.parse(policy).Statement,
  );
}
