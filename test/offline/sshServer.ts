/** An SSH server on loopback that runs commands as this user: the other end of remote commands and copies. */
import { spawn } from "node:child_process";
import { closeSync, fstatSync, mkdirSync, openSync, statSync, writeSync } from "node:fs";
import { type AddressInfo, connect } from "node:net";
import ssh2 from "ssh2";
import { type KeyPair, newKey } from "../support/sshKey.ts";

const { OPEN_MODE, STATUS_CODE } = ssh2.utils.sftp;

/** The key as `hostKey` and `authorized_keys` have it. */
export const publicLine = (key: KeyPair): string => key.public.trim();

export class SshServer {
  readonly userKey = newKey();
  readonly hostKey = newKey();
  readonly password = "pass-word";
  /** Names of variables that clients may set, as sshd's AcceptEnv. */
  acceptedVariables: readonly string[] = [];
  /** How many TCP connections were opened. */
  connections = 0;
  /** Ends each connection as soon as a command was started on it. */
  dropsConnections = false;
  readonly #server: ssh2.Server;
  readonly #clients = new Set<ssh2.Connection>();

  constructor() {
    this.#server = new ssh2.Server({ hostKeys: [this.hostKey.private] }, (client) => this.#welcome(client));
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** What a resource needs to log in with the key, the host's key checked. */
  get connection() {
    return {
      host: "127.0.0.1",
      port: this.port,
      user: "tester",
      privateKey: this.userKey.private,
      hostKey: publicLine(this.hostKey),
      dialErrorLimit: 1,
    };
  }

  async listen(port = 0): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(port, "127.0.0.1", resolve));
  }

  async close(): Promise<void> {
    for (const client of this.#clients) client.end();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #welcome(client: ssh2.Connection): void {
    this.connections++;
    this.#clients.add(client);
    client.on("error", () => {});
    client.on("close", () => this.#clients.delete(client));
    client.on("authentication", (context) => {
      if (context.method === "password") {
        return context.password === this.password ? context.accept() : context.reject();
      }
      if (context.method !== "publickey") return context.reject(["publickey", "password"]);
      const key = ssh2.utils.parseKey(this.userKey.public);
      const known = !(key instanceof Error) && key.getPublicSSH().equals(context.key.data);
      return known ? context.accept() : context.reject();
    });
    client.on("session", (accept) => this.#serve(client, accept()));
    client.on("tcpip", (accept, reject, { destIP, destPort }) => {
      const socket = connect(destPort, destIP);
      socket.once("error", () => reject());
      socket.once("connect", () => {
        const stream = accept();
        socket.on("error", () => stream.end());
        stream.pipe(socket).pipe(stream);
      });
    });
  }

  #serve(client: ssh2.Connection, session: ssh2.Session): void {
    const variables: Record<string, string> = {};
    session.on("env", (accept, reject, { key, val }) => {
      if (!this.acceptedVariables.includes(key)) return reject?.();
      variables[key] = val;
      accept?.();
    });
    session.on("sftp", (accept) => serveFiles(accept()));
    session.on("exec", (accept, _reject, { command }) => {
      const channel = accept();
      if (this.dropsConnections) {
        client.end();
        return;
      }
      const child = spawn("/bin/sh", ["-c", command], { env: { PATH: process.env.PATH, ...variables } });
      channel.pipe(child.stdin).on("error", () => {});
      child.stdout.pipe(channel, { end: false });
      child.stderr.pipe(channel.stderr, { end: false });
      child.once("close", (code, signal) => {
        if (signal) channel.exit(signal.replace(/^SIG/, ""), false, "");
        else channel.exit(code ?? 0);
        channel.end();
      });
    });
  }
}

/** The part of SFTP that a copy needs. */
function serveFiles(sftp: ssh2.SFTPWrapper): void {
  const handles = new Map<string, number>();
  const descriptor = (handle: Buffer) => handles.get(handle.toString()) ?? -1;

  const answer = (id: number, work: () => void) => {
    try {
      work();
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "ENOENT") sftp.status(id, STATUS_CODE.NO_SUCH_FILE);
      else sftp.status(id, code === "EACCES" ? STATUS_CODE.PERMISSION_DENIED : STATUS_CODE.FAILURE);
    }
  };
  const attributes = ({ mode, uid, gid, size, atimeMs, mtimeMs }: ReturnType<typeof statSync> & object) => ({
    mode: Number(mode),
    uid: Number(uid),
    gid: Number(gid),
    size: Number(size),
    atime: Math.trunc(Number(atimeMs) / 1000),
    mtime: Math.trunc(Number(mtimeMs) / 1000),
  });

  sftp.on("end", () => sftp.end());
  sftp.on("STAT", (id, path) => answer(id, () => sftp.attrs(id, attributes(statSync(path)))));
  sftp.on("LSTAT", (id, path) => answer(id, () => sftp.attrs(id, attributes(statSync(path)))));
  sftp.on("FSTAT", (id, handle) => answer(id, () => sftp.attrs(id, attributes(fstatSync(descriptor(handle))))));
  sftp.on("MKDIR", (id, path) =>
    answer(id, () => {
      mkdirSync(path);
      sftp.status(id, STATUS_CODE.OK);
    }),
  );
  sftp.on("OPEN", (id, path, flags) =>
    answer(id, () => {
      const fd = openSync(path, flags & OPEN_MODE.TRUNC ? "w+" : "r+");
      handles.set(String(fd), fd);
      sftp.handle(id, Buffer.from(String(fd)));
    }),
  );
  sftp.on("WRITE", (id, handle, offset, data) =>
    answer(id, () => {
      writeSync(descriptor(handle), data, 0, data.length, offset);
      sftp.status(id, STATUS_CODE.OK);
    }),
  );
  sftp.on("CLOSE", (id, handle) =>
    answer(id, () => {
      closeSync(descriptor(handle));
      sftp.status(id, STATUS_CODE.OK);
    }),
  );
}
