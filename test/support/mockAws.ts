/** What AWS's plugin answers, as far as the program reads it. */

export const noSuchBucket =
  "invocation of aws:s3/getBucket:getBucket returned an error: reading S3 Bucket (x): couldn't find resource";

/** What EC2 says. */
export const ec2 = {
  /** Why there is no image to be had; undefined: there is. */
  imageError: undefined as string | undefined,
  /** How often an image was looked for. */
  imagesAsked: 0,
  imageArchitecture: undefined as string | undefined,
  /** When every image was published. */
  imageDate: "2026-01-01T00:00:00.000Z",
  /** Gigabytes of every image's system disk; undefined: EC2 does not say. */
  imageGb: undefined as string | undefined,
  /** What every host still is; undefined: what is declared. */
  instanceType: undefined as string | undefined,
};

/** What S3 says of a bucket; undefined: it is there. */
export const s3 = { bucketError: noSuchBucket as string | undefined };

interface AwsState {
  readonly id?: string;
  readonly outputs: Readonly<Record<string, unknown>>;
}

/** Outputs of a resource of AWS's beside its inputs; undefined: it is none. */
export function awsState(type: string, name: string): AwsState | undefined {
  if (!type.startsWith("aws:")) return undefined;
  switch (type) {
    case "aws:ebs/volume:Volume":
      return { id: `vol-${hex(name, 17)}`, outputs: {} };
    case "aws:ec2/instance:Instance":
      return {
        id: `i-${hex(name, 17)}`,
        outputs: ec2.instanceType === undefined ? {} : { instanceType: ec2.instanceType },
      };
    case "aws:ec2/networkInterface:NetworkInterface":
      return { outputs: { privateIp: `10.42.0.${10 + (Number.parseInt(hex(name, 2), 16) % 200)}` } };
    case "aws:ec2/eip:Eip":
      return { outputs: { publicIp: "203.0.113.10" } };
    case "aws:ec2/vpcEndpoint:VpcEndpoint":
      return { outputs: { prefixListId: "pl-0123456789abcdef0" } };
    case "aws:iam/role:Role":
      return { outputs: { arn: `arn:aws:iam::123456789012:role/${name}` } };
    case "aws:iam/accessKey:AccessKey":
      return { id: "AKIA0123456789", outputs: { secret: "s3cret" } };
    case "aws:route53/zone:Zone":
      return { outputs: { zoneId: "Z0123456789" } };
    case "aws:lb/loadBalancer:LoadBalancer":
      return { outputs: { arn: `arn:of:${name}`, dnsName: "balancer.example", zoneId: "Z9876543210" } };
    default:
      return { outputs: { arn: `arn:of:${name}` } };
  }
}

/** The answer to an invoke; undefined: it is none of AWS's. */
export function awsAnswer(token: string, inputs: Record<string, unknown>): Record<string, unknown> | undefined {
  if (token === "aws:s3/getBucket:getBucket") {
    if (s3.bucketError !== undefined) throw { details: s3.bucketError };
    return inputs;
  }
  if (token !== "aws:ec2/getAmi:getAmi") return undefined;
  ec2.imagesAsked++;
  if (JSON.stringify(inputs).includes("ami-withdrawn")) throw { details: "Your query returned no results." };
  if (ec2.imageError !== undefined) throw { details: ec2.imageError };
  const filters = inputs.filters as readonly { name: string; values: string[] }[];
  const value = (name: string) => filters.find((filter) => filter.name === name)?.values[0];
  const disk = ec2.imageGb && {
    rootDeviceName: "/dev/xvda",
    blockDeviceMappings: [
      { deviceName: "/dev/sdb", ebs: { volume_size: "999" } },
      { deviceName: "/dev/xvda", ebs: { volume_size: ec2.imageGb } },
    ],
  };
  const architecture = ec2.imageArchitecture ?? value("architecture") ?? "x86_64";
  const id = value("image-id") ?? `ami-newest-${value("name")}`;
  return { ...inputs, id, architecture, creationDate: ec2.imageDate, ...(disk || {}) };
}

function hex(text: string, length: number): string {
  return Buffer.from(text).toString("hex").padEnd(length, "0").slice(-length);
}
