import { defaultAgentPort } from "../../agentPort.ts";
import type { NodeConfig, PoolerConfig } from "../clusterConfig.ts";
import { isLater } from "../later.ts";
import { keyPath, type Problem } from "../problems.ts";

interface AgentContext {
  readonly nodes: Readonly<Record<string, Partial<NodeConfig>>>;
  readonly pooler: PoolerConfig | undefined;
}

/** What does not work with agents. */
export function checkAgent({ nodes, pooler }: AgentContext, problems: Problem[]): void {
  const ports = [
    ...Object.entries(nodes).map(
      ([name, node]) => [`${keyPath("nodes", name)}.postgresPort`, node.postgresPort] as const,
    ),
    ...(["port", "readOnlyPort"] as const).map((key) => [`pooler.${key}`, pooler?.[key]] as const),
  ];
  for (const [key, port] of ports) {
    if (port !== defaultAgentPort) continue;
    problems.push({ key, rule: `is the port ${defaultAgentPort}, the agents'`, hint: "set another port" });
  }
  const taken = new Map<unknown, string>();
  for (const [name, node] of Object.entries(nodes)) {
    if (!("address" in node) || isLater(node.address) || node.address === "") continue;
    const other = taken.get(node.address);
    if (other === undefined) taken.set(node.address, name);
    else {
      const rule = `is the address of '${other}', too, and agents are reached at one port (${defaultAgentPort})`;
      problems.push({ key: `${keyPath("nodes", name)}.address`, rule, hint: "give each node an address of its own" });
    }
  }
}
