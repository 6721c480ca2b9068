import { isIPv4, isIPv6 } from "node:net";
import { monitorRole, poolerRole, replicationRole, superuser } from "../names.ts";

export interface HbaInput {
  /** Addresses (IP address or host name) of every node that takes part. */
  readonly nodeAddresses: readonly string[];
  /** Networks in CIDR notation that clients may come from. */
  readonly clientNetworks: readonly string[];
  /** Whether there are poolers: then clients come from every node, too. */
  readonly pooler?: boolean;
  /** Whether an agent operates PostgreSQL: it is root, and comes in as the superuser (`agentIdent`). */
  readonly agent?: boolean;
}

/** `/etc/understudy/pg_ident.conf` of a node with an agent. */
export const agentIdent = `# Written by Understudy. Changes made here are lost.
understudy root ${superuser}
understudy ${superuser} ${superuser}
`;

/**
 * `/etc/understudy/pg_hba.conf`: the same on every node. The first line that fits decides, so that what is rejected for
 * all stands before what is allowed for many.
 */
export function renderHba(input: HbaInput): string {
  const nodes = [...new Set(input.nodeAddresses)].sort().map(hbaAddress);
  const onHost = input.agent ? ["peer", "map=understudy"] : ["peer"];
  const lines: string[][] = [
    // The superuser: on the host itself, as the Unix user of that name.
    ["local", "all", superuser, ...onHost],
    ["local", "replication", superuser, ...onHost],
    ["local", "all", replicationRole, "reject"],
    ["local", "all", "all", "scram-sha-256"],
    ["hostnossl", "all", "all", "all", "reject"],
    ["host", "all", superuser, "all", "reject"],
    // Copies and streaming; pg_rewind connects to a database.
    ...nodes.map((address) => ["hostssl", "replication", replicationRole, address, "scram-sha-256"]),
    ...nodes.map((address) => ["hostssl", "postgres", replicationRole, address, "scram-sha-256"]),
    ["host", "all", replicationRole, "all", "reject"],
    ["host", "replication", "all", "all", "reject"],
    ...nodes.map((address) => ["hostssl", "postgres", monitorRole, address, "scram-sha-256"]),
    ...(input.pooler ? nodes.map((address) => ["hostssl", "all", "all", address, "scram-sha-256"]) : []),
    ["host", "all", poolerRole, "all", "reject"],
    ...["127.0.0.1/32", "::1/128"].map((address) => ["hostssl", "all", "all", address, "scram-sha-256"]),
    ...input.clientNetworks.map((network) => ["hostssl", "all", "all", network, "scram-sha-256"]),
    ["host", "all", "all", "all", "reject"],
  ];
  const widths = [9, 11, 22];
  const body = lines.map((fields) => fields.map((field, index) => field.padEnd(widths[index] ?? 0)).join(" "));
  return `# Written by Understudy. Changes made here are lost.\n${body.join("\n")}\n`;
}

/** One host. A name is looked up by PostgreSQL in both directions. */
function hbaAddress(address: string): string {
  if (isIPv4(address)) return `${address}/32`;
  if (isIPv6(address)) return `${address}/128`;
  if (!/^[A-Za-z0-9.-]+$/.test(address)) throw new Error(`'${address}' is neither an IP address nor a host name`);
  return address;
}
