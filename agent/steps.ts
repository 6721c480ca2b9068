/**
 * The steps of an update on one node, as the operator's machine calls them (model/steps.ts). Each may be called at any time, often, or never, and
 * proves by itself that it may act. What it cannot do it says by throwing Refused.
 */
import { z } from "zod";
import {
  changeOf,
  explainStart,
  hasToClaim,
  heeded,
  letGo,
  type Member,
  mayBegin,
  mayRetire,
  membersOf,
  nameOf,
  newInquiry,
  ownLedger,
  retiredBy,
  sorted,
  told,
  tookOver,
} from "../model/leadership/index.ts";
import { consentSchema, count, ledgerIdSchema, memberSchema, membersSchema } from "../model/leadership/schema.ts";
import { askAll, askWhoLeads } from "./asking.ts";
import { because, Refused, refused } from "./errors.ts";
import {
  arm,
  askToStandDown,
  claimAsPrimary,
  disarmIf,
  type Fenced,
  isFenced,
  makeSure,
  takeOver,
  writeClaim,
} from "./failover.ts";
import { comesDown, type Followed, follow } from "./follow.ts";
import { releaseFromOff, verdict } from "./guard.ts";
import { isServing, leads, type Node, rememberIntent, until } from "./node.ts";
import { replaceLedger, takeOverWithoutLedger } from "./override.ts";
import { keepSlots } from "./promotion.ts";
import { endWhatLingers, type HandedOver, handOver, notWritten } from "./switchover.ts";
import { times } from "./times.ts";

const intent = z.string().regex(/^[0-9A-Za-z:.-]{1,64}$/);
const fenced = z.array(z.strictObject({ node: memberSchema, entry: count })).max(100);

export const stepSchemas = {
  /** `receivers`: who is to receive WAL from whoever leads, so that it is kept for them; left out: all members. */
  announce: z.strictObject({ intent, receivers: membersSchema.exactOptional() }),
  initialize: z.strictObject({ intent, ledger: ledgerIdSchema, members: membersSchema }),
  /** `fenced`: who is declared to be; it is switched off once the claim is there, and asked nothing before. `off`: who of them is proven to be already. */
  prepare: z.strictObject({ intent, consent: consentSchema.nullable(), fenced: membersSchema, off: membersSchema }),
  demote: z.strictObject({ intent, to: memberSchema, fenced }),
  promote: z.strictObject({ intent, fenced }),
  follow: z.strictObject({ intent, leader: memberSchema }),
  /** `gone`: who is proven to be, of those that are members no more. */
  members: z.strictObject({ intent, list: membersSchema, gone: membersSchema }),
  override: z.strictObject({ intent, nodes: membersSchema, keptOff: membersSchema }),
  replace: z.strictObject({
    intent,
    ledger: ledgerIdSchema,
    nodes: membersSchema,
    keptOff: membersSchema,
    consent: consentSchema.nullable(),
  }),
  tell: z.strictObject({ intent, leader: memberSchema, ledger: ledgerIdSchema }),
  adopt: z.strictObject({ intent, machine: z.string().min(1).max(200) }),
  restart: z.strictObject({}),
} as const;
export type StepRequest<S extends keyof typeof stepSchemas> = z.infer<(typeof stepSchemas)[S]>;

export type Prepared =
  | { readonly plan: "leads" }
  /** The primary hands over to this node, which waits for it. */
  | { readonly plan: "planned"; readonly from: Member }
  /** These have to be proven stopped after this entry. Who is declared fenced is switched off now. */
  | { readonly plan: "claim"; readonly entry: number; readonly over: readonly Member[] };

export interface Promoted {
  readonly leader: Member;
  readonly entry: number;
  readonly timeline: number;
}

/** Every request is data until its schema has let it in. */
function checked<S extends keyof typeof stepSchemas>(step: S, request: unknown): StepRequest<S> {
  const parsed = stepSchemas[step].safeParse(request);
  if (parsed.success) return parsed.data as StepRequest<S>;
  throw new Refused({
    message: `the request of '${step}' is not of a form that this agent knows: ${because(z.prettifyError(parsed.error))}`,
    hint: "run an update of this version, which brings the agent of this version to the host",
  });
}

function requireIntent({ memory }: Node, wanted: string): void {
  if (memory.intent === wanted) return;
  throw new Refused({
    message: "this node knows a newer update, or none",
    hint: "run 'pulumi up' again; without --target and --exclude",
  });
}

/**
 * This node knows the update, and what was armed for an older one is not any more. A primary that has to get rid of entries above its own writes its
 * claim: who is in `over` and declared fenced is switched off after it, and `demote` or `promote` brings the proof.
 */
export async function announce(node: Node, request: unknown): Promise<Prepared | null> {
  const { intent, receivers = null } = checked("announce", request);
  const { memory, hold, change } = node;
  const areOthers = String(memory.receivers) !== String(receivers);
  await hold(async () => {
    if (memory.intent === intent) return;
    await rememberIntent(node, intent, receivers);
    if (memory.my.arming.kind !== "none") await change(letGo(memory.my));
  });
  if (areOthers && memory.phase === "serving" && leads(node)) await keepSlots(node);
  return memory.phase === "serving" && leads(node) ? prepareServing(node) : null;
}

/** The first primary of a new cluster, with an empty database cluster where it has no data. */
export async function initialize(node: Node, request: unknown): Promise<void> {
  const wanted = checked("initialize", request);
  requireIntent(node, wanted.intent);
  const { me, memory, hold, turn, change, world, log } = node;
  const ledger = node.ledgerOf(wanted.ledger);
  const reading = await ledger.read(0);
  const decided = mayBegin(me, memory.my.token, reading);
  if (!decided.may) throw refused(decided.why, reading);
  await turn(async () => {
    if ((await world.postgres.control()) !== undefined) return;
    log("makes a cluster");
    await world.postgres.createCluster();
  });
  let entry = decided.found;
  if (!entry) {
    const created = await ledger.begin(wanted.ledger, me, wanted.members);
    if (created.kind !== "made") throw notWritten(created);
    entry = created.entry;
  }
  const first = entry;
  await hold(async () => {
    const origin = { timeline: 1, change: { entry: first.number, overrides: 0 }, by: me };
    if (memory.my.token.leader === null) await change(tookOver(memory.my, me, first, "serving"), [origin]);
  });
  log("is the first primary", { entry: first.number });
  await serves(node);
}

/** The declared primary is ready to take over the moment it may. */
export async function prepare(node: Node, request: unknown): Promise<Prepared> {
  const { intent, consent, fenced, off } = checked("prepare", request);
  requireIntent(node, intent);
  requireOwnMachine(node);
  const { me, memory, hold, turn, ledger, world } = node;
  if (memory.phase === "serving" && leads(node)) return prepareServing(node);
  const { entry, members } = memory.my.token;
  // Who leads may be a member that this node has not heard of yet.
  const reading = await ledger.read(entry);
  const end = reading.kind === "read" ? reading.entries.at(-1) : undefined;
  const answers = await askAll(node, sorted([...members, ...(end ? membersOf(end) : [])]));
  const leader = [...answers].find(
    ([peer, answer]) => answer.serving && answer.token.leader === peer && !fenced.includes(peer),
  )?.[0];
  await endOwnArming(node);
  if (leader) {
    await follow(node, leader);
    await releaseFromOff(node, off);
  }
  // One turn: nobody asks the archive again between the two.
  await turn(async () => {
    memory.isQuiet = true;
    await world.postgres.fetchHistories();
    await hold(async () => {
      requireIntent(node, intent);
      if (isServing(memory)) throw refused({ kind: "serves", node: me });
      if (!memory.my.token.members.includes(me))
        throw refused({ kind: "notAMember", node: me, entry: memory.my.token.entry });
      await arm(node);
    });
  });
  if (leader) return { plan: "planned", from: leader };
  const claimed = await writeClaim(node, { consent });
  return { plan: "claim", entry: claimed.number, over: claimed.over };
}

/** It leads already. What is open above its own entry has to go before anything else. */
async function prepareServing(node: Node): Promise<Prepared> {
  const { memory, hold, ledger } = node;
  const { token } = memory.my;
  if (memory.claim) return { plan: "claim", entry: memory.claim.entry.number, over: memory.claim.entry.over };
  const own = ownLedger(token, await ledger.read(token.entry));
  if (own.kind !== "own" || !hasToClaim(memory.my, own.last)) return { plan: "leads" };
  await endOwnArming(node);
  await hold(() => arm(node));
  const entry = await writeClaim(node, { consent: null });
  return { plan: "claim", entry: entry.number, over: entry.over };
}

async function endOwnArming(node: Node): Promise<void> {
  const { arming } = node.memory.my;
  if (arming.kind !== "none") await disarmIf(node, arming.secret);
}

/** Whoever is primary and not declared to be steps down, for the declared one. */
export async function demote(node: Node, request: unknown): Promise<HandedOver | { readonly kind: "notPrimary" }> {
  const { intent, to, fenced } = checked("demote", request);
  requireIntent(node, intent);
  if (node.memory.phase !== "serving" || !leads(node) || to === node.me) return { kind: "notPrimary" };
  if (node.memory.claim) await takeClaim(node, fenced);
  return handOver(node, to, () => node.memory.intent === intent);
}

/** This node is the one writable primary. */
export async function promote(node: Node, request: unknown): Promise<Promoted> {
  const wanted = checked("promote", request);
  requireIntent(node, wanted.intent);
  const { memory } = node;
  if (memory.claim) await takeClaim(node, wanted.fenced);
  return serves(node);
}

/** Everybody in `over` is asked to stand down, or is fenced after the entry: then it is taken. */
async function takeClaim(node: Node, proofs: readonly Fenced[]): Promise<void> {
  const { claim } = node.memory;
  isFenced(node, proofs);
  await askToStandDown(node);
  const refusal = await takeOver(node);
  if (refusal) throw refused(refusal, { kind: "read", entries: claim ? [claim.entry] : [] });
}

/** Waits as long as it may yet come true. */
async function serves(node: Node): Promise<Promoted> {
  const { me, memory } = node;
  const isOver = () => memory.phase === "serving" || (memory.my.arming.kind === "none" && !leads(node));
  await until(node, times.promotion, isOver);
  const { token } = memory.my;
  if (memory.phase === "serving" && leads(node))
    return { leader: me, entry: token.entry, timeline: memory.origins.at(-1)?.timeline ?? 0 };
  throw leads(node)
    ? new Refused(explainStart(verdict(node), memory.my.inquiry.reading))
    : refused({ kind: "notTheLeader", node: me, leader: token.leader, serving: false });
}

export async function followLeader(node: Node, request: unknown): Promise<{ readonly how: Followed }> {
  const { intent, leader } = checked("follow", request);
  requireIntent(node, intent);
  if (leader === node.me) return { how: "already" };
  return { how: await follow(node, leader) };
}

/** The list of members is this one, by an entry of the ledger. */
export async function setMembers(node: Node, request: unknown): Promise<void> {
  const { intent, list, gone } = checked("members", request);
  requireIntent(node, intent);
  const { me, memory, hold, ledger } = node;
  const reading = await ledger.read(memory.my.token.entry);
  const own = ownLedger(memory.my.token, reading);
  if (own.kind !== "own") throw refused({ kind: "ledger", own }, reading);
  if (String(membersOf(own.last)) === String(list)) return;
  const retired = retiredBy(own.last, list);
  const mayGo = mayRetire(retired, gone, await askAll(node, retired));
  if (!mayGo.may) throw refused(mayGo.why, reading);
  const secret = await hold(async () => {
    requireIntent(node, intent);
    if (memory.phase !== "serving" || !leads(node))
      throw refused({ kind: "notTheLeader", node: me, leader: memory.my.token.leader, serving: false });
    if (memory.my.arming.kind !== "none") throw refused({ kind: "isArmed", node: me });
    return arm(node);
  });
  const refusal = await claimAsPrimary(node, secret, { consent: null, list });
  if (refusal) throw refused(refusal, reading);
}

/** The operator's last resort: the archive is lost, and the primary too. */
export async function override(node: Node, request: unknown): Promise<Promoted> {
  const { intent, ...others } = checked("override", request);
  requireIntent(node, intent);
  requireOwnMachine(node);
  const refusal = await takeOverWithoutLedger(node, others);
  if (refusal) throw refused(refusal);
  return serves(node);
}

/** This ledger is in the place of the one that was there. The primary does it, or who takes over for it. */
export async function replace(node: Node, request: unknown): Promise<Promoted> {
  const { intent, ledger, consent, ...others } = checked("replace", request);
  requireIntent(node, intent);
  requireOwnMachine(node);
  const { memory } = node;
  const isDone = () => memory.my.token.ledger === ledger && (leads(node) || memory.my.token.overrides === 0);
  if (!isDone()) {
    const refusal = await replaceLedger(node, others, ledger, consent);
    if (refusal) throw refused(refusal);
  }
  await serves(node);
  await makeSure(node);
  if (memory.my.token.overrides > 0)
    throw new Refused({
      message: "the new ledger does not hold yet that this node leads",
      hint: "run npm run status; the primary tries on by itself",
    });
  return serves(node);
}

/** A host that was kept off for a new ledger hears who leads by it, whatever it has known. What it has is not the leader's data. */
export async function tell(node: Node, request: unknown): Promise<void> {
  const { intent, leader, ledger } = checked("tell", request);
  requireIntent(node, intent);
  const { me, memory, hold, change, log } = node;
  if (heeded(memory.my.token) === ledger) return;
  const answer = await askWhoLeads(node, leader);
  const leadsBy = answer?.serving && answer.token.leader === leader && answer.token.overrides === 0;
  if (!answer || !leadsBy || answer.token.ledger !== ledger)
    throw new Refused({
      message: `${nameOf(leader)} does not say that it leads by the ledger ${ledger}`,
      hint: "run the update again once that ledger holds who leads",
    });
  await hold(async () => {
    if (isServing(memory)) throw refused({ kind: "serves", node: me });
    if (memory.my.arming.kind !== "none") throw refused({ kind: "isArmed", node: me });
    await change(told(memory.my, answer.token));
    log("is told who leads by another ledger", { leader, ledger });
  });
}

/**
 * This machine's data was last used on another one: a disk that was moved, or a clone or a snapshot of it. `machine`: which one, and the operator's word is
 * that it is stopped for good.
 */
export async function adopt(node: Node, request: unknown): Promise<void> {
  const { intent, machine } = checked("adopt", request);
  requireIntent(node, intent);
  const { me, memory, hold, change, log } = node;
  await hold(async () => {
    if (memory.otherMachine === null) return;
    if (memory.otherMachine !== machine)
      throw new Refused({
        message: `the data was last used on the machine ${memory.otherMachine}, and not on ${machine}`,
        hint: `stop ${memory.otherMachine} for good, and name it`,
      });
    if (isServing(memory)) throw refused({ kind: "serves", node: me });
    // Another object: what is on disk is written anew, by this machine.
    await change({ ...memory.my, token: { ...memory.my.token }, inquiry: newInquiry() });
    memory.otherMachine = null;
    log("adopts another machine's data", { machine });
  });
}

/**
 * PostgreSQL stops, and starts as what this node stands for. A primary goes through the guard, so it stops only where that would let it start: where
 * the ledger says that nothing has come after its own change.
 */
export async function restart(node: Node, request: unknown): Promise<void> {
  checked("restart", request);
  const { memory, turn, ledger, world, hold, log } = node;
  await turn(async () => {
    if (memory.phase === "standby") return comesDown(node);
    if (memory.phase !== "serving" || !leads(node)) return;
    const reading = await ledger.read(memory.my.token.entry);
    const own = ownLedger(memory.my.token, reading);
    if (own.kind !== "own") throw refused({ kind: "ledger", own }, reading);
    if (hasToClaim(memory.my, own.last))
      throw new Refused({
        message: `entry ${own.last.number} of the ledger is above this node's own change, and nobody has taken it`,
        hint: "run the update again in half a minute: the primary gets rid of it by itself, as soon as all answer",
      });
    await world.postgres.checkpoint();
    await hold(async () => {
      await world.postgres.putSignal();
      memory.phase = "stopping";
    });
    log("stops to start anew");
    await world.postgres.stopCleanly();
    await endWhatLingers(node);
  });
  const isUp = () => memory.phase === "serving" || memory.phase === "standby";
  if (await until(node, times.promotion, isUp)) return;
  throw new Refused({
    message: `PostgreSQL does not start: ${memory.trouble ?? explainStart(verdict(node), memory.my.inquiry.reading).message}`,
    hint: "see 'journalctl -u understudy-postgresql' on the host; then run the update again",
  });
}

/** A clone does nothing but follow, until it was adopted. */
function requireOwnMachine(node: Node): void {
  const start = verdict(node);
  if (start.kind === "stay" && start.why.kind === "otherMachine")
    throw new Refused(explainStart(start, node.memory.my.inquiry.reading));
}

/** Who this node thinks leads, and why it would or would not take writes. */
export function status(node: Node) {
  const { memory } = node;
  return {
    token: changeOf(memory.my.token),
    leader: memory.my.token.leader,
    phase: memory.phase,
    isArmedForOverride: memory.my.arming.kind === "override",
    ...explainStart(verdict(node), memory.my.inquiry.reading),
  };
}
