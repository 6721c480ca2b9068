import type { Answer, Arming } from "./answer.ts";
import { changeOf, isLater } from "./change.ts";
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
