import { all, secret } from "@pulumi/pulumi";
import type { RestoreFrom } from "../model/archive/source.ts";
import { nodesOf } from "../model/config/config.ts";
import type { Endpoint } from "../model/host.ts";
import { monitorRole, slotName } from "../model/names.ts";
import type { PostgresCluster } from "./cluster.ts";
import { loginOf } from "./targets/connection.ts";

/** The stack's outputs: what users and scripts rely on (docs/operations.md, "Outputs"). */
export function stackOutputs(cluster: PostgresCluster) {
  const { config } = cluster;
  const endpoints = all(
    cluster.nodes.map(({ node, machine }) => all([node.name, machine.endpoint, loginOf(machine.connection)])),
  );
  const poolers = all(
    cluster.nodes.flatMap(({ node, machine }) =>
      machine.poolerEndpoints === undefined
        ? []
        : [all([node.name, machine.poolerEndpoints.primary, machine.poolerEndpoints.standbys])],
    ),
  );
  const pending = all([all(cluster.nodes.map(({ machine }) => machine.pending ?? [])), cluster.bastionPending ?? []]);
  const connections = all(cluster.nodes.map(({ machine }) => machine.connection));
  const aside = all(cluster.aside.map(({ node, endpoint, connection }) => all([node, endpoint, connection])));
  const roleOf = (name: string, primary: string) => (name === primary ? "primary" : "standby");

  const nodes = all([endpoints, poolers, cluster.primary, cluster.ssh ?? ""]).apply(([known, pooled, primary, ssh]) =>
    Object.fromEntries(
      known.map(([name, endpoint, login]) => [
        name,
        {
          role: roleOf(name, primary),
          address: endpoint.host,
          port: endpoint.port,
          ...poolerPorts(pooled.find(([pooledName]) => pooledName === name)),
          ssh: ssh === "" ? `ssh -p ${login.port} ${login.user}@${login.host}` : `${ssh} ${name}`,
        },
      ]),
    ),
  );

  const monitoring = secret(
    all([
      all([endpoints, connections, aside, pending]),
      ...([cluster.primary, cluster.monitorPassword, cluster.caCertificate] as const),
    ]).apply(([[known, reached, others, [nodesPending, bastionPending]], primary, password, ca]) => ({
      clusterName: config.clusterName,
      postgresVersion: config.postgresVersion,
      user: monitorRole,
      password,
      ca,
      primary,
      bastionPending,
      accept: config.accept?.change ?? null,
      drillMaxAgeSeconds: config.drill.maxAgeSeconds ?? null,
      nodes: nodesOf(config).map((node) => {
        const index = known.findIndex(([name]) => name === node.name);
        const [, endpoint, connection] = others.find(([name]) => name === node.name) ?? [];
        return {
          name: node.name,
          state: node.state,
          declaredRole: roleOf(node.name, primary),
          source: node.source,
          standby: node.standby,
          synchronous: node.synchronous,
          slot: slotName(node.name),
          pending: nodesPending[index] ?? [],
          endpoint: known[index]?.[1] ?? endpoint,
          connection: reached[index] ?? connection,
        };
      }),
    })),
  );

  return {
    primary: cluster.primary,
    nodes,
    ...cluster.connections,
    archive: all([cluster.archive.description, cluster.encryption.encrypted]).apply(([described, encrypted]) => ({
      ...described,
      encrypted,
    })),
    archiveKey: cluster.encryption.key,
    restoreFrom: secret(
      all([cluster.archive.reader, cluster.encryption.key]).apply(([reader, key]): RestoreFrom => ({ ...reader, key })),
    ),
    ...(cluster.made === undefined ? {} : { [config.target]: cluster.made }),
    caCertificate: cluster.caCertificate,
    handover: cluster.handover,
    monitoring,
  };
}

function poolerPorts(pooled: readonly [string, Endpoint, Endpoint] | undefined) {
  return pooled && { poolerPort: pooled[1].port, poolerReadOnlyPort: pooled[2].port };
}
