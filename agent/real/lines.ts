/** Lines of JSON over a connection: bounded in length, and in the time from a line's first byte to its last. */
import type { Socket } from "node:net";
import type { Json } from "../surroundings.ts";

export interface LineLimits {
  /** Bytes. */
  readonly longestLine: number;
  readonly lineDeadlineMs: number;
}

/** Hands on each line as a value, and ends the connection at what is none: `broken` says why, once. */
export function readLines(
  socket: Socket,
  { longestLine, lineDeadlineMs }: LineLimits,
  each: (value: Json) => void,
  broken: (why: string) => void,
): void {
  let pieces: Buffer[] = [];
  let length = 0;
  let deadline: NodeJS.Timeout | undefined;

  function end(why: string): void {
    clearTimeout(deadline);
    socket.removeListener("data", take);
    socket.destroy();
    broken(why);
  }

  function take(piece: Buffer): void {
    let rest = piece;
    for (;;) {
      const at = rest.indexOf(0x0a);
      const part = at < 0 ? rest : rest.subarray(0, at);
      length += part.length;
      if (length > longestLine) {
        end(`a line of more than ${longestLine} bytes`);
        return;
      }
      pieces.push(part);
      if (at < 0) break;
      const line = Buffer.concat(pieces).toString("utf8");
      pieces = [];
      length = 0;
      clearTimeout(deadline);
      deadline = undefined;
      const value = parsed(line);
      if (value === undefined) {
        end("a line that is no JSON");
        return;
      }
      each(value);
      if (socket.destroyed) return;
      rest = rest.subarray(at + 1);
    }
    if (length > 0)
      deadline ??= setTimeout(() => end(`a line that was not whole within ${lineDeadlineMs} ms`), lineDeadlineMs);
  }

  socket.on("data", take);
  socket.on("close", () => clearTimeout(deadline));
}

function parsed(line: string): Json | undefined {
  try {
    return JSON.parse(line) as Json;
  } catch {
    return undefined;
  }
}
