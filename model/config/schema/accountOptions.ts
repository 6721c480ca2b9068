import * as z from "zod";
import type { PostgresMajor } from "../../majors.ts";
import { isPlainIdentifier, reservedReason } from "../../names.ts";
import { matching, type Option, wholeNumber } from "./option.ts";

export const databaseOptions = {
  owner: {
    schema: matching(isPlainIdentifier),
    description: "User that owns the database; one that `users` does not name is made as well.",
    rule: "must be a name of lower-case letters, digits and underscores, 63 at most",
    hint: "name a user",
    default: "a user of the database's name",
    effect: "the owner changes",
  },
} as const satisfies Record<string, Option>;

export const userOptions = {
  password: {
    schema: matching((password) => /^[\x20-\x7e]{8,200}$/.test(password)),
    description: "Password.",
    rule: "must be 8 to 200 characters of printable ASCII",
    hint: "leave it out to have one generated, or set another with: pulumi config set --secret --path",
    default: "generated",
    secret: true,
    later: true,
    effect: "the password changes; open sessions stay",
  },
  memberOf: {
    schema: z.array(z.string()).readonly(),
    type: "readonly string[]",
    description: "Roles that it is a member of: other users, or PostgreSQL's `pg_read_all_data` and the like.",
    rule: "must be a list of names",
    hint: "set it such as: pulumi config set --path 'users.report.memberOf[0]' pg_read_all_data",
    default: "none",
    effect: "memberships are granted; others that were granted by hand stay",
  },
  connectionLimit: {
    schema: wholeNumber(0, 262_143),
    description: "How many sessions it may have at once.",
    rule: "must be a whole number from 0 to 262143",
    hint: "set a number, or leave it out for no limit",
    default: "no limit",
    effect: "new sessions heed it",
  },
} as const satisfies Record<string, Option>;

/** Roles of PostgreSQL's own that a user may be a member of, by the major that brought them. None is as good as superuser. */
const grantableRoles: Readonly<Record<string, PostgresMajor>> = {
  pg_checkpoint: 15,
  pg_create_subscription: 16,
  pg_maintain: 17,
  pg_monitor: 13,
  pg_read_all_data: 14,
  pg_read_all_settings: 13,
  pg_read_all_stats: 13,
  pg_signal_autovacuum_worker: 18,
  pg_signal_backend: 13,
  pg_stat_scan_tables: 13,
  pg_use_reserved_connections: 16,
  pg_write_all_data: 14,
};

export function grantableRolesOf(major: PostgresMajor): readonly string[] {
  return Object.keys(grantableRoles).filter((role) => (grantableRoles[role] as number) <= major);
}

/** What is wrong with the name of a database or user, or undefined. */
export function accountNameProblem(name: string): { rule: string; hint: string } | undefined {
  const hint = "choose another name of lower-case letters, digits and underscores, 63 at most";
  if (!isPlainIdentifier(name))
    return { rule: "is no name of lower-case letters, digits and underscores, 63 at most", hint };
  const reason = reservedReason(name);
  return reason === undefined ? undefined : { rule: reason, hint };
}
