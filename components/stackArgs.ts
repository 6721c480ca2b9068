import { getProject, runtime } from "@pulumi/pulumi";
import type { PostgresClusterArgs } from "./clusterArgs.ts";

/**
 * The stack's config as the arguments of its one cluster, still to be checked. The one place that reads `pulumi.Config`; it takes all keys of the project
 * at once, because a key that nobody reads is a mistake too.
 */
export function stackArgs(): PostgresClusterArgs {
  const prefix = `${getProject()}:`;
  const keys = Object.entries(runtime.allConfig()).flatMap(([key, value]) =>
    key.startsWith(prefix) ? [[key.slice(prefix.length), value]] : [],
  );
  return { ...(Object.fromEntries(keys) as PostgresClusterArgs), resourcePrefix: "" };
}
