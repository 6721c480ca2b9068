import { all, type Output, secret } from "@pulumi/pulumi";
import type { PostgresCluster } from "./cluster.ts";
import { loginOf } from "./machines/connection.ts";
import { type ClusterConfig, nodesOf } from "./model/config.ts";
import { connectionUri } from "./model/connectionUri.ts";
import { monitorRole, slotName } from "./model/names.ts";
import { operatorFile } from "./operatorFiles.ts";

/** The stack's outputs: what users and scripts rely on (docs/config.md, "Outputs"). */
export function stackOutputs(config: ClusterConfig, cluster: PostgresCluster) {
  const endpoints = all(
    cluster.nodes.map(({ node, machine }) => all([node.name, machine.endpoint, loginOf(machine.connection)])),
  );
  const connections = all(cluster.nodes.map(({ machine }) => machine.connection));
  const roleOf = (name: string, primary: string) => (name === primary ? "primary" : "standby");

  const nodes = all([endpoints, cluster.primary, cluster.ssh ?? ""]).apply(([known, primary, ssh]) =>
    Object.fromEntries(
      known.map(([name, endpoint, login]) => [
        name,
        {
          role: roleOf(name, primary),
          address: endpoint.host,
          port: endpoint.port,
          ssh: ssh === "" ? `ssh -p ${login.port} ${login.user}@${login.host}` : `${ssh} ${name}`,
        },
      ]),
    ),
  );

  const caFile = operatorFile("ca.crt", cluster.caCertificate);
  const [database] = Object.values(config.databases);
  const uri = (mode: "read-write" | "read-only"): Output<string> => {
    if (!database) throw new Error("config has no database");
    return secret(
      all([endpoints, cluster.primary, cluster.passwords[database.owner] as Output<string>, caFile]).apply(
        ([known, primary, password, file]) => {
          const wanted = mode === "read-write" ? "primary" : "standby";
          const first = (name: string) => (roleOf(name, primary) === wanted ? 0 : 1);
          const hosts = [...known].sort(([a], [b]) => first(a) - first(b)).map(([, endpoint]) => endpoint);
          return connectionUri({ user: database.owner, password, database: database.name, hosts, caFile: file, mode });
        },
      ),
    );
  };

  const monitoring = secret(
    all([endpoints, connections, cluster.primary, cluster.monitorPassword, cluster.caCertificate]).apply(
      ([known, reached, primary, password, ca]) => ({
        clusterName: config.clusterName,
        postgresVersion: config.postgresVersion,
        user: monitorRole,
        password,
        ca,
        primary,
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
    connectionUri: uri("read-write"),
    readOnlyUri: uri("read-only"),
    archive: cluster.archive.description,
    caCertificate: cluster.caCertificate,
    handover: cluster.receipt,
    monitoring,
  };
}
