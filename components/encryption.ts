import { all, type CustomResourceOptions, type Output, output, RunError, secret, unsecret } from "@pulumi/pulumi";
import { encryptionOf, keptEncryption, remember } from "../model/archive/encryption.ts";
import { type ClusterConfig, nodesOf } from "../model/config/config.ts";
import type { Archive } from "./archive.ts";
import type { ClusterSecrets } from "./clusterSecrets.ts";
import { LocalStep } from "./localStep.ts";
import type { StoredStep } from "./stackState.ts";
import type { Update } from "./update.ts";

export interface Encryption {
  readonly encrypted: Output<boolean>;
  /** What encrypts the archive, a secret; "": nothing does. */
  readonly key: Output<string>;
}

/** Whether and by what the archive is encrypted: the stack's state remembers it of each archive that it has used. */
export function archiveEncryption(
  config: ClusterConfig,
  archive: Pick<Archive, "id">,
  secrets: Pick<ClusterSecrets, "archiveKey">,
  update: Update,
  opts: CustomResourceOptions,
): Encryption {
  const known = all([output(update.stored.then((step) => rememberedOf(config, step))), archive.id]).apply(
    ([past, id]) => {
      const encrypted = encryptionOf({ declared: config.archive.encrypted, archive: id, ...past });
      if (typeof encrypted === "object") throw new RunError(`${encrypted.what}\nHINT: ${encrypted.hint}.`);
      return { encrypted, kept: JSON.stringify(remember(past.remembered, id, encrypted)) };
    },
  );
  const step = new LocalStep(
    "encryption",
    { update, command: "cat", stdin: known.apply(({ kept }) => kept), after: [] },
    opts,
  );
  // By way of the step, so that it is in the state before any host is configured.
  const encrypted = unsecret(all([known, step.outcome]).apply(([decided]) => decided.encrypted));
  return {
    encrypted,
    key: secret(all([encrypted, secrets.archiveKey]).apply(([isEncrypted, key]) => (isEncrypted ? key : ""))),
  };
}

function rememberedOf(config: ClusterConfig, step: (name: string) => StoredStep | undefined) {
  const remembered = keptEncryption(step("encryption")?.stdout);
  // To take one that can't be read for none would have the nodes write what nobody can read beside what is there.
  if (remembered === undefined) {
    throw new RunError(`encryption: what the stack's state remembers of its archives cannot be read
HINT: take an earlier state ('pulumi stack history', 'pulumi stack import'), then run 'pulumi up' again. No host was touched.`);
  }
  const configured = [...nodesOf(config).map(({ name }) => `configure-${name}`), "promote", "archive"];
  return { remembered, hasHosts: configured.some((name) => step(name) !== undefined) };
}
