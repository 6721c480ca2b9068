/**
 * One node: what it stands for, and the two locks under which that changes.
 *
 * `hold`: the short one. Every decision, and what follows from it on disk, is one hold; nobody hears of it before it is durable.
 * `turn`: the long one, for who operates PostgreSQL (start, stop, promotion, copy). A hold may be taken within a turn, never the other way round.
 */
import { z } from "zod";
import {
  type Answer,
  type Entry,
  heeded,
  isOfMachine,
  type Member,
  type Members,
  noInquiry,
  noToken,
  notArmed,
  type Origin,
  type Running,
  type Standing,
  type Stopped,
  type WalEnd,
} from "../model/leadership/index.ts";
import {
  encodeKept,
  type Kept,
  keptSchema,
  membersSchema,
  type Replacement,
  replacementSchema,
} from "../model/leadership/schema.ts";
import { because } from "./errors.ts";
import { type Ledger, openLedger } from "./ledger.ts";
import type { Surroundings } from "./surroundings.ts";
import { times } from "./times.ts";

/**
 * PostgreSQL, as far as this node answers for it. `starting`: it was let go ahead, or told to promote, and may take writes at any moment. `byHand`: it
 * takes writes, and somebody else made it. `unclear`: processes are left of which nobody knows what they do.
 */
export type Phase = "down" | "standby" | "starting" | "serving" | "stopping" | "byHand" | "unclear";

/** One event, for the journal: what was decided, and by which facts. No secrets. */
export type Log = (event: string, facts?: Readonly<Record<string, unknown>>) => void;

export interface Identity {
  readonly me: Member;
  /** The machine's own id: machine-id, instance id, the boot disk's id. */
  readonly machine: string;
  /** The stack's key for the MAC of ledger entries. */
  readonly ledgerKey: Uint8Array;
}

/** A claim of this node's that is in the ledger, and whom it has found stopped since: by the entry after which that holds. */
export interface Claim {
  readonly entry: Entry;
  readonly stopped: Map<Member, number>;
}

/** In memory; what `my` has of it that is durable is on disk. */
export interface Memory {
  my: Standing;
  phase: Phase;
  origins: readonly Origin[];
  /** Where the data was at the last checkpoint that was kept. */
  checkpoint: WalEnd | null;
  /** The machine that wrote what is on disk, where it is another one. */
  otherMachine: string | null;
  /** The ledger that this node has replaced, until it is closed or cannot be. */
  replacement: Replacement | null;
  /** Of the entry that this arming was offered. */
  offered: { readonly entry: number; readonly digest: string } | null;
  told: Stopped | null;
  /** As the old primary: the offer for which it has stopped. */
  handsTo: { readonly to: Member; readonly entry: number; readonly secret: string } | null;
  claim: Claim | null;
  /** The last entry of its own beside which it has left the companion. */
  noted: number;
  /** How far others had WAL, when they were last asked. */
  readonly walEnds: Map<Member, WalEnd>;
  /** Whether PostgreSQL may have been told to ask the archive for nothing. */
  isQuiet: boolean;
  /** Whom a running standby receives from. */
  source: Member | null;
  /** The id of the update that may take steps here. */
  intent: string | null;
  /** Who is to receive WAL from whoever leads, by the update that was announced last. null: all members. */
  receivers: Members | null;
  /** What went wrong last, and when: for people. */
  trouble: string | null;
  /** When this agent has to end: its disk did not say what it holds. */
  failed: Error | null;
}

export interface Node {
  readonly me: Member;
  readonly machine: string;
  readonly world: Surroundings;
  /** The ledger that this node heeds. */
  readonly ledger: Ledger;
  ledgerOf(id: string): Ledger;
  readonly memory: Memory;
  readonly log: Log;
  hold<T>(work: () => Promise<T>): Promise<T>;
  turn<T>(work: () => Promise<T>): Promise<T>;
  /** Within a hold. What changed is durable when it resolves. */
  change(next: Standing, origins?: readonly Origin[]): Promise<void>;
}

const STANDING = "standing.json";
const INTENT = "intent.json";
const announcedSchema = z.strictObject({ intent: z.string().max(64), receivers: membersSchema.nullable() });
const REPLACEMENT = "replacement.json";

/** One after the other, in the order in which they came. */
function lock(isOver: () => Error | null): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const next = last.then(() => {
      const failed = isOver();
      if (failed) throw failed;
      return work();
    });
    last = next.catch(() => undefined);
    return next;
  };
}

export function makeNode({ me, machine, ledgerKey }: Identity, world: Surroundings, log: Log): Node {
  const memory: Memory = {
    my: {
      token: noToken,
      joined: false,
      promoted: null,
      signal: false,
      arming: notArmed,
      inquiry: noInquiry,
      mayPromote: false,
    },
    phase: "unclear",
    origins: [],
    checkpoint: null,
    otherMachine: null,
    replacement: null,
    offered: null,
    told: null,
    handsTo: null,
    claim: null,
    noted: 0,
    walEnds: new Map(),
    // By an agent before this one.
    isQuiet: true,
    source: null,
    intent: null,
    receivers: null,
    trouble: null,
    failed: null,
  };
  const isOver = () => memory.failed;
  const ledgers = new Map<string, Ledger>();
  const ledgerOf = (id: string): Ledger => {
    const ledger = ledgers.get(id) ?? openLedger(world.ledger(id), ledgerKey, world.clock);
    ledgers.set(id, ledger);
    return ledger;
  };
  return {
    me,
    machine,
    world,
    get ledger() {
      return ledgerOf(heeded(memory.my.token));
    },
    ledgerOf,
    memory,
    log,
    hold: lock(isOver),
    turn: lock(isOver),
    change: async (next, origins = memory.origins) => {
      try {
        await makeDurable(memory, next, origins, machine, world);
      } catch (error) {
        memory.failed = new Error(`the agent ends: its disk does not say what it holds (${because(error)})`);
        throw memory.failed;
      }
      if (next.arming.kind === "none") Object.assign(memory, { offered: null, told: null, claim: null });
      memory.my = next;
      memory.origins = origins;
    },
  };
}

async function makeDurable(
  memory: Memory,
  next: Standing,
  origins: readonly Origin[],
  machine: string,
  { store, postgres }: Surroundings,
): Promise<void> {
  const { my } = memory;
  if (next.signal && !my.signal) await postgres.putSignal();
  const { token, joined, promoted } = next;
  if (token === my.token && joined === my.joined && promoted === my.promoted && origins === memory.origins) return;
  const control = await postgres.control();
  if (!control) throw new Error("there is no data that a token could be about");
  const { systemIdentifier, checkpoint } = control;
  const kept: Kept = { token, joined, promoted, origins, machine, systemIdentifier, checkpoint };
  await store.write(STANDING, JSON.stringify(encodeKept(kept)));
  memory.checkpoint = checkpoint;
}

/** What this agent finds when it starts. Nobody hears of it before that. */
export async function recall({ me, memory, machine, world: { store }, log }: Node): Promise<void> {
  const text = await store.read(STANDING);
  const announced = await store.read(INTENT);
  if (announced !== undefined) Object.assign(memory, announcedSchema.parse(JSON.parse(announced)));
  const replacement = await store.read(REPLACEMENT);
  if (replacement !== undefined) memory.replacement = replacementSchema.parse(JSON.parse(replacement));
  if (text === undefined) return;
  const { token, joined, promoted, origins, checkpoint, machine: written } = keptSchema.parse(JSON.parse(text));
  memory.my = { ...memory.my, token, joined, promoted };
  memory.origins = origins;
  memory.checkpoint = checkpoint;
  if (!isOfMachine(written, machine)) memory.otherMachine = written;
  log("recalls", { me, token, joined, promoted, otherMachine: memory.otherMachine });
}

/** Within a hold, before the token that it goes with: without that it says nothing. */
export async function rememberReplacement({ memory, world }: Node, replacement: Replacement): Promise<void> {
  await world.store.write(REPLACEMENT, JSON.stringify(replacement));
  memory.replacement = replacement;
}

/** Within a hold: steps of other updates refuse from now on. */
export async function rememberIntent(
  { memory, world }: Node,
  intent: string,
  receivers: Members | null,
): Promise<void> {
  await world.store.write(INTENT, JSON.stringify({ intent, receivers }));
  Object.assign(memory, { intent, receivers });
}

export const isServing = ({ phase }: Memory): boolean => phase !== "down" && phase !== "standby";

export const leads = ({ me, memory }: Node): boolean => memory.my.token.leader === me;

export const running = ({ phase }: Memory): Running =>
  phase === "standby" ? "standby" : phase === "down" ? "down" : "serving";

/** A host without a token, and a clone, have no answer. */
export const hasAnswer = ({ my, otherMachine }: Memory): boolean => my.token.leader !== null && otherMachine === null;

export const answerOf = ({ memory }: Node): Answer => {
  const { token, joined, arming } = memory.my;
  return { token, joined, arming, serving: isServing(memory) };
};

export const randomHex = ({ world }: Node, bytes: number): string =>
  Buffer.from(world.clock.randomBytes(bytes)).toString("hex");

/** Waits until `isSo`, at most so long. */
export async function until(
  { world: { clock } }: Node,
  ms: number,
  isSo: () => boolean | Promise<boolean>,
): Promise<boolean> {
  const end = clock.now() + ms;
  while (!(await isSo())) {
    if (clock.now() >= end) return false;
    await clock.sleep(times.again);
  }
  return true;
}
