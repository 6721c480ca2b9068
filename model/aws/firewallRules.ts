import { defaultAgentPort } from "../agentPort.ts";
import type { PoolerConfig } from "../config/clusterConfig.ts";
import { type AwsConfig, isClosed, servicesOf } from "./config.ts";

export type Group = "nodes" | "bastion" | "balancer" | "cloudWatch";

/** The other end of a rule. */
export type Peer =
  | { readonly kind: "network"; readonly cidr: string }
  | { readonly kind: "group"; readonly group: Group }
  | { readonly kind: "foreign"; readonly id: string }
  /** S3, by the VPC's own way to it. */
  | { readonly kind: "s3" };

/** One rule of a security group; everything that has none is closed. */
export interface Rule {
  readonly group: Group;
  readonly direction: "in" | "out";
  readonly peer: Peer;
  readonly protocol: "tcp" | "udp";
  readonly port: number;
  readonly what: string;
}

/** What of the config decides who may talk to whom. */
export interface FirewallInput {
  readonly aws: Pick<
    AwsConfig,
    "network" | "operatorNetworks" | "bastion" | "clientSecurityGroups" | "endpoint" | "alarms"
  >;
  /** Whether there are agents. */
  readonly agent: boolean;
  readonly clientNetworks: readonly string[];
  readonly pooler: PoolerConfig | undefined;
}

export const sshPort = 22;
export const postgresPort = 5432;
/** A security group's rules for one direction, as an account starts out. */
export const mostRules = 60;

const anywhere = { kind: "network", cidr: "0.0.0.0/0" } as const;

/** Every rule there is, of every group. */
export function firewallRules({ aws, agent, clientNetworks, pooler }: FirewallInput): readonly Rule[] {
  const clients: readonly Peer[] =
    aws.clientSecurityGroups.length > 0
      ? aws.clientSecurityGroups.map((id) => ({ kind: "foreign", id }))
      : clientNetworks.map((cidr) => ({ kind: "network", cidr }));
  const operators: readonly Peer[] = aws.operatorNetworks.map((cidr) => ({ kind: "network", cidr }));
  const poolerPorts = pooler === undefined ? [] : [pooler.port, pooler.readOnlyPort];
  const nodes: Peer = { kind: "group", group: "nodes" };
  const balanced = aws.endpoint?.loadBalancer === true;

  const rules: Rule[] = [];
  const add = (
    group: Group,
    direction: Rule["direction"],
    peers: readonly Peer[],
    ports: readonly number[],
    what: string,
    protocol: Rule["protocol"] = "tcp",
  ) => {
    for (const peer of peers) for (const port of ports) rules.push({ group, direction, peer, protocol, port, what });
  };
  add("nodes", "in", clients, [postgresPort, ...poolerPorts], "clients");
  for (const direction of ["in", "out"] as const) {
    add("nodes", direction, [nodes], [postgresPort], "replication, and poolers to the primary");
    add("nodes", direction, [nodes], [sshPort], "nodes ask one another who leads");
    if (agent) add("nodes", direction, [nodes], [defaultAgentPort], "agents decide who leads");
  }
  add("nodes", "in", aws.bastion ? [{ kind: "group", group: "bastion" }] : operators, [sshPort], "operators");
  if (isClosed(aws.network)) {
    add("nodes", "out", [{ kind: "s3" }], [443], "the archive");
    if (aws.alarms) {
      add("nodes", "out", [{ kind: "group", group: "cloudWatch" }], [443], "figures for the alarms");
      add("cloudWatch", "in", [nodes], [443], "figures for the alarms");
    }
  } else {
    add("nodes", "out", [anywhere], [443], "the archive and packages");
    add("nodes", "out", [anywhere], [80], "packages");
  }
  // What AWS has itself in a VPC no security group stands before; what is somebody's own is a host as any other.
  const { dns, ntp, proxy } = servicesOf(aws.network);
  for (const protocol of ["udp", "tcp"] as const) add("nodes", "out", dns.map(hostPeer), [53], "names", protocol);
  add("nodes", "out", ntp.map(hostPeer), [123], "time", "udp");
  if (proxy !== undefined) {
    const { hostname, port } = new URL(proxy);
    add("nodes", "out", [hostPeer(hostname)], [Number(port || 80)], "packages, through the proxy");
  }
  if (aws.bastion) {
    add("bastion", "in", operators, [sshPort], "operators");
    add("bastion", "out", [nodes], [sshPort], "to the nodes");
    // It is in a public subnet, whatever the nodes' way out is.
    add("bastion", "out", [anywhere], [443, 80], "its security updates");
  }
  if (balanced) {
    add("balancer", "in", clients, poolerPorts, "clients");
    add("balancer", "out", [nodes], poolerPorts, "to the poolers");
    add("nodes", "in", [{ kind: "group", group: "balancer" }], poolerPorts, "the load balancer");
  }
  return rules;
}

const hostPeer = (address: string): Peer => ({ kind: "network", cidr: `${address}/32` });

/** A name for a rule that stays when others come and go. */
export function ruleName({ group, direction, peer, protocol, port }: Rule): string {
  const other =
    peer.kind === "network" ? peer.cidr : peer.kind === "group" ? peer.group : peer.kind === "foreign" ? peer.id : "s3";
  return `${group}-${direction}-${other}-${port}${protocol === "udp" ? "-udp" : ""}`;
}
