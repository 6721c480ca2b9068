/**
 * The program `understudy-agent`, of which `scripts/agent-bundle` makes one file.
 *
 *   understudy-agent --version
 *   understudy-agent run <file of its config>
 */
import { z } from "zod";
import { startAgent } from "../main.ts";
import { assemble } from "./assemble.ts";
import { configSchema } from "./config.ts";
import { readSmall } from "./files.ts";

/** Set by the bundle: the version of the package. */
declare const AGENT_VERSION: string | undefined;
const version = typeof AGENT_VERSION === "string" ? AGENT_VERSION : "from its sources";

/** Bytes. */
const longestConfig = 256 * 1024;

/** One line an event, for the journal. */
function log(event: string, facts: Readonly<Record<string, unknown>> = {}): void {
  const plain = (_: string, value: unknown) => (typeof value === "bigint" ? value.toString() : value);
  process.stdout.write(`${JSON.stringify({ event, ...facts }, plain)}\n`);
}

async function run(file: string): Promise<never> {
  const text = await readSmall(file, longestConfig);
  if (!text) throw new Error(`${file} is not there`);
  const parsed = configSchema.safeParse(JSON.parse(text.toString("utf8")));
  if (!parsed.success) throw new Error(`${file}: ${z.prettifyError(parsed.error)}`);
  const config = parsed.data;
  const ledgerKey = await readSmall(config.ledgerKey, 4096);
  if (!ledgerKey) throw new Error(`${config.ledgerKey} is not there`);
  const world = await assemble(config, (what) => log("refuses a peer", { what }));
  const agent = await startAgent({ me: config.node, machine: config.machine, ledgerKey }, world, log);
  log("runs", { version, node: config.node, port: world.port });
  return await agent.ended;
}

async function main([command, file, ...more]: readonly string[]): Promise<void> {
  if (command === "--version" && file === undefined) {
    process.stdout.write(`understudy-agent ${version}\n`);
  } else if (command === "run" && file !== undefined && more.length === 0) {
    await run(file);
  } else {
    process.stderr.write("usage: understudy-agent --version | run <file of its config>\n");
    process.exitCode = 2;
  }
}

main(process.argv.slice(2)).catch((error: unknown) => {
  log("ends", { why: error instanceof Error ? error.message : String(error) });
  process.exit(1);
});
