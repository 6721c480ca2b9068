import type { Change } from "./change.ts";
import type { Entry, Own } from "./ledger.ts";
import type { Member, Members } from "./member.ts";

/** Why something may not be. Each carries the facts that decided it: logs and messages are made from them (explain.ts). */
export type Refusal =
  | { readonly kind: "ledger"; readonly own: Exclude<Own, { kind: "own" }> }
  /** Somebody knows a change that the ledger does not hold. */
  | { readonly kind: "ledgerEndsBelow"; readonly known: Change; readonly end: number }
  | { readonly kind: "notAMember"; readonly node: Member; readonly entry: number }
  /** It has not followed a leader who knew it as a member. */
  | { readonly kind: "notFollowed"; readonly node: Member; readonly listed: number; readonly token: Change }
  /** What `leader` acknowledged since is not on this node, or nobody knows. */
  | { readonly kind: "needsConsent"; readonly node: Member; readonly by: Entry; readonly known: Change }
  | { readonly kind: "notTheLeader"; readonly node: Member; readonly leader: Member | null; readonly serving: boolean }
  /** An offer that nobody took, or a claim that nobody carried out, is above this node's own entry. */
  | { readonly kind: "entriesAreOpen"; readonly open: readonly Entry[]; readonly token: Change }
  | { readonly kind: "overrideIsUnwritten"; readonly token: Change }
  | { readonly kind: "listLacksItsAuthor"; readonly node: Member }
  | { readonly kind: "notArmed"; readonly node: Member }
  | { readonly kind: "otherToken"; readonly node: Member; readonly token: Change; readonly leader: Member | null }
  | { readonly kind: "notJoined"; readonly node: Member; readonly leader: Member | null }
  | { readonly kind: "hasPromised"; readonly node: Member; readonly to: Members }
  | { readonly kind: "serves"; readonly node: Member }
  /** It knows a change that the claim's author did not. */
  | { readonly kind: "knowsBetter"; readonly node: Member; readonly token: Change; readonly base: Change }
  | { readonly kind: "notItsClaim"; readonly node: Member; readonly entry: number }
  | { readonly kind: "isTaken"; readonly token: Change }
  /** These are not proven to be stopped after the entry was made. */
  | { readonly kind: "notStopped"; readonly entry: number; readonly nodes: Members }
  | { readonly kind: "notTold"; readonly entry: number }
  | { readonly kind: "otherArming"; readonly entry: number }
  /** Its replay does not end exactly where the primary stopped. */
  | { readonly kind: "otherEnd"; readonly replayed: WalEnd; readonly stopped: WalEnd }
  | { readonly kind: "isArmed"; readonly node: Member }
  /** It has agreed to another ledger: somebody may lead by that one. */
  | { readonly kind: "otherLedger"; readonly node: Member; readonly ledger: string }
  /** Its predecessor is lost with the ledger, and what it acknowledged may be on no node. */
  | { readonly kind: "replacementNeedsConsent"; readonly node: Member; readonly known: Change }
  /** What lies where the new ledger begins is not this node's own first entry. */
  | { readonly kind: "begunByAnother"; readonly entry: Entry }
  /** They would be members no more, and may come back as what they were; or they answer. */
  | { readonly kind: "notGone"; readonly nodes: Members; readonly answer: boolean }
  | { readonly kind: "olderLeader"; readonly leader: Member; readonly token: Change; readonly theirs: Change };

/** Where WAL ends: after the last record. */
export interface WalEnd {
  readonly timeline: number;
  readonly lsn: bigint;
}

export type Decision<T> = ({ readonly may: true } & T) | { readonly may: false; readonly why: Refusal };

export const refuse = (why: Refusal): { readonly may: false; readonly why: Refusal } => ({ may: false, why });
