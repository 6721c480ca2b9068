import type { ConnectConfig, ServerHostKeyAlgorithm } from "ssh2";
import type { SshEndpoint } from "../../model/host.ts";
import { HostFailure } from "./sshFailure.ts";

/** Algorithms by which a server can prove that it has a key of this type. */
const ALGORITHMS: Readonly<Record<string, readonly ServerHostKeyAlgorithm[] | undefined>> = {
  "ssh-ed25519": ["ssh-ed25519"],
  "ecdsa-sha2-nistp256": ["ecdsa-sha2-nistp256"],
  "ecdsa-sha2-nistp384": ["ecdsa-sha2-nistp384"],
  "ecdsa-sha2-nistp521": ["ecdsa-sha2-nistp521"],
  "ssh-rsa": ["rsa-sha2-512", "rsa-sha2-256"],
};

export interface HostKeyPolicy {
  readonly config: Pick<ConnectConfig, "hostVerifier" | "algorithms">;
  /** The failure, if it was the host key that ended the handshake. */
  failure(error: Error): HostFailure | undefined;
}

/**
 * Accepts the expected host key only. The handshake offers only algorithms of that key's type: a host has several keys,
 * and another one of them would look like a changed key.
 */
export function hostKeyPolicy(line: string | undefined, where: string): HostKeyPolicy {
  if (line === undefined || line.trim() === "") return { config: {}, failure: () => undefined };
  const words = line.trim().split(/\s+/);
  const type = words.findIndex((word) => ALGORITHMS[word] !== undefined);
  const serverHostKey = ALGORITHMS[words[type] ?? ""];
  const expected = Buffer.from(words[type + 1] ?? "", "base64");
  if (serverHostKey === undefined || expected.length === 0) {
    throw new HostFailure(
      "host-key-changed",
      `the configured host key is no OpenSSH public key, ${where}`,
      'give hostKey as a line such as "ssh-ed25519 AAAA…" (what ssh-keyscan prints)',
    );
  }
  let denied = false;
  return {
    config: {
      algorithms: { serverHostKey: [...serverHostKey] },
      hostVerifier: (key: Buffer) => {
        denied = !key.equals(expected);
        return !denied;
      },
    },
    failure: (error) =>
      denied || /no matching host key format/i.test(error.message)
        ? new HostFailure(
            "host-key-changed",
            `the host key is not the one that is expected, ${where}`,
            "if the host was made anew, give its new key; if not, somebody else may be answering at its address",
          )
        : undefined,
  };
}

/** Key first, as `@pulumi/command` does; an agent only where nothing else is given. */
export function authenticationOf(endpoint: SshEndpoint): Partial<ConnectConfig> {
  const { privateKey, privateKeyPassword, password } = endpoint;
  if (privateKey === undefined && password === undefined) {
    const agent = endpoint.agentSocketPath ?? process.env.SSH_AUTH_SOCK;
    return agent === undefined ? {} : { agent };
  }
  return {
    ...(privateKey === undefined ? {} : { privateKey }),
    ...(privateKeyPassword === undefined ? {} : { passphrase: privateKeyPassword }),
    ...(password === undefined ? {} : { password }),
    authHandler: [
      ...(privateKey === undefined ? [] : (["publickey"] as const)),
      ...(password === undefined ? [] : (["password"] as const)),
    ],
  };
}
