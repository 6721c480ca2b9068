import { all, type Output, secret } from "@pulumi/pulumi";
import type { ClusterConfig } from "../model/config/config.ts";
import { type ConnectionInput, connectionUri, jdbcUrl } from "../model/connectionUri.ts";
import type { Endpoint } from "../model/host.ts";
import type { ClusterNode } from "./node.ts";

type Role = "primary" | "standby";
type Places = readonly (Endpoint & { readonly name: string })[];

/**
 * Connection strings for the first database by name, as its owner: secrets. Each names the servers of the role that it is for
 * first; docs/connecting.md says which client takes which.
 */
export interface ConnectionStrings {
  /** To the primary, in libpq's form for several hosts: clients that take it follow a change of primary. */
  readonly connectionUri: Output<string>;
  /** To a standby, in the same form. */
  readonly readOnlyUri: Output<string>;
  /** To the host that is the primary now, for clients that know no more than one host. */
  readonly primaryUri: Output<string>;
  /** To the primary, for pgjdbc. */
  readonly jdbcUrl: Output<string>;
  /** To a standby, for pgjdbc. */
  readonly readOnlyJdbcUrl: Output<string>;
  /** The same by way of the poolers, where there are some. */
  readonly poolerUri?: Output<string>;
  readonly poolerReadOnlyUri?: Output<string>;
  readonly poolerPrimaryUri?: Output<string>;
  readonly poolerJdbcUrl?: Output<string>;
}

/** What connection strings are made of. */
interface Connected {
  readonly nodes: readonly Pick<ClusterNode, "node" | "machine">[];
  readonly primary: Output<string>;
  readonly passwords: Readonly<Record<string, Output<string>>>;
}

export function connectionStrings(config: ClusterConfig, cluster: Connected): ConnectionStrings {
  const [database] = Object.values(config.databases);
  if (!database) throw new Error("config has no database");
  const { name, owner } = database;
  const caFile = config.clientCaFile;

  const servers = all(
    cluster.nodes.map(({ node, machine }) => machine.endpoint.apply((endpoint) => ({ name: node.name, ...endpoint }))),
  );
  const poolersTo = (role: Role) =>
    all(
      cluster.nodes.flatMap(({ node, machine }) => {
        const endpoints = machine.poolerEndpoints;
        if (endpoints === undefined) return [];
        const endpoint = role === "primary" ? endpoints.primary : endpoints.standbys;
        return [endpoint.apply((known) => ({ name: node.name, ...known }))];
      }),
    );

  /** To all of `places`, with those in `role` at the front. */
  const to = (places: Output<Places>, role: Role, write: (input: Omit<ConnectionInput, "caFile" | "mode">) => string) =>
    secret(
      all([places, cluster.primary, cluster.passwords[owner] as Output<string>]).apply(([known, primary, password]) => {
        const rank = (place: { readonly name: string }) => ((place.name === primary) === (role === "primary") ? 0 : 1);
        const hosts = [...known].sort((a, b) => rank(a) - rank(b));
        return write({ user: owner, password, database: name, hosts });
      }),
    );
  const one = ({ hosts, ...login }: Omit<ConnectionInput, "caFile" | "mode">) =>
    connectionUri({ ...login, hosts: hosts.slice(0, 1), caFile: undefined, mode: "any" });

  return {
    connectionUri: to(servers, "primary", (known) => connectionUri({ ...known, caFile, mode: "read-write" })),
    readOnlyUri: to(servers, "standby", (known) => connectionUri({ ...known, caFile, mode: "read-only" })),
    primaryUri: to(servers, "primary", one),
    jdbcUrl: to(servers, "primary", (known) => jdbcUrl({ ...known, caFile, mode: "read-write" })),
    readOnlyJdbcUrl: to(servers, "standby", (known) => jdbcUrl({ ...known, caFile, mode: "read-only" })),
    ...(config.pooler === undefined
      ? {}
      : {
          // Each pooler leads to the right server, so any of them will do.
          poolerUri: to(poolersTo("primary"), "primary", (known) => connectionUri({ ...known, caFile, mode: "any" })),
          poolerReadOnlyUri: to(poolersTo("standby"), "standby", (known) =>
            connectionUri({ ...known, caFile, mode: "any" }),
          ),
          poolerPrimaryUri: to(poolersTo("primary"), "primary", one),
          poolerJdbcUrl: to(poolersTo("primary"), "primary", (known) => jdbcUrl({ ...known, caFile, mode: "any" })),
        }),
  };
}
