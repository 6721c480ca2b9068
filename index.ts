import { getStack } from "@pulumi/pulumi";
import { PostgresCluster } from "./components/cluster.ts";
import { stackOutputs } from "./components/outputs.ts";
import { stackArgs } from "./components/stackArgs.ts";

const args = stackArgs();
const cluster = new PostgresCluster(args.clusterName || getStack(), args);

export default stackOutputs(cluster);
