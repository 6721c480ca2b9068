import { isIPv4 } from "node:net";
import type { AwsNetwork } from "../../aws/config.ts";
import type { Region } from "../../aws/regions.ts";
import { vpcCidrProblem } from "../../aws/subnets.ts";
import { ipv4Range, networkProblem, overlap } from "../network.ts";
import { keyPath, type Problem } from "../problems.ts";
import { networkOptions } from "../schema/awsOptions.ts";
import { asObject, readOptions } from "../schema/option.ts";

interface NetworkContext {
  readonly region: Region | undefined;
  /** Zones that have a node. */
  readonly zones: readonly string[];
}

const path = "aws.network";

/** Reads `aws.network`: a VPC that is made, or one that exists. */
export function readNetwork(raw: unknown, { zones }: NetworkContext, problems: Problem[]): AwsNetwork {
  const values = readOptions(networkOptions, raw, path, problems);
  const given = asObject(raw) ?? {};
  const refuse = (keys: readonly string[], rule: string, hint: string) => {
    for (const key of keys) if (given[key] !== undefined) problems.push({ key: `${path}.${key}`, rule, hint });
  };
  if (given.vpc !== undefined && given.vpc !== "") {
    refuse(["cidr", "egress"], "is of a VPC that is made, and vpc names an existing one", "remove one of the two");
    const subnets = readSubnets(values.subnets, zones, problems);
    const routeTables = values.routeTables ?? [];
    for (const table of routeTables) {
      if (/^rtb-(?:[0-9a-f]{8}|[0-9a-f]{17})$/.test(table)) continue;
      const rule = `must hold ids of route tables, not '${table}'`;
      problems.push({ key: `${path}.routeTables`, rule, hint: networkOptions.routeTables.hint });
    }
    const services = { dns: values.dns ?? [], ntp: values.ntp ?? [], proxy: values.proxy };
    for (const name of ["dns", "ntp"] as const) checkAddresses(name, services[name], problems);
    return { kind: "existing", vpc: values.vpc ?? "", subnets, routeTables, services };
  }
  refuse(
    ["subnets", "routeTables", "dns", "ntp", "proxy"],
    "is of an existing VPC, and vpc names none",
    "set vpc too, or remove it",
  );
  const cidr = values.cidr ?? "10.42.0.0/16";
  const key = `${path}.cidr`;
  const rule = ipv4Problem(cidr) ?? vpcCidrProblem(cidr);
  if (rule) problems.push({ key, rule, hint: networkOptions.cidr.hint });
  return { kind: "new", cidr, zones, egress: values.egress ?? (zones.length > 1 ? "natPerZone" : "nat") };
}

function checkAddresses(name: "dns" | "ntp", addresses: readonly string[], problems: Problem[]): void {
  const { hint } = networkOptions[name];
  for (const [index, address] of addresses.entries()) {
    const key = `${path}.${name}`;
    if (!isIPv4(address)) problems.push({ key, rule: `must hold IPv4 addresses, not '${address}'`, hint });
    else if (addresses.indexOf(address) < index) {
      problems.push({ key, rule: `has '${address}' twice`, hint: "remove one of them" });
    }
  }
}

function readSubnets(raw: unknown, zones: readonly string[], problems: Problem[]): Readonly<Record<string, string>> {
  const key = `${path}.subnets`;
  const subnets = readZoneSubnets(raw, { key, hint: networkOptions.subnets.hint }, problems);
  if (!subnets) {
    problems.push({ key, rule: networkOptions.subnets.rule, hint: networkOptions.subnets.hint });
    return {};
  }
  for (const zone of zones) {
    if (Object.hasOwn(subnets, zone)) continue;
    const hint = networkOptions.subnets.hint;
    problems.push({ key: keyPath(key, zone), rule: "is required: a node is in that zone", hint });
  }
  return subnets;
}

/** Zone to the id of a subnet; undefined: it is something else. */
export function readZoneSubnets(
  raw: unknown,
  { key, hint }: { readonly key: string; readonly hint: string },
  problems: Problem[],
): Readonly<Record<string, string>> | undefined {
  const object = asObject(raw);
  if (!object) return undefined;
  const subnets: Record<string, string> = {};
  for (const [zone, subnet] of Object.entries(object)) {
    subnets[zone] = String(subnet);
    if (/^subnet-(?:[0-9a-f]{8}|[0-9a-f]{17})$/.test(String(subnet))) continue;
    const rule = `must be the id of a subnet, not '${subnet}'`;
    problems.push({ key: keyPath(key, zone), rule, hint });
  }
  return subnets;
}

/** What is wrong with a network that has to be IPv4, or undefined. */
export function ipv4Problem(text: string): string | undefined {
  const rule = networkProblem(text);
  if (rule) return rule;
  return text.includes(":") ? `must be IPv4: the hosts have no IPv6 addresses, unlike '${text}'` : undefined;
}

/** Networks that rules of security groups are made of: not everybody, and none twice. */
export function readNetworkList(key: string, networks: readonly string[], problems: Problem[]): void {
  const fit: string[] = [];
  for (const network of networks) {
    const rule = ipv4Problem(network) ?? openProblem(network);
    if (rule)
      problems.push({ key, rule, hint: "name the networks that need it, such as 10.0.0.0/8 or 203.0.113.7/32" });
    else if (fit.includes(network)) problems.push({ key, rule: `has '${network}' twice`, hint: "remove one of them" });
    else fit.push(network);
  }
}

function openProblem(network: string): string | undefined {
  // Two halves of the world are the world.
  return ipv4Range(network).prefix < 7 ? `'${network}' is open to the world` : undefined;
}

/** A VPC that is made can't be reached from a network that has its addresses. */
export function checkOverlap(network: AwsNetwork, operatorNetworks: readonly string[], problems: Problem[]): void {
  if (network.kind !== "new" || ipv4Problem(network.cidr)) return;
  for (const other of operatorNetworks) {
    if (ipv4Problem(other) || !overlap(network.cidr, other)) continue;
    const rule = `${network.cidr} overlaps ${other} of aws.operatorNetworks: answers would not find their way back`;
    problems.push({ key: `${path}.cidr`, rule, hint: "set another network for the VPC" });
  }
}
