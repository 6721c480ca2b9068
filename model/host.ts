/**
 * How to reach a host: `remote.ConnectionArgs` of `@pulumi/command` as plain values.
 */
export interface SshConnection extends SshEndpoint {
  /** Jump host that the connection goes through. */
  readonly proxy?: SshEndpoint | undefined;
}

/** One end of an SSH connection: the host itself, or the jump host in front of it. */
export interface SshEndpoint {
  readonly host: string;
  /** @default 22 */
  readonly port?: number | undefined;
  /** @default "root". Anybody else runs the command through `sudo -n`. */
  readonly user?: string | undefined;
  /** Private key, PEM or OpenSSH format. Tried before `password`. */
  readonly privateKey?: string | undefined;
  readonly privateKeyPassword?: string | undefined;
  readonly password?: string | undefined;
  /** Socket of an SSH agent, asked when neither key nor password is given. @default `SSH_AUTH_SOCK` */
  readonly agentSocketPath?: string | undefined;
  /** The host's public key as an OpenSSH line (`ssh-ed25519 AAAA…`). Not set: any key is accepted. */
  readonly hostKey?: string | undefined;
  /** Seconds until a dial is given up; 0 leaves it to `timeoutSeconds`. @default 5 */
  readonly perDialTimeout?: number | undefined;
}

/** A host with the name that messages and results call it by. */
export interface Host {
  readonly name: string;
  readonly connection: SshConnection;
}

/** Where a server listens. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}
