import { readFileSync } from "node:fs";
import type { Instance } from "@pulumi/aws/ec2/instance.js";
import {
  all,
  type CustomResourceOptions,
  getStack,
  log,
  type Output,
  output,
  RunError,
  unsecret,
} from "@pulumi/pulumi";
import { type AwsImage, imageProblem, imageQuery } from "../../../model/aws/images.ts";
import type { Architecture } from "../../../model/aws/instanceTypes.ts";
import { type AwsHostScripts, apartFromLogins } from "../../../model/aws/userData.ts";
import { parseOutcome } from "../../../model/outcome.ts";
import { promoteOutcome } from "../../../model/stepOutcomes.ts";
import { storedOutputs } from "../../stackState.ts";
import type { Update } from "../../update.ts";
import { sdk } from "./sdk.ts";

/** Tags of everything that a cluster has in AWS. */
export function ownTags(clusterName: string) {
  return { "understudy:cluster": clusterName, "understudy:stack": getStack() } as const;
}

/** What every instance of ours has, whatever it is for. */
export const guarded = {
  metadataOptions: {
    httpEndpoint: "enabled",
    httpTokens: "required",
    httpPutResponseHopLimit: 1,
    httpProtocolIpv6: "disabled",
    instanceMetadataTags: "disabled",
  },
  maintenanceOptions: { autoRecovery: "default" },
  instanceInitiatedShutdownBehavior: "stop",
  // cloud-init does what it is told on the first boot only.
  userDataReplaceOnChange: true,
} as const;

/** Gigabytes of a system's disk, where its image needs no more. */
const leastRootGb = 16;

/** Disk of the system, which goes with its instance: as large as its image at least. */
export function rootDisk(name: string, image: Output<HostImage>, kmsKey?: string) {
  return {
    volumeType: "gp3",
    volumeSize: image.apply(({ rootGb }) => Math.max(leastRootGb, rootGb)),
    encrypted: true,
    ...(kmsKey === undefined ? {} : { kmsKeyId: kmsKey }),
    deleteOnTermination: true,
    tags: { Name: `${name}-root` },
  };
}

/** What replaces or restarts an instance when it changes: ignored, but on the one host that is maintained. */
export const hostProperties = [
  "ami",
  "instanceType",
  "userDataBase64",
  "rootBlockDevice",
  "capacityReservationSpecification",
];

/** What `instance` still lacks of what is declared of it, in words: an update that names its host in `aws.maintain` changes that. */
export function pendingChanges(
  instance: Instance,
  declared: Readonly<Record<"ami" | "userDataBase64", Output<string>>> & { readonly instanceType: string },
): Output<readonly string[]> {
  const { ami, instanceType, userDataBase64 } = instance;
  return unsecret(
    all([all(declared), all({ ami, instanceType, userDataBase64 })]).apply(([wanted, real]) =>
      (["ami", "instanceType", "userDataBase64"] as const)
        .filter((property) => comparable(property, wanted[property]) !== comparable(property, real[property]))
        .map((property) => (property === "userDataBase64" ? "user data" : property)),
    ),
  );
}

/** `boot` exchanges the keys that operators log in with on the host that is there. */
const comparable = (property: string, value: string | undefined) =>
  property === "userDataBase64" ? apartFromLogins(value ?? "") : value;

export interface HostImage {
  readonly id: string;
  /** Gigabytes that its system disk has at least; 0: not known, of a host that is there. */
  readonly rootGb: number;
}

export interface ImageWanted {
  readonly image: AwsImage;
  readonly architecture: Architecture;
  /** Name of the resource that is the host. */
  readonly host: string;
  /** Whether a host that is there may be made anew. */
  readonly maintained: boolean;
  /** Whether the publisher is asked at all for a host that is there: not in a failover, which must not wait for that. */
  readonly look: boolean;
}

/**
 * The image for a host, as it is published now. Looked up in the preview, too; an AMI for another processor is refused then. A host that is
 * there and stays does not need it: where it can't be had (an AMI that was withdrawn, say) it is taken for the one that the host has.
 */
export function hostImage(
  { image, architecture, host, maintained, look }: ImageWanted,
  opts: CustomResourceOptions,
): Output<HostImage> {
  const ask = () => askForImage(image, architecture, opts);
  const found = async () => {
    const has = maintained ? undefined : (await storedOutputs("aws:ec2/instance:Instance", host))?.ami;
    if (typeof has !== "string") return await ask();
    if (!look) return { id: has, architecture, ...unseen };
    return await ask().catch((error: unknown) => {
      const reason = String(error instanceof Error ? error.message : error)
        .split("\n")[0]
        ?.slice(0, 300);
      void log.warn(
        `${host}: its image can't be looked up; the host stays as it is: ${reason}\nHINT: set another aws.image.`,
      );
      return { id: has, architecture, ...unseen };
    });
  };
  return output(
    found().then(({ id, architecture: real, rootDeviceName, blockDeviceMappings }) => {
      const problem = imageProblem(id, real, architecture);
      if (problem !== undefined) throw new RunError(problem);
      const root = blockDeviceMappings?.find(({ deviceName }) => deviceName === rootDeviceName);
      return { id, rootGb: Number(root?.ebs.volume_size ?? root?.ebs.volumeSize ?? 0) };
    }),
  );
}

function askForImage(image: AwsImage, architecture: Architecture, opts: CustomResourceOptions) {
  const { owners, mostRecent, filters } = imageQuery(image, architecture);
  return sdk("ec2").getAmi({ ...(owners ? { owners } : {}), mostRecent, filters }, { parent: opts.parent as never });
}

export interface OldImage extends Pick<ImageWanted, "image" | "architecture" | "host"> {
  readonly maxDays: number;
  readonly now?: number;
}

const unseen = { rootDeviceName: "", blockDeviceMappings: [] };

const dayMs = 24 * 3600 * 1000;

/**
 * Whether the image of a host that is there was published too long ago, or withdrawn, and its publisher has another one. Where that can't be told it
 * is not, and the update says so.
 *
 * @param now milliseconds since 1970
 */
export async function imageTooOld(
  { host, image, architecture, maxDays, now = Date.now() }: OldImage,
  opts: CustomResourceOptions,
): Promise<boolean> {
  const has = (await storedOutputs("aws:ec2/instance:Instance", host))?.ami;
  if (typeof has !== "string") return false;
  const filters = [{ name: "image-id", values: [has] }];
  const asked = sdk("ec2").getAmi({ includeDeprecated: true, filters }, { parent: opts.parent as never });
  const age = await asked.then(
    ({ creationDate }) => Math.floor((now - Date.parse(creationDate)) / dayMs),
    (error: unknown) => {
      if (/no results/.test(String(error))) return Number.POSITIVE_INFINITY;
      void log.warn(`${host}: the age of its image is not known: ${String(error).split("\n")[0]?.slice(0, 300)}
HINT: the next update looks again.`);
      return 0;
    },
  );
  if (!(age > maxDays)) return false;
  const newest = await askForImage(image, architecture, opts).catch(() => undefined);
  if (newest === undefined || newest.id === has) return false;
  const old = Number.isFinite(age) ? `is ${age} days old` : "was withdrawn";
  void log.warn(
    `${host}: its image ${old}, and aws.bastion.maxImageAge is ${maxDays}d: this update makes it anew\nHINT: nothing is to be done.`,
  );
  return true;
}

/**
 * Whether the host of `node` may be stopped now: not where the stack's own state says that it leads. Config alone can't tell: with a change of
 * primary in the same update its host would be gone before it has handed over. Rejects, in the preview too.
 */
export async function maintainable(node: string, { stored }: Pick<Update, "stored">): Promise<void> {
  const { stdout } = (await stored)("promote") ?? {};
  if (stdout === undefined) return;
  const led = parseOutcome(promoteOutcome, stdout);
  if (led === undefined)
    throw new RunError(
      `aws.maintain: it is not known who leads: what 'promote' has reported is not what it should be
HINT: run 'pulumi up' without aws.maintain first.`,
    );
  if (led.primary === node)
    throw new RunError(
      `aws.maintain: ${node} leads\nHINT: move the primary in an update of its own, without aws.maintain.`,
    );
}

const scripts = new URL("../../../scripts/aws/", import.meta.url);

/** The scripts that user data puts on a host. */
export function awsHostScripts(): AwsHostScripts {
  const read = (name: string) => readFileSync(new URL(name, scripts), "utf8");
  return {
    "bastion-keys": read("bastion-keys"),
    "data-volume": read("data-volume"),
    "metadata-guard": read("metadata-guard"),
    "take-host-key": read("take-host-key"),
  };
}

export function base64(text: Output<string>): Output<string> {
  return output(text).apply((known) => Buffer.from(known).toString("base64"));
}
