import type { Architecture } from "./instanceTypes.ts";

/** Images by their publisher. pgBackRest of each takes credentials from IMDSv2 (2.39 and later); `postgres` is the major that it has packages of. */
export const distributions = {
  "debian-12": {
    postgres: 15,
    owner: "136693071363",
    names: { x86_64: "debian-12-amd64-*", arm64: "debian-12-arm64-*" },
  },
  "debian-13": {
    postgres: 17,
    owner: "136693071363",
    names: { x86_64: "debian-13-amd64-*", arm64: "debian-13-arm64-*" },
  },
  "ubuntu-24.04": {
    postgres: 16,
    owner: "099720109477",
    names: {
      x86_64: "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-*",
      arm64: "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-arm64-server-*",
    },
  },
} as const;

export type Distribution = keyof typeof distributions;

export type AwsImage =
  /** The newest one of a publisher, for whatever processor a host has. */
  | { readonly kind: "distribution"; readonly name: Distribution }
  /** One of the user's, for hosts of one kind of processor. */
  | { readonly kind: "ami"; readonly id: string; readonly architecture: Architecture };

/** How an image is asked for: what `ec2.getAmi` takes. */
export interface ImageQuery {
  readonly owners?: string[];
  readonly mostRecent: boolean;
  readonly filters: { name: string; values: string[] }[];
}

export function imageQuery(image: AwsImage, architecture: Architecture): ImageQuery {
  switch (image.kind) {
    case "ami":
      return { mostRecent: false, filters: [{ name: "image-id", values: [image.id] }] };
    case "distribution": {
      const { owner, names } = distributions[image.name];
      const filters = [
        { name: "name", values: [names[architecture]] },
        { name: "architecture", values: [architecture] },
        { name: "root-device-type", values: ["ebs"] },
        { name: "virtualization-type", values: ["hvm"] },
      ];
      return { owners: [owner], mostRecent: true, filters };
    }
    default:
      return image satisfies never;
  }
}

/** Why an image can't be a host's, as AWS describes it; undefined: it can. */
export function imageProblem(id: string, real: string, wanted: Architecture): string | undefined {
  if (real === wanted) return undefined;
  return `the image ${id} is for ${real}, and a host with it is ${wanted}\nHINT: set another aws.image, or other instance types.`;
}
