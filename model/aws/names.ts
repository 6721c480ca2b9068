import { createHash } from "node:crypto";

/** What AWS allows of the names that we give, in characters. */
export const nameLimits = {
  bucket: 63,
  role: 64,
  loadBalancer: 32,
  targetGroup: 32,
  securityGroup: 255,
  alarm: 255,
  secret: 512,
} as const;

export type Named = keyof typeof nameLimits;

const hashLength = 8;

/** Load balancers and target groups take letters, digits and hyphens; a bucket with a dot has no valid certificate. */
const hyphensOnly: ReadonlySet<Named> = new Set(["bucket", "loadBalancer", "targetGroup"]);

/**
 * The name of something of a cluster's: `understudy-<cluster>_<part>`, the same in every update. No cluster and no node has a `_` in its name, so that
 * the node `c` of `a-b` is not the node `b-c` of `a`. What is too long is cut, and ends with a hash of the whole.
 */
export function awsName(kind: Named, clusterName: string, ...parts: readonly string[]): string {
  const whole = [`understudy-${clusterName}`, ...parts].join(hyphensOnly.has(kind) ? "-" : "_");
  const plain = hyphensOnly.has(kind) ? whole.replaceAll(".", "-") : whole;
  const limit = nameLimits[kind];
  return plain === whole && plain.length <= limit ? plain : cut(plain, limit, whole);
}

/** At most `limit` characters of a name, with a hash of `whole` at its end. */
function cut(name: string, limit: number, whole: string): string {
  const hash = createHash("sha256").update(whole).digest("hex").slice(0, hashLength);
  return `${name.slice(0, limit - hashLength - 1).replace(/[-._]+$/, "")}-${hash}`;
}

/** What every bucket of a ledger ends with. */
export const ledgerSuffix = "-ledger";

/** The bucket of the ledger, beside that of the archive. */
export function ledgerBucket(archive: string): string {
  const limit = nameLimits.bucket - ledgerSuffix.length;
  return `${archive.length <= limit ? archive : cut(archive, limit, archive)}${ledgerSuffix}`;
}
