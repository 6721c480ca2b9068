import type { PostgresMajor } from "../../majors.ts";
import type { DatabaseConfig, UserConfig } from "../clusterConfig.ts";
import { keyPath, type Problem } from "../problems.ts";
import { accountNameProblem, databaseOptions, grantableRolesOf, userOptions } from "../schema/accountOptions.ts";
import { asObject, readOptions } from "../schema/option.ts";
import { topOptions } from "../schema/topOptions.ts";

export interface Accounts {
  readonly databases: Readonly<Record<string, DatabaseConfig>>;
  readonly users: Readonly<Record<string, UserConfig>>;
}

/** Reads `databases` and `users`: every owner of a database is a user, named or not. */
export function readAccounts(
  rawDatabases: unknown,
  rawUsers: unknown,
  major: PostgresMajor,
  problems: Problem[],
): Accounts {
  const databases: Record<string, DatabaseConfig> = {};
  for (const [name, raw] of entries(rawDatabases, "databases", problems)) {
    const path = keyPath("databases", name);
    const { owner } = readOptions(databaseOptions, raw, path, problems);
    databases[name] = { name, owner: owner ?? name };
    checkName(name, path, problems);
    if (owner !== undefined && owner !== name) checkName(owner, `${path}.owner`, problems);
  }
  if (Object.keys(databases).length === 0) databases.app = { name: "app", owner: "app" };

  const users: Record<string, UserConfig> = {};
  for (const [name, raw] of entries(rawUsers, "users", problems)) {
    const path = keyPath("users", name);
    const { password, memberOf = [], connectionLimit } = readOptions(userOptions, raw, path, problems);
    users[name] = { name, password, memberOf, connectionLimit };
    checkName(name, path, problems);
  }
  for (const { owner } of Object.values(databases)) {
    if (!Object.hasOwn(users, owner)) {
      users[owner] = { name: owner, password: undefined, memberOf: [], connectionLimit: undefined };
    }
  }
  checkMemberships(users, major, problems);
  return { databases, users };
}

function entries(raw: unknown, key: "databases" | "users", problems: Problem[]): [string, unknown][] {
  const object = asObject(raw);
  if (!object) problems.push({ key, rule: topOptions[key].rule, hint: topOptions[key].hint });
  return Object.entries(object ?? {});
}

function checkName(name: string, key: string, problems: Problem[]): void {
  const problem = accountNameProblem(name);
  if (problem) problems.push({ key, ...problem });
}

function checkMemberships(
  users: Readonly<Record<string, UserConfig>>,
  major: PostgresMajor,
  problems: Problem[],
): void {
  const own = grantableRolesOf(major);
  for (const user of Object.values(users)) {
    const key = `${keyPath("users", user.name)}.memberOf`;
    for (const role of user.memberOf) {
      if (Object.hasOwn(users, role) || own.includes(role)) continue;
      const rule = `'${role}' is neither among the users nor a role of PostgreSQL ${major} that may be given away`;
      problems.push({ key, rule, hint: `add it to users, or use one of ${own.join(", ")}` });
    }
    if (reaches(users, user.name, user.name)) {
      problems.push({ key, rule: "makes the user a member of itself", hint: "break the circle" });
    }
  }
}

/** Whether `from` is a member of `to`, directly or by way of others. */
function reaches(users: Readonly<Record<string, UserConfig>>, from: string, to: string): boolean {
  const seen = new Set<string>();
  const open = [...(users[from]?.memberOf ?? [])];
  for (let role = open.pop(); role !== undefined; role = open.pop()) {
    if (role === to) return true;
    if (seen.has(role)) continue;
    seen.add(role);
    open.push(...(Object.hasOwn(users, role) ? (users[role]?.memberOf ?? []) : []));
  }
  return false;
}
