import type { types } from "@pulumi/command";
import { all, type Input, type Output, output, unsecret } from "@pulumi/pulumi";

type ConnectionArgs = types.input.remote.ConnectionArgs;

/** An SSH server and how to log in to it. */
export interface SshServer {
  /** Host name or IP address by which this program reaches it. */
  readonly host: Input<string>;
  readonly port: Input<number>;
  readonly user: Input<string>;
  /** Private key, OpenSSH or PEM format, without a passphrase; a secret. */
  readonly privateKey: Input<string>;
  /** The server's public key (type and base64). Undefined: whoever answers is believed. */
  readonly hostKey: Input<string> | undefined;
}

// A host that is there answers at once. With the defaults of the plugin a host that is gone would cost 13 s where it refuses,
// and minutes where nothing answers.
const patience = { dialErrorLimit: 2, perDialTimeout: 5 };

/**
 * The one builder of connections for `remote.Command`: a connection is an input of every step, so that two that differ in
 * nothing but form (a limit, an explicit default) would run the steps again.
 */
export function sshConnection(server: SshServer & { readonly proxy?: SshServer | undefined }): Output<ConnectionArgs> {
  const { proxy } = server;
  return all([login(server), proxy && login(proxy)]).apply(([direct, through]) => ({
    ...direct,
    ...patience,
    ...(through ? { proxy: { ...through, ...patience } } : {}),
  }));
}

/** What of a connection is no secret. */
export interface Login {
  readonly user: string;
  readonly host: string;
  readonly port: number;
  /** The bastion, and the key that it is known by. */
  readonly proxy?: Omit<Login, "proxy"> & { readonly hostKey: string | undefined };
}

/** What of a connection is no secret, for command lines and outputs: a connection as a whole is one, for its key's sake. */
export function loginOf(connection: Output<ConnectionArgs>): Output<Login> {
  return unsecret(
    output(connection).apply(({ user, host, port, proxy }) => ({
      user: user ?? "root",
      host,
      port: port ?? 22,
      ...(proxy
        ? { proxy: { user: proxy.user ?? "root", host: proxy.host, port: proxy.port ?? 22, hostKey: proxy.hostKey } }
        : {}),
    })),
  );
}

function login({ host, port, user, privateKey, hostKey }: SshServer) {
  return all([host, port, user, privateKey, hostKey]).apply(([knownHost, knownPort, knownUser, key, serverKey]) => ({
    host: knownHost,
    port: knownPort,
    user: knownUser,
    privateKey: key,
    ...(serverKey === undefined ? {} : { hostKey: serverKey }),
  }));
}
