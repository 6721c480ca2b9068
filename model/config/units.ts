/** Units of PostgreSQL, spelt as PostgreSQL spells them: a value is parsed whole or refused. */

export const durationUnits = { us: 1e-3, ms: 1, s: 1e3, min: 60e3, h: 3600e3, d: 86_400e3 } as const;
export const sizeUnits = { B: 1, kB: 1024, MB: 1024 ** 2, GB: 1024 ** 3, TB: 1024 ** 4 } as const;

export type DurationUnit = keyof typeof durationUnits;
export type SizeUnit = keyof typeof sizeUnits;

/** A length of time such as `15min`, in PostgreSQL's units. */
export type Duration = `${number}${DurationUnit}`;
/** A size such as `1GB`, in PostgreSQL's units (powers of 1024). */
export type Size = `${number}${SizeUnit}`;

const quantity = /^(\d+(?:\.\d+)?) *([A-Za-z]+)$/;

function parseQuantity(text: string, units: Readonly<Record<string, number>>): number | undefined {
  const match = quantity.exec(text);
  const factor = match && Object.hasOwn(units, match[2] as string) ? units[match[2] as string] : undefined;
  if (!match || factor === undefined) return undefined;
  const value = Number(match[1]) * factor;
  return Number.isSafeInteger(Math.round(value)) ? value : undefined;
}

/** Milliseconds in `text`, or undefined where it is no duration. */
export function parseDuration(text: string): number | undefined {
  return parseQuantity(text, durationUnits);
}

/** Bytes in `text`, or undefined where it is no size. A fraction of a byte is no size. */
export function parseSize(text: string): number | undefined {
  const bytes = parseQuantity(text, sizeUnits);
  return bytes !== undefined && Number.isInteger(bytes) ? bytes : undefined;
}

export function isDuration(text: string): text is Duration {
  return parseDuration(text) !== undefined;
}

export function isSize(text: string): text is Size {
  return parseSize(text) !== undefined;
}

/** The largest unit in which `bytes` is a whole number: `formatSize(2 ** 30)` is `1GB`. */
export function formatSize(bytes: number): Size {
  for (const unit of ["TB", "GB", "MB", "kB"] as const) {
    if (bytes >= sizeUnits[unit] && bytes % sizeUnits[unit] === 0) return `${bytes / sizeUnits[unit]}${unit}`;
  }
  return `${bytes}B`;
}
