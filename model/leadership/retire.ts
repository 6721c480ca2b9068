/** A member is one until it cannot come back as what it was: its host is destroyed, or its disk is wiped, or the operator states that it is gone. */
import type { Answers } from "./answer.ts";
import { type Entry, membersOf } from "./ledger.ts";
import type { Members } from "./member.ts";
import { type Decision, refuse } from "./verdict.ts";

/** Members by this entry that a new list does not have. */
export const retiredBy = (end: Entry, list: Members): Members => membersOf(end).filter((each) => !list.includes(each));

/** Whether these may go. `proven`: that they cannot come back. Who answers is not gone, whatever is stated. */
export function mayRetire(retired: Members, proven: Members, answers: Answers): Decision<unknown> {
  const there = retired.filter((each) => answers.has(each));
  if (there.length > 0) return refuse({ kind: "notGone", nodes: there, answer: true });
  const unproven = retired.filter((each) => !proven.includes(each));
  return unproven.length > 0 ? refuse({ kind: "notGone", nodes: unproven, answer: false }) : { may: true };
}
