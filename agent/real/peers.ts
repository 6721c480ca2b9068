/**
 * Peers over mutual TLS 1.3. Both sides have a certificate of the cluster's CA; who it is, the fingerprint of its key says, and nothing else:
 * PostgreSQL's own certificate is of the same CA, and no peer's.
 */
import type { AddressInfo } from "node:net";
import { connect, createServer, type Server, type TLSSocket } from "node:tls";
import { z } from "zod";
import { type Member, nameOf } from "../../model/leadership/index.ts";
import { fingerprintOf } from "../../model/memberKey.ts";
import { printable } from "../../model/text.ts";
import type { Json, Peers } from "../surroundings.ts";
import { type LineLimits, readLines } from "./lines.ts";

/** A node that may speak, and where it is. */
export interface Peer {
  readonly member: Member;
  readonly host: string;
  readonly port: number;
}

export interface PeersOptions {
  readonly listen: { readonly host?: string; readonly port: number };
  /** PEM, all three. */
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
  /** Who may speak now. A node that was retired is none of them; it is asked for at each request. */
  readonly peers: () => readonly Peer[];
  /** What was refused, in one line. */
  readonly report: (what: string) => void;
}

export interface PeerNetwork extends Peers {
  /** Where it listens. */
  readonly port: number;
  close(): Promise<void>;
}

/** Bytes: a request or a reply with the longest lists of members. */
const longestLine = 128 * 1024;
const limits: LineLimits = { longestLine, lineDeadlineMs: 5000 };
const handshakeDeadlineMs = 5000;
const mostConnections = 256;
/** Requests that one connection has open. */
const mostOpen = 32;
/** Bytes of replies that a peer does not read. */
const mostUnread = 4 * longestLine;

const json = z.custom<Json>((value) => value !== undefined);
const version = z.literal(1);
const id = z.int().min(1).max(Number.MAX_SAFE_INTEGER);
const requestSchema = z.strictObject({ version, id, request: json });
/** Without `reply`: it gives none. */
const replySchema = z.strictObject({ version, id, reply: json.optional() });

const whoseKey = (member: Member): string => member.slice(member.lastIndexOf("@") + 1);

const keyOf = (socket: TLSSocket): string | undefined => {
  const certificate = socket.getPeerX509Certificate();
  return socket.authorized && certificate ? fingerprintOf(certificate) : undefined;
};

function lineOf(message: object): string {
  const line = JSON.stringify(message);
  if (Buffer.byteLength(line) > longestLine) throw new Error(`a message of more than ${longestLine} bytes`);
  return `${line}\n`;
}

export async function openPeers(options: PeersOptions): Promise<PeerNetwork> {
  const tls = {
    ca: options.ca,
    cert: options.certificate,
    key: options.key,
    minVersion: "TLSv1.3",
    maxVersion: "TLSv1.3",
  } as const;
  const replying: Replying = { handler: undefined };
  const server = createServer(
    // Node would end a connection without a word: `answer` does it, and says why.
    { ...tls, requestCert: true, rejectUnauthorized: false, handshakeTimeout: handshakeDeadlineMs, noDelay: true },
    (socket) => answer(socket, options, replying),
  );
  const sockets = new Set<{ destroy(): void }>();
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => {});
  });
  server.maxConnections = mostConnections;
  server.on("tlsClientError", (error, socket) => {
    options.report(`refused a connection from ${socket.remoteAddress ?? "nowhere"}: ${printable(error.message)}`);
    socket.destroy();
  });
  await listening(server, options.listen);

  const connections = new Map<Member, Connection>();
  const connectionTo = (peer: Peer): Connection => {
    const standing = connections.get(peer.member);
    if (standing?.usable()) return standing;
    const made = openConnection(peer, () =>
      connect({
        ...tls,
        host: peer.host,
        port: peer.port,
        checkServerIdentity: () => undefined,
        rejectUnauthorized: true,
      }),
    );
    connections.set(peer.member, made);
    return made;
  };

  return {
    port: (server.address() as AddressInfo).port,
    async ask(to, request, deadlineMs) {
      const peer = options.peers().find(({ member }) => member === to);
      if (!peer) throw new Error(`${nameOf(to)} is no peer of this node`);
      return await connectionTo(peer).ask(request, deadlineMs);
    },
    serve(handler) {
      replying.handler = handler;
    },
    async close() {
      for (const connection of connections.values()) connection.close();
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function listening(server: Server, where: PeersOptions["listen"]): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(where, () => {
      server.removeListener("error", reject);
      resolve();
    });
  });
}

// --- as the one who is asked

interface Replying {
  handler: ((from: Member, request: Json) => Promise<Json>) | undefined;
}

function answer(socket: TLSSocket, { peers, report }: PeersOptions, replying: Replying): void {
  const key = keyOf(socket);
  const who = () => peers().find(({ member }) => whoseKey(member) === key)?.member;
  const refuse = (why: string) => {
    report(
      `refused a peer at ${socket.remoteAddress ?? "nowhere"} with the key ${key?.slice(0, 12) ?? "of nobody"}: ${why}`,
    );
    socket.destroy();
  };
  socket.on("error", () => socket.destroy());
  const wrong = socket.authorized ? "it is no member's" : printable(String(socket.authorizationError));
  if (!socket.authorized || who() === undefined) {
    refuse(wrong);
    return;
  }

  let open = 0;
  async function reply(from: Member, { id, request }: z.infer<typeof requestSchema>): Promise<void> {
    open += 1;
    let line = lineOf({ version: 1, id });
    try {
      if (replying.handler) line = lineOf({ version: 1, id, reply: await replying.handler(from, request) });
    } catch (error) {
      report(`gave ${nameOf(from)} no reply: ${printable(error instanceof Error ? error.message : String(error))}`);
    }
    open -= 1;
    if (socket.destroyed) return;
    socket.write(line);
    if (socket.writableLength > mostUnread) refuse("it does not read its replies");
  }

  readLines(
    socket,
    limits,
    (line) => {
      const request = requestSchema.safeParse(line);
      const from = who();
      if (from === undefined) refuse("it is no member's any more");
      else if (!request.success) refuse("a line that is no request");
      else if (open === mostOpen) refuse(`more than ${mostOpen} requests at a time`);
      else void reply(from, request.data);
    },
    refuse,
  );
}

// --- as the one who asks

interface Connection {
  usable(): boolean;
  ask(request: Json, deadlineMs: number): Promise<Json>;
  close(): void;
}

interface Waiting {
  readonly resolve: (reply: Json) => void;
  readonly reject: (error: Error) => void;
}

/** One connection, which stands until it fails: a request that it breaks in is not sent again, since it may have arrived. */
function openConnection({ member, host, port }: Peer, dial: () => TLSSocket): Connection {
  const name = nameOf(member);
  const socket = dial();
  const waiting = new Map<number, Waiting>();
  let last = 0;
  let heard = 0;
  let given: string | undefined;

  function fail(why: string): void {
    given ??= why;
    socket.destroy();
    for (const { reject } of waiting.values()) reject(new Error(`${name} at ${host}:${port}: ${given}`));
    waiting.clear();
  }

  const ready = new Promise<void>((resolve) => {
    socket.once("secureConnect", () => {
      if (keyOf(socket) !== whoseKey(member)) return fail("another node answers there");
      readLines(socket, limits, take, fail);
      resolve();
    });
  });
  socket.setNoDelay(true);
  socket.setKeepAlive(true, 5000);
  socket.on("error", (error) => fail(printable(error.message)));
  socket.on("close", () => fail("it closed the connection"));

  function take(line: Json): void {
    heard += 1;
    const parsed = replySchema.safeParse(line);
    if (!parsed.success) {
      fail("it sent a line that is no reply");
      return;
    }
    const { id, reply } = parsed.data;
    const asked = waiting.get(id);
    // Late: nobody waits for it any more.
    if (!asked) return;
    waiting.delete(id);
    if (reply === undefined) asked.reject(new Error(`${name} gives no reply`));
    else asked.resolve(reply);
    if (given !== undefined && waiting.size === 0) socket.destroy();
  }

  return {
    usable: () => given === undefined,
    async ask(request, deadlineMs) {
      last += 1;
      const id = last;
      const line = lineOf({ version: 1, id, request });
      const before = heard;
      return await new Promise<Json>((resolve, reject) => {
        const deadline = setTimeout(() => {
          waiting.delete(id);
          reject(new Error(`${name} at ${host}:${port}: no reply within ${deadlineMs} ms`));
          // Where nothing at all came meanwhile, the way there may be cut: the next question takes another one.
          if (heard === before) given ??= "nothing was heard for too long";
          if (given !== undefined && waiting.size === 0) socket.destroy();
        }, deadlineMs);
        const done =
          <T>(settle: (value: T) => void) =>
          (value: T) => {
            clearTimeout(deadline);
            settle(value);
          };
        waiting.set(id, { resolve: done(resolve), reject: done(reject) });
        void ready.then(() => {
          if (waiting.has(id)) socket.write(line);
        });
      });
    },
    close: () => fail("this agent ends"),
  };
}
