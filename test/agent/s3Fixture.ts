import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, request, type Server } from "node:https";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type S3Options, s3Requests } from "../../agent/real/s3.ts";
import { renderS3Policy, renderS3Users, type S3Account } from "../../model/render/s3Accounts.ts";
import { until } from "../support/until.ts";
import { newCa, newCertificate, type Pair } from "./certificates.ts";

export async function freePort(): Promise<number> {
  const server = createTcpServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export interface TestStore {
  readonly port: number;
  readonly ca: Pair;
  readonly tls: Pair;
  /** Of the ledger's own credentials: they may create and read, and nothing else. */
  readonly options: S3Options;
  /** Of PostgreSQL's user, for the archive. */
  readonly archive: S3Options;
  /** Of one that may do anything. */
  readonly admin: S3Options;
  stop(): Promise<void>;
}

const bucket = "cluster";

/** The S3 server of the project on a port of loopback, over TLS, with the accounts of the target `docker` and one more. The bucket is the ledger's. */
export async function startStore(): Promise<TestStore> {
  const program = execFileSync("scripts/setup/tools.sh", ["s3-server"], { encoding: "utf8" }).trim();
  const directory = mkdtempSync(join(tmpdir(), "us-s3-"));
  for (const name of ["iam", "metadata", "versions", `buckets/${bucket}`])
    mkdirSync(join(directory, name), { recursive: true });
  const ca = newCa("store");
  const tls = newCertificate(ca, "localhost");
  writeFileSync(join(directory, "server.crt"), tls.certificate);
  writeFileSync(join(directory, "server.key"), tls.privateKey, { mode: 0o600 });
  const account = (accessKey: string) => ({ accessKey, secretKey: randomBytes(20).toString("hex") });
  const accounts = { archive: account("archive"), reader: account("reader"), ledger: { ...account("ledger"), bucket } };
  const admin = account("admin");
  const users = JSON.parse(renderS3Users(accounts)) as { readonly accessAccounts: object };
  const administrator = { access: admin.accessKey, secret: admin.secretKey, role: "admin" };
  writeFileSync(
    join(directory, "iam/users.json"),
    JSON.stringify({ accessAccounts: { ...users.accessAccounts, admin: administrator } }),
  );
  mkdirSync(join(directory, "metadata", bucket, "meta"), { recursive: true });
  writeFileSync(join(directory, "metadata", bucket, "meta/policy"), renderS3Policy(accounts, "archive"));
  const port = await freePort();
  const child = spawn(
    program,
    [
      ...[
        "--port",
        `127.0.0.1:${port}`,
        "--quiet",
        "--cert",
        join(directory, "server.crt"),
        "--key",
        join(directory, "server.key"),
      ],
      ...["--iam-dir", join(directory, "iam"), "posix", "--sidecar", join(directory, "metadata")],
      ...["--versioning-dir", join(directory, "versions"), join(directory, "buckets")],
    ],
    { env: { ROOT_ACCESS_KEY_ID: "nobody", ROOT_SECRET_ACCESS_KEY: randomBytes(20).toString("hex") }, stdio: "ignore" },
  );
  const options = ({ accessKey, secretKey }: S3Account): S3Options => ({
    endpoint: `https://127.0.0.1:${port}`,
    bucket,
    region: "us-east-1",
    prefix: "ledger/",
    uriStyle: "path",
    ca: ca.certificate,
    verifyTls: true,
    credentials: async () => ({ accessKeyId: accessKey, secretAccessKey: secretKey }),
    deadlineMs: 3000,
  });
  const all = options(admin);
  await until("the S3 server", 20, async () => (await s3Requests(all)("GET", "nothing")).status === 404);
  return {
    ...{ port, ca, tls, admin: all, options: options(accounts.ledger), archive: options(accounts.archive) },
    stop: () => stopStore(child, directory),
  };
}

async function stopStore(child: ChildProcess, directory: string): Promise<void> {
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
  rmSync(directory, { recursive: true, force: true });
}

/** What the proxy does with a request. */
export type Behaviour =
  | "pass"
  /** It never reaches the store; the client gets no answer. */
  | "drop"
  /** It reaches the store; the answer does not come back. */
  | "dropReply"
  /** It reaches the store twice; the second answer comes back. */
  | "repeat"
  /** It reaches the store when {@link StoreProxy.release} is called; the client gets no answer. */
  | "hold"
  /** The answer is cut off in its middle. */
  | "cut"
  | { readonly status: number; readonly body: string; readonly headers?: Readonly<Record<string, string>> };

export interface StoreProxy {
  readonly endpoint: string;
  /** What becomes of the next requests, in turn; then they pass. */
  next(...behaviours: readonly Behaviour[]): void;
  release(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Stands before the store, with its certificate.
 *
 * @param concerns which requests meet what is next; the others pass
 */
export async function startProxy(
  store: TestStore,
  concerns: (request: { method?: string | undefined; url?: string | undefined }) => boolean = () => true,
): Promise<StoreProxy> {
  const queue: Behaviour[] = [];
  const held: (() => Promise<unknown>)[] = [];
  const server: Server = createServer(
    { cert: store.tls.certificate, key: store.tls.privateKey },
    async (incoming, outgoing) => {
      const pieces: Buffer[] = [];
      for await (const piece of incoming) pieces.push(piece as Buffer);
      const forward = () => forwarded(store, incoming, Buffer.concat(pieces));
      const behaviour = (concerns(incoming) ? queue.shift() : undefined) ?? "pass";
      if (typeof behaviour === "object") {
        outgoing.writeHead(behaviour.status, behaviour.headers).end(behaviour.body);
        return;
      }
      if (behaviour === "hold") held.push(forward);
      if (behaviour === "drop" || behaviour === "hold") return;
      if (behaviour === "repeat") await forward();
      const answer = await forward();
      if (behaviour === "dropReply") {
        outgoing.destroy();
      } else if (behaviour === "cut") {
        outgoing.writeHead(answer.status, answer.headers);
        outgoing.write(answer.body.subarray(0, 3), () => outgoing.destroy());
      } else {
        outgoing.writeHead(answer.status, answer.headers).end(answer.body);
      }
    },
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    endpoint: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    next: (...behaviours) => void queue.push(...behaviours),
    async release() {
      await Promise.all(held.splice(0).map((send) => send()));
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function forwarded(
  { port, ca }: TestStore,
  { method, url, headers }: { method?: string | undefined; url?: string | undefined; headers: object },
  body: Buffer,
): Promise<{ status: number; headers: Record<string, string | string[]>; body: Buffer }> {
  return new Promise((resolve, reject) => {
    const options = { host: "127.0.0.1", port, method, path: url, headers: { ...headers }, ca: ca.certificate };
    const sent = request(options, async (response) => {
      const pieces: Buffer[] = [];
      for await (const piece of response) pieces.push(piece as Buffer);
      resolve({
        status: response.statusCode ?? 0,
        headers: response.headers as Record<string, string>,
        body: Buffer.concat(pieces),
      });
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

/** A store that knows nothing of conditions: it says "done" each time. */
export async function startCarelessStore(store: TestStore): Promise<StoreProxy> {
  const objects = new Map<string, Buffer>();
  const server = createServer(
    { cert: store.tls.certificate, key: store.tls.privateKey },
    async (incoming, outgoing) => {
      const pieces: Buffer[] = [];
      for await (const piece of incoming) pieces.push(piece as Buffer);
      const key = incoming.url ?? "";
      const found = objects.get(key);
      if (incoming.method === "PUT") objects.set(key, Buffer.concat(pieces));
      if (incoming.method === "DELETE") objects.delete(key);
      if (incoming.method !== "GET") outgoing.writeHead(200, { etag: '"x"' }).end();
      else if (found) outgoing.writeHead(200, { etag: '"x"' }).end(found);
      else outgoing.writeHead(404).end("<Error><Code>NoSuchKey</Code><Message>none</Message></Error>");
    },
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    endpoint: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    next() {},
    async release() {},
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
