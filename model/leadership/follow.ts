import type { Answer, Arming } from "./answer.ts";
import { type Change, changeOf, compare, isLater } from "./change.ts";
import type { Member } from "./member.ts";
import type { Token } from "./token.ts";
import { type Decision, refuse } from "./verdict.ts";

/** Whether a node may follow `leader`, and make its data like that one's. */
export function mayFollow(
  me: Member,
  my: Token,
  arming: Arming,
  serving: boolean,
  leader: Member,
  answer: Answer,
): Decision<unknown> {
  if (!answer.serving || answer.token.leader !== leader)
    return refuse({ kind: "notTheLeader", node: leader, leader: answer.token.leader, serving: answer.serving });
  if (serving) return refuse({ kind: "serves", node: me });
  if (arming.kind !== "none") return refuse({ kind: "isArmed", node: me });
  if (isLater(my, answer.token))
    return refuse({ kind: "olderLeader", leader, token: changeOf(my), theirs: changeOf(answer.token) });
  return { may: true };
}

/** By which change, and whom, a timeline was begun. Two promotions may pick the same number. */
export interface Origin {
  readonly timeline: number;
  readonly change: Change;
  readonly by: Member;
}

/** What WAL a node has: its timelines, oldest first, each with its end: where it was left for the next one, or where this node's WAL ends. */
export interface History {
  readonly timelines: readonly { readonly timeline: number; readonly end: bigint }[];
  readonly origins: readonly Origin[];
}

/**
 * Whether data is a beginning of the leader's: timeline by timeline the same number, begun by the same change, left at the same point, and no
 * further than the leader's. What is not known is not the same. Equal numbers prove nothing, nor do equal lengths.
 */
export function isPrefix(mine: History, leaders: History): boolean {
  const last = mine.timelines.length - 1;
  return (
    last >= 0 &&
    mine.timelines.every(({ timeline, end }, at) => {
      const theirs = leaders.timelines[at];
      if (theirs?.timeline !== timeline || !isSameOrigin(timeline, mine.origins, leaders.origins)) return false;
      return at < last ? theirs.end === end : end <= theirs.end;
    })
  );
}

/**
 * Whether pg_rewind can be believed. It says "no rewind required" where both ends are on timelines of one number, and looks for what is common by
 * number and switch point: so the numbers of the last ones have to differ, and what it takes for common has to be so.
 */
export function mayRewind(mine: History, leaders: History): boolean {
  const last = (history: History) => history.timelines.at(-1)?.timeline;
  if (last(mine) === undefined || last(mine) === last(leaders)) return false;
  for (const [at, { timeline, end }] of mine.timelines.entries()) {
    const theirs = leaders.timelines[at];
    if (theirs?.timeline !== timeline) return at > 0;
    if (!isSameOrigin(timeline, mine.origins, leaders.origins)) return false;
    if (theirs.end !== end) return true;
  }
  return true;
}

function isSameOrigin(timeline: number, mine: readonly Origin[], theirs: readonly Origin[]): boolean {
  const [a, b] = [mine, theirs].map((origins) => origins.find((origin) => origin.timeline === timeline));
  return a !== undefined && b !== undefined && compare(a.change, b.change) === 0 && a.by === b.by;
}
