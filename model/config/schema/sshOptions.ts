import * as z from "zod";
import { isHost } from "../network.ts";
import { matching, type Option, ownRule, wholeNumber } from "./option.ts";

const anyUser = /^[a-z_][a-z0-9_-]{0,31}$/;

export const hostOption = {
  schema: matching(isHost),
  description: "Host name or IP address by which this program reaches the host.",
  rule: "must be a host name or an IP address",
  hint: "set the name or address that ssh is to connect to, without user and port",
  later: true,
  effect: "the steps run again, on the other host",
} as const satisfies Option<string>;

export const portOption = (description: string, byDefault: string, effect: string) =>
  ({
    schema: wholeNumber(1, 65_535),
    description,
    rule: "must be a port: a whole number from 1 to 65535",
    hint: `set a port such as ${byDefault}`,
    default: byDefault,
    effect,
  }) as const satisfies Option<number>;

/** How an SSH server is reached: a node, or the bastion in front of it. */
export const loginOptions = {
  host: { ...hostOption, required: true },
  port: { ...portOption("Port of its SSH server.", "22", "the steps run again"), later: true },
  user: {
    schema: matching((name) => anyUser.test(name)),
    description: "User to log in as; one other than root needs `sudo` without a password.",
    rule: "must be the name of a Unix user",
    hint: "set a lower-case user name such as root or admin",
    default: "root",
    later: true,
    effect: "the steps run again",
  },
  privateKeyFile: {
    schema: z.string().min(1),
    description: "File on the operator's machine with the private key to log in with, without a passphrase.",
    rule: "must be the path of a file",
    hint: "set the path of the private key, such as ~/.ssh/id_ed25519",
    default: "none; required without `privateKey`",
    effect: "the steps run again where the key itself is another",
  },
  privateKey: {
    schema: privateKey(),
    description: "The private key itself, OpenSSH or PEM format, without a passphrase; instead of `privateKeyFile`.",
    rule: "must be a private key",
    hint: "give the content of the key's file",
    default: "what is in `privateKeyFile`",
    secret: true,
    later: true,
    effect: "the steps run again",
  },
  hostKey: {
    schema: hostKey(),
    description:
      "Public key of its SSH server, as in `known_hosts` (`ssh-keyscan` prints it). Without it the server is not checked: set it wherever it can be known.",
    rule: "must be an OpenSSH public key: its type, then base64",
    hint: "paste a line of ssh-keyscan's output, or the host's /etc/ssh/ssh_host_ed25519_key.pub",
    later: true,
    effect: "the steps run again",
  },
} as const satisfies Record<string, Option>;

/** Reads `[host] type base64 [comment]` and keeps `type base64`. */
function hostKey(): z.ZodType<string> {
  return z.string().transform((line, context) => {
    const match = /(?:^|\s)((?:ssh|ecdsa|sk)-[a-z0-9@.-]+) ([A-Za-z0-9+/]+={0,2})(?:\s|$)/.exec(line.trim());
    const [, type = "", base64 = ""] = match ?? [];
    const blob = Buffer.from(base64, "base64");
    const named = blob.length > 4 ? blob.subarray(4, 4 + blob.readUInt32BE(0)).toString("latin1") : "";
    if (match && named === type && !/[\r\n]/.test(line.trim())) return `${type} ${base64}`;
    context.addIssue({ code: "custom", message: ownRule });
    return z.NEVER;
  });
}

function privateKey(): z.ZodType<string> {
  return z.string().superRefine((content, context) => {
    const problem = privateKeyProblem(content);
    if (problem) context.addIssue({ code: "custom", message: problem.rule, params: { hint: problem.hint } });
  });
}

/** What is wrong with the content of a private key file, or undefined. */
export function privateKeyProblem(content: string): { rule: string; hint: string } | undefined {
  const body = /-----BEGIN ([A-Z ]*)PRIVATE KEY-----([\s\S]*?)-----END \1PRIVATE KEY-----/.exec(content);
  if (!body)
    return { rule: "is no private key", hint: "give a private key in OpenSSH or PEM format, not the .pub file" };
  const [, kind = "", inside = ""] = body;
  const decoded = Buffer.from(inside.replace(/^[\w-]+:.*$/gm, ""), "base64").toString("latin1");
  const openSshCipher = /^openssh-key-v1\0....(.*?)\0/s.exec(decoded)?.[1];
  const encrypted = kind.includes("ENCRYPTED") || inside.includes("ENCRYPTED");
  if (encrypted || (openSshCipher !== undefined && openSshCipher !== "none")) {
    return { rule: "is protected by a passphrase", hint: "give a key without one: ssh-keygen -p -f <copy of the key>" };
  }
  return undefined;
}
