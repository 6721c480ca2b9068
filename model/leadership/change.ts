/**
 * A change of primary: which entry of the ledger, and how many overrides without the ledger above it. Changes are ordered, by the entry
 * first: of two nodes that lead, the one by the later change does.
 */
export interface Change {
  readonly entry: number;
  readonly overrides: number;
}

export const noChange: Change = { entry: 0, overrides: 0 };

/** Negative: `a` is the earlier one. 0: they are the same. */
export const compare = (a: Change, b: Change): number => a.entry - b.entry || a.overrides - b.overrides;

export const isLater = (a: Change, than: Change): boolean => compare(a, than) > 0;

/** Only what makes a change, of whatever holds one. */
export const changeOf = ({ entry, overrides }: Change): Change => ({ entry, overrides });

export const latest = (changes: Iterable<Change>): Change => {
  let found = noChange;
  for (const change of changes) if (isLater(change, found)) found = change;
  return changeOf(found);
};

/** For messages: "change 7", "change 7, override 1". */
export const describeChange = ({ entry, overrides }: Change): string =>
  overrides === 0 ? `change ${entry}` : `change ${entry}, override ${overrides}`;
