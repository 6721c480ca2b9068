/** Without the ledger: for when the archive is lost, and the primary too. Everybody else has promised to wait, or is switched off and kept off. */
import {
  armedForOverride,
  type Change,
  type Member,
  type Members,
  mayPromise,
  mayTakeOverride,
  notArmed,
  overrideAbove,
  promised,
  type Refusal,
  sorted,
  tokenOfOverride,
  tookOverride,
} from "../model/leadership/index.ts";
import { ask, askAll } from "./asking.ts";
import { refused } from "./errors.ts";
import { disarmIf, endLater } from "./failover.ts";
import * as messages from "./messages.ts";
import { isServing, type Node, randomHex, running } from "./node.ts";
import { promote } from "./promotion.ts";

/** `nodes`: all that the config declares. `keptOff`: proven to be off, and to be kept off until an entry of the ledger is taken again. */
export async function takeOverWithoutLedger(node: Node, nodes: Members, keptOff: Members): Promise<Refusal | null> {
  const { me, memory } = node;
  const answers = await askAll(node, sorted([...nodes, ...memory.my.token.members]));
  const { change: above, secret } = await armForOverride(node, overrideAbove(memory.my.token, answers));
  const concerned = sorted([
    ...nodes,
    ...memory.my.token.members,
    ...[...answers.values()].flatMap(({ token }) => token.members),
  ]);
  const stopped: Member[] = [...keptOff];
  await Promise.all(
    concerned.map(async (peer) => {
      if (peer === me || keptOff.includes(peer)) return;
      const reply = await ask(node, peer, messages.promise(above));
      if (reply?.kind === "done") stopped.push(peer);
    }),
  );
  const refusal = await takeOverride(node, concerned, sorted(stopped), keptOff);
  if (refusal) await disarmIf(node, secret);
  return refusal;
}

async function armForOverride(node: Node, change: Change): Promise<{ change: Change; secret: string }> {
  const { me, memory, hold, change: becomes, log } = node;
  return hold(async () => {
    if (isServing(memory)) throw refused({ kind: "serves", node: me });
    if (memory.my.arming.kind !== notArmed.kind) throw refused({ kind: "isArmed", node: me });
    if (!memory.my.token.members.includes(me))
      throw refused({ kind: "notAMember", node: me, entry: memory.my.token.entry });
    const secret = randomHex(node, 16);
    await becomes(armedForOverride(memory.my, change, secret));
    void endLater(node, secret);
    log("is armed for an override", { change });
    return { change, secret };
  });
}

async function takeOverride(node: Node, nodes: Members, stopped: Members, keptOff: Members): Promise<Refusal | null> {
  const { me, memory, hold, turn, change, world, log } = node;
  return turn(async () => {
    const refusal = await hold(async () => {
      const { my } = memory;
      const decided = mayTakeOverride(me, my.token, my.arming, nodes, stopped);
      if (!decided.may) return decided.why;
      if (isServing(memory)) return { kind: "serves", node: me } as const;
      if (memory.phase === "standby") await world.postgres.syncWal();
      await change(tookOverride(my, tokenOfOverride(me, my.token, decided.change, keptOff), running(memory)));
      log("takes without the ledger", { change: decided.change, keptOff, stopped });
      return null;
    });
    if (refusal === null) await promote(node);
    return refusal;
  });
}

/** A target asks for the word that this node waits. */
export async function onPromise(node: Node, from: Member, change: Change): Promise<void> {
  const { me, memory, hold, change: becomes, world, log } = node;
  await hold(async () => {
    const seen = await world.postgres.running();
    const serves = isServing(memory) || seen === "writes" || seen === "unclear";
    const decided = mayPromise(me, memory.my.token, serves, change);
    if (!decided.may) throw refused(decided.why);
    await world.postgres.putSignal();
    await becomes(promised(memory.my, from));
    log("promises to wait", { to: from, change });
  });
}
