/**
 * Without the ledger: for when the archive is lost, and the primary too; or to have another ledger in the place of one that is lost for good. Everybody
 * else has promised to wait, or is switched off and kept off.
 */
import {
  agreed,
  armedForOverride,
  armedToReplace,
  type Change,
  type Consent,
  concerned,
  type Decision,
  last,
  type Member,
  type Members,
  mayOverride,
  mayPromise,
  mayReplace,
  mayTakeOverride,
  overrideAbove,
  ownLedger,
  promised,
  type Reading,
  type Refusal,
  replacementAbove,
  type Standing,
  sorted,
  tokenOfOverride,
  tokenOfReplacement,
  tookOverride,
} from "../model/leadership/index.ts";
import type { Replacement } from "../model/leadership/schema.ts";
import { ask, askAll } from "./asking.ts";
import { refused } from "./errors.ts";
import { disarmIf, endLater } from "./failover.ts";
import * as messages from "./messages.ts";
import { isServing, leads, type Node, randomHex, rememberReplacement, running } from "./node.ts";
import { promote } from "./promotion.ts";

/** Everybody else, as the operator knows it. */
export interface Others {
  /** All that the config declares. */
  readonly nodes: Members;
  /** Proven to be off, and to be kept off: until an entry of the ledger is taken again, or, for a new ledger, until they were told of it. */
  readonly keptOff: Members;
}

export async function takeOverWithoutLedger(node: Node, others: Others): Promise<Refusal | null> {
  const { me, memory } = node;
  const answers = await askAll(node, sorted([...others.nodes, ...memory.my.token.members]));
  const whom = concerned(me, memory.my.token, answers, others.nodes);
  const change = overrideAbove(memory.my.token, answers);
  const secret = await armWithoutLedger(
    node,
    change,
    () =>
      isServing(memory) ? { may: false, why: { kind: "serves", node: me } } : mayOverride(me, memory.my.token, answers),
    (my, own) => armedForOverride(my, change, own),
  );
  const stopped = await askToPromise(node, whom, others.keptOff, change);
  return takeOrLetGo(node, secret, whom, stopped, {
    mayServe: false,
    token: (decided) => tokenOfOverride(me, memory.my.token, decided, others.keptOff),
  });
}

/** The new ledger is begun when this node serves: beginLedger (replacement.ts). */
export async function replaceLedger(
  node: Node,
  others: Others,
  ledger: string,
  consent: Consent | null,
): Promise<Refusal | null> {
  const { me, memory } = node;
  const old = await node.ledgerOf(memory.my.token.ledger).read(memory.my.token.entry);
  const answers = await askAll(node, sorted([...others.nodes, ...memory.my.token.members]));
  const whom = concerned(me, memory.my.token, answers, others.nodes);
  const change = replacementAbove(memory.my.token, answers, old);
  const secret = await armWithoutLedger(
    node,
    change,
    () => mayReplace(me, memory.my.token, isServing(memory), consent),
    (my, own) => armedToReplace(my, change, ledger, own),
  );
  const replacement = replacementOf(node, old, change, others, ledger);
  const stopped = await askToPromise(node, whom, others.keptOff, change, ledger);
  return takeOrLetGo(node, secret, whom, stopped, {
    mayServe: true,
    replacement,
    token: (decided) => tokenOfReplacement(me, memory.my.token, decided, others.keptOff, ledger),
  });
}

function replacementOf(
  { me, memory }: Node,
  old: Reading,
  { entry }: Change,
  { keptOff }: Others,
  ledger: string,
): Replacement {
  const { token } = memory.my;
  const own = ownLedger(token, old);
  const end = own.kind === "own" ? own.last : old.kind === "read" ? last(old.entries) : undefined;
  const first = entry + 1;
  return {
    version: 1,
    ledger,
    replaces: token.ledger,
    known: token.entry,
    first,
    // It counts changes of leader. Where it cannot be read it is not above the entry's number.
    epoch: end ? end.epoch + (end.to === me ? 0 : 1) : first,
    others: sorted(keptOff.filter((each) => token.members.includes(each))),
  };
}

async function armWithoutLedger(
  node: Node,
  change: Change,
  may: () => Decision<unknown>,
  armed: (my: Standing, secret: string) => Standing,
): Promise<string> {
  const { me, memory, hold, change: becomes, log } = node;
  return hold(async () => {
    if (memory.my.arming.kind !== "none") throw refused({ kind: "isArmed", node: me });
    const decided = may();
    if (!decided.may) throw refused(decided.why);
    const secret = randomHex(node, 16);
    await becomes(armed(memory.my, secret));
    void endLater(node, secret);
    log("is armed to take over without the ledger", { change });
    return secret;
  });
}

/** Who is stopped: kept off, or promises to wait. */
async function askToPromise(
  node: Node,
  whom: Members,
  keptOff: Members,
  change: Change,
  ledger?: string,
): Promise<Members> {
  const asked = whom.filter((each) => !keptOff.includes(each));
  const replies = await Promise.all(asked.map((each) => ask(node, each, messages.promise(change, ledger))));
  return sorted([...keptOff, ...asked.filter((_, at) => replies[at]?.kind === "done")]);
}

interface Taking {
  /** As the primary, all along. */
  readonly mayServe: boolean;
  readonly replacement?: Replacement;
  readonly token: (change: Change) => Standing["token"];
}

async function takeOrLetGo(
  node: Node,
  secret: string,
  whom: Members,
  stopped: Members,
  taking: Taking,
): Promise<Refusal | null> {
  const refusal = await take(node, whom, stopped, taking);
  if (refusal) await disarmIf(node, secret);
  return refusal;
}

async function take(node: Node, whom: Members, stopped: Members, taking: Taking): Promise<Refusal | null> {
  const { me, memory, hold, turn, change, world, log } = node;
  return turn(async () => {
    const refusal = await hold(async () => {
      const { my } = memory;
      const decided = mayTakeOverride(me, my.token, my.arming, whom, stopped);
      if (!decided.may) return decided.why;
      const isPrimary = taking.mayServe && memory.phase === "serving" && leads(node);
      if (!isPrimary && isServing(memory)) return { kind: "serves", node: me } as const;
      if (memory.phase === "standby") await world.postgres.syncWal();
      if (taking.replacement) await rememberReplacement(node, taking.replacement);
      await change(tookOverride(my, taking.token(decided.change), running(memory)));
      log("takes without the ledger", { change: decided.change, ledger: taking.replacement?.ledger, stopped });
      return null;
    });
    if (refusal === null) await promote(node);
    return refusal;
  });
}

/** A target asks for the word that this node waits; and perhaps for one more, that it heeds another ledger from now on. */
export async function onPromise(
  node: Node,
  from: Member,
  { change, ledger }: { readonly change: Change; readonly ledger?: string },
): Promise<void> {
  const { me, memory, hold, change: becomes, world, log } = node;
  await hold(async () => {
    const seen = await world.postgres.running();
    const serves = isServing(memory) || seen === "writes" || seen === "unclear";
    const decided = mayPromise(me, memory.my.token, serves, change);
    if (!decided.may) throw refused(decided.why);
    await world.postgres.putSignal();
    await becomes(ledger === undefined ? promised(memory.my, from) : agreed(memory.my, from, ledger));
    log("promises to wait", { to: from, change, ledger });
  });
}
