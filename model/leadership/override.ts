/**
 * Without the ledger: for when the archive is lost, and the primary too. A target takes over after *every other node* is either switched off,
 * to be kept off until an entry of the ledger is taken again, or has promised that it will not start as a primary until it hears what became
 * of it.
 */
import type { Answer, Answers, Arming } from "./answer.ts";
import { type Change, changeOf, compare, isLater, latest } from "./change.ts";
import { type Member, type Members, nobody } from "./member.ts";
import { bound, heeded, type Token } from "./token.ts";
import { type Decision, refuse } from "./verdict.ts";

/** The change of an override: above all that this node and the nodes in reach know. */
export function overrideAbove(my: Token, answers: Answers): Change {
  const { entry, overrides } = latest([my, ...[...answers.values()].map(({ token }) => token)]);
  return { entry, overrides: overrides + 1 };
}

/**
 * Whether this node may take over without the ledger, and write it down there as soon as it is back: nobody in reach has agreed to another
 * ledger. Else somebody may lead by that one.
 */
export function mayOverride(me: Member, my: Token, answers: Answers): Decision<unknown> {
  for (const [node, { token }] of answers)
    if (token.leader !== null && heeded(token) !== heeded(my))
      return refuse({ kind: "otherLedger", node, ledger: heeded(token) });
  return my.members.includes(me) ? { may: true } : refuse({ kind: "notAMember", node: me, entry: my.entry });
}

/** Whether a node that is not switched off promises that this override may be taken. */
export function mayPromise(me: Member, my: Token, serving: boolean, change: Change): Decision<unknown> {
  if (serving) return refuse({ kind: "serves", node: me });
  if (compare(my, change) >= 0) return refuse({ kind: "knowsBetter", node: me, token: changeOf(my), base: change });
  return { may: true };
}

/** `nodes`: the config's, and those on the list of anybody who was reached. `stopped`: switched off, or promised. */
export function mayTakeOverride(
  me: Member,
  my: Token,
  arming: Arming,
  nodes: Members,
  stopped: Members,
): Decision<{ change: Change }> {
  if (arming.kind !== "override") return refuse({ kind: "notArmed", node: me });
  if (compare(my, arming.change) >= 0) return refuse({ kind: "isTaken", token: changeOf(my) });
  const left = nodes.filter((each) => each !== me && !stopped.includes(each));
  return left.length > 0
    ? refuse({ kind: "notStopped", entry: arming.change.entry, nodes: left })
    : { may: true, change: arming.change };
}

/** Nodes that are kept off need not be asked until the ledger knows. */
export function tokenOfOverride(me: Member, my: Token, { entry, overrides }: Change, keptOff: Members): Token {
  const members = my.members.filter((each) => !keptOff.includes(each));
  const ledger = heeded(my);
  // Of an entry that it only heard of, it does not know the digest.
  const digest = entry === my.entry && ledger === my.ledger ? my.digest : "";
  return bound({ ...my, ledger, entry, overrides, digest, leader: me, members }, nobody, undefined);
}

/**
 * Whether a promise is void: whom it was given to says that it let go and did not take over; or is proven to be off while the leader that
 * this node follows takes writes. Who takes writes itself has not taken over either, where it leads by no later change: a primary that was to
 * replace the ledger.
 */
export function promiseIsVoid(me: Member, my: Token, answer: Answer | null, isOffBesideAPrimary: boolean): boolean {
  if (my.leader === me) return false;
  if (isOffBesideAPrimary) return true;
  return answer !== null && (!answer.serving || my.successor !== undefined) && !isLater(answer.token, my);
}
