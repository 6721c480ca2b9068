import * as z from "zod";
import { parseOutcome } from "../outcome.ts";

const encryptedArchives = z.object({
  /** Whether each archive that this stack has used is encrypted; the one that it uses now comes last. */
  archives: z.array(z.object({ id: z.string(), encrypted: z.boolean() })),
});

/** What the stack remembers of its archives, as the step `encryption` reports it. */
export type EncryptedArchives = z.infer<typeof encryptedArchives>;

export interface EncryptionInput {
  /** `archive.encrypted` in config; undefined: not said. */
  readonly declared: boolean | undefined;
  /** The archive that config leads to, `host:port/bucket/prefix`. */
  readonly archive: string;
  readonly remembered: EncryptedArchives;
  /** Whether an earlier update has configured a node, so that there may be an archive. */
  readonly hasHosts: boolean;
}

/**
 * Whether the archive is encrypted. pgBackRest can't switch that in a repository that holds anything, so an archive stays what it
 * was when this stack first used it. A stack of a version that knew no encryption remembers nothing and has configured nodes: its archive is
 * not encrypted. Reasons: docs/decisions/encryption.md.
 */
export function encryptionOf({ declared, archive, remembered, hasHosts }: EncryptionInput): boolean | Refusal {
  if (!hasHosts) return declared ?? true;
  const { archives } = remembered;
  const isNow = archives.length === 0 ? false : archives.find(({ id }) => id === archive)?.encrypted;
  if (isNow === undefined) return declared ?? archives.at(-1)?.encrypted ?? false;
  if (declared === undefined || declared === isNow) return isNow;
  return {
    what: `archive.encrypted: an archive that is there stays ${isNow ? "encrypted" : "unencrypted"}`,
    hint:
      archives.length === 0
        ? "run 'pulumi up' once without archive.encrypted; then declare it together with another archive.prefix: that is a new archive with a new full backup"
        : "declare another archive.prefix in the same update: that is a new archive with a new full backup; the old one stays as it is. Or remove archive.encrypted",
  };
}

/** Why the archive can't be what is declared. */
export interface Refusal {
  readonly what: string;
  readonly hint: string;
}

/** What is remembered from now on. */
export function remember({ archives }: EncryptedArchives, id: string, encrypted: boolean): EncryptedArchives {
  return { archives: [...archives.filter((each) => each.id !== id), { id, encrypted }].slice(-most) };
}

const most = 100;

/** Reads what the step `encryption` has kept; text undefined: there is nothing yet. Undefined where it is something else. */
export function keptEncryption(text: string | undefined): EncryptedArchives | undefined {
  return text === undefined ? { archives: [] } : parseOutcome(encryptedArchives, text);
}
