/**
 * The socket over which steps and `status` are asked for. Who may open it is root, or whoever the agent runs as: it lies in a directory that nobody
 * else may enter. What was begun goes on when the connection ends.
 */
import { chmod, rm, stat } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { dirname } from "node:path";
import { printable } from "../../model/text.ts";
import { because, Refused } from "../errors.ts";
import type { Json } from "../surroundings.ts";
import { readLines } from "./lines.ts";
import { type Call, callSchema, operatorLimits, type Said } from "./operatorMessages.ts";

export interface OperatorOptions {
  readonly path: string;
  /** This node's name, for what people read. */
  readonly node: string;
  /** `say` takes what a person reads meanwhile. Throws Refused: it may not be done. */
  readonly call: (what: Call["call"], request: Json, say: (text: string) => void) => Promise<Json>;
}

const mostConnections = 32;

/** @throws where others than this process's user could open the socket */
async function requireOwnDirectory(path: string): Promise<void> {
  const { uid, mode } = await stat(path);
  if (uid !== process.getuid?.() || (mode & 0o077) !== 0)
    throw new Error(`${path} has to belong to user ${process.getuid?.()}, with mode 700`);
}

/** Listens. A socket that an agent of before has left is removed: who runs beside this one holds the port of peers. */
export async function openOperator(options: OperatorOptions): Promise<{ close(): Promise<void> }> {
  const { path } = options;
  await requireOwnDirectory(dirname(path));
  await rm(path, { force: true });
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    serve(socket, options);
  });
  server.maxConnections = mostConnections;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, resolve);
  });
  await chmod(path, 0o600);
  return {
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function serve(socket: Socket, { node, call }: OperatorOptions): void {
  const send = (said: Said): void => {
    if (!socket.destroyed) socket.write(`${JSON.stringify(said)}\n`);
  };
  const end = (said: Said): void => {
    send(said);
    socket.end();
  };
  const refuse = (message: string, hint: string): void => end({ version: 1, kind: "refused", node, message, hint });
  let isAsked = false;

  async function answer({ call: what, request }: Call): Promise<void> {
    try {
      const say = (text: string) => send({ version: 1, kind: "progress", node, text: printable(text) });
      end({ version: 1, kind: "done", result: await call(what, request, say) });
    } catch (error) {
      if (error instanceof Refused) refuse(error.message, error.hint);
      else end({ version: 1, kind: "failed", node, message: because(error) });
    }
  }

  readLines(
    socket,
    operatorLimits,
    (line) => {
      const parsed = callSchema.safeParse(line);
      if (isAsked) refuse("one request a connection", "this is a fault of the program itself; please report it");
      else if (!parsed.success)
        refuse("this agent does not know this request", "bring the agent of this version to the host: run the update");
      else {
        isAsked = true;
        void answer(parsed.data);
      }
    },
    (why) => send({ version: 1, kind: "failed", node, message: why }),
  );
}
