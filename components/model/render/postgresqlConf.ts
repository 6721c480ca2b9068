import type { ClusterConfig, NodeConfig } from "../clusterConfig.ts";
import type { HostSize } from "../sizing.ts";

export interface PostgresqlConfInput {
  readonly config: ClusterConfig;
  readonly node: NodeConfig;
  readonly host: HostSize;
}

/** `/etc/understudy/postgresql.conf` of one node. Nothing in it depends on which node is the primary. */
export function renderPostgresqlConf(input: PostgresqlConfInput): string {
  void input;
  return "";
}
