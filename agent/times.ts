/** How long the agent waits for what, in milliseconds. Safety rests on none of these. */
export const times = {
  /** A question to a peer. */
  question: 2_000,
  /** Between two looks at PostgreSQL. */
  look: 1_000,
  /** Between two looks at the ledger while it serves. */
  ledgerLook: 10_000,
  /** Between two looks of a target at how far its replay is. */
  replayLook: 10,
  /** From the arming to when it ends by itself: a person may have to fence a host meanwhile. */
  arming: 120_000,
  /** A target that has been told that its primary stopped. */
  taking: 30_000,
  /** Between two tries to reach a peer. */
  again: 100,
  /** A sender or an archiver that hangs after a clean stop. */
  lingering: 2_000,
  /** A promotion, as long as PostgreSQL needs for its last WAL. */
  promotion: 60_000,
} as const;
