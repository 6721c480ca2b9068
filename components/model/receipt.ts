/** One line of a host's journal: a step that ran for an intent. */
export interface JournalEntry {
  readonly node: string;
  readonly step: string;
  readonly outcome: "finished" | "failed";
  /** Milliseconds since 1970, by the host's clock. */
  readonly startedMs: number;
  readonly tookMs: number;
}

/** What the hosts wrote in their journals about an intent. */
export interface Receipt {
  readonly intent: string;
  /** What the intent did: the first one makes the primary, later ones confirm it. */
  readonly kind: "provisioned" | "unchanged";
  /** The primary before; null: there was none. */
  readonly from: string | null;
  readonly to: string;
  readonly timeline: number;
  readonly epoch: number;
  /** In the order in which they began, a line each: start (UTC, by the host's clock), step, node, outcome, duration. */
  readonly steps: readonly string[];
  /** Nodes whose journal could not be read, with the reason. */
  readonly missing: Readonly<Record<string, string>>;
}

export interface LeadOutcome {
  readonly primary: string;
  readonly systemIdentifier: string;
  readonly timeline: number;
  /** Number of the change of primary that made it so; 1 is its making. */
  readonly epoch: number;
}

/** Puts the journals of all nodes (text, one JSON object a line) together. */
export function receipt(input: {
  readonly intent: string;
  readonly fresh: boolean;
  readonly lead: LeadOutcome;
  readonly journals: Readonly<Record<string, string>>;
  readonly missing: Readonly<Record<string, string>>;
}): Receipt {
  const steps = Object.values(input.journals)
    .flatMap((journal) => journal.split("\n").filter((line) => line !== ""))
    .map((line) => JSON.parse(line) as JournalEntry)
    .sort((a, b) => a.startedMs - b.startedMs)
    .map(
      ({ node, step, outcome, startedMs, tookMs }) =>
        `${new Date(startedMs).toISOString()} ${step} ${node} ${outcome} ${tookMs} ms`,
    );
  return {
    intent: input.intent,
    kind: input.fresh ? "provisioned" : "unchanged",
    from: input.fresh ? null : input.lead.primary,
    to: input.lead.primary,
    timeline: input.lead.timeline,
    epoch: input.lead.epoch,
    steps,
    missing: input.missing,
  };
}
