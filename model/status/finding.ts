import type { Leadership } from "../preflight/whoLeads.ts";
import type { NodeObservation, SqlFacts } from "./observation.ts";
import type { ClusterSummary, NodeSummary } from "./summary.ts";
import type { FindingLevel } from "./thresholds.ts";

/** Something that is not as it should be, or that whoever looks may want to know. */
export interface Finding {
  /** The node that it is about; undefined: the cluster. */
  readonly node?: string;
  readonly level: FindingLevel;
  readonly what: string;
  /** What to do. */
  readonly hint: string;
}

/** What a rule about one node looks at. */
export interface NodeContext {
  readonly observed: NodeObservation;
  readonly row: NodeSummary;
  readonly sql: SqlFacts | undefined;
  readonly primary: ClusterSummary["primary"];
  readonly leadership: Leadership;
}

/** A finding without its node, which is filled in. */
export type NodeFinding = Omit<Finding, "node">;
export type NodeRule = (context: NodeContext) => readonly NodeFinding[];
