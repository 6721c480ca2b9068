import { replicationRole } from "../names.ts";

/** The password file that standbys, `pg_basebackup` and `pg_rewind` connect to the primary with, whichever node that is. */
export function renderPgpass(input: { readonly replicationPassword: string }): string {
  const password = input.replicationPassword;
  if (/[\0\r\n]/.test(password)) throw new Error("the replication password holds a line break or NUL");
  return `*:*:*:${replicationRole}:${password.replace(/[\\:]/g, "\\$&")}\n`;
}
