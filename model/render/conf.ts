/** A value as `postgresql.conf` takes it: PostgreSQL undoes both kinds of escape. */
export function quoteValue(value: string): string {
  if (/[\0\r\n]/.test(value)) throw new Error("a value of postgresql.conf holds a line break or NUL");
  return `'${value.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`;
}

/** Lines `name = 'value'`, sorted. */
export function renderSettings(settings: Readonly<Record<string, string>>): string {
  return Object.keys(settings)
    .sort()
    .map((name) => `${name} = ${quoteValue(settings[name] as string)}\n`)
    .join("");
}

export const header = "# Written by Understudy. Changes made here are lost: set them in the stack's config.\n";
