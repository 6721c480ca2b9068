import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { agentSources, packagedAgent } from "../../../model/agentSources.ts";
import { digestOf } from "../../../model/hostScripts.ts";
import { renderParameters } from "../../../model/render/parameters.ts";
import type { AgentInput } from "../../../model/stepInputs.ts";
import type { RunResult } from "../../ssh/runResult.ts";
import { withHost } from "../../ssh/ssh.ts";

const run = promisify(execFile);
/** Where the program lies: the checkout, or the package. */
const root = join(import.meta.dirname, "../../..");
/** Where a host gets the files. Root's, as the directory above. */
const directory = "/usr/local/lib/understudy/agent-files";
/** 45 MB over a slow line. */
const sendSeconds = 900;
const agentSeconds = 180;

/** @param say takes one line of progress */
export async function bringAgent(input: AgentInput, say: (line: string) => void): Promise<RunResult> {
  const { name, connection, architecture, parameters } = input;
  if (digestOf(agentSources(root)) !== input.program) {
    const message = "the agent's sources changed while the update ran\nHINT: run 'pulumi up' again.";
    return { ok: false, reason: "failed", message };
  }
  const program = await readFile(await agentProgram(input.program));
  const digest = sha256(program);

  return await withHost({ name, connection }, async (onHost) => {
    const send = (file: string, content: Buffer): Promise<RunResult> =>
      onHost(`sh -c 'gzip -d >${directory}/${file}'`, {
        stdin: gzipSync(content, { level: 1 }),
        timeoutSeconds: sendSeconds,
      });
    const asked = await onHost(whatIsThere(input.node, digest));
    if (!asked.ok) return asked;
    const missing = asked.stdout.split("\n");
    let nodeDigest = "";
    if (missing.includes("node")) {
      say(`${name}: sending the agent's Node, once`);
      const node = await readFile(await nodeFor(architecture));
      nodeDigest = sha256(node);
      const sent = await send("node", node);
      if (!sent.ok) return sent;
    }
    if (missing.includes("understudy-agent.cjs")) {
      const sent = await send("understudy-agent.cjs", program);
      if (!sent.ok) return sent;
    }
    return await onHost(`understudy agent ${name}`, {
      stdin: renderParameters({
        agent_files: directory,
        node_version: input.node,
        node_sha256: nodeDigest,
        agent_sha256: digest,
        ...parameters,
      }),
      timeoutSeconds: agentSeconds,
      onStderr: say,
    });
  });
}

/** Makes the directory, and prints which files are missing on the host. */
const whatIsThere = (node: string, program: string): string =>
  `sh -c 'umask 077; cd /usr/local/lib/understudy && rm -rf agent-files && mkdir agent-files && { test -f node/${node}/node || echo node; test -f agent/${program.slice(0, 16)}/understudy-agent.cjs || echo understudy-agent.cjs; }'`;

const sha256 = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");

/** The pinned Node for the host's processor, from the user's cache, or npm. */
async function nodeFor(architecture: string): Promise<string> {
  return (await run(join(root, "scripts/setup/tools.sh"), ["node", architecture])).stdout.trim();
}

/** The one file that the agent is. */
async function agentProgram(digest: string): Promise<string> {
  const packaged = join(root, packagedAgent);
  if (existsSync(packaged)) return packaged;
  const made = join(root, `.understudy/agent/${digest.slice(0, 16)}.cjs`);
  if (!existsSync(made)) await run(join(root, "scripts/agent-bundle"), [made]);
  return made;
}
