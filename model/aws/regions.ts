/**
 * The zones of each region, by their letters. An account may see fewer (`us-west-1` shows two of three); a letter that is not
 * here is a mistake. Not asked for at run time: an answer that changes would move subnets.
 */
export const regionZones = {
  "af-south-1": "abc",
  "ap-east-1": "abc",
  "ap-east-2": "abc",
  "ap-northeast-1": "abcd",
  "ap-northeast-2": "abcd",
  "ap-northeast-3": "abc",
  "ap-south-1": "abc",
  "ap-south-2": "abc",
  "ap-southeast-1": "abc",
  "ap-southeast-2": "abc",
  "ap-southeast-3": "abc",
  "ap-southeast-4": "abc",
  "ap-southeast-5": "abc",
  "ap-southeast-6": "abc",
  "ap-southeast-7": "abc",
  "ca-central-1": "abd",
  "ca-west-1": "abc",
  "eu-central-1": "abc",
  "eu-central-2": "abc",
  "eu-north-1": "abc",
  "eu-south-1": "abc",
  "eu-south-2": "abc",
  "eu-west-1": "abc",
  "eu-west-2": "abc",
  "eu-west-3": "abc",
  "il-central-1": "abc",
  "me-central-1": "abc",
  "me-south-1": "abc",
  "mx-central-1": "abc",
  "sa-east-1": "abc",
  "us-east-1": "abcdef",
  "us-east-2": "abc",
  "us-gov-east-1": "abc",
  "us-gov-west-1": "abc",
  "us-west-1": "abc",
  "us-west-2": "abcd",
  "cn-north-1": "abd",
  "cn-northwest-1": "abc",
} as const;

export type Region = keyof typeof regionZones;

export function isRegion(text: string): text is Region {
  return Object.hasOwn(regionZones, text);
}

/** The zones of a region, by name: `eu-central-1a`. */
export function zonesOf(region: Region): readonly string[] {
  return [...regionZones[region]].map((letter) => region + letter);
}

/** Second part of every ARN there. */
export function partitionOf(region: Region): "aws" | "aws-cn" | "aws-us-gov" {
  if (region.startsWith("cn-")) return "aws-cn";
  return region.startsWith("us-gov-") ? "aws-us-gov" : "aws";
}

/** Host name of the region's S3. */
export function s3Endpoint(region: Region): string {
  return serviceHost("s3", region);
}

/** The region's S3, as config would name it. */
export function s3Server(region: Region) {
  const endpoint = { host: s3Endpoint(region), port: 443 };
  return { endpoint, region, uriStyle: "host", caCertificate: undefined, verifyTls: true } as const;
}

/** Host name of the region's CloudWatch. */
export function cloudWatchEndpoint(region: Region): string {
  return serviceHost("monitoring", region);
}

/** Host name of a service in a region. */
export function serviceHost(service: string, region: Region): string {
  return `${service}.${region}.amazonaws.com${partitionOf(region) === "aws-cn" ? ".cn" : ""}`;
}

/** What a VPC's own way to S3 is called: a gateway. (In China, `cn.com.amazonaws…s3` is the interface.) */
export function s3GatewayService(region: Region): string {
  return `com.amazonaws.${region}.s3`;
}

/** What a VPC's own way to CloudWatch is called: an interface. */
export function cloudWatchInterfaceService(region: Region): string {
  return `${partitionOf(region) === "aws-cn" ? "cn." : ""}com.amazonaws.${region}.monitoring`;
}
