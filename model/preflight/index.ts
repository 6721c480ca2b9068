import type { Reason } from "./scene.ts";

/** Checks whether the cluster can safely reach its declared state: see `judge.ts`. */
export { formatRefusal, judge, type Verdict } from "./judge.ts";
export type { Answer, AtRisk, Declared, DeclaredNode, Kind, NodeFacts, Outcome, Reason } from "./scene.ts";
export { preflightOutcome, recordedOutcome } from "./scene.ts";
export { underWay, type Witness } from "./whoLeads.ts";

/** Why a host can't be asked whose scripts are missing or of another version: the step `install` mends that. */
export const otherVersion = "its host scripts are of another version";

/** What `scripts/steps/preflight.ts preview` prints, as JSON: what a preview shows. */
export interface PreviewedVerdict {
  readonly reasons: readonly Reason[];
  readonly warnings: readonly string[];
  /** One line on what the update will do. */
  readonly summary: string;
  /** The hosts that could not be asked. */
  readonly silent: readonly { readonly node: string; readonly reason: string }[];
}
