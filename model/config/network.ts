import { isIP, isIPv4, isIPv6 } from "node:net";

/** Whether `text` is an IP address or a host name. */
export function isHost(text: string): boolean {
  if (isIP(text)) return true;
  // All digits and dots is an IP address that went wrong.
  if (/^[\d.]+$/.test(text)) return false;
  return text.length <= 253 && text.split(".").every((label) => /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i.test(label));
}

/** What is wrong with a network in CIDR notation, or undefined. */
export function networkProblem(text: string): string | undefined {
  const [address = "", length = "", ...rest] = text.split("/");
  const bits = isIPv4(address) ? 32 : isIPv6(address) && !address.includes("%") ? 128 : 0;
  if (bits === 0 || rest.length > 0 || !/^\d{1,3}$/.test(length) || Number(length) > bits) {
    return `must hold networks in CIDR notation such as 10.0.0.0/8, not '${text}'`;
  }
  const hostBits = BigInt(bits) - BigInt(length);
  const value = isIPv4(address) ? ipv4Value(address) : ipv6Value(address);
  if (value & ((1n << hostBits) - 1n)) return `'${text}' has bits set after its prefix of ${length} bits`;
  return undefined;
}

function ipv4Value(address: string): bigint {
  return address.split(".").reduce((value, part) => (value << 8n) | BigInt(part), 0n);
}

function ipv6Value(address: string): bigint {
  const dotted = /(\d+\.\d+\.\d+\.\d+)$/.exec(address)?.[1];
  const tail = dotted ? ipv4Value(dotted) : 0n;
  const groups = dotted
    ? address.replace(dotted, `${(tail >> 16n).toString(16)}:${(tail & 0xffffn).toString(16)}`)
    : address;
  const [head = "", end] = groups.split("::");
  const left = head.split(":").filter(Boolean);
  const right = (end ?? "").split(":").filter(Boolean);
  const middle = end === undefined ? [] : Array.from({ length: 8 - left.length - right.length }, () => "0");
  return [...left, ...middle, ...right].reduce((value, group) => (value << 16n) | BigInt(`0x${group}`), 0n);
}

export interface HostAndPort {
  readonly host: string;
  readonly port: number;
}

/** `host`, `host:port` or `https://host[:port]`; undefined where it is none of these. */
export function parseHttpsEndpoint(text: string): HostAndPort | undefined {
  const match = /^(?:https:\/\/)?(?:\[([0-9a-fA-F:.]+)\]|([^:/[\]@?#\s]+))(?::(\d{1,5}))?\/?$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3] ?? 443);
  if (host === undefined || !isHost(host) || port < 1 || port > 65_535) return undefined;
  return { host, port };
}

/** What `parseHttpsEndpoint` reads. */
export const httpsEndpoint = ({ host, port }: HostAndPort): string =>
  `https://${host.includes(":") ? `[${host}]` : host}:${port}`;

/** First and last address of an IPv4 network in CIDR notation that `networkProblem` finds nothing wrong with. */
export function ipv4Range(cidr: string): { readonly first: bigint; readonly last: bigint; readonly prefix: number } {
  const [address = "", length = ""] = cidr.split("/");
  const first = ipv4Value(address);
  return { first, last: first + (1n << BigInt(32 - Number(length))) - 1n, prefix: Number(length) };
}

/** Whether two IPv4 networks share an address. */
export function overlap(a: string, b: string): boolean {
  const [left, right] = [ipv4Range(a), ipv4Range(b)];
  return left.first <= right.last && right.first <= left.last;
}
