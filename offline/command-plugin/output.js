// @ts-check
/** What commands print: collected for the outputs and for messages, and streamed to the engine line by line. */
import grpc from "@grpc/grpc-js";
import engineGrpc from "@pulumi/pulumi/proto/engine_grpc_pb.js";
import engine from "@pulumi/pulumi/proto/engine_pb.js";
import { channelOptions } from "../lib/serve.js";

/** @typedef {"debug" | "info" | "warning" | "error"} Severity */

/** Sends messages to the engine, one after the other. */
export class EngineLog {
  /** @type {import("@pulumi/pulumi/proto/engine_grpc_pb.js").EngineClient | undefined} */
  #client;
  /** @type {string} */
  #address;
  /** @type {Promise<void>} */
  #last = Promise.resolve();

  /** @param {string} address */
  constructor(address) {
    this.#address = address;
  }

  /**
   * @param {string} urn
   * @param {Severity} severity
   * @param {string} message
   * @param {{ status?: boolean }} [options] a status shows while the step runs and is not kept
   */
  write(urn, severity, message, { status = false } = {}) {
    if (this.#address === "") return;
    this.#client ??= new engineGrpc.EngineClient(this.#address, grpc.credentials.createInsecure(), channelOptions);
    const client = this.#client;
    const request = new engine.LogRequest();
    request.setSeverity({ debug: 0, info: 1, warning: 2, error: 3 }[severity] ?? 1);
    request.setMessage(message);
    request.setUrn(urn);
    request.setEphemeral(status);
    this.#last = this.#last.then(() => new Promise((resolve) => client.log(request, () => resolve())));
  }

  /** Resolves once all that was written has arrived. */
  flushed() {
    return this.#last;
  }
}

/** The output of one command. */
export class CommandOutput {
  /** @type {Buffer[]} */
  #stdout = [];
  /** @type {Buffer[]} */
  #stderr = [];
  /** @type {Buffer[]} */
  #both = [];
  /** @type {Buffer} */
  #pending = Buffer.alloc(0);
  /** @type {(line: string) => void} */
  #onLine;
  /** @type {string} */
  #logging;

  /**
   * @param {string | undefined} logging which of the two streams are shown
   * @param {(line: string) => void} onLine
   */
  constructor(logging, onLine) {
    this.#logging = logging ?? "stdoutAndStderr";
    this.#onLine = onLine;
  }

  /** @param {Buffer} chunk */
  stdout(chunk) {
    this.#stdout.push(chunk);
    this.#both.push(chunk);
    if (this.#logging === "stdout" || this.#logging === "stdoutAndStderr") this.#show(chunk);
  }

  /** @param {Buffer} chunk */
  stderr(chunk) {
    this.#stderr.push(chunk);
    this.#both.push(chunk);
    if (this.#logging === "stderr" || this.#logging === "stdoutAndStderr") this.#show(chunk);
  }

  /** @param {Buffer} chunk */
  #show(chunk) {
    let rest = this.#pending.length > 0 ? Buffer.concat([this.#pending, chunk]) : chunk;
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      this.#onLine(rest.subarray(0, end).toString().replace(/\r$/, ""));
      rest = rest.subarray(end + 1);
    }
    this.#pending = rest;
  }

  /** Shows what came after the last newline. */
  end() {
    if (this.#pending.length > 0) this.#onLine(this.#pending.toString().replace(/\r$/, ""));
    this.#pending = Buffer.alloc(0);
  }

  /** The two streams without their last newline, as outputs hold them. */
  get results() {
    return { stdout: joined(this.#stdout).replace(/\n$/, ""), stderr: joined(this.#stderr).replace(/\n$/, "") };
  }

  /**
   * The message of a command that failed.
   *
   * @param {string} reason
   * @param {string} command
   */
  failure(reason, command) {
    return new Error(`${reason}: running ${quoted(command)}:\n${joined(this.#both)}`);
  }
}

/** @param {Buffer[]} chunks */
const joined = (chunks) => Buffer.concat(chunks).toString();

const ESCAPES = new Map([
  ["\x07", "\\a"],
  ["\b", "\\b"],
  ["\f", "\\f"],
  ["\n", "\\n"],
  ["\r", "\\r"],
  ["\t", "\\t"],
  ["\v", "\\v"],
  ["\\", "\\\\"],
  ['"', '\\"'],
]);

/**
 * A string in double quotes, as Go writes it.
 *
 * @param {string} text
 */
export function quoted(text) {
  const escaped = [...text].map((character) => {
    const short = ESCAPES.get(character);
    if (short !== undefined) return short;
    if (character === " " || /[\p{L}\p{M}\p{N}\p{P}\p{S}]/u.test(character)) return character;
    const code = character.codePointAt(0) ?? 0;
    if (code < 0x80) return `\\x${code.toString(16).padStart(2, "0")}`;
    return code < 0x10000 ? `\\u${code.toString(16).padStart(4, "0")}` : `\\U${code.toString(16).padStart(8, "0")}`;
  });
  return `"${escaped.join("")}"`;
}
