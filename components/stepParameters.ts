/** What steps are told, made of the config and of what other steps have reported. */
import { all, interpolate, type Output } from "@pulumi/pulumi";
import { type ClusterConfig, type NodeConfig, nodesOf } from "../model/config/config.ts";
import { slotName } from "../model/names.ts";
import { renderStandbyConf } from "../model/render/standby.ts";
import { scramVerifier } from "../model/scram.ts";
import type { ClusterNode } from "./node.ts";
import type { Fence } from "./targets/machine.ts";

/** What preflight compares with the real world. */
export function declaration(config: ClusterConfig) {
  return {
    primary: config.primary,
    epoch: config.epoch,
    commitsWait: commitsWait(config),
    nodes: nodesOf(config).map((node) => {
      const { name, state, source, standby, synchronous, delay } = node;
      return { name, state, source, standby, synchronous, delay };
    }),
    accept: config.accept ?? null,
    limits: config.limits,
  };
}

function commitsWait({ settings }: ClusterConfig): boolean {
  return ["on", "remote_apply"].includes(settings.synchronous_commit ?? "on");
}

export function role(config: ClusterConfig, node: NodeConfig): string {
  if (node.name === config.primary) return "as primary";
  return `as ${node.standby} standby of ${config.primary}${node.source === "archive" ? " by archive" : ""}`;
}

interface Upstream {
  readonly name: string;
  readonly address: string;
  readonly port: number;
}

export function upstreamOf({ node, machine }: ClusterNode): Output<Upstream> {
  return machine.address.apply((address) => ({ name: node.name, address, port: machine.postgresPort }));
}

/** How `node` follows a primary: for `follow`; for `demote`, whose node follows as soon as it may; for `prepare` where the target of a change has to join the one that leads first. */
export function followParameters(config: ClusterConfig, node: NodeConfig, primary: Output<Upstream | undefined>) {
  return {
    primary_address: primary.apply((known) => known?.address ?? ""),
    primary_port: primary.apply((known) => String(known?.port ?? "")),
    source: node.source,
    slot: slotName(node.name),
    standby_conf: primary.apply((known) =>
      known
        ? renderStandbyConf({ major: config.postgresVersion, node, stanza: config.clusterName, primary: known })
        : "",
    ),
  };
}

/** The parameter of `promote.sh`: a line for each node that is proven to be off. */
export function fencedParameter(fences: readonly Fence[]): Output<string> {
  return all(
    fences.map(
      ({ node, proof, address, sshPort, postgresPort }) =>
        interpolate`${node} ${proof} ${address} ${sshPort} ${postgresPort}`,
    ),
  ).apply((lines) => lines.join("\n"));
}

/** The parameter of `databases.sh`: a line for each user. */
export function usersParameter(
  config: ClusterConfig,
  passwords: Readonly<Record<string, string>>,
  saltKey: string,
): string {
  return Object.values(config.users)
    .map(({ name, memberOf, connectionLimit }) =>
      [name, scramVerifier(name, passwords[name] as string, saltKey), String(connectionLimit ?? -1), memberOf.join(",")]
        .join(" ")
        .trimEnd(),
    )
    .join("\n");
}
