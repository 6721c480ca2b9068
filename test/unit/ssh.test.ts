import assert from "node:assert/strict";
import { type AddressInfo, connect, createServer, type Server as NetServer, type Socket } from "node:net";
import ssh2, { type Connection, type ServerChannel } from "ssh2";
import type { SshConnection } from "../../model/host.ts";
import type { RunFailure } from "../../scripts/ssh/runResult.ts";
import { type RunOptions, runOnHost, withHost } from "../../scripts/ssh/ssh.ts";
import { newKey } from "../support/sshKey.ts";

// The package is CommonJS: only some of its names can be imported one by one.
const { Server, utils } = ssh2;

const operator = newKey();
const stranger = newKey();
const hostKeys = {
  ed25519: newKey(),
  ecdsa: utils.generateKeyPairSync("ecdsa", { bits: 256 }),
};

/** What the in-test host does with a command; `stdin` is complete. */
type Shell = (command: string, stdin: string, channel: ServerChannel) => void;

const echo: Shell = (command, stdin, channel) => {
  channel.write(`${command}|${stdin}`);
  channel.exit(0);
  channel.end();
};

const fails =
  (code: number, stderr: string): Shell =>
  (_command, _stdin, channel) => {
    channel.stderr.write(stderr);
    channel.exit(code);
    channel.end();
  };

class TestHost {
  readonly #server: ssh2.Server;
  readonly #open = new Set<Connection>();
  logins = 0;

  constructor(shell: Shell, keys: readonly string[] = [hostKeys.ed25519.private, hostKeys.ecdsa.private]) {
    const allowed = utils.parseKey(operator.public);
    assert.ok(!(allowed instanceof Error));
    this.#server = new Server({ hostKeys: [...keys] }, (connection) => {
      this.#open.add(connection);
      connection.on("ready", () => this.logins++);
      connection.on("error", () => {});
      connection.on("close", () => this.#open.delete(connection));
      connection.on("authentication", (context) => {
        const known = context.method === "publickey" && context.key.data.equals(allowed.getPublicSSH());
        const byPassword = context.method === "password" && context.password === "let-me-in";
        if (known || byPassword) context.accept();
        else context.reject(["publickey", "password"]);
      });
      connection.on("session", (accept) => {
        accept().on("exec", (acceptExec, _reject, info) => {
          const channel = acceptExec();
          const chunks: Buffer[] = [];
          channel.on("data", (chunk: Buffer) => chunks.push(chunk));
          channel.on("end", () => shell(info.command, Buffer.concat(chunks).toString(), channel));
        });
      });
      connection.on("tcpip", (accept, reject, info) => {
        const socket = connect(info.destPort, info.destIP);
        socket.on("error", () => reject());
        socket.on("connect", () => {
          const channel = accept();
          channel.on("error", () => {});
          channel.pipe(socket).pipe(channel);
        });
      });
    });
  }

  async listen(): Promise<SshConnection> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    const { port } = this.#server.address() as AddressInfo;
    return { host: "127.0.0.1", port, user: "root", privateKey: operator.private, hostKey: hostKeys.ed25519.public };
  }

  close(): void {
    for (const connection of this.#open) connection.end();
    this.#server.close();
  }
}

describe("runOnHost", () => {
  const hosts: TestHost[] = [];
  const listeners: NetServer[] = [];
  const sockets: Socket[] = [];

  const start = (shell: Shell, keys?: readonly string[]): Promise<SshConnection> => {
    const host = new TestHost(shell, keys);
    hosts.push(host);
    return host.listen();
  };
  const listen = async (onConnection: (socket: Socket) => void): Promise<number> => {
    const server = createServer((socket) => {
      sockets.push(socket);
      onConnection(socket);
    });
    listeners.push(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return (server.address() as AddressInfo).port;
  };
  const run = (connection: SshConnection, command = "hello", options?: RunOptions) =>
    runOnHost({ name: "node-a", connection }, command, options);
  const failure = async (connection: SshConnection, command?: string, options?: RunOptions): Promise<RunFailure> => {
    const result = await run(connection, command, options);
    assert.ok(!result.ok, "expected a failure");
    assert.match(result.message, /^[^\n]+, [^\n]+\nHINT: [^\n]+$/, "what, where, hint");
    assert.doesNotMatch(result.message, /\n\s+at |node_modules/, "no stack trace");
    assert.match(result.message, /node-a/);
    return result;
  };

  afterEach(() => {
    for (const host of hosts.splice(0)) host.close();
    for (const socket of sockets.splice(0)) socket.destroy();
    for (const server of listeners.splice(0)) server.close();
  });

  it("gives what the command printed, and gives it stdin", async () => {
    const result = await run(await start(echo), "understudy facts node-a", { stdin: "KEY='value'\n" });
    assert.deepEqual(result, { ok: true, stdout: "understudy facts node-a|KEY='value'\n" });
  });

  it("gives each line of standard error as it comes", async () => {
    const lines: string[] = [];
    const onStderr = (line: string) => lines.push(line);
    await failure(await start(fails(1, "node-a: one 17000\nnode-a: two\n")), "x", {
      stdin: "port='17000'\n",
      onStderr,
    });
    assert.deepEqual(lines, ["node-a: one [secret]", "node-a: two"]);
  });

  it("shows values of standard input where it is told that none is a secret", async () => {
    const options = { stdin: "port='17000'\n", stdinIsSecret: false };
    assert.match((await failure(await start(fails(1, "17000 is in use")), "x", options)).message, /^17000 is in use/);
  });

  it("runs several commands over one login, whatever each of them does", async () => {
    const connection = await start((command, ...rest) => (command === "bad" ? fails(1, "no") : echo)(command, ...rest));
    const results = await withHost({ name: "node-a", connection }, async (run) => [
      await run("one"),
      await run("bad"),
      await run("two", { stdin: "x" }),
    ]);
    assert.deepEqual(
      results.map((result) => (result.ok ? result.stdout : result.reason)),
      ["one|", "failed", "two|x"],
    );
    assert.equal(hosts[0]?.logins, 1);
  });

  it("runs others than root through sudo, a plain command word by word", async () => {
    const connection = { ...(await start(echo)), user: "admin" };
    assert.deepEqual(await run(connection, "/usr/local/sbin/understudy facts node-a"), {
      ok: true,
      stdout: "sudo -n /usr/local/sbin/understudy facts node-a|",
    });
    assert.deepEqual(await run(connection, "echo 'a' | wc"), {
      ok: true,
      stdout: "sudo -n sh -c 'echo '\\''a'\\'' | wc'|",
    });
    assert.deepEqual(await run(connection, "A=1 env"), { ok: true, stdout: "sudo -n sh -c 'A=1 env'|" });
  });

  it("logs in by password too", async () => {
    const { privateKey: _, ...connection } = await start(echo);
    assert.equal((await run({ ...connection, password: "let-me-in" })).ok, true);
    assert.equal((await run({ ...connection, privateKey: stranger.private, password: "let-me-in" })).ok, true);
    const refused = await failure({ ...connection, password: "guessed-wrong" });
    assert.equal(refused.reason, "refused-key");
    assert.doesNotMatch(refused.message, /guessed-wrong/);
  });

  it("says that the key is refused", async () => {
    const result = await failure({ ...(await start(echo)), privateKey: stranger.private });
    assert.equal(result.reason, "refused-key");
    assert.match(result.message, /authorized_keys/);
  });

  it("says that the private key is none", async () => {
    const result = await failure({ ...(await start(echo)), privateKey: "not a key" });
    assert.equal(result.reason, "refused-key");
    assert.match(result.message, /private key cannot be used/);
    assert.doesNotMatch(result.message, /not a key/);
  });

  it("refuses a changed host key", async () => {
    const connection = await start(echo, [newKey().private]);
    assert.equal((await failure(connection)).reason, "host-key-changed");
  });

  it("refuses a host that has no key of the expected type", async () => {
    const connection = await start(echo, [hostKeys.ecdsa.private]);
    assert.equal((await failure(connection)).reason, "host-key-changed");
  });

  it("asks for the expected type of key, whichever the server prefers", async () => {
    const connection = await start(echo);
    for (const { public: hostKey } of Object.values(hostKeys)) {
      assert.equal((await run({ ...connection, hostKey: `${hostKey} a comment` })).ok, true);
    }
    const { hostKey: _, ...unchecked } = connection;
    assert.equal((await run(unchecked)).ok, true);
  });

  it("refuses a host key that is none, before it dials", async () => {
    const result = await failure({ host: "127.0.0.1", port: 1, hostKey: "nonsense" });
    assert.equal(result.reason, "host-key-changed");
    assert.match(result.message, /no OpenSSH public key/);
  });

  it("says that a port is closed", async () => {
    const port = await listen(() => {});
    await new Promise((resolve) => listeners.pop()?.close(resolve));
    const result = await failure({ host: "127.0.0.1", port });
    assert.equal(result.reason, "unreachable");
    assert.match(result.message, /connection refused, node-a \(root@127\.0\.0\.1:\d+\)/);
  });

  it("says that the other side hung up", async () => {
    const port = await listen((socket) => socket.end());
    assert.equal((await failure({ host: "127.0.0.1", port })).reason, "unreachable");
  });

  it("gives up on a server that never says anything", async () => {
    const port = await listen(() => {});
    const started = Date.now();
    const result = await failure({ host: "127.0.0.1", port, perDialTimeout: 0 }, "x", { timeoutSeconds: 0.3 });
    assert.equal(result.reason, "timeout");
    assert.ok(Date.now() - started < 2000);
  });

  it("gives up on a command that hangs", async () => {
    const connection = await start(() => {});
    const started = Date.now();
    const result = await failure(connection, "sleep 1000", { timeoutSeconds: 0.5 });
    assert.equal(result.reason, "timeout");
    assert.match(result.message, /within 0\.5 s/);
    assert.ok(Date.now() - started < 2000);
  });

  it("passes on the message of a host script, with its hint and exit code", async () => {
    const message = "waiting\nunderstudy: no free disk\nHINT: make room\n";
    const result = await failure(await start(fails(1, message)));
    assert.equal(result.reason, "failed");
    assert.equal(result.exitCode, 1);
    assert.equal(result.stderr, message);
    assert.match(result.message, /^understudy: no free disk, node-a .*\nHINT: make room$/);
  });

  it("says what to do when a command failed silently, is not there, or sudo refuses", async () => {
    assert.match((await failure(await start(fails(3, "")))).message, /failed with exit code 3/);
    assert.match((await failure(await start(fails(127, "sh: understudy: not found")))).message, /pulumi up/);
    const sudo = await failure(await start(fails(1, "sudo: a password is required")));
    assert.match(sudo.message, /NOPASSWD/);
  });

  it("does not repeat a value of stdin", async () => {
    const leak = "bad password s3cret-value given";
    const result = await failure(await start(fails(1, leak)), "x", { stdin: "PASSWORD='s3cret-value'\n" });
    assert.doesNotMatch(JSON.stringify(result), /s3cret-value/);
    assert.match(result.message, /bad password \[secret\] given/);
  });

  it("says that the connection was lost while the command ran", async () => {
    const connection = await start(() => hosts.at(-1)?.close());
    const result = await failure(connection);
    assert.equal(result.reason, "failed");
    assert.match(result.message, /connection was lost/);
    assert.equal(result.exitCode, undefined);
  });

  it("goes through a jump host and checks both host keys", async () => {
    const jump = await start(echo);
    const target = { ...(await start(echo)), hostKey: hostKeys.ecdsa.public };
    assert.deepEqual(await run({ ...target, proxy: jump }), { ok: true, stdout: "hello|" });
    const changed = newKey().public;
    const atJump = await failure({ ...target, proxy: { ...jump, hostKey: changed } });
    assert.equal(atJump.reason, "host-key-changed");
    assert.match(atJump.message, /jump host .* of node-a/);
    const atTarget = await failure({ ...target, hostKey: changed, proxy: jump });
    assert.equal(atTarget.reason, "host-key-changed");
    assert.doesNotMatch(atTarget.message, /jump host/);
  });

  it("says that the jump host cannot reach the host", async () => {
    const port = await listen(() => {});
    await new Promise((resolve) => listeners.pop()?.close(resolve));
    const result = await failure({ host: "127.0.0.1", port, proxy: await start(echo) });
    assert.equal(result.reason, "unreachable");
    assert.match(result.message, /from its jump host/);
  });
});
