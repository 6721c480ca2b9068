// @ts-check
/** SSH connections: how often and how long is tried, who is let in, and which host is believed. */
import { createConnection } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import ssh2 from "ssh2";

/** @typedef {import("./main.js").Call} Call */

/**
 * @typedef {object} Endpoint
 * @property {string} user
 * @property {string} [password]
 * @property {string} host
 * @property {number} port
 * @property {string} [privateKey]
 * @property {string} [privateKeyPassword]
 * @property {string} [agentSocketPath]
 * @property {number} dialErrorLimit
 * @property {number} perDialTimeout
 * @property {string} [hostKey]
 */
/** @typedef {Endpoint & { proxy?: Endpoint }} Connection */

const FIRST_DELAY_MS = 100;
const BACKOFF = 1.5;
const MAX_DELAY_MS = 5000;

/**
 * @param {Call} call
 * @param {Connection} connection
 * @returns {Promise<ssh2.Client>}
 */
export async function dial(call, connection) {
  const config = clientConfig(connection);
  const proxy = connection.proxy;
  if (proxy === undefined) {
    return retried(call, "Dial", connection.dialErrorLimit, async () => handshake(await tcpSocket(connection), config));
  }
  try {
    const proxyConfig = clientConfig(proxy);
    const bastion = await retried(call, "Dial proxy", proxy.dialErrorLimit, async () =>
      handshake(await tcpSocket(proxy), proxyConfig),
    );
    const stream = await retried(call, "Dial from proxy", connection.dialErrorLimit, () =>
      forwarded(bastion, connection),
    );
    const client = await retried(call, "Dial", connection.dialErrorLimit, () => handshake(stream, config));
    client.once("close", () => bastion.end());
    return client;
  } catch (error) {
    throw new Error(`proxy: ${/** @type {Error} */ (error).message}`);
  }
}

/**
 * Tries until it works or the limit is reached; -1 is no limit.
 *
 * @template T
 * @param {Call} call
 * @param {string} what
 * @param {number} limit
 * @param {() => Promise<T>} attempt
 * @returns {Promise<T>}
 */
async function retried(call, what, limit, attempt) {
  let delay = FIRST_DELAY_MS;
  for (let failures = 1; ; failures++) {
    if (call.signal.aborted) throw new Error(call.abortReason());
    try {
      return await attempt();
    } catch (error) {
      const message = /** @type {Error} */ (error).message;
      if (limit > -1 && failures > limit) throw new Error(`after ${failures - 1} failed attempts: ${message}`);
      call.log("info", `${what} ${failures}/${limit === -1 ? "inf" : limit} failed: retrying`, { status: true });
    }
    await sleep(delay, undefined, { signal: call.signal }).catch(() => {});
    delay = Math.min(delay * BACKOFF, MAX_DELAY_MS);
  }
}

/** @param {Endpoint} endpoint @returns {Promise<import("node:net").Socket>} */
function tcpSocket(endpoint) {
  const port = Math.trunc(endpoint.port);
  const name = endpoint.host.includes(":") ? `[${endpoint.host}]:${port}` : `${endpoint.host}:${port}`;
  return new Promise((resolve, reject) => {
    const socket = createConnection({ host: endpoint.host, port, noDelay: true });
    const timer =
      endpoint.perDialTimeout > 0
        ? setTimeout(() => {
            socket.destroy();
            reject(new Error(`dial tcp ${name}: i/o timeout`));
          }, endpoint.perDialTimeout * 1000)
        : undefined;
    socket.once("connect", () => {
      clearTimeout(timer);
      socket.removeAllListeners("error");
      resolve(socket);
    });
    socket.once("error", (/** @type {NodeJS.ErrnoException} */ error) => {
      clearTimeout(timer);
      reject(new Error(dialFailure(name, endpoint.host, error)));
    });
  });
}

const REASONS = new Map([
  ["ECONNREFUSED", "connection refused"],
  ["EHOSTUNREACH", "no route to host"],
  ["ENETUNREACH", "network is unreachable"],
  ["ETIMEDOUT", "connection timed out"],
  ["ECONNRESET", "connection reset by peer"],
]);

/** @param {string} name @param {string} host @param {NodeJS.ErrnoException} error */
function dialFailure(name, host, error) {
  if (error.code === "ENOTFOUND" || error.code === "EAI_AGAIN") return `dial tcp: lookup ${host}: no such host`;
  // Several addresses were tried: each has its own error.
  const first =
    /** @type {{ errors?: NodeJS.ErrnoException[] }} */ (/** @type {unknown} */ (error)).errors?.[0] ?? error;
  return `dial tcp ${name}: connect: ${REASONS.get(first.code ?? "") ?? first.message}`;
}

/** @param {ssh2.Client} bastion @param {Endpoint} endpoint @returns {Promise<ssh2.ClientChannel>} */
function forwarded(bastion, endpoint) {
  return new Promise((resolve, reject) => {
    bastion.forwardOut("127.0.0.1", 0, endpoint.host, Math.trunc(endpoint.port), (error, stream) =>
      error ? reject(new Error(`ssh: rejected: ${error.message}`)) : resolve(stream),
    );
  });
}

/**
 * @param {Endpoint} endpoint
 * @returns {ssh2.ConnectConfig}
 */
function clientConfig(endpoint) {
  const agent = endpoint.agentSocketPath ?? process.env.SSH_AUTH_SOCK;
  return {
    username: endpoint.user,
    // The limit of a dial is one for the TCP connection only.
    readyTimeout: 0,
    ...(endpoint.password === undefined ? {} : { password: endpoint.password }),
    ...(endpoint.privateKey === undefined
      ? {}
      : { privateKey: checkedKey(endpoint.privateKey, endpoint.privateKeyPassword) }),
    ...(endpoint.privateKeyPassword === undefined ? {} : { passphrase: endpoint.privateKeyPassword }),
    ...(endpoint.privateKey === undefined && agent !== undefined && agent !== "" ? { agent } : {}),
    ...hostKeyConfig(endpoint.hostKey),
  };
}

/** @param {string} key @param {string | undefined} passphrase */
function checkedKey(key, passphrase) {
  const parsed = ssh2.utils.parseKey(key, passphrase);
  if (!(parsed instanceof Error)) return key;
  if (/no passphrase/i.test(parsed.message)) throw new Error("ssh: this private key is passphrase protected");
  if (/bad passphrase/i.test(parsed.message)) throw new Error("x509: decryption password incorrect");
  throw new Error("ssh: no key found");
}

/**
 * A host key that is expected must be the one that the host proves to have, so no other type of key may be negotiated.
 *
 * @param {string | undefined} expected a line as `authorized_keys` has them
 * @returns {Pick<ssh2.ConnectConfig, "algorithms" | "hostVerifier">}
 */
function hostKeyConfig(expected) {
  if (expected === undefined) return { hostVerifier: () => true };
  const [, type, blob] = /(?:^|\s)((?:ssh|ecdsa|sk)-[^\s]+)\s+([A-Za-z0-9+/=]+)/.exec(expected) ?? [];
  if (type === undefined || blob === undefined || ssh2.utils.parseKey(`${type} ${blob}`) instanceof Error) {
    throw new Error("failed to parse host key: ssh: no key found");
  }
  const key = Buffer.from(blob, "base64");
  return {
    algorithms: { serverHostKey: [/** @type {ssh2.ServerHostKeyAlgorithm} */ (type)] },
    hostVerifier: (/** @type {Buffer} */ offered) => key.equals(offered),
  };
}

/**
 * @param {import("node:stream").Duplex} socket
 * @param {ssh2.ConnectConfig} config
 * @returns {Promise<ssh2.Client>}
 */
function handshake(socket, config) {
  return new Promise((resolve, reject) => {
    const client = new ssh2.Client();
    /** @type {string[]} */
    const attempted = [];
    client.once("ready", () => {
      client.removeAllListeners("error");
      // What breaks later shows as a command that ends without an exit status.
      client.on("error", () => {});
      resolve(client);
    });
    client.once("error", (error) => {
      client.end();
      socket.destroy();
      client.on("error", () => {});
      reject(new Error(`ssh: handshake failed: ${handshakeFailure(error, config, attempted)}`));
    });
    client.once("close", () => reject(new Error("ssh: handshake failed: EOF")));
    client.on("keyboard-interactive", (_name, _instructions, _language, prompts, finish) =>
      finish(prompts.map(() => config.password ?? "")),
    );
    client.connect({ ...config, sock: /** @type {any} */ (socket), authHandler: authentication(config, attempted) });
  });
}

/**
 * Tries each method that there is something for and that the server offers, once.
 *
 * @param {ssh2.ConnectConfig} config
 * @param {string[]} attempted is told what was tried
 * @returns {ssh2.AuthHandlerMiddleware}
 */
function authentication(config, attempted) {
  const methods = /** @type {const} */ ([
    ...(config.privateKey === undefined ? [] : ["publickey"]),
    ...(config.password === undefined ? [] : ["password", "keyboard-interactive"]),
    ...(config.agent === undefined ? [] : ["agent"]),
  ]);
  return (offered, _partial, use) => {
    const next =
      offered === null
        ? "none"
        : methods.find((method) => {
            const name = /** @type {ssh2.AuthenticationType} */ (method === "agent" ? "publickey" : method);
            return offered.includes(name) && !attempted.includes(name);
          });
    if (next !== undefined) attempted.push(next === "agent" ? "publickey" : next);
    use(/** @type {any} */ (next ?? false));
  };
}

/** @param {Error & { level?: string }} error @param {ssh2.ConnectConfig} config @param {readonly string[]} attempted */
function handshakeFailure(error, config, attempted) {
  if (error.level === "client-authentication") {
    return `ssh: unable to authenticate, attempted methods [${attempted.join(" ")}], no supported methods remain`;
  }
  if (/host denied|verification failed/i.test(error.message)) return "ssh: host key mismatch";
  if (/no matching host key/i.test(error.message)) {
    return `ssh: no common algorithm for host key; we offered: [${config.algorithms?.serverHostKey}]`;
  }
  return error.message;
}
