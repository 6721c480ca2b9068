/**
 * A planned change of primary, from top to bottom: what the old primary does (`handOver`), and what its target does meanwhile. The target is
 * armed before it begins (steps.ts, `prepare`).
 *
 *     old primary                                    target
 *     writes the entry "planned, to the target"
 *     says so to the target's arming          ──►    its arming is for this entry
 *     checkpoint, clean stop
 *     says where its WAL ends                 ──►    replays to exactly there
 *                                                    takes the entry (token), promotes
 *     asks, hears of it, is a standby         ◄──    answers
 *
 * From the stop on neither the archive nor the engine is needed. Where it does not come to an end, the guard decides (guard.ts): it asks the target
 * to end its arming, and this node leads again, or hears that it does not.
 */
import {
  adopted,
  armedFor,
  changeOf,
  compare,
  type Entry,
  hear,
  type Member,
  mayBeOffered,
  mayTakeOffer,
  noChange,
  type Offered,
  offer,
  offered,
  stopped as postgresStopped,
  type Refusal,
  type Stopped,
  tookOffer,
  type WalEnd,
} from "../model/leadership/index.ts";
import { ask, askWhoLeads, insist } from "./asking.ts";
import { because, Refused, refused } from "./errors.ts";
import * as messages from "./messages.ts";
import { leads, type Node, running, until } from "./node.ts";
import { promote } from "./promotion.ts";
import type { CleanEnd } from "./surroundings.ts";
import { times } from "./times.ts";

export type HandedOver =
  | { readonly kind: "taken"; readonly by: Member; readonly entry: number }
  /** The guard finds out what has become of it. */
  | { readonly kind: "open"; readonly entry: number };

// --- the old primary

/** `isWanted`: no newer update has been announced. Throws Refused as long as this node goes on serving. */
export async function handOver(node: Node, to: Member, isWanted: () => boolean): Promise<HandedOver> {
  return node.turn(async () => {
    const { entry, secret } = await writeOffer(node, to);
    const arming = messages.offer(entry.number, entry.digest, secret, entry.base);
    if (!(await insist(node, to, arming, times.question)))
      throw silent(to, "has not said that it waits for this change");
    node.log("checkpoints", { entry: entry.number });
    await node.world.postgres.checkpoint();
    await holdClients(node);
    const { segmentStart, ...end } = await stopForGood(node, entry, isWanted);
    node.memory.handsTo = { to, entry: entry.number, secret };
    const said = { entry: entry.number, secret, end, ...(segmentStart === undefined ? {} : { segmentStart }) };
    await insist(node, to, messages.stopped(said), times.taking);
    const isTaken = await until(node, times.taking, () => hearsOfIt(node, to));
    node.memory.handsTo = null;
    await endWhatLingers(node);
    return isTaken ? { kind: "taken", by: to, entry: entry.number } : { kind: "open", entry: entry.number };
  });
}

/** Through poolers nobody sees an error: who cannot be held back has a transaction open, and the primary serves on. */
async function holdClients({ world, log }: Node): Promise<void> {
  log("holds clients");
  if (await world.postgres.holdClients()) return;
  throw new Refused({
    message: "the clients of a pooler could not be held back, so this node goes on serving",
    hint: "see 'journalctl -u understudy-pooler-route' on the poolers' nodes; then run the update again",
  });
}

const silent = (to: Member, what: string): Refused =>
  new Refused({
    message: `${to} ${what}`,
    hint: "see that its agent runs and can be reached, then run the update again",
  });

/** The entry is there before anything else can come of it. */
async function writeOffer(node: Node, to: Member): Promise<{ entry: Entry; secret: string }> {
  const { me, memory, ledger, hold, change, log } = node;
  const answer = await askWhoLeads(node, to);
  if (!answer) throw silent(to, "does not answer");
  return hold(async () => {
    const { token } = memory.my;
    const reading = await ledger.read(token.entry);
    const decided = offer(me, token, memory.phase === "serving", reading, to, answer);
    if (!decided.may) throw refused(decided.why, reading);
    if (reading.kind !== "read" || answer.arming.kind !== "open") throw refused({ kind: "notArmed", node: to });
    const created = await ledger.append(reading.entries.at(-1) as Entry, decided.draft);
    if (created.kind !== "made") throw notWritten(created);
    const entries = [...reading.entries, created.entry];
    await change(offered(memory.my, { kind: "read", entries }));
    log("offers", { entry: created.entry.number, to });
    return { entry: created.entry, secret: answer.arming.secret };
  });
}

export const notWritten = (created: { kind: "other"; entry: Entry } | { kind: "unknown"; why: string }): Refused =>
  new Refused(
    created.kind === "other"
      ? {
          message: `somebody else has written entry ${created.entry.number} of the ledger`,
          hint: "run the update again",
        }
      : {
          message: `it is not known whether the ledger in the archive holds the entry: ${created.why}`,
          hint: "make the archive reachable, and run the update again",
        },
  );

/** A stop that this agent sees from "takes writes" to "shut down", and no later start as a primary: only that is a proof. */
async function stopForGood(node: Node, entry: Entry, isWanted: () => boolean): Promise<CleanEnd> {
  const { memory, hold, world, log } = node;
  const { postgres } = world;
  await hold(async () => {
    const isSame = leads(node) && compare(memory.my.token, entry.base) === 0;
    if (memory.phase !== "serving" || !isSame || !isWanted())
      throw new Refused({
        message:
          "this node does not lead any more as it did when the change was written down, or a newer update has begun",
        hint: "run the update again",
      });
    await postgres.putSignal();
    memory.phase = "stopping";
  });
  log("stops", { entry: entry.number });
  await postgres.stopCleanly();
  const control = await postgres.control();
  if (control?.state !== "shut down") throw new Error(`PostgreSQL has not stopped cleanly: ${control?.state}`);
  const end = await postgres.lastRecordEnd();
  log("has stopped", { entry: entry.number, end });
  return end;
}

async function hearsOfIt(node: Node, from: Member): Promise<boolean> {
  const { me, memory, hold, change, log } = node;
  const answer = await askWhoLeads(node, from);
  if (!answer) return false;
  return hold(async () => {
    const heard = hear(me, memory.my.token, answer, noChange);
    if (heard.kind !== "adopt") return false;
    await change(adopted(memory.my, heard.token));
    log("hears who leads", { leader: heard.token.leader, token: changeOf(heard.token) });
    return true;
  });
}

/** A hanging sender or archiver is not waited for: what is not archived is archived later. */
export async function endWhatLingers(node: Node): Promise<void> {
  const { memory, hold, change, world } = node;
  const isDown = async () => (await world.postgres.running()) === "nothing";
  if (!(await until(node, times.lingering, isDown))) await world.postgres.stopAtOnce();
  await hold(async () => {
    memory.phase = "down";
    await change(postgresStopped(memory.my));
  });
}

/** Its target asks for WAL that the archive does not have. Nothing is written here any more. */
export async function readOwnWal(
  { memory, world }: Node,
  by: Member,
  { entry, secret, from }: { readonly entry: number; readonly secret: string; readonly from: WalEnd },
): Promise<Uint8Array> {
  const { handsTo } = memory;
  if (handsTo?.to !== by || handsTo.entry !== entry || handsTo.secret !== secret)
    throw new Error("it has not stopped for this change");
  return await world.postgres.readWal(from, mostWal);
}

/** Bytes in one reply. */
const mostWal = 64 * 1024;

// --- the target

/** The giver's entry is there: this arming is for it. */
export async function onOffer(node: Node, from: Member, said: Offered & { digest: string }): Promise<void> {
  const { me, memory, hold, change, ledger, log } = node;
  await hold(async () => {
    const decided = mayBeOffered(me, memory.my, from, said);
    if (!decided.may) throw refused(decided.why);
    await change(armedFor(memory.my, said.entry));
    memory.offered = { entry: said.entry, digest: said.digest };
    ledger.heardOf(said.entry);
    log("is offered", { entry: said.entry, by: from });
  });
}

export async function onStopped(node: Node, said: Stopped): Promise<void> {
  await node.hold(async () => {
    // It has let go, or has taken it and is told once more.
    if (node.memory.my.arming.kind !== "entry") return;
    node.memory.told = said;
    node.log("is told that the primary has stopped", { entry: said.entry, end: said.end });
  });
}

/** Takes what it was offered as soon as its replay ends where the primary stopped, and promotes. Never throws for being refused. */
export async function takeOffer(node: Node): Promise<void> {
  const { memory, turn, log, world } = node;
  await turn(async () => {
    const end = world.clock.now() + times.taking;
    let why: Refusal | null = null;
    let hasAll = world.postgres.receives === "stream";
    do {
      if (memory.told === null) return;
      why = await takesNow(node);
      if (why?.kind === "otherEnd" && !hasAll) hasAll = await fetchTail(node, memory.told, why.replayed);
      if (why?.kind === "otherEnd") await world.clock.sleep(times.replayLook);
    } while (why?.kind === "otherEnd" && world.clock.now() < end);
    if (why) log("does not take what it was offered", { why: why.kind });
    else await promote(node);
  });
}

/** What is not in the archive comes from the old primary itself. true: all of it has come, or there is nothing to come. */
async function fetchTail(node: Node, { entry, secret, end }: Stopped, replayed: WalEnd): Promise<boolean> {
  const { memory, world, log } = node;
  const { leader } = memory.my.token;
  if (leader === null || replayed.timeline !== end.timeline || replayed.lsn > end.lsn) return true;
  log("fetches WAL that is not in the archive", { from: replayed, end });
  try {
    await world.postgres.putWal(replayed, end.lsn, async (from) => {
      const reply = await ask(node, leader, messages.wal(entry, secret, from));
      if (reply?.kind !== "wal" || reply.bytes === "") throw new Error(`${leader} does not send its WAL`);
      return Buffer.from(reply.bytes, "base64");
    });
    return true;
  } catch (error) {
    // What the archive gets yet may do.
    log("has not fetched it", { why: because(error) });
    return false;
  }
}

/** One hold: armed still, told, replay ends exactly there; WAL synced, token written, arming over. */
async function takesNow(node: Node): Promise<Refusal | null> {
  const { me, memory, hold, change, world, log } = node;
  return hold(async () => {
    const { my, told } = memory;
    const replayed = await world.postgres.replayEnd();
    const decided = mayTakeOffer(me, my.token, my.arming, told, replayed);
    if (!decided.may) return decided.why;
    if (memory.phase !== "standby" && memory.phase !== "down") return { kind: "serves", node: me };
    await world.postgres.syncWal();
    const digest = memory.offered?.digest ?? "";
    await change(tookOffer(my, me, decided.entry, digest, running(memory)));
    // Where the stop's checkpoint is the first record of its segment, replay ends before it.
    log("takes", { entry: decided.entry, end: replayed, primaryEnd: told?.end });
    return null;
  });
}
