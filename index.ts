import { RunError } from "@pulumi/pulumi";
import { PostgresCluster } from "./components/cluster.ts";
import { stackOutputs } from "./components/outputs.ts";
import { loadConfig } from "./components/stackConfig.ts";
import { ConfigError } from "./model/config/config.ts";

const config = (() => {
  try {
    return loadConfig();
  } catch (error) {
    throw error instanceof ConfigError ? new RunError(error.message) : error;
  }
})();

const cluster = new PostgresCluster(config.clusterName, { config, resourcePrefix: "" });

export default stackOutputs(config, cluster);
