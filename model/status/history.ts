import type { Handover, StoredChange } from "../receipt.ts";

/**
 * What `npm run status -- --history --json` prints. Names and meanings stay; new fields may be added. What is not known is `null`;
 * times are ISO 8601 in UTC.
 */
export interface HistoryReport {
  /** Of this shape. */
  readonly version: 1;
  readonly cluster: string;
  readonly at: string;
  /** Whose database told it. A standby may not have the last change. */
  readonly source: { readonly node: string; readonly role: "primary" | "standby" };
  /** The newest first. */
  readonly changes: readonly ChangeReport[];
}

/** One change of primary. */
export interface ChangeReport {
  readonly epoch: number;
  readonly at: string;
  /** null: the update that made it has not got to its end. */
  readonly kind: Handover["kind"] | null;
  readonly from: string | null;
  readonly to: string;
  readonly timeline: number;
  /** Everything that is known of it. */
  readonly receipt: Handover | null;
}

/** The changes as a node's database has them, and which node that is. */
export interface History {
  readonly source: HistoryReport["source"];
  readonly changes: readonly StoredChange[];
}

export function historyOf(cluster: string, at: Date, { source, changes }: History): HistoryReport {
  return {
    version: 1,
    cluster,
    at: at.toISOString(),
    source,
    changes: [...changes]
      .sort((a, b) => b.epoch - a.epoch)
      .map(({ epoch, at, from, to, timeline, receipt }) => ({
        epoch,
        at,
        kind: receipt?.kind ?? null,
        from,
        to,
        timeline,
        receipt,
      })),
  };
}
