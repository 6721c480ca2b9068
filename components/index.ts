/** What programs import from `pulumi-understudy`. */
export type * from "./args.ts";
export { PostgresCluster } from "./cluster.ts";
export type { PostgresClusterArgs } from "./clusterArgs.ts";
export type { ConnectionStrings } from "./connections.ts";
export { stackOutputs } from "./outputs.ts";
