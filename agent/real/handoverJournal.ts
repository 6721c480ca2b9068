/** What of the agent's events the receipt of a change is made of: lines of the node's journal, as `model/receipt.ts` reads them. */
import { z } from "zod";
import { type Member, nameOf, type WalEnd } from "../../model/leadership/index.ts";
import { memberSchema } from "../../model/leadership/schema.ts";
import { lsnOf } from "../../model/lsn.ts";
import type { Log } from "../node.ts";

/** Of any step, before the step itself has looked at it. Proofs are of `demote` and `promote` alone. */
const requestSchema = z
  .object({
    intent: z.string().optional(),
    fenced: z
      .array(z.object({ node: memberSchema }))
      .catch([])
      .default([]),
  })
  .catch({ fenced: [] });

export interface HandoverJournalOptions {
  /** This node's name. */
  readonly node: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly append: (line: string) => void;
}

/** Takes each event. What it writes carries the update that was announced last. */
export function handoverJournal({ node, now, append }: HandoverJournalOptions): Log {
  let intent = "";
  let fenced: readonly Member[] = [];
  let began = 0;

  function write(step: string, startedMs: number, detail: object): void {
    const entry = {
      intent,
      step,
      node,
      outcome: "finished",
      startedMs,
      tookMs: Math.max(0, now() - startedMs),
      detail,
    };
    append(`${JSON.stringify(entry)}\n`);
  }

  return (event, facts = {}) => {
    switch (event) {
      case "step": {
        const request = requestSchema.parse(facts.request);
        intent = request.intent ?? intent;
        fenced = request.fenced.map(({ node: off }) => off);
        return;
      }
      case "stops":
      case "promotes":
      case "starts as the primary":
        began = now();
        return;
      case "has stopped":
        return write("stop", began, { shutdownLsn: lsnOf((facts.end as WalEnd).lsn) });
      case "takes": {
        const end = facts.primaryEnd as WalEnd | undefined;
        const detail = end === undefined ? { fenced: fenced.map(nameOf).join(" ") } : { shutdownLsn: lsnOf(end.lsn) };
        return write("take", now(), detail);
      }
      case "takes writes": {
        const begins = facts.begins as bigint | null;
        const promoted = begins === null ? {} : { promotedLsn: lsnOf(begins) };
        return write("writable", began || now(), { timeline: facts.timeline, ...promoted, writableMs: now() });
      }
    }
  };
}
