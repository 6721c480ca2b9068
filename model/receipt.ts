import * as z from "zod";
import { epoch, most, number, text } from "./hostFacts.ts";
import { parseOutcome } from "./outcome.ts";
import { type AtRisk, atRisk, type Kind, kind } from "./preflight/scene.ts";
import type { PromoteOutcome } from "./stepOutcomes.ts";

/** One line of a host's journal: a step, or a part of a handover, that ran for an intent. */
export interface JournalEntry {
  readonly intent: string;
  readonly node: string;
  readonly step: string;
  /** `finished`, `failed`; of a part of a handover also `taken`, `revoked`, … */
  readonly outcome: string;
  /** Milliseconds since 1970, by the host's clock. */
  readonly startedMs: number;
  readonly tookMs: number;
  /** What only this step has to tell. */
  readonly detail?:
    | {
        /** `promise`: what was to be done, and what it puts at risk. */
        readonly kind?: Kind;
        readonly epoch?: number;
        readonly atRisk?: AtRisk | null;
        /** `stop`, `take`: where the old primary's WAL ends. */
        readonly shutdownLsn?: string;
        /** `take`: nodes that were proven to be off, with spaces between them. */
        readonly fenced?: string;
        /** `promote`: where the new timeline begins, and when it was first seen to take writes. */
        readonly timeline?: number;
        readonly promotedLsn?: string;
        readonly writableMs?: number;
        /** `rejoin`: what a former primary had written and the new one never got. */
        readonly lost?: Counted | null;
      }
    | undefined;
}

interface Counted {
  readonly from: string;
  readonly to: string;
  readonly bytes: number;
  readonly transactions: number;
}

/** WAL that the old primary had written and the new one never got. `null`: it is back, and could not be counted. */
export interface Lost {
  readonly bytes: number | null;
  /** Committed ones. */
  readonly transactions: number | null;
  /** Where the two histories part, and how far the old primary's went on; `null` where they do not. */
  readonly from: string | null;
  readonly to: string | null;
}

/**
 * How the primary came to be the one that it is. An update that does not change the primary leaves it as it is, but for what is
 * found lost when the old primary is back.
 */
export interface Handover {
  /** The update that did it, by its intent. */
  readonly intent: string;
  /** return: a primary that had handed over took its role back. */
  readonly kind: "provisioned" | Exclude<Kind, "none">;
  /** The primary before; null: there was none. */
  readonly from: string | null;
  readonly to: string;
  /** Number of the change. */
  readonly epoch: number;
  readonly timelines: { readonly before: number | null; readonly after: number };
  /** The old primary's last record, a shutdown checkpoint; null: it was not stopped by this change. */
  readonly shutdownLsn: string | null;
  /** Where the new timeline begins; null: there is no new one. */
  readonly promotedLsn: string | null;
  /** In the order in which they began, a line each: start (UTC, by the host's clock), step, node, outcome, duration. */
  readonly steps: readonly string[];
  /**
   * From the moment at which the old primary began to stop to the one at which the new one was seen to take writes, by the clocks
   * of the two hosts; null: nobody knows when the old one took its last write.
   */
  readonly writeGapMs: number | null;
  /** What preflight said before; null: there was nothing to say. */
  readonly atRisk: AtRisk | null;
  /** null: not known until the old primary is back. */
  readonly lost: Lost | null;
  /** Nodes that were proven to be off, and how. */
  readonly fence: readonly FenceProof[];
}

export interface FenceProof {
  readonly node: string;
  readonly how: string;
}

/** What the step `receipt` prints. */
export interface ReceiptOutcome {
  /** The present intent: the update that was made for it has got to its end. */
  readonly intent: string;
  readonly handover: Handover;
  /** Nodes whose journal could not be read, with the reason. */
  readonly missing: Readonly<Record<string, string>>;
}

/** A row of the table `understudy.handover`, which goes where the data go. */
export interface StoredChange {
  readonly epoch: number;
  readonly from: string | null;
  readonly to: string;
  readonly timeline: number;
  /** ISO 8601. */
  readonly at: string;
  /** null: the update that made the change has not got to its receipt. */
  readonly receipt: Handover | null;
}

// --- what comes from hosts, from the database and from the stack's state ----------------------------------------------

const counted = z.object({ from: text, to: text, bytes: number, transactions: number });
/** Milliseconds since 1970, before the year 10,000. */
const time = z.number().min(0).max(253_402_300_799_999);

const journalEntry: z.ZodType<JournalEntry> = z.object({
  intent: text,
  node: text,
  step: text,
  outcome: text,
  startedMs: time,
  tookMs: number,
  detail: z
    .object({
      kind,
      epoch,
      atRisk: atRisk.nullable(),
      shutdownLsn: text,
      fenced: text,
      timeline: number,
      promotedLsn: text,
      writableMs: time,
      lost: counted.nullable(),
    })
    .partial()
    .optional() as z.ZodType<JournalEntry["detail"]>,
});

const handover: z.ZodType<Handover> = z.object({
  intent: text,
  kind: z.enum(["provisioned", ...kind.exclude(["none"]).options]),
  from: text.nullable(),
  to: text,
  epoch,
  timelines: z.object({ before: number.nullable(), after: number }),
  shutdownLsn: text.nullable(),
  promotedLsn: text.nullable(),
  steps: z.array(text).max(most),
  writeGapMs: number.nullable(),
  atRisk: atRisk.nullable(),
  lost: z
    .object({
      bytes: number.nullable(),
      transactions: number.nullable(),
      from: text.nullable(),
      to: text.nullable(),
    })
    .nullable(),
  fence: z.array(z.object({ node: text, how: text })).max(most),
});

export const receiptOutcome: z.ZodType<ReceiptOutcome> = z.object({
  intent: text,
  handover,
  missing: z.record(text, text),
});

const storedChange: z.ZodType<StoredChange> = z.object({
  epoch,
  from: text.nullable(),
  to: text,
  timeline: number,
  at: text.refine((value) => !Number.isNaN(Date.parse(value))),
  // One that an older version has written is put together anew.
  receipt: handover.nullable().catch(null),
});

const storedLine = z.object({ stored: z.array(z.unknown()).max(most) });

export interface ReceiptSources {
  /** The present one. */
  readonly intent: string;
  readonly promoted: PromoteOutcome;
  readonly journals: readonly JournalEntry[];
  /** The last changes that the database knows of, any order. */
  readonly stored: readonly StoredChange[];
  /** How nodes are fenced, as declared. */
  readonly fences: readonly FenceProof[];
}

/** The receipt of the change by which the present primary leads: the stored one, amended, or a new one. */
export function handoverOf(sources: ReceiptSources): Handover {
  const { promoted, stored } = sources;
  const known = stored.find(({ epoch, to }) => epoch === promoted.epoch && to === promoted.primary)?.receipt;
  if (!known) return newHandover(sources);
  if (known.lost !== null) return known;
  return { ...known, lost: lostBy(awaited(known), sources, startOf(known)) };
}

function newHandover(sources: ReceiptSources): Handover {
  const { promoted, journals, stored, fences } = sources;
  const { primary: to, epoch } = promoted;
  const last = (step: string, node: string, accepts: (entry: JournalEntry) => boolean = () => true) =>
    journals.findLast((entry) => entry.step === step && entry.node === node && accepts(entry));
  const promise = last("promise", to, ({ detail }) => detail?.epoch === epoch);
  // What the hosts did for the change comes after the promise, whichever update it was that saw it through.
  const since = (entry: JournalEntry) => promise !== undefined && entry.startedMs >= promise.startedMs;
  const writable = last("writable", to, (entry) => since(entry) && entry.detail?.timeline === promoted.timeline);
  const take = last("take", to, (entry) => since(entry) && entry.outcome === "finished");
  const from = promoted.from === "" ? null : promoted.from;
  const stop =
    from === null || take?.detail?.shutdownLsn === undefined
      ? undefined
      : last("stop", from, ({ detail }) => plainLsn(detail?.shutdownLsn) === plainLsn(take.detail?.shutdownLsn));

  const kind = from === to ? "return" : kindOf(promise?.detail?.kind, sources);
  const off = (take?.detail?.fenced ?? "").split(" ").filter((name) => name !== "");
  const done: Handover = {
    intent: promise?.intent ?? sources.intent,
    kind,
    from,
    to,
    epoch,
    timelines: {
      before: stored.filter((row) => row.epoch < epoch).sort((a, b) => b.epoch - a.epoch)[0]?.timeline ?? null,
      after: promoted.timeline,
    },
    shutdownLsn: plainLsn(take?.detail?.shutdownLsn) ?? null,
    promotedLsn: plainLsn(writable?.detail?.promotedLsn) ?? null,
    steps: stepsOf(sources, [promise, stop, take, writable]),
    writeGapMs: stop && writable?.detail?.writableMs ? writable.detail.writableMs - stop.startedMs : null,
    atRisk: promise?.detail?.atRisk ?? null,
    lost: nothingLost,
    fence: off.map((node) => ({
      node,
      how: fences.find((fence) => fence.node === node)?.how ?? "not declared any more",
    })),
  };
  const gone = awaited(done);
  if (gone.length === 0) return done;
  return { ...done, lost: lostBy(gone, sources, take?.startedMs ?? promise?.startedMs ?? 0) };
}

/** `0/06000028`, as pg_waldump writes it, is `0/6000028`. */
function plainLsn(lsn: string | undefined): string | undefined {
  return lsn ? lsn.replace(/\b0+(?=[0-9A-F])/g, "") : undefined;
}

const nothingLost: Lost = { bytes: 0, transactions: 0, from: null, to: null };

function kindOf(promised: Kind | undefined, { promoted, stored }: ReceiptSources): Handover["kind"] {
  if (promised !== undefined && promised !== "none") return promised;
  if (promoted.from === "") return "provisioned";
  // Nobody promised anything: this one has led since before there were receipts.
  return stored.some(({ epoch }) => epoch < promoted.epoch) ? "switchover" : "provisioned";
}

/** Who may have written what the new primary never got. Who handed over by a planned change has not. */
function awaited({ kind, from, to, fence }: Handover): readonly string[] {
  switch (kind) {
    case "provisioned":
    case "switchover":
      return [];
    case "failover":
    case "adopt":
      return from === null ? fence.map(({ node }) => node) : [from];
    case "return":
      return fence.map(({ node }) => node).filter((node) => node !== to);
    default:
      return kind satisfies never;
  }
}

/** null: not all of them are back. */
function lostBy(nodes: readonly string[], { journals }: ReceiptSources, sinceMs: number): Lost | null {
  const each = nodes.map((node): Lost | undefined => {
    const later = journals.filter((entry) => entry.node === node && entry.startedMs >= sinceMs);
    if (!later.some(({ step, outcome }) => step === "follow" && outcome === "finished")) return undefined;
    const rejoin = later.findLast(({ step, outcome }) => step === "rejoin" && outcome === "finished");
    return rejoin === undefined ? nothingLost : (rejoin.detail?.lost ?? notCounted);
  });
  const back = each.filter((lost) => lost !== undefined);
  if (back.length < each.length) return null;
  // The worst of them: what two nodes had written apart from each other has no sum that says anything.
  return back.sort((a, b) => (b.bytes ?? Number.MAX_VALUE) - (a.bytes ?? Number.MAX_VALUE))[0] ?? null;
}

const notCounted: Lost = { bytes: null, transactions: null, from: null, to: null };

/** When the change began, by its first step. */
function startOf({ steps }: Handover): number {
  return Date.parse(steps[0]?.split(" ")[0] ?? "") || 0;
}

function stepsOf({ intent, journals }: ReceiptSources, of: readonly (JournalEntry | undefined)[]): readonly string[] {
  const intents = new Set([intent, ...of.flatMap((entry) => (entry ? [entry.intent] : []))]);
  return journals
    .filter((entry) => intents.has(entry.intent) && entry.step !== "promise")
    .sort((a, b) => a.startedMs - b.startedMs)
    .map(
      ({ node, step, outcome, startedMs, tookMs }) =>
        `${new Date(startedMs).toISOString()} ${step} ${node} ${outcome} ${tookMs} ms`,
    );
}

/** Lines of journals; those that are something else (a line that a crash has cut off, say) are left out. */
export function parseJournal(lines: readonly string[]): JournalEntry[] {
  return lines.flatMap((line) => parseOutcome(journalEntry, line) ?? []);
}

/** The line of a journal that says what the database of the node knows; undefined: it is another line. */
export function parseStored(line: string): readonly StoredChange[] | undefined {
  const stored = parseOutcome(storedLine, line)?.stored;
  return stored === undefined ? undefined : storedChanges(stored);
}

/** The changes of primary that a server's data know; rows that somebody else has made up are left out. */
export function storedChanges(value: unknown): StoredChange[] {
  return (Array.isArray(value) ? value : []).slice(0, most).flatMap((row) => storedChange.safeParse(row).data ?? []);
}
