import { all, type Output, secret } from "@pulumi/pulumi";
import { type ClusterConfig, nodesOf } from "../model/config/config.ts";
import { connectionUri } from "../model/connectionUri.ts";
import type { Endpoint } from "../model/host.ts";
import { monitorRole, slotName } from "../model/names.ts";
import type { PostgresCluster } from "./cluster.ts";
import { operatorFile } from "./operatorFiles.ts";
import { loginOf } from "./targets/connection.ts";

/** The stack's outputs: what users and scripts rely on (docs/config.md, "Outputs"). */
export function stackOutputs(config: ClusterConfig, cluster: PostgresCluster) {
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
  const behind = all([all(cluster.nodes.map(({ machine }) => machine.behind ?? [])), cluster.bastionBehind ?? []]);
  const connections = all(cluster.nodes.map(({ machine }) => machine.connection));
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

  const caFile = operatorFile("ca.crt", cluster.caCertificate);
  const [database] = Object.values(config.databases);
  const reached = endpoints.apply((known) => known.map(([name, endpoint]) => ({ name, ...endpoint })));
  const uri = (mode: "read-write" | "read-only" | "pooled", at: typeof reached, role: "primary" | "standby") => {
    if (!database) throw new Error("config has no database");
    return secret(
      all([at, cluster.primary, cluster.passwords[database.owner] as Output<string>, caFile]).apply(
        ([known, primary, password, file]) => {
          const first = ({ name }: { readonly name: string }) => (roleOf(name, primary) === role ? 0 : 1);
          const hosts = [...known].sort((a, b) => first(a) - first(b));
          return connectionUri({ user: database.owner, password, database: database.name, hosts, caFile: file, mode });
        },
      ),
    );
  };
  const poolerTo = (which: 1 | 2) => poolers.apply((known) => known.map((row) => ({ name: row[0], ...row[which] })));

  const monitoring = secret(
    all([endpoints, connections, behind, cluster.primary, cluster.monitorPassword, cluster.caCertificate]).apply(
      ([known, reached, [nodesBehind, bastionBehind], primary, password, ca]) => ({
        clusterName: config.clusterName,
        postgresVersion: config.postgresVersion,
        user: monitorRole,
        password,
        ca,
        primary,
        bastionBehind,
        nodes: nodesOf(config).map((node) => {
          const index = known.findIndex(([name]) => name === node.name);
          return {
            name: node.name,
            state: node.state,
            declaredRole: roleOf(node.name, primary),
            source: node.source,
            standby: node.standby,
            synchronous: node.synchronous,
            slot: slotName(node.name),
            behind: nodesBehind[index] ?? [],
            endpoint: known[index]?.[1],
            connection: reached[index],
          };
        }),
      }),
    ),
  );

  return {
    primary: cluster.primary,
    nodes,
    connectionUri: uri("read-write", reached, "primary"),
    readOnlyUri: uri("read-only", reached, "standby"),
    ...(config.pooler === undefined
      ? {}
      : {
          poolerUri: uri("pooled", poolerTo(1), "primary"),
          poolerReadOnlyUri: uri("pooled", poolerTo(2), "standby"),
        }),
    archive: cluster.archive.description,
    ...(cluster.made === undefined ? {} : { [config.target]: cluster.made }),
    caCertificate: cluster.caCertificate,
    handover: cluster.handover,
    monitoring,
  };
}

function poolerPorts(pooled: readonly [string, Endpoint, Endpoint] | undefined) {
  return pooled && { poolerPort: pooled[1].port, poolerReadOnlyPort: pooled[2].port };
}
