import { clusterFindings } from "./clusterRules.ts";
import type { Finding } from "./finding.ts";
import { nodeFindings } from "./nodeRules.ts";
import type { Observation } from "./observation.ts";
import { type ClusterSummary, summarize } from "./summary.ts";
import { exitCodeOf, type Level, worstOf } from "./thresholds.ts";

export interface Judgement {
  /** The worst of the findings; notices are none. */
  readonly level: Level;
  /** Worst first; of one level, the cluster first and then the nodes in their order. */
  readonly findings: readonly Finding[];
}

/** Says how well the cluster is. The rules are in clusterRules.ts and nodeRules.ts, their figures in thresholds.ts. */
export function assess(observation: Observation, summary: ClusterSummary = summarize(observation)): Judgement {
  const findings = [
    ...clusterFindings(observation, summary),
    ...observation.nodes.flatMap((node, index) => {
      const row = summary.nodes[index];
      return row === undefined ? [] : nodeFindings(node, row, summary);
    }),
  ].sort((a, b) => exitCodeOf(b.level) - exitCodeOf(a.level));
  return { level: worstOf(findings.map(({ level }) => level)), findings };
}
