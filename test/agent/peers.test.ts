import assert from "node:assert/strict";
import { type AddressInfo, connect as connectTcp, createServer, type Server, type Socket } from "node:net";
import { connect, createServer as createTlsServer, type TLSSocket } from "node:tls";
import { openPeers, type Peer, type PeerNetwork } from "../../agent/real/peers.ts";
import type { Json } from "../../agent/surroundings.ts";
import type { Member } from "../../model/leadership/index.ts";
import { memberOf } from "../../model/memberKey.ts";
import { until } from "../support/until.ts";
import { newCa, newCertificate, type Pair } from "./certificates.ts";

const loopback = "127.0.0.1";

describe("peers", function () {
  this.timeout(20_000);
  let ca: Pair;
  let pairs: Record<"a" | "b" | "c" | "postgres", Pair>;
  let stranger: { readonly ca: Pair; readonly pair: Pair };
  let members: Record<"a" | "b" | "c", Member>;
  before(function () {
    this.timeout(60_000);
    ca = newCa("cluster");
    const pair = (name: string) => newCertificate(ca, name);
    pairs = { a: pair("a"), b: pair("b"), c: pair("c"), postgres: pair("b") };
    const other = newCa("cluster");
    stranger = { ca: other, pair: newCertificate(other, "a") };
    const named = (name: "a" | "b" | "c") => memberOf(name, pairs[name].certificate);
    members = { a: named("a"), b: named("b"), c: named("c") };
  });

  let open: { close(): unknown }[];
  let reports: string[];
  let peersOfA: Peer[];
  let a: PeerNetwork;
  let served: { from: Member; request: Json }[];
  beforeEach(async () => {
    open = [];
    reports = [];
    served = [];
    peersOfA = (["b", "c"] as const).map((name) => ({ member: members[name], host: loopback, port: 1 }));
    a = await network(
      "a",
      () => peersOfA,
      (what) => reports.push(what),
    );
    a.serve(async (from, request) => {
      served.push({ from, request });
      if (request === "none") throw new Error("nothing to say");
      return { echo: request };
    });
  });
  afterEach(async () => {
    await Promise.all(open.map((each) => each.close()));
  });

  async function network(name: "a" | "b" | "c", peers: () => readonly Peer[], report = (_: string): void => {}) {
    const { certificate, privateKey } = pairs[name];
    const made = await openPeers({
      listen: { host: loopback, port: 0 },
      ca: ca.certificate,
      certificate,
      key: privateKey,
      peers,
      report,
    });
    open.push(made);
    return made;
  }
  const asking = (name: "b" | "c", port = a.port) => network(name, () => [{ member: members.a, host: loopback, port }]);
  const reported = (what: RegExp) => until(`a report of ${what}`, 10, () => reports.some((each) => what.test(each)));

  /** Somebody at the port of A who has a certificate, or none, and no agent. */
  function raw(pair?: Pair): TLSSocket {
    const mine = pair ? { cert: pair.certificate, key: pair.privateKey } : {};
    const socket = connect({
      host: loopback,
      port: a.port,
      ca: ca.certificate,
      checkServerIdentity: () => undefined,
      ...mine,
    });
    socket.on("error", () => {});
    open.push({ close: () => socket.destroy() });
    return socket;
  }
  const closed = (socket: Socket): Promise<void> =>
    new Promise((resolve) => {
      socket.on("close", () => resolve());
      socket.resume();
      if (socket.closed) resolve();
    });

  it("a request gets its reply, and the one who asks is who its key says", async () => {
    const b = await asking("b");
    assert.deepEqual(await b.ask(members.a, { question: "who leads?" }, 2000), { echo: { question: "who leads?" } });
    assert.deepEqual(served, [{ from: members.b, request: { question: "who leads?" } }]);
    await assert.rejects(b.ask(members.a, "none", 2000), /a gives no reply/);
    await assert.rejects(b.ask(members.c, "x", 2000), /c is no peer of this node/);
    assert.deepEqual(await b.ask(members.a, null, 2000), { echo: null });
  });

  it("several requests go over one connection, in any order, and late replies are dropped", async () => {
    const proxy = await startTcpProxy(() => a.port);
    const b = await asking("b", proxy.port);
    const releases: (() => void)[] = [];
    a.serve((_, request) => new Promise((resolve) => releases.push(() => resolve(request))));
    const late = b.ask(members.a, "late", 100);
    const first = b.ask(members.a, 1, 5000);
    const second = b.ask(members.a, 2, 5000);
    await assert.rejects(late, /no reply within 100 ms/);
    await until("three requests", 5, () => releases.length === 3);
    for (const release of releases.reverse()) release();
    assert.deepEqual(await Promise.all([first, second]), [1, 2]);
    assert.equal(proxy.connections(), 1);
    await proxy.close();
  });

  it("it connects anew where the other side started again, or the way was cut", async () => {
    const proxy = await startTcpProxy(() => a.port);
    const b = await asking("b", proxy.port);
    await b.ask(members.a, 1, 2000);
    proxy.cut();
    await until("a connection", 5, () => b.ask(members.a, 2, 1000));
    // A way that swallows everything without a word.
    proxy.swallow(true);
    await assert.rejects(b.ask(members.a, 3, 200), /no reply within 200 ms/);
    proxy.swallow(false);
    assert.deepEqual(await b.ask(members.a, 4, 2000), { echo: 4 });
    assert.deepEqual(
      served.map(({ request }) => request).filter((each) => each === 3),
      [],
    );
    await proxy.close();
  });

  it("nobody replies before there is a handler", async () => {
    const c = await network("c", () => [{ member: members.b, host: loopback, port: 1 }]);
    const b = await network("b", () => [{ member: members.c, host: loopback, port: c.port }]);
    await assert.rejects(b.ask(members.c, 1, 2000), /c gives no reply/);
  });

  it("another node at its address gets no request", async () => {
    const requests: string[] = [];
    const c = await network("c", () => [{ member: members.b, host: loopback, port: 1 }]);
    c.serve(async (_, request) => {
      requests.push(String(request));
      return 1;
    });
    const b = await asking("b", c.port);
    await assert.rejects(b.ask(members.a, "secret", 2000), /another node answers there/);
    assert.deepEqual(requests, []);
  });

  it("a server of another CA gets no request", async () => {
    const impostor = createTlsServer({ cert: stranger.pair.certificate, key: stranger.pair.privateKey }, (socket) =>
      socket.on("error", () => {}),
    );
    const port = await listen(impostor);
    const b = await asking("b", port);
    await assert.rejects(b.ask(members.a, "secret", 2000), /certificate/);
    impostor.close();
  });

  describe("under attack", () => {
    it("no certificate, another cluster's, and one of the same CA that is no member's: refused", async () => {
      await closed(raw());
      await reported(/with the key of nobody: UNABLE_TO_GET_ISSUER_CERT$/);
      await closed(raw(stranger.pair));
      await reported(/with the key of nobody: UNABLE_TO_VERIFY_LEAF_SIGNATURE$/);
      const postgres = raw(pairs.postgres);
      postgres.write('{"version":1,"id":1,"request":1}\n');
      await closed(postgres);
      await reported(/it is no member's$/);
      assert.deepEqual(served, []);
    });

    it("TLS 1.2 is refused", async () => {
      const { certificate, privateKey } = pairs.b;
      const socket = connect({
        host: loopback,
        port: a.port,
        ca: ca.certificate,
        cert: certificate,
        key: privateKey,
        maxVersion: "TLSv1.2",
      });
      socket.on("error", () => {});
      await closed(socket);
      await reported(/unsupported protocol/);
    });

    it("a member that is retired is refused, on the connection that stands too, and does not come in anew", async () => {
      const b = await asking("b");
      await b.ask(members.a, 1, 2000);
      peersOfA = peersOfA.filter(({ member }) => member !== members.b);
      await assert.rejects(b.ask(members.a, 2, 2000), /closed the connection|ECONNRESET/);
      await assert.rejects(b.ask(members.a, 3, 2000), /closed the connection|ECONNRESET/);
      assert.deepEqual(
        served.map(({ request }) => request),
        [1],
      );
      await reported(/it is no member's any more$/);
      await reported(/it is no member's$/);
    });

    it("garbage ends the connection: what is no TLS, no JSON, no request, another version", async () => {
      const plain = connectTcp(a.port, loopback);
      plain.on("error", () => {});
      plain.write("GET / HTTP/1.1\r\n\r\n");
      await closed(plain);
      for (const line of [
        "garbage",
        "[1]",
        '{"version":2,"id":1,"request":1}',
        '{"version":1,"id":0,"request":1}',
        '{"version":1,"id":1}',
        '{"version":1,"id":1,"request":1,"more":1}',
        "[".repeat(100_000),
      ]) {
        const socket = raw(pairs.b);
        socket.write(`${line}\n`);
        await closed(socket);
      }
      assert.deepEqual(served, []);
      await reported(/a line that is no JSON/);
      await reported(/a line that is no request/);
    });

    it("a huge line ends the connection, before all of it was taken in", async () => {
      const socket = raw(pairs.b);
      const megabyte = Buffer.alloc(1024 * 1024, "x");
      let sent = 0;
      const more = () => {
        while (!socket.destroyed && sent < 64) {
          sent += 1;
          if (!socket.write(megabyte)) {
            socket.once("drain", more);
            return;
          }
        }
      };
      more();
      await closed(socket);
      await reported(/a line of more than 131072 bytes/);
      assert.ok(sent < 64, `${sent} MB were sent`);
    });

    it("a slow sender, of a line or of a handshake, is cut off, and holds up nobody", async () => {
      const slow = raw(pairs.b);
      const drip = setInterval(() => slow.write("["), 200);
      const silent = Array.from({ length: 100 }, () => connectTcp(a.port, loopback).on("error", () => {}));
      const c = await asking("c");
      assert.deepEqual(await c.ask(members.a, 1, 2000), { echo: 1 });
      await Promise.all([closed(slow), ...silent.map(closed)]);
      clearInterval(drip);
      await reported(/not whole within 5000 ms/);
    });

    it("too many requests at a time end the connection", async () => {
      a.serve(() => new Promise(() => {}));
      const socket = raw(pairs.b);
      socket.write(Array.from({ length: 40 }, (_, index) => `{"version":1,"id":${index + 1},"request":1}\n`).join(""));
      await closed(socket);
      await reported(/more than 32 requests at a time/);
    });

    it("one that does not read its replies is cut off", async () => {
      a.serve(async () => "x".repeat(120_000));
      const socket = raw(pairs.b);
      socket.pause();
      let id = 0;
      const flood = setInterval(() => {
        id += 1;
        socket.write(`{"version":1,"id":${id},"request":1}\n`);
      }, 5);
      await reported(/it does not read its replies/);
      clearInterval(flood);
    });

    it("a connection that was recorded cannot be played again", async () => {
      const proxy = await startTcpProxy(() => a.port);
      const b = await asking("b", proxy.port);
      await b.ask(members.a, "stand down", 2000);
      assert.equal(served.length, 1);
      const socket = connectTcp(a.port, loopback);
      socket.on("error", () => {});
      for (const piece of proxy.recorded()) socket.write(piece);
      await closed(socket);
      await reported(/^refused a connection from 127\.0\.0\.1/);
      assert.equal(served.length, 1);
      await proxy.close();
    });

    it("a reply to somebody else's question, or to none, is dropped; one that is no reply ends the connection", async () => {
      let spoken: TLSSocket | undefined;
      const { certificate, privateKey } = pairs.a;
      const malicious = createTlsServer(
        { cert: certificate, key: privateKey, ca: ca.certificate, requestCert: true },
        (socket) => {
          spoken = socket;
          socket.on("error", () => {});
          socket.once("data", () =>
            socket.write(
              '{"version":1,"id":77,"reply":"wrong"}\n{"version":1,"id":1,"reply":"right"}\n{"version":1,"id":1,"reply":"again"}\n',
            ),
          );
        },
      );
      const b = await asking("b", await listen(malicious));
      assert.equal(await b.ask(members.a, 1, 2000), "right");
      const asked = b.ask(members.a, 2, 2000);
      spoken?.write('{"version":1,"id":2}{\n');
      await assert.rejects(asked, /no JSON/);
      malicious.close();
    });
  });
});

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, loopback, resolve));
  return (server.address() as AddressInfo).port;
}

/** Between two nodes: it counts, records what the asker sends, cuts, and swallows. */
async function startTcpProxy(target: () => number) {
  const recorded: Buffer[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  let swallowing = false;
  const server = createServer((incoming) => {
    connections += 1;
    const outgoing = connectTcp(target(), loopback);
    for (const socket of [incoming, outgoing]) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        incoming.destroy();
        outgoing.destroy();
      });
    }
    incoming.on("data", (piece) => {
      recorded.push(piece);
      if (!swallowing) outgoing.write(piece);
    });
    outgoing.on("data", (piece) => {
      if (!swallowing) incoming.write(piece);
    });
  });
  const port = await listen(server);
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port,
    connections: () => connections,
    recorded: () => recorded,
    cut,
    swallow(on: boolean) {
      swallowing = on;
    },
    async close() {
      cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
