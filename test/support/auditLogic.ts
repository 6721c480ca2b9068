/**
 * What the audit client concludes from what it has seen: pure functions over plain values. All times are milliseconds of
 * `CLOCK_MONOTONIC`, which all processes of a machine share (`now`).
 */

/** Milliseconds of `CLOCK_MONOTONIC`: unlike `performance.now()`, the same in every process. */
export function now(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** A row: the `number`th attempt of a writer. No number is used twice. */
export interface Row {
  readonly writer: number;
  readonly number: number;
}

export interface Ack extends Row {
  /** When the acknowledgement came. */
  readonly at: number;
}

/** An attempt that was not acknowledged, or a connection that failed outside of one. */
export interface WriteError {
  readonly at: number;
  readonly writer: number;
  /** The row that was being written; undefined: the client was not writing. */
  readonly number: number | undefined;
  /** Where the connection led. */
  readonly place: string;
  readonly message: string;
  /** Whether the row may be there: nobody told that it was refused. */
  readonly unknownFate: boolean;
}

export interface Window {
  readonly from: number;
  readonly to: number;
}

/** Longest time in the window without an acknowledgement of any writer, its edges included: an outage at an edge counts. */
export function longestGap(
  acks: readonly Ack[],
  { from, to }: Window,
): { readonly gapMs: number; readonly from: number } {
  const times = acks.map(({ at }) => at).filter((at) => at >= from && at <= to);
  times.sort((a, b) => a - b);
  let longest = { gapMs: 0, from };
  let last = from;
  for (const at of [...times, to]) {
    if (at - last > longest.gapMs) longest = { gapMs: at - last, from: last };
    last = at;
  }
  return longest;
}

/** The answer of a node that it takes writes: it did so at some instant between the two. */
export interface Answer {
  readonly sent: number;
  readonly received: number;
}

/**
 * Answers of one server (one start of PostgreSQL on one node) that it takes writes. PostgreSQL goes back into recovery by a
 * restart only, so between its first and its last answer it took writes all the time, whatever was asked in between.
 */
export interface WritablePeriod {
  readonly node: string;
  /** Tells one start of PostgreSQL from the next: when its postmaster was started. */
  readonly server: string;
  readonly first: Answer;
  readonly last: Answer;
  readonly answers: number;
}

/** Adds an answer to the periods seen so far. */
export function addAnswer(periods: WritablePeriod[], node: string, server: string, answer: Answer): void {
  const index = periods.findIndex((period) => period.node === node && period.server === server);
  const period = periods[index];
  if (period === undefined) periods.push({ node, server, first: answer, last: answer, answers: 1 });
  else periods[index] = { ...period, last: answer, answers: period.answers + 1 };
}

export interface Violation {
  readonly nodes: readonly [string, string];
  /** The least time during which both took writes; 0 where it is certain for an instant only. */
  readonly certainMs: number;
  readonly at: number;
}

/**
 * Moments at which two nodes certainly took writes at once.
 *
 * With two answers, a server took writes from when the first was received, at the latest, until the last was asked, at the
 * earliest. Two such stretches that have an instant in common are a violation. With a single answer it is only known that
 * the server took writes at some instant between question and answer: a violation if the other's stretch covers all of that.
 * Anything less could be a change of primary in good order.
 */
export function violations(periods: readonly WritablePeriod[]): Violation[] {
  return periods.flatMap((one, index) =>
    periods.slice(index + 1).flatMap((other) => {
      if (one.node === other.node) return [];
      const common = commonTime(one, other);
      return common ? [{ nodes: [one.node, other.node] as const, ...common }] : [];
    }),
  );
}

function commonTime(one: WritablePeriod, other: WritablePeriod): Omit<Violation, "nodes"> | undefined {
  if (one.answers === 1 && other.answers === 1) return undefined;
  if (one.answers === 1) return covers(other, one.first);
  if (other.answers === 1) return covers(one, other.first);
  const from = Math.max(one.first.received, other.first.received);
  const to = Math.min(one.last.sent, other.last.sent);
  return from <= to ? { at: from, certainMs: to - from } : undefined;
}

function covers({ first, last }: WritablePeriod, { sent, received }: Answer): Omit<Violation, "nodes"> | undefined {
  return first.received <= sent && received <= last.sent ? { at: sent, certainMs: 0 } : undefined;
}

/** Rows that are in a table: all numbers of a writer from `first` to `last`. */
export interface Stretch {
  readonly writer: number;
  readonly first: number;
  readonly last: number;
}

/** Gives the stretches of the table that the writers write. */
export const stretchesQuery = `select writer, min(number)::int as first, max(number)::int as last
  from (select writer, number, number - row_number() over (partition by writer order by number) as island from audit) numbered
  group by writer, island`;

export interface Loss {
  readonly acknowledged: number;
  /** Acknowledged and not there: what must not be. */
  readonly lost: readonly Row[];
  /** Rows that nobody acknowledged or refused: there, or not. Neither is wrong. */
  readonly unknown: { readonly there: number; readonly missing: number };
  /** Refused for certain and there all the same, or never sent: what must not be either. */
  readonly unexplained: readonly Row[];
}

/** Compares what clients were told with what a table holds. */
export function lossOf(acks: readonly Ack[], errors: readonly WriteError[], table: readonly Stretch[]): Loss {
  const there = new Map<number, Set<number>>();
  for (const { writer, first, last } of table) {
    const numbers = there.get(writer) ?? new Set();
    for (let number = first; number <= last; number++) numbers.add(number);
    there.set(writer, numbers);
  }
  /** Whether the row is there; it is explained then. */
  const take = ({ writer, number }: Row) => there.get(writer)?.delete(number) ?? false;

  const lost = acks.filter((ack) => !take(ack)).map(({ writer, number }) => ({ writer, number }));
  const unknown = { there: 0, missing: 0 };
  for (const { writer, number, unknownFate } of errors) {
    if (unknownFate && number !== undefined) unknown[take({ writer, number }) ? "there" : "missing"]++;
  }
  const unexplained = [...there].flatMap(([writer, numbers]) => [...numbers].map((number) => ({ writer, number })));
  return { acknowledged: acks.length, lost, unknown, unexplained };
}

export interface Spread {
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (index: number) => sorted[index] ?? Number.NaN;
  const middle = sorted.length / 2;
  const median = Number.isInteger(middle) ? (at(middle - 1) + at(middle)) / 2 : at(Math.floor(middle));
  return { min: at(0), median, max: at(sorted.length - 1) };
}
