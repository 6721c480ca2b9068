import { metricsNamespace } from "../aws/metrics.ts";
import { cloudWatchEndpoint, type Region } from "../aws/regions.ts";
import type { NodeConfig } from "../config/clusterConfig.ts";
import { slotName } from "../names.ts";
import { renderParameters } from "./parameters.ts";

export interface MetricsConfInput {
  readonly clusterName: string;
  readonly region: Region;
  /** Those that take part. The file is the same on each of them, and in each role. */
  readonly nodes: readonly Pick<NodeConfig, "name" | "source" | "delay">[];
}

/** `/etc/understudy/metrics.conf`: where `scripts/host/metrics` sends what it measures, and who streams. A shell reads it. */
export function renderMetricsConf({ clusterName, region, nodes }: MetricsConfInput): string {
  const followers = nodes
    .filter(({ source }) => source === "streaming")
    // One that stays behind on purpose has to have the WAL all the same.
    .map(({ name, delay }) => `${name} ${slotName(name)} ${delay === undefined ? "replay" : "flush"}`)
    .sort();
  return `# Written by Understudy. Changes made here are lost.\n${renderParameters({
    namespace: metricsNamespace(clusterName),
    region,
    endpoint: `https://${cloudWatchEndpoint(region)}/`,
    followers: followers.join("\n"),
  })}`;
}
