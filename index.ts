import { PostgresCluster } from "./components/cluster.ts";
import { mistake } from "./components/mistake.ts";
import { stackOutputs } from "./components/outputs.ts";
import { loadConfig } from "./components/stackConfig.ts";
import { ConfigError } from "./model/config/config.ts";

const config = (() => {
  try {
    return loadConfig();
  } catch (error) {
    throw error instanceof ConfigError ? mistake(error.message) : error;
  }
})();

const cluster = new PostgresCluster(config.clusterName, { config });

export default stackOutputs(config, cluster);
