import { ipv4Range, overlap } from "../config/network.ts";

/** The networks of a VPC's subnets, by zone. */
export interface SubnetPlan {
  /** For the nodes. */
  readonly private: Readonly<Record<string, string>>;
  /** For NAT gateways and the bastion. */
  readonly public: Readonly<Record<string, string>>;
}

export const vpcPrefix = { least: 16, most: 24 } as const;

/** Sixteen equal parts: one private and one public for each of eight letters, so that a VPC of /24 still has subnets of /28. */
const partBits = 4;

/**
 * Gives every zone its part by its letter, not by its place in a list: a zone that is added moves no subnet of another one, and
 * a subnet that moved would take its hosts with it.
 */
export function planSubnets(cidr: string, zones: readonly string[]): SubnetPlan {
  const { first, prefix } = ipv4Range(cidr);
  const length = prefix + partBits;
  const part = (index: number) => `${ipv4Text(first + BigInt(index) * (1n << BigInt(32 - length)))}/${length}`;
  const letter = (zone: string) => zone.charCodeAt(zone.length - 1) - "a".charCodeAt(0);
  const half = 1 << (partBits - 1);
  return {
    private: Object.fromEntries(zones.map((zone) => [zone, part(letter(zone))])),
    public: Object.fromEntries(zones.map((zone) => [zone, part(half + letter(zone))])),
  };
}

const privateNetworks = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"];

/** What is wrong with the network of a VPC that is to be made, or undefined. */
export function vpcCidrProblem(cidr: string): string | undefined {
  const { first, last, prefix } = ipv4Range(cidr);
  if (prefix < vpcPrefix.least || prefix > vpcPrefix.most) {
    return `must be a network of /${vpcPrefix.least} to /${vpcPrefix.most}, not /${prefix}`;
  }
  const inside = privateNetworks.some((network) => {
    const outer = ipv4Range(network);
    return outer.first <= first && last <= outer.last;
  });
  return inside ? undefined : `must lie within ${privateNetworks.join(", ")}`;
}

/** Every network of `others` that shares an address with `cidr`. */
export function overlapping(cidr: string, others: readonly string[]): readonly string[] {
  return others.filter((other) => overlap(cidr, other));
}

function ipv4Text(value: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => String((value >> shift) & 255n)).join(".");
}
