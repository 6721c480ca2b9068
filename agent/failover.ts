/**
 * A claim: a target takes over without its predecessor, or a primary gets rid of what is open above its own entry, or changes the members. From top
 * to bottom: arm, write the entry, see everybody in `over` stopped after it, take it.
 */
import {
  type Answers,
  armed,
  armedFor,
  type Change,
  type Consent,
  changeOf,
  claim,
  type Entry,
  hasToClaim,
  letGo,
  type Member,
  type Members,
  mayStandDown,
  mayTakeOver,
  membersOf,
  over,
  ownLedger,
  type Reading,
  type Refusal,
  sorted,
  stoodDown,
  tookOver,
} from "../model/leadership/index.ts";
import { ask, askAll } from "./asking.ts";
import { refused } from "./errors.ts";
import * as messages from "./messages.ts";
import { isServing, leads, type Node, randomHex, running } from "./node.ts";
import { promote } from "./promotion.ts";
import { beginLedger, closeOldLedger } from "./replacement.ts";
import { notWritten } from "./switchover.ts";
import { times } from "./times.ts";

/** Within a hold. It ends by itself, whatever becomes of the update. */
export async function arm(node: Node): Promise<string> {
  const { memory, change, log } = node;
  const secret = randomHex(node, 16);
  await change(armed(memory.my, secret));
  log("is armed");
  void endLater(node, secret);
  return secret;
}

export async function endLater(node: Node, secret: string): Promise<void> {
  await node.world.clock.sleep(times.arming);
  await disarmIf(node, secret).catch(() => undefined);
}

/** Ends the arming with this secret, and no later one. */
export async function disarmIf({ memory, hold, change, log }: Node, secret: string): Promise<void> {
  await hold(async () => {
    const { arming } = memory.my;
    if (arming.kind === "none" || arming.secret !== secret) return;
    await change(letGo(memory.my));
    log("lets go");
  });
}

export interface Wanted {
  readonly consent: Consent | null;
  /** Who the members are from this entry on. Left out: the same as before. */
  readonly list?: Members;
}

/** Writes the claim of this node's open arming. Throws Refused, and the arming is over. */
export async function writeClaim(node: Node, wanted: Wanted): Promise<Entry> {
  const { memory, ledger } = node;
  const { arming, token } = memory.my;
  if (arming.kind !== "open") throw refused({ kind: "notArmed", node: node.me });
  try {
    const reading = await ledger.read(token.entry);
    const answers = await askAll(node, whomItConcerns(node, reading));
    const { previous, draft } = await armForNext(node, arming.secret, reading, answers, wanted);
    const created = await ledger.append(previous, draft);
    if (created.kind !== "made") throw notWritten(created);
    memory.claim = { entry: created.entry, stopped: new Map() };
    node.log("claims", { entry: created.entry.number, over: created.entry.over, consent: created.entry.consent });
    return created.entry;
  } catch (error) {
    // An entry that lands later is one that nobody is armed for: it stays open, and is in the way of nobody who can be asked.
    await disarmIf(node, arming.secret);
    throw error;
  }
}

function whomItConcerns({ memory }: Node, reading: Reading): Members {
  const { members, promises } = memory.my.token;
  const end = reading.kind === "read" ? reading.entries.at(-1) : undefined;
  return sorted([...members, ...promises, ...(end ? [...end.named, ...membersOf(end)] : [])]);
}

/** The arming is for the entry before the entry is there. */
async function armForNext(node: Node, secret: string, reading: Reading, answers: Answers, { consent, list }: Wanted) {
  const { me, memory, hold, change } = node;
  return hold(async () => {
    const { token, arming } = memory.my;
    if (arming.kind !== "open" || arming.secret !== secret) throw refused({ kind: "notArmed", node: me });
    const serving = memory.phase === "serving";
    const decided = claim({ me, my: token, serving, reading, answers, consent, ...(list ? { list } : {}) });
    if (!decided.may) throw refused(decided.why, reading);
    const previous = reading.kind === "read" ? reading.entries.at(-1) : undefined;
    if (!previous) throw refused({ kind: "notArmed", node: me });
    await change(armedFor(memory.my, previous.number + 1));
    return { previous, draft: decided.draft };
  });
}

// --- everybody in `over` is stopped after the entry

/** Asks all that are not known to be stopped. What it heard before the entry was made is worth nothing. */
export async function askToStandDown(node: Node): Promise<void> {
  const { claim: mine } = node.memory;
  if (!mine) return;
  const { number, base, over: all } = mine.entry;
  const left = all.filter((each) => !mine.stopped.has(each));
  await Promise.all(
    left.map(async (peer) => {
      const reply = await ask(node, peer, messages.standDown(number, base));
      if (reply?.kind === "done") mine.stopped.set(peer, number);
      node.log("asked to stand down", {
        entry: number,
        peer,
        said: reply?.kind,
        why: reply?.kind === "refused" ? reply.message : undefined,
      });
    }),
  );
}

/** A fence that the operator's update has proven: off, and it was so after the entry. */
export interface Fenced {
  readonly node: Member;
  readonly entry: number;
}

export function isFenced({ memory }: Node, proofs: readonly Fenced[]): void {
  for (const { node, entry } of proofs)
    memory.claim?.stopped.set(node, Math.max(entry, memory.claim.stopped.get(node) ?? 0));
}

/** Somebody claims over this node: it ends what it had begun, unless it serves or knows better. */
export async function onStandDown(node: Node, said: { entry: number; base: Change }, from: Member): Promise<void> {
  const { me, memory, hold, change, world, log } = node;
  await hold(async () => {
    const seen = await world.postgres.running();
    // Somebody started or promoted it since the last look, or something is left of a start.
    if ((seen === "writes" || seen === "unclear") && !isServing(memory))
      memory.phase = seen === "writes" ? "byHand" : "unclear";
    const decided = mayStandDown(me, memory.my.token, isServing(memory), said.base);
    if (!decided.may) throw refused(decided.why);
    await world.postgres.putSignal();
    await change(stoodDown(memory.my));
    log("stands down", { entry: said.entry, for: from });
  });
}

// --- and it is taken

/** In one hold: armed still, all stopped, WAL synced, token written. Then it promotes. null: taken. */
export async function takeOver(node: Node): Promise<Refusal | null> {
  const { me, memory, hold, turn, change, world, log } = node;
  return turn(async () => {
    const refusal = await hold(async () => {
      const { my, claim: mine } = memory;
      const isPrimary = memory.phase === "serving" && leads(node);
      if (!mine) return { kind: "notArmed", node: me } as const;
      if (!isPrimary && isServing(memory)) return { kind: "serves", node: me } as const;
      const decided = mayTakeOver(me, my.token, isPrimary, my.arming, [mine.entry], mine.stopped);
      if (!decided.may) return decided.why;
      if (memory.phase === "standby") await world.postgres.syncWal();
      await change(tookOver(my, me, decided.entry, running(memory)));
      log("takes", {
        entry: decided.entry.number,
        stopped: Object.fromEntries(mine.stopped),
        consent: decided.entry.consent,
      });
      return null;
    });
    if (refusal === null) await promote(node);
    return refusal;
  });
}

// --- a primary

/**
 * A primary that serves while entries above its own are open, or an override is not written down, claims by itself as soon as everybody whom it
 * has to get rid of answers that it would stand down. Until then nothing is written: an update can bring proofs.
 */
export async function makeSure(node: Node): Promise<void> {
  await beginLedger(node);
  const { me, memory, ledger, hold } = node;
  const { token } = memory.my;
  const reading = await ledger.read(token.entry);
  const own = ownLedger(token, reading);
  if (own.kind !== "own" || memory.my.arming.kind !== "none") return;
  if (!hasToClaim(memory.my, own.last)) {
    await noteTaken(node, own.entries[0]);
    return closeOldLedger(node);
  }
  const concerned = over(me, token, true, own.entries, own.last);
  const answers = await askAll(node, concerned);
  const isReady = concerned.every((each) => {
    const answer = answers.get(each);
    return answer && mayStandDown(each, answer.token, answer.serving, changeOf(token)).may;
  });
  if (!isReady) return;
  const secret = await hold(async () => {
    if (memory.phase !== "serving" || !leads(node) || memory.my.arming.kind !== "none") return undefined;
    return arm(node);
  });
  if (secret !== undefined) await claimAsPrimary(node, secret, { consent: null });
}

/** Armed already. Takes the claim, or lets go of it. */
export async function claimAsPrimary(node: Node, secret: string, wanted: Wanted): Promise<Refusal | null> {
  await writeClaim(node, wanted);
  await askToStandDown(node);
  const refusal = await takeOver(node);
  if (refusal) await disarmIf(node, secret);
  return refusal;
}

/** The companion of its own entry, some time after it took it: by it a disk that went back is noticed. */
async function noteTaken({ me, memory, ledger, log }: Node, own: Entry | undefined): Promise<void> {
  const { entry, overrides } = memory.my.token;
  if (own?.number !== entry || own.to !== me || overrides > 0 || memory.noted === entry) return;
  await ledger.noteTaken(own);
  memory.noted = entry;
  log("notes that it took", { entry });
}
