import type { Change } from "./change.ts";
import type { Member } from "./member.ts";
import type { Token } from "./token.ts";

/**
 * What a target waits for. It lives in the memory of the agent, with a secret of its own: a restart ends it, and one that has ended never
 * comes back. A node that is armed neither starts as a primary nor follows.
 */
export type Arming =
  | { readonly kind: "none" }
  /** For no entry yet. */
  | { readonly kind: "open"; readonly secret: string }
  | { readonly kind: "entry"; readonly entry: number; readonly secret: string }
  /** `ledger`: the id of the one that is to replace the present one, where it is lost for good. */
  | { readonly kind: "override"; readonly change: Change; readonly secret: string; readonly ledger?: string };

export const notArmed: Arming = { kind: "none" };

/** What a node says when it is asked. A host without a token has no answer. */
export interface Answer {
  readonly token: Token;
  /** Its data is that of its token's leader: it has followed, and not only heard. */
  readonly joined: boolean;
  readonly arming: Arming;
  /**
   * PostgreSQL takes writes, or has been let go ahead, or is still stopping, or a process is left of a start without `standby.signal` or of
   * one that was told to promote.
   */
  readonly serving: boolean;
}
export type Answers = ReadonlyMap<Member, Answer>;
