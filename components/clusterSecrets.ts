import { isIP } from "node:net";
import { local } from "@pulumi/command";
import {
  all,
  type CustomResourceOptions,
  type Input,
  type Output,
  output,
  RunError,
  secret,
  unsecret,
} from "@pulumi/pulumi";
import * as z from "zod";
import { firstKey } from "../model/aws/config.ts";
import { type ClusterConfig, nodesOf } from "../model/config/config.ts";
import { targets } from "../model/config/targets/registry.ts";
import { parseOutcome } from "../model/outcome.ts";
import { scramVerifier } from "../model/scram.ts";
import { given } from "./given.ts";
import { named } from "./part.ts";
import { command } from "./programs.ts";
import type { Machine } from "./targets/machine.ts";

/** Parent and other options of the resource that keeps a secret. */
export type SecretOptions = CustomResourceOptions;

export interface SshKeyPair {
  /** Line for `authorized_keys`: type and base64. */
  readonly publicKey: Output<string>;
  /** OpenSSH format; a secret. */
  readonly privateKey: Output<string>;
}

export interface CertificateAuthority {
  /** PEM. */
  readonly certificate: Output<string>;
  /** PEM (PKCS 8); a secret. */
  readonly privateKey: Output<string>;
}

export type Certificate = CertificateAuthority;

export interface CertificateArgs {
  readonly ca: CertificateAuthority;
  readonly commonName: string;
  /** Names and IP addresses under which it is reached, without order or doubles; a change makes a new certificate. */
  readonly hosts: Input<readonly string[]>;
}

const caDays = 3650;
const certificateDays = 1825;

/**
 * A random password of 32 letters and digits (190 bits). It is made once and kept in the stack's state; to have another one,
 * `pulumi up --replace <urn>`.
 */
export function password(name: string, opts: SecretOptions): Output<string> {
  return made(name, "password", undefined, opts).apply(({ password: value }) => value as string);
}

/** An Ed25519 key pair, made once. */
export function sshKeyPair(name: string, opts: SecretOptions): SshKeyPair {
  return pair(made(name, "ssh-key", undefined, opts), "publicKey");
}

/** The pairs of these names, never none. No node has a `_` in its name, so that none of them is the first pair of another. */
export function keyPairs(
  what: string,
  names: readonly string[],
  opts: SecretOptions,
): readonly [SshKeyPair, ...SshKeyPair[]] {
  const [first = firstKey, ...others] = names;
  const pairOf = (key: string) => sshKeyPair(key === firstKey ? what : `${what}_${key}`, opts);
  return [pairOf(first), ...others.map(pairOf)];
}

/** A CA of its own (ECDSA P-256), valid for ten years, made once. Another one makes all certificates anew. */
export function certificateAuthority(name: string, commonName: string, opts: SecretOptions): CertificateAuthority {
  return pair(made(name, "ca", { commonName, days: caDays }, opts), "certificate");
}

/**
 * A certificate for a server that may also be a client (replication, poolers), valid for five years. It is made again when
 * its hosts or the CA change; to renew it, `pulumi up --replace <urn>`: what it is installed with follows by itself.
 */
export function certificate(
  name: string,
  { ca, commonName, hosts }: CertificateArgs,
  opts: SecretOptions,
): Certificate {
  const parameters = all([ca.certificate, ca.privateKey, hosts]).apply(([caCertificate, caKey, known]) => {
    const sorted = [...new Set(known)].sort();
    return {
      ca: { certificate: caCertificate, privateKey: caKey },
      commonName,
      // Addresses too: libpq before 15 looks for them among the names only.
      dnsNames: sorted,
      ipAddresses: sorted.filter((host) => isIP(host) !== 0),
      days: certificateDays,
    };
  });
  return pair(made(name, "certificate", parameters, opts), "certificate");
}

/** All secrets that a stack makes for itself. */
export interface ClusterSecrets {
  /** Tells this cluster's volumes and hosts from those of another one that happens to have the same name; no secret. */
  readonly clusterId: Output<string>;
  /** What this program logs in to hosts with that it has made itself. */
  readonly operator: SshKeyPair;
  /** All that hosts accept: `operator`, and those that are exchanged for it. */
  readonly operators: readonly SshKeyPair[];
  /** SSH host keys of the hosts that this program makes, by node name: known before the first boot. */
  readonly hosts: Readonly<Record<string, SshKeyPair>>;
  /** Public halves of those that a host may still have instead, by node name. */
  readonly formerHosts: Readonly<Record<string, readonly Output<string>[]>>;
  /** What the nodes ask one another with, who leads: it opens nothing else. */
  readonly peer: SshKeyPair;
  /** What the primary reads a backup's data from a standby with: it opens nothing else. */
  readonly backup: SshKeyPair;
  readonly ca: CertificateAuthority;
  readonly caCertificate: Output<string>;
  readonly replicationPassword: Output<string>;
  readonly monitorPassword: Output<string>;
  /** Empty where there are no poolers. */
  readonly poolerPassword: Output<string>;
  /** What the salts of SCRAM verifiers are made with; a secret. */
  readonly saltKey: Output<string>;
  /** What the archive is encrypted with; a secret. Made for each stack, also where nothing is encrypted. */
  readonly archiveKey: Output<string>;
  /** Of every user in config, given or made, by name. */
  readonly passwords: Readonly<Record<string, Output<string>>>;
}

/** Makes what is missing of the stack's secrets. They last as long as the stack: nothing about roles or hosts changes them. */
export function clusterSecrets(config: ClusterConfig, opts: SecretOptions): ClusterSecrets {
  const ca = certificateAuthority("ca", `understudy ${config.clusterName}`, opts);
  const ownHosts = targets[config.target].makesHosts ? nodesOf(config) : [];
  const names = config.target === "aws" ? config.aws.keys : { operator: [firstKey], host: [firstKey] };
  const [operator, ...others] = keyPairs("operator-key", names.operator, opts);
  const hostKeys = ownHosts.map(({ name }) => [name, keyPairs(`host-key-${name}`, names.host, opts)] as const);
  return {
    clusterId: unsecret(password("cluster-id", opts)),
    operator,
    operators: [operator, ...others],
    peer: sshKeyPair("peer-key", opts),
    backup: sshKeyPair("backup-key", opts),
    hosts: Object.fromEntries(hostKeys.map(([node, [key]]) => [node, key])),
    formerHosts: Object.fromEntries(
      hostKeys.map(([node, [, ...former]]) => [node, former.map(({ publicKey }) => publicKey)]),
    ),
    ca,
    caCertificate: unsecret(ca.certificate),
    replicationPassword: password("replication-password", opts),
    monitorPassword: password("monitor-password", opts),
    poolerPassword: config.pooler === undefined ? output("") : password("pooler-password", opts),
    saltKey: password("scram-salt-key", opts),
    archiveKey: password("archive-key", opts),
    passwords: Object.fromEntries(
      Object.values(config.users).map((user) => [
        user.name,
        user.password === undefined ? password(`password-${user.name}`, opts) : secret(given(user.password)),
      ]),
    ),
  };
}

/** What PostgreSQL stores of a password, as `scramVerifier` makes it. */
export function verifier(
  { saltKey }: Pick<ClusterSecrets, "saltKey">,
  role: string,
  password: Output<string>,
): Output<string> {
  return all([password, saltKey]).apply(([known, key]) => scramVerifier(role, known, key));
}

/** The certificate of a node's PostgreSQL, for every name and address that the node is reached by. */
export function serverCertificate(
  node: string,
  {
    secrets,
    machine,
  }: {
    readonly secrets: Pick<ClusterSecrets, "ca">;
    readonly machine: Pick<Machine, "address" | "endpoint" | "names">;
  },
  opts: SecretOptions,
): Certificate {
  const hosts = all([machine.address, machine.endpoint]).apply(([address, endpoint]) => [
    node,
    address,
    endpoint.host,
    ...machine.names,
  ]);
  return certificate(`certificate-${node}`, { ca: secrets.ca, commonName: node, hosts }, opts);
}

/**
 * Runs `make-secret.mjs` once and keeps what it printed. It runs again when its inputs change, which for most of them never
 * happens: a change of the command line below would make every secret of every stack anew.
 */
function made(
  name: string,
  kind: "password" | "ssh-key" | "ca" | "certificate",
  parameters: Input<object> | undefined,
  opts: SecretOptions,
): Output<Readonly<Record<string, string>>> {
  const making = new local.Command(
    named(name, opts),
    {
      create: command("make-secret.mjs", kind),
      ...(parameters === undefined ? {} : { stdin: secret(parameters).apply((known) => JSON.stringify(known)) }),
      logging: local.Logging.None,
      // Otherwise the old secret would be in the environment of the process that makes the new one.
      addPreviousOutputInEnv: false,
    },
    { ...opts, additionalSecretOutputs: ["stdout"] },
  );
  return secret(making.stdout).apply((text) => {
    const known = parseOutcome(madeSecret, text);
    if (known === undefined)
      throw new RunError(`${name}: what it has made is not what it should be\nHINT: please report it.`);
    return known;
  });
}

const madeSecret = z.record(z.string(), z.string());

function pair<PublicHalf extends string>(
  values: Output<Readonly<Record<string, string>>>,
  publicHalf: PublicHalf,
): Record<PublicHalf | "privateKey", Output<string>> {
  const value = (key: string) => values.apply((known) => known[key] as string);
  return { [publicHalf]: value(publicHalf), privateKey: value("privateKey") } as Record<
    PublicHalf | "privateKey",
    Output<string>
  >;
}
