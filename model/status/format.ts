/** Figures as a person reads them: three digits at most, units as PostgreSQL spells them. */

/** `0 B`, `16 MB`, `1.4 GB` (powers of 1024). */
export function formatBytes(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const digits = unit > 0 && value < 9.95 ? 1 : 0;
  return `${value.toFixed(digits).replace(/\.0$/, "")} ${units[unit]}`;
}

/** `0 s`, `0.4 s`, `59 s`, `12 min`, `3 h`, `9 d`. Never rounded up to the next unit. */
export function formatSeconds(seconds: number): string {
  const value = Math.max(0, seconds);
  if (value < 0.05) return "0 s";
  if (value < 9.95) return `${value.toFixed(1).replace(/\.0$/, "")} s`;
  if (value < 120) return `${Math.floor(value)} s`;
  if (value < 2 * 3600) return `${Math.floor(value / 60)} min`;
  if (value < 48 * 3600) return `${Math.floor(value / 3600)} h`;
  return `${Math.floor(value / 86_400)} d`;
}

/** Whole percent, rounded down: what is left is never said to be more than it is. */
export function formatPercent(share: number): string {
  return `${Math.floor(share)} %`;
}

/** `1 segment`, `3 segments`. */
export function count(number: number, singular: string, plural = `${singular}s`): string {
  return `${number} ${number === 1 ? singular : plural}`;
}
