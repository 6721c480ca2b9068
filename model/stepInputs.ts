/**
 * What the steps that run on the operator's machine get on their standard input, as JSON: made by `components/`, read by `scripts/steps/`.
 */
import type { Asked } from "./archive/restorePlan.ts";
import type { VolumeConfig } from "./aws/volume.ts";
import type { FenceWord } from "./config/fenceWord.ts";
import type { Host, SshConnection } from "./host.ts";
import type { Declared } from "./preflight/index.ts";
import type { FenceProof } from "./receipt.ts";
import type { PromoteOutcome } from "./stepOutcomes.ts";

/** What the step `install` gets on its standard input, as `components/node.ts` makes it. */
export interface InstallInput {
  readonly name: string;
  readonly connection: SshConnection;
  /** Digest of the host scripts that the program declared. */
  readonly scripts: string;
  /** Id of the host: another one has none of it yet. */
  readonly instance: string;
  /** Of `install.sh`. None of them is a secret. */
  readonly parameters: Readonly<Record<string, string>>;
}

/** What the step `agent` gets on its standard input: a secret as a whole. */
export interface AgentInput extends Host {
  /** As `uname -m` says it. */
  readonly architecture: string;
  /** Digest of what the agent is made of. */
  readonly program: string;
  /** Version of Node that it runs on. */
  readonly node: string;
  /** Id of the host: another one has none of it yet. */
  readonly instance: string;
  /** Of `agent.sh`, but for what it is told about files. */
  readonly parameters: Readonly<Record<string, string>>;
}

/** Where AWS is asked, and in whose account. */
export interface AwsPlace {
  /** Twelve digits. */
  readonly account: string;
  readonly region: string;
}

/** What the step `power` of the target aws gets on its standard input. */
export interface PowerInput extends AwsPlace {
  readonly name: string;
  /** Ids. */
  readonly instance: string;
  readonly volume: DeclaredVolume;
  readonly role: DeclaredRole;
  /** Types that the instance becomes, one after the other, where AWS has no room for its own when it is started. Left out: none. */
  readonly otherTypes?: readonly string[];
  /** What its last run said: another text where something was not known, or not done. */
  readonly again: string;
  /** Given where the node is fenced; undefined: its host runs. */
  readonly fence?: FenceOrder;
}

export interface DeclaredVolume extends VolumeConfig {
  readonly id: string;
}

export interface DeclaredRole {
  readonly name: string;
  /** What it may do, as JSON; undefined: nothing of ours. */
  readonly policy?: string;
}

/** How a host is brought down, and what proves that it is down where EC2 can't tell. */
export interface FenceOrder {
  /** Of which change of primary: `FenceChange.proof`. */
  readonly change: string;
  readonly stop: "clean" | "force";
  readonly word?: FenceWord;
  /** Tags that every instance has which was made for this node. */
  readonly tags: Readonly<Record<string, string>>;
}

/** What the step `surroundings` gets on its standard input. */
export interface SurroundingsInput extends AwsPlace {
  /** The name that leads to the primary. */
  readonly record?: { readonly zone: string; readonly name: string; readonly ttl: number; readonly address: string };
  /** What its last run said: another text where something was left to do. */
  readonly again: string;
  /** Roles of fenced nodes. */
  readonly fenced: readonly { readonly node: string; readonly role: string }[];
}

/** What the step `boot` gets on its standard input. */
export interface BootInput {
  readonly name: string;
  /** With the lasting host key, and the private half of the first of `operatorKeys`. */
  readonly connection: SshConnection;
  /** Public halves of host keys that it may still have, as in `authorized_keys`: that of user data, and those that are exchanged. */
  readonly formerHostKeys: readonly string[];
  /** The lasting one, OpenSSH format. */
  readonly hostKey: string;
  /** Who may log in. Never empty. */
  readonly operatorKeys: readonly OperatorKey[];
  /** The data volume; undefined: it is a bastion, and has none. */
  readonly volume?: { readonly id: string; readonly sizeGb: number };
  /** Id of the instance: another one is another host to do this on. */
  readonly instance: string;
}

export interface OperatorKey {
  /** Type and base64. */
  readonly publicKey: string;
  /** OpenSSH format. */
  readonly privateKey: string;
}

/** What the step `preflight` gets on its standard input, as `components/cluster.ts` makes it. */
export interface PreflightInput extends Omit<Declared, "recorded"> {
  /** The active nodes. */
  readonly hosts: readonly Host[];
  /** Absent ones, as far as there is a host to ask. */
  readonly absent: readonly Host[];
}

/** What the step `source` gets on its standard input: a secret as a whole. */
export interface SourceStepInput {
  /** The declared primary. */
  readonly host: Host;
  readonly fresh: boolean;
  readonly asked: Asked;
  /** Of `backups.sh`. */
  readonly parameters: Readonly<Record<"source_pgbackrest_conf" | "source_stanza" | "source_ca_crt", string>>;
}

/** What the step `restart` gets on its standard input. */
export interface RestartInput {
  /** Those where PostgreSQL has to restart, with the digest of the `postgresql.conf` that waits for it there. */
  readonly hosts: readonly (Host & { readonly waiting: string })[];
}

/** What the step `receipt` gets on its standard input. */
export interface ReceiptInput {
  readonly intent: string;
  readonly promoted: PromoteOutcome;
  readonly fences: readonly FenceProof[];
  readonly hosts: readonly Host[];
}
