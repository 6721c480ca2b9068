import type { NodeConfig, PoolerConfig } from "../clusterConfig.ts";
import { keyPath, type Problem } from "../problems.ts";
import { readOptions } from "../schema/option.ts";
import { poolerOptions } from "../schema/poolerOptions.ts";
import { parseDuration } from "../units.ts";

interface PoolerContext {
  readonly nodes: Readonly<Record<string, Partial<NodeConfig>>>;
  readonly databases: readonly string[];
}

/** Reads `pooler`: undefined where there is none, whatever else is set. */
export function readPooler(raw: unknown, context: PoolerContext, problems: Problem[]): PoolerConfig | undefined {
  const values = readOptions(poolerOptions, raw, "pooler", problems);
  if (values.enabled !== true) return undefined;
  const pooler: PoolerConfig = {
    port: values.port ?? 6432,
    readOnlyPort: values.readOnlyPort ?? 6433,
    poolMode: values.poolMode ?? "transaction",
    poolSize: values.poolSize ?? 20,
    maxClients: values.maxClients ?? 1000,
    pauseTimeoutMs: parseDuration(values.pauseTimeout ?? "5s") ?? 0,
  };
  checkPorts(pooler, context.nodes, problems);
  if (context.databases.includes("pgbouncer")) {
    const hint = "give the database another name, or set pooler.enabled to false";
    problems.push({ key: "databases.pgbouncer", rule: "is the name of PgBouncer's own console", hint });
  }
  return pooler;
}

function checkPorts(pooler: PoolerConfig, nodes: PoolerContext["nodes"], problems: Problem[]): void {
  const hint = "give each of them a port of its own";
  if (pooler.port === pooler.readOnlyPort) {
    problems.push({ key: "pooler.readOnlyPort", rule: `is pooler.port, ${pooler.port}`, hint });
  }
  for (const [name, node] of Object.entries(nodes)) {
    for (const key of ["port", "readOnlyPort"] as const) {
      const taken = { 22: "SSH's", [node.postgresPort ?? 0]: `PostgreSQL's on ${keyPath("nodes", name)}` };
      const owner = Object.hasOwn(taken, pooler[key]) ? taken[pooler[key] as keyof typeof taken] : undefined;
      if (owner === undefined || problems.some((problem) => problem.key === `pooler.${key}`)) continue;
      problems.push({ key: `pooler.${key}`, rule: `is the port ${pooler[key]}, ${owner}`, hint });
    }
  }
}
