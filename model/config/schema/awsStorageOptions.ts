import { objectLockModes } from "../../aws/config.ts";
import { leastVolumeGb, volumeLimits, volumeTypes } from "../../aws/volume.ts";
import { anything, matching, type Option, oneOf, size, wholeNumber } from "./option.ts";

export const keyOption = (what: string, effect: string) =>
  ({
    schema: matching((value) => /^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key\/[A-Za-z0-9-]{1,64}$/.test(value)),
    description: `KMS key of your own for ${what}.`,
    rule: "must be the ARN of a KMS key, not of an alias",
    hint: "set it such as arn:aws:kms:eu-central-1:123456789012:key/01234567-89ab-cdef-0123-456789abcdef",
    default: "AWS's own key: encrypted in any case",
    effect,
  }) as const satisfies Option<string>;

const online = "changed online; the file system grows with it";

export const volumeOptions = {
  type: {
    schema: oneOf(...volumeTypes),
    description: "Type of the EBS volume.",
    rule: `must be one of ${volumeTypes.join(", ")}`,
    hint: "use gp3, or io2 where latency has to be steady",
    default: "gp3",
    effect: "changed online",
  },
  size: {
    schema: size(),
    description: "Size, in whole gigabytes. It can grow, and never shrink.",
    rule: `must be a size of whole gigabytes, ${leastVolumeGb}GB or more`,
    hint: "write it such as 100GB; units heed case",
    default: "100GB",
    effect: `${online}; a smaller one is refused`,
  },
  iops: {
    schema: wholeNumber(1, volumeLimits.io2.iops[1]),
    description: "Operations a second; what is allowed follows from type and size.",
    rule: "must be a whole number",
    hint: "set a number such as 3000",
    default: "3000",
    effect: "changed online",
  },
  throughput: {
    schema: wholeNumber(1, volumeLimits.gp3.throughput[1]),
    description: "Throughput of a gp3 volume in MiB/s; a quarter of its IOPS at most.",
    rule: "must be a whole number",
    hint: "set a number such as 125",
    default: "125; io2 has none",
    effect: "changed online",
  },
} as const satisfies Record<string, Option>;

const idOf = (kind: string) => matching((value) => new RegExp(`^${kind}-(?:[0-9a-f]{8}|[0-9a-f]{17})$`).test(value));

/** Of a node's volume. */
export const nodeVolumeOptions = {
  ...volumeOptions,
  adopt: {
    schema: idOf("vol"),
    description:
      "Id of a volume that is there and becomes the node's, as when its node was removed and comes back. It has to be in the node's zone and of the declared size, type and speed.",
    rule: "must be the id of a volume",
    hint: "set it such as vol-0123456789abcdef0; the data have to be this cluster's",
    default: "none: an empty volume is made",
    effect: "none on a node that has its volume",
  },
  snapshot: {
    schema: idOf("snap"),
    description: "Id of a snapshot that the node's volume is made of, when it is made.",
    rule: "must be the id of a snapshot",
    hint: "set it such as snap-0123456789abcdef0; the data have to be this cluster's",
    default: "none: an empty volume is made",
    effect: "none on a node that has its volume",
  },
} as const satisfies Record<string, Option>;

export const snapshotHours = ["1", "2", "3", "4", "6", "8", "12", "24"] as const;

export const snapshotOptions = {
  everyHours: {
    schema: wholeNumber(1, 24).refine((hours) => snapshotHours.includes(String(hours) as "1"), { message: "own rule" }),
    description: "How often a snapshot is taken of each data volume.",
    rule: `must be one of ${snapshotHours.join(", ")}`,
    hint: "set 24 for one a day",
    default: "none: no snapshots",
    effect: "none on the cluster",
  },
  keep: {
    schema: wholeNumber(1, 1000),
    description: "How many snapshots of each volume are kept.",
    rule: "must be a whole number from 1 to 1000",
    hint: "set a number such as 7",
    default: "7",
    effect: "what is too old goes with the next snapshot",
  },
} as const satisfies Record<string, Option>;

export const objectLockOptions = {
  mode: {
    schema: oneOf(...objectLockModes),
    description:
      "`governance`: who has a permission of its own may still delete. `compliance`: nobody may, the account's root neither.",
    rule: `must be one of ${objectLockModes.join(", ")}`,
    hint: `use ${objectLockModes.join(" or ")}`,
    default: "none: no object lock; required with `days`",
    effect: "holds for objects that are written from then on; can't be switched off again",
  },
  days: {
    schema: wholeNumber(1, 36_500),
    description: "How long no version of an object can be deleted, from when it was written.",
    rule: "must be a whole number from 1 to 36500",
    hint: "set a number of days such as 14",
    default: "none; required with `mode`",
    effect: "holds for objects that are written from then on",
  },
} as const satisfies Record<string, Option>;

export const bucketOptions = {
  kmsKey: keyOption("the bucket", "objects that are written from then on; the older ones keep their key"),
  keepVersionsDays: {
    schema: wholeNumber(1, 3650),
    description: "How long a version stays that was overwritten or deleted: time to undo a mistake, or an attack.",
    rule: "must be a whole number from 1 to 3650",
    hint: "set a number of days such as 30",
    default: "30",
    effect: "what is too old goes within a day",
  },
  objectLock: {
    schema: anything(),
    description: "Versions that can't be deleted before their time, by nobody.",
    rule: "must be an object",
    hint: "set mode and days under it",
    default: "none",
    effect: "see its keys",
    options: objectLockOptions,
  },
} as const satisfies Record<string, Option>;
