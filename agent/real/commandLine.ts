/**
 * The command line that asks the agent of this host.
 *
 * A step: its request is JSON on standard input. Standard error has what happens meanwhile, and standard output one line of JSON, the result.
 */
import { createConnection, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { printable, printableJson } from "../../model/text.ts";
import { reportSchema } from "../report.ts";
import { formatReport, formatWords } from "../reportText.ts";
import type { Json } from "../surroundings.ts";
import { hasCode } from "./files.ts";
import { readLines } from "./lines.ts";
import { type Call, operatorLimits, type Said, saidSchema } from "./operatorMessages.ts";

export const exitCodes = {
  done: 0,
  /** It may not be done. */
  refused: 1,
  usage: 2,
  /** The agent is not there, has ended meanwhile, or does not know itself what became of it. */
  unknown: 3,
} as const;

/** Bytes: the longest request. */
const longestRequest = 128 * 1024;
/** How long a step waits for an agent that starts, in milliseconds. */
const startDeadline = 30_000;

const say = (text: string): void => {
  process.stderr.write(`${text}\n`);
};

const complain = (node: string, message: string, hint: string): void => {
  say(`understudy: ${node === "" ? "" : `${node}: `}${printable(message)}\nHINT: ${printable(hint)}`);
};

/** @returns the exit code */
export async function runStep(step: Call["call"], socketPath: string): Promise<number> {
  const request = parsed(await standardInput());
  if (request === undefined) {
    complain("", `the request of '${step}' on standard input is no JSON`, "see docs/decisions/agent.md for what it is");
    return exitCodes.usage;
  }
  const said = await ask({ version: 1, call: step, request }, socketPath, startDeadline);
  if (said.kind !== "done") return tellWhy(said);
  process.stdout.write(`${printableJson(JSON.stringify(said.result))}\n`);
  return exitCodes.done;
}

/** Text for a person, JSON, or a line of words for the host scripts, which is of this node alone. */
export type StatusForm = "text" | "json" | "words";

/** @returns the exit code */
export async function runStatus(form: StatusForm, socketPath: string): Promise<number> {
  const said = await ask({ version: 1, call: "status", request: { local: form === "words" } }, socketPath, 0);
  if (said.kind !== "done") return tellWhy(said);
  const report = reportSchema.parse(said.result);
  const forms = {
    text: () => formatReport(report),
    json: () => `${printableJson(JSON.stringify(report))}\n`,
    words: () => formatWords(report),
  };
  process.stdout.write(forms[form]());
  return exitCodes.done;
}

type Last = Exclude<Said, { kind: "progress" }> | { readonly kind: "silent"; readonly message: string };

function tellWhy(said: Exclude<Last, { kind: "done" }>): number {
  switch (said.kind) {
    case "refused":
      complain(said.node, said.message, said.hint);
      return exitCodes.refused;
    case "failed":
      complain(said.node, said.message, "see 'journalctl -u understudy-agent' on the host, then run the update again");
      return exitCodes.unknown;
    case "silent":
      complain("", said.message, "see 'systemctl status understudy-agent' on the host, then run the update again");
      return exitCodes.unknown;
    default:
      return said satisfies never;
  }
}

const parsed = (text: string): Json | undefined => {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
};

async function standardInput(): Promise<string> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of process.stdin as AsyncIterable<Buffer>) {
    length += piece.length;
    if (length > longestRequest) return "";
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString("utf8");
}

/** One try to reach it; undefined: nobody listens there. */
function connected(path: string): Promise<Socket | undefined> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(path);
    socket.once("connect", () => resolve(socket));
    socket.once("error", (error) => {
      if (hasCode(error, "ENOENT", "ECONNREFUSED")) resolve(undefined);
      else reject(error);
    });
  });
}

async function ask(call: Call, path: string, waitMs: number): Promise<Last> {
  const end = performance.now() + waitMs;
  let isTold = false;
  for (;;) {
    const socket = await connected(path).catch((error: Error) => error);
    if (socket instanceof Error) return { kind: "silent", message: `the agent cannot be asked: ${socket.message}` };
    if (socket) return await spoken(socket, call);
    if (performance.now() >= end) return { kind: "silent", message: `no agent listens at ${path}` };
    if (!isTold) say("understudy: waiting for the agent of this host to start");
    isTold = true;
    await sleep(200);
  }
}

function spoken(socket: Socket, call: Call): Promise<Last> {
  return new Promise((resolve) => {
    const end = (last: Last): void => {
      socket.destroy();
      resolve(last);
    };
    const silent = (why: string) => end({ kind: "silent", message: `the agent ${why}` });
    socket.on("error", (error) => silent(`has gone: ${error.message}`));
    socket.on("close", () => silent("has ended before it said what became of this"));
    readLines(
      socket,
      operatorLimits,
      (line) => {
        const parsed = saidSchema.safeParse(line);
        if (!parsed.success) silent("says what this version does not know");
        else if (parsed.data.kind === "progress") say(`${parsed.data.node}: ${printable(parsed.data.text)}`);
        else end(parsed.data);
      },
      silent,
    );
    socket.write(`${JSON.stringify(call)}\n`);
  });
}
