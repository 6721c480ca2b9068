/**
 * The step `agent`: brings the agent and the Node that it runs on to a host, each once for each version, and runs `scripts/host/agent.sh` there.
 * Run by `components/agents.ts`.
 *
 * stdin   JSON: an AgentInput
 * stdout  JSON: what `agent.sh` reports
 */
import { text } from "node:stream/consumers";
import type { AgentInput } from "../../model/stepInputs.ts";
import { bringAgent } from "./lib/agentFiles.ts";

const input = JSON.parse(await text(process.stdin)) as AgentInput;
const result = await bringAgent(input, (line) => console.error(line));
if (!result.ok) {
  // What the host's script has said itself is printed already.
  if (!result.stderr?.includes("\nHINT: ")) console.error(result.message);
  process.exit(1);
}
console.log(result.stdout.trim());
