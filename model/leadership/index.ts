/**
 * Who may be primary: pure decisions over what a node knows, the ledger, and what others answer. The search in `test/model/leadership/` runs them, and
 * the agent; the hosts do not yet: there `scripts/host/guard` decides (docs/decisions/leadership.md).
 */
export * from "./answer.ts";
export * from "./begin.ts";
export * from "./change.ts";
export * from "./claim.ts";
export * from "./explain.ts";
export * from "./follow.ts";
export * from "./guard.ts";
export * from "./ledger.ts";
export * from "./member.ts";
export * from "./offer.ts";
export * from "./override.ts";
export * from "./replace.ts";
export * from "./retire.ts";
export * from "./standing.ts";
export * from "./takenAlong.ts";
export * from "./token.ts";
export * from "./verdict.ts";
