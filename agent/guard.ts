/**
 * The guard: a leader by its own token that is down asks before it takes writes. It reads the ledger, asks members, reads the ledger again, and
 * decides in one hold. It goes on as long as it has to; "read-only" is never final.
 */
import {
  type Answer,
  type Answers,
  type Arming,
  adopted,
  explainHeard,
  explainStart,
  floorOf,
  hear,
  type Inquiry,
  led,
  ledgerRead,
  lostWal,
  type Member,
  mayStart,
  promiseIsVoid,
  released,
  roundEnded,
  type Start,
  type WalEnd,
  whomToAsk,
  whomToDisarm,
} from "../model/leadership/index.ts";
import { askAll, askWalEnds } from "./asking.ts";
import { because } from "./errors.ts";
import { leads, type Node } from "./node.ts";
import { howToStart, startWriting } from "./promotion.ts";

/** One round. true: it takes writes now, or has heard of a later change. */
export async function guardRound(node: Node): Promise<boolean> {
  const { memory, me } = node;
  await readLedger(node);
  if (await startsIfItMay(node)) return true;
  const asked = memory.my.inquiry;
  const answers = await askAll(node, whomToAsk(me, memory.my.token, asked));
  const armed = await countAnswers(node, asked, answers);
  if (armed.size > 0) await disarm(node, armed);
  // The answers count only together with what the ledger holds after them.
  await readLedger(node);
  return startsIfItMay(node);
}

async function readLedger({ memory, ledger, hold, change, log }: Node): Promise<void> {
  const asked = memory.my.inquiry;
  const reading = await ledger.read(memory.my.token.entry);
  if (reading.kind === "unread") log("cannot read the ledger", { why: reading.why });
  await hold(async () => {
    // Standing down, adopting and starting end what was asked before.
    if (memory.my.inquiry === asked)
      await change({ ...memory.my, inquiry: ledgerRead(memory.my.token, asked, reading) });
  });
}

/** Those who know nothing later count, of whom asked for this very inquiry. Returns who would count if it ended its arming. */
async function countAnswers(node: Node, asked: Inquiry, answers: Answers): Promise<ReadonlyMap<Member, Arming>> {
  const { me, memory, hold, change, log } = node;
  const armed = new Map<Member, Arming>();
  await hold(async () => {
    if (memory.my.inquiry !== asked || !leads(node)) return;
    const { token } = memory.my;
    const heard: Member[] = [];
    for (const [peer, answer] of answers) {
      const what = hear(me, token, answer, floorOf(peer, token, asked));
      log("hears", { peer, what: explainHeard(peer, what) });
      if (what.kind === "adopt") {
        await change(adopted(memory.my, what.token));
        armed.clear();
        return;
      }
      if (what.kind === "wentBack") continue;
      if (answer.arming.kind === "none") heard.push(peer);
      else armed.set(peer, answer.arming);
    }
    await change({ ...memory.my, inquiry: roundEnded(me, token, asked, heard) });
  });
  return armed;
}

async function disarm(node: Node, armed: ReadonlyMap<Member, Arming>): Promise<void> {
  const { me, memory, log } = node;
  const asked = memory.my.inquiry;
  const whom = whomToDisarm(me, memory.my.token, asked, armed);
  if (whom.length === 0) return;
  // Who would not start with these answers either is in nobody's way.
  if (lostBy(await howToStart(node), await findMore(node))) return;
  log("asks to end armings", { whom });
  await countAnswers(node, asked, await askAll(node, whom, true));
}

async function startsIfItMay(node: Node): Promise<boolean> {
  const { memory, turn, log } = node;
  return turn(async () => {
    if (!leads(node)) return true;
    if (memory.phase !== "down") return false;
    const start = mayStart(node.me, memory.my.token, memory.my.arming, memory.my.inquiry);
    if (start.kind !== "lead") {
      explained(node, start);
      return false;
    }
    const by = await goesAhead(node, await findMore(node));
    if (!by) return false;
    await startWriting(node, by).catch((error) => {
      memory.trouble = `${node.world.clock.wallTime()} could not start: ${because(error)}`;
      log("could not start", { why: because(error) });
    });
    return true;
  });
}

/** The verdict, the removal of the signal, and the answer "it serves" are one hold. */
async function goesAhead(node: Node, found: Found): Promise<"start" | "promotion" | undefined> {
  const { memory, hold, change, world } = node;
  return hold(async () => {
    const start = verdict(node);
    explained(node, start);
    if (start.kind !== "lead" || memory.phase !== "down") return undefined;
    const by = await howToStart(node);
    const lost = lostBy(by, found);
    if (lost) {
      explained(node, { kind: "stay", why: lost });
      return undefined;
    }
    memory.phase = "starting";
    await change(led(memory.my));
    if (by === "start") await world.postgres.removeSignal();
    return by;
  });
}

function explained({ memory, log }: Node, start: Start): void {
  log("guard", { verdict: start.kind, ...explainStart(start, memory.my.inquiry.reading) });
}

/** Whether this node may take writes, and why: by what it has found out, or by another inquiry. */
export function verdict({ me, machine, memory }: Node, inquiry = memory.my.inquiry): Start {
  const { my, otherMachine } = memory;
  if (otherMachine !== null) return { kind: "stay", why: { kind: "otherMachine", machine, written: otherMachine } };
  return mayStart(me, my.token, my.arming, inquiry);
}

/** How far this node's WAL is, and how far others have it on the same timeline. */
interface Found {
  readonly mine: WalEnd;
  readonly others: readonly { readonly at: Member | "archive"; readonly end: WalEnd }[];
}

/** Who is promoted for a change that it took has consented to what others have; who goes on with its own timeline has not. */
const lostBy = (by: "start" | "promotion", { mine, others }: Found) =>
  by === "start" ? lostWal(mine, others) : undefined;

async function findMore(node: Node): Promise<Found> {
  const { me, memory, world, log } = node;
  const { postgres } = world;
  const others: { at: Member | "archive"; end: WalEnd }[] = [];
  const timeline = (await postgres.history()).at(-1)?.timeline;
  if (timeline === undefined) throw new Error("there is no data to start");
  const lsn = (await postgres.walEnd(timeline)) ?? 0n;
  const members = memory.my.token.members.filter((each) => each !== me);
  for (const [at, end] of await askWalEnds(node, members, timeline)) memory.walEnds.set(at, { timeline, lsn: end });
  for (const [at, end] of memory.walEnds) others.push({ at, end });
  const archived = await postgres.archivedEnd(timeline).catch((error) => {
    log("cannot compare with the archive", { why: because(error) });
    return undefined;
  });
  if (archived !== undefined) others.push({ at: "archive", end: { timeline, lsn: archived } });
  if (memory.checkpoint) others.push({ at: me, end: memory.checkpoint });
  return { mine: { timeline, lsn }, others };
}

/** A promise is void once whom it was given to has let go and did not take over. */
export async function askAboutPromises(node: Node): Promise<void> {
  const { me, memory } = node;
  const { promises } = memory.my.token;
  if (promises.length === 0 || leads(node)) return;
  // A plain question: an override that goes on is not ended by it.
  const answers = await askAll(node, promises);
  await releaseFrom(node, [...answers.keys()], (to) => isVoid(me, node, answers.get(to) as Answer));
}

/** These are off, and a leader that this node follows takes writes: what they were promised they do not take any more. */
export const releaseFromOff = (node: Node, off: readonly Member[]): Promise<void> =>
  releaseFrom(node, off, () => promiseIsVoid(node.me, node.memory.my.token, null, true), { off: true });

async function releaseFrom(
  { memory, hold, change, log }: Node,
  members: readonly Member[],
  isVoidNow: (to: Member) => boolean,
  facts: object = {},
): Promise<void> {
  await hold(async () => {
    for (const to of members) {
      if (!memory.my.token.promises.includes(to) || !isVoidNow(to)) continue;
      await change(released(memory.my, to));
      log("is free of a promise", { to, ...facts });
    }
  });
}

const isVoid = (me: Member, { memory }: Node, answer: Answer): boolean =>
  answer.arming.kind === "none" && promiseIsVoid(me, memory.my.token, answer, false);
