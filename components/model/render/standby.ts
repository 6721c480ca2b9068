import type { NodeConfig, PostgresMajor } from "../clusterConfig.ts";

export interface StandbyConfInput {
  readonly major: PostgresMajor;
  /** The standby itself: name, source, delay. */
  readonly node: NodeConfig;
  /** Cluster name: the pgBackRest stanza. */
  readonly stanza: string;
  /** Where the primary is, for the other nodes. */
  readonly primary: { readonly address: string; readonly port: number };
}

/** `/etc/understudy/standby.conf` of a node that follows `primary`. A primary has an empty one. */
export function renderStandbyConf(input: StandbyConfInput): string {
  void input;
  return "";
}
