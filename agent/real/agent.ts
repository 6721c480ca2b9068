/**
 * The program `understudy-agent`, of which `scripts/agent-bundle` makes one file.
 *
 *   understudy-agent --version
 *   understudy-agent run <file of its config>       the service
 *   understudy-agent signal <file of its config>    at boot: PostgreSQL comes up read-only, whoever starts it
 *   understudy-agent check-ledger <file of its config>  of provisioning: whether the store can hold a ledger
 *   understudy-agent step <step> [--socket PATH]    one step of an update: JSON on standard input, one line of JSON on standard output
 *   understudy-agent status [--json | --words] [--socket PATH]
 *
 * exit  0 done, 1 refused, 2 wrong usage, 3 the agent cannot be asked, or what became of it is not known
 */
import { appendFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { z } from "zod";
import { nameOf } from "../../model/leadership/index.ts";
import { agentSocket } from "../../model/paths.ts";
import { because } from "../errors.ts";
import { type Agent, beginAgent } from "../main.ts";
import type { Log } from "../node.ts";
import { progressOf } from "../progress.ts";
import type { Json } from "../surroundings.ts";
import { assemble, checkLedger, postgresOf } from "./assemble.ts";
import { exitCodes, runStatus, runStep } from "./commandLine.ts";
import { type AgentConfig, configSchema } from "./config.ts";
import { readSmall } from "./files.ts";
import { handoverJournal } from "./handoverJournal.ts";
import { machineId } from "./machine.ts";
import { openOperator } from "./operator.ts";
import { type StepName, statusRequestSchema, stepNames } from "./operatorMessages.ts";
import { isNeeded } from "./storageCheck.ts";

/** Set by the bundle: the version of the package. */
declare const AGENT_VERSION: string | undefined;
const version = typeof AGENT_VERSION === "string" ? AGENT_VERSION : "from its sources";

/** Bytes. */
const longestConfig = 256 * 1024;

/** Who waits for a step. */
const listeners = new Set<(text: string) => void>();

/** What the receipt of a change is made of. */
let noteHandover: Log = () => {};

/** One line an event, for the journal of systemd; what a person wants to read of it, for whoever waits. */
const log: Log = (event, facts = {}) => {
  noteHandover(event, facts);
  const plain = (_: string, value: unknown) => (typeof value === "bigint" ? value.toString() : value);
  process.stdout.write(`${JSON.stringify({ event, ...facts }, plain)}\n`);
  const text = progressOf(event, facts);
  if (text !== undefined) for (const say of listeners) say(text);
};

async function configOf(file: string): Promise<AgentConfig> {
  const text = await readSmall(file, longestConfig);
  if (!text) throw new Error(`${file} is not there`);
  const parsed = configSchema.safeParse(JSON.parse(text.toString("utf8")));
  if (!parsed.success) throw new Error(`${file}: ${z.prettifyError(parsed.error)}`);
  return parsed.data;
}

async function run(file: string): Promise<never> {
  const config = await configOf(file);
  const ledgerKey = await readSmall(config.ledgerKey, 4096);
  if (!ledgerKey) throw new Error(`${config.ledgerKey} is not there`);
  const { journal } = config;
  if (journal !== undefined)
    noteHandover = handoverJournal({
      node: nameOf(config.node),
      now: Date.now,
      // A disk that is full costs the line, not what it tells of.
      append: (line) => void appendFile(journal, line, { mode: 0o600 }).catch(() => {}),
    });
  const world = await assemble(config, (what) => log("refuses a peer", { what }));
  const machine = config.machine ?? (await machineId());
  const starting = beginAgent({ me: config.node, machine, ledgerKey }, world, log);
  let agent: Agent | undefined;
  await openOperator({
    path: config.socket,
    node: nameOf(config.node),
    async call(what, request, say) {
      if (what === "status")
        return (await (agent ?? starting).report(statusRequestSchema.parse(request).local)) as Json;
      log("step", { step: what, request });
      listeners.add(say);
      try {
        const result = ((await (await starting.started)[what](request)) ?? null) as Json;
        log("step ends", { step: what, result });
        return result;
      } catch (error) {
        log("refuses a step", { step: what, message: because(error) });
        throw error;
      } finally {
        listeners.delete(say);
      }
    },
  });
  agent = await starting.started;
  log("runs", { version, node: config.node, port: world.port });
  return await agent.ended;
}

/** What lies in the data directory makes it a standby, before anybody can log in and start it. */
async function signal(file: string): Promise<void> {
  const postgres = await postgresOf(await configOf(file));
  if ((await postgres.control()) !== undefined) await postgres.putSignal();
}

/** Of provisioning. @throws where the place of the ledger cannot arbitrate */
async function checkPlace(file: string): Promise<void> {
  const broken = (await checkLedger(await configOf(file))).filter(({ holds }) => !holds);
  for (const { rule, said } of broken) process.stderr.write(`${rule}: ${said}\n`);
  if (broken.some(isNeeded)) throw new Error("the ledger cannot lie there: see the lines above");
}

const usage = `usage: understudy-agent --version
       understudy-agent run <file of its config>
       understudy-agent signal <file of its config>
       understudy-agent check-ledger <file of its config>
       understudy-agent step <${stepNames.join("|")}> [--socket <path>] <request.json
       understudy-agent status [--json | --words] [--socket <path>]
`;

const isStep = (word: string | undefined): word is StepName => stepNames.includes(word as StepName);

/** @returns the exit code; undefined: these words are no command */
async function main(args: readonly string[]): Promise<number | undefined> {
  const flag = { type: "boolean" } as const;
  const options = { socket: { type: "string" }, json: flag, words: flag, version: flag } as const;
  const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
  const [command, word, ...more] = positionals;
  const { socket = agentSocket, json, words } = values;
  if (more.length > 0) return undefined;
  if (values.version && command === undefined) {
    process.stdout.write(`understudy-agent ${version}\n`);
    return exitCodes.done;
  }
  switch (command) {
    case "run":
      return word === undefined ? undefined : await run(word);
    case "signal":
      if (word === undefined) return undefined;
      await signal(word);
      return exitCodes.done;
    case "check-ledger":
      if (word === undefined) return undefined;
      await checkPlace(word);
      return exitCodes.done;
    case "step":
      return isStep(word) ? await runStep(word, socket) : undefined;
    case "status":
      return word === undefined ? await runStatus(words ? "words" : json ? "json" : "text", socket) : undefined;
    default:
      return undefined;
  }
}

function isWrongUsage(error: unknown): boolean {
  return error instanceof TypeError && "code" in error && String(error.code).startsWith("ERR_PARSE_ARGS");
}

const args = process.argv.slice(2);
main(args)
  .catch((error: unknown) => {
    if (isWrongUsage(error)) return undefined;
    const why = error instanceof Error ? error.message : String(error);
    if (args[0] === "run") log("ends", { why });
    else process.stderr.write(`understudy: ${why}\n`);
    // Its servers would keep the process.
    process.exit(1);
  })
  .then((code) => {
    if (code === undefined) process.stderr.write(usage);
    process.exitCode = code ?? exitCodes.usage;
  });
