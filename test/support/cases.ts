/** What a run under `npm run test:handover` does in full; every other run does a fixed part of it. */
export const inFull = process.env.UNDERSTUDY_HANDOVER_FULL === "1";

/**
 * All of `cases` in a full run, else a fixed part of them in which every kind occurs.
 *
 * @param kindsOf what a case is an instance of, such as its step and its fault
 */
export function partOf<T>(cases: readonly T[], kindsOf: (each: T) => readonly string[]): readonly T[] {
  return inFull ? cases : spread(cases, kindsOf);
}

/**
 * A few of `cases`, in their order, that have all kinds of them. One after the other, the case is taken whose kinds were taken
 * least so far.
 */
export function spread<T>(cases: readonly T[], kindsOf: (each: T) => readonly string[]): T[] {
  const taken = new Map<string, number>();
  const times = (kind: string) => taken.get(kind) ?? 0;
  const part = new Set<T>();
  for (;;) {
    const further = cases.filter((each) => kindsOf(each).some((kind) => times(kind) === 0));
    const worth = (each: T) => kindsOf(each).reduce((sum, kind) => sum + 1 / (1 + times(kind)), 0);
    const [first, ...rest] = further;
    if (first === undefined) return cases.filter((each) => part.has(each));
    const best = rest.reduce((before, each) => (worth(each) > worth(before) ? each : before), first);
    for (const kind of kindsOf(best)) taken.set(kind, times(kind) + 1);
    part.add(best);
  }
}

/** Deals `cases` to `count` rows, one after the other, so that neighbours come to different rows. */
export function deal<T>(cases: readonly T[], count: number): T[][] {
  return Array.from({ length: count }, (_, row) => cases.filter((_, index) => index % count === row));
}
