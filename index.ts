import { RunError } from "@pulumi/pulumi";
import { PostgresCluster } from "./components/cluster.ts";
import { ConfigError } from "./components/model/config.ts";
import { stackOutputs } from "./components/outputs.ts";
import { loadConfig } from "./components/stackConfig.ts";

const config = (() => {
  try {
    return loadConfig();
  } catch (error) {
    throw error instanceof ConfigError ? new RunError(error.message) : error;
  }
})();

const cluster = new PostgresCluster(config.clusterName, { config });

export const { primary, nodes, connectionUri, readOnlyUri, archive, handover, monitoring } = stackOutputs(
  config,
  cluster,
);
