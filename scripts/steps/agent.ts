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
import { fail } from "./lib/fail.ts";

const input = JSON.parse(await text(process.stdin)) as AgentInput;
const result = await bringAgent(input, (line) => console.error(line));
if (!result.ok) fail(result);
console.log(result.stdout.trim());
