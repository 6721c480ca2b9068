import { PostgresCluster } from "./components/cluster.ts";
import { mistake } from "./components/mistake.ts";
import { ConfigError } from "./components/model/config.ts";
import { stackOutputs } from "./components/outputs.ts";
import { loadConfig } from "./components/stackConfig.ts";

const config = (() => {
  try {
    return loadConfig();
  } catch (error) {
    throw error instanceof ConfigError ? mistake(error.message) : error;
  }
})();

const cluster = new PostgresCluster(config.clusterName, { config });

export default stackOutputs(config, cluster);
