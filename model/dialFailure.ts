/**
 * What a failed SSH connection of `remote.Command` means, in the project's form, or undefined where `message` is about
 * something else. The plugin says what its SSH library said; the causes are those of `scripts/ssh/sshFailure.ts`.
 */
export function dialFailure(message: string, where: string): string | undefined {
  const cause = causes.find(({ said }) => said.test(message));
  if (!cause) return undefined;
  const through = /^(.*: )?proxy: /.test(message) ? ", or its bastion" : "";
  return `${where}${through}: ${cause.what}\nHINT: ${cause.hint}`;
}

const network = "see that the host runs and that network and firewall let SSH through to it";

const causes: readonly { readonly said: RegExp; readonly what: string; readonly hint: string }[] = [
  {
    said: /ssh: host key mismatch/,
    what: "the host shows another host key than the one in config",
    hint: "if the host was set up anew, put its new key (ssh-keyscan) into config; else somebody may be in between: do not go on",
  },
  {
    said: /ssh: unable to authenticate/,
    what: "the host refuses the login",
    hint: "see that the user exists there and that the public half of the configured key is in its authorized_keys",
  },
  {
    said: /connect: connection refused/,
    what: "cannot be reached by SSH: connection refused",
    hint: "see that the host runs, that sshd runs on it, and that address and port are right",
  },
  { said: /no route to host/, what: "cannot be reached by SSH: no route to the host", hint: network },
  { said: /network is unreachable/, what: "cannot be reached by SSH: no route to its network", hint: network },
  { said: /i\/o timeout|connection timed out/, what: "cannot be reached by SSH: no answer", hint: network },
  {
    said: /no such host/,
    what: "cannot be reached by SSH: the name is not known",
    hint: "see that the host name is spelt right and that this machine can resolve it",
  },
  {
    said: /ssh: handshake failed|connection reset by peer/,
    what: "cannot be reached by SSH: the connection was closed",
    hint: "see that it is an SSH server that answers there; sshd's journal on the host says why it ended the connection",
  },
];
