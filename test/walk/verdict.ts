/** What a walk concludes from what it has seen: pure functions over plain values. All times are those of `now` in auditLogic.ts. */
import type { Ack, Violation, WritablePeriod } from "../support/auditLogic.ts";

/** The consent in config, as far as it says who may lose what. */
export interface Consent {
  readonly change: number;
  readonly lossBytes?: string | number;
  readonly lossUnknown?: boolean;
  readonly behind?: boolean;
}

/** A change of primary that is no handover, as a preview or an update has announced it before anything was done. */
export interface Announced {
  /** When the command began. */
  readonly at: number;
  readonly kind: string;
  /** Who leads, or led last; "": nobody was known to. */
  readonly from: string;
  readonly to: string;
  /** What it said to be at risk. */
  readonly atRisk: string;
  /** What was declared then; null: nothing. */
  readonly consent: Consent | null;
  /** Up to when `to` was known to have everything that was acknowledged: seen at the end of a round. */
  readonly wholeUntil: number;
}

const announcement =
  /preflight: (failover|adopt|return|switchover) (?:of (\S+?)|(\S+) → (\S+?)), epoch \d+, at risk: ([^;\n]+)/g;

/** What an update, or a preview, says that it will do about the primary. Handovers are left out: nothing is at risk in them. */
export function announcedIn(output: string): Pick<Announced, "kind" | "from" | "to" | "atRisk">[] {
  return [...output.matchAll(announcement)]
    .map(([, kind = "", alone, from, to, atRisk = ""]) => ({
      kind,
      from: from ?? "",
      to: to ?? alone ?? "",
      atRisk: atRisk.trim(),
    }))
    .filter(({ kind }) => kind !== "switchover");
}

/**
 * Those of `lost` that nobody has consented to lose. A row may be lost if a change said beforehand that something is at risk, a consent was declared for
 * it, the row was acknowledged before the target took writes, and after the last moment at which the target was known to have everything.
 * A consent is for the loss of what one leader wrote: of another one's rows it says nothing.
 */
export function lostWithoutConsent(
  lost: readonly Ack[],
  announced: readonly Announced[],
  periods: readonly WritablePeriod[],
): Ack[] {
  const covering = announced.flatMap((change) => {
    const { at, to, atRisk, consent, wholeUntil } = change;
    if (atRisk === "nothing" || consent === null || !(consent.lossUnknown || isSome(consent.lossBytes))) return [];
    if (isSpent(change, announced)) return [];
    const began = periods
      .filter(({ node, first }) => node === to && first.received > at)
      .map(({ first }) => first.received);
    return [{ from: wholeUntil, to: Math.min(Number.POSITIVE_INFINITY, ...began) }];
  });
  return lost.filter(({ at }) => !covering.some(({ from, to }) => at > from && at <= to));
}

function isSome(bytes: string | number | undefined): boolean {
  return bytes !== undefined && !/^0\D*$/.test(String(bytes));
}

/** It was given for the loss of another leader's rows before. */
function isSpent({ from, consent }: Announced, announced: readonly Announced[]): boolean {
  const first = announced.find((other) => other.consent?.change === consent?.change && other.atRisk !== "nothing");
  return first !== undefined && first.from !== from;
}

/** In words, for the log: what of all this must never be. Empty: nothing. */
export function verdict(seen: {
  readonly violations: readonly Violation[];
  readonly lost: readonly Ack[];
  readonly announced: readonly Announced[];
  readonly periods: readonly WritablePeriod[];
}): string[] {
  const two = seen.violations.map(
    ({ nodes: [one, other], at, certainMs }) =>
      `two nodes took writes at once: ${one} and ${other}, at ${Math.round(at)} ms, for ${Math.round(certainMs)} ms at least`,
  );
  const rows = lostWithoutConsent(seen.lost, seen.announced, seen.periods);
  const [first] = rows;
  if (first === undefined) return two;
  const times = rows.map(({ at }) => Math.round(at)).sort((a, b) => a - b);
  return [
    ...two,
    `${rows.length} acknowledged rows are lost without consent: acknowledged from ${times[0]} to ${times.at(-1)} ms, such as writer ${first.writer}, number ${first.number}`,
  ];
}

/** Who took writes when, in order: a line for each start of PostgreSQL. */
export function showPeriods(periods: readonly WritablePeriod[], began: number): string[] {
  const seconds = (at: number) => `${((at - began) / 1000).toFixed(1)} s`;
  return [...periods]
    .sort((a, b) => a.first.received - b.first.received)
    .map(
      ({ node, first, last, answers }) =>
        `${node} took writes from ${seconds(first.received)} to ${seconds(last.sent)} (${answers} answers)`,
    );
}
