import { all, type ComponentResourceOptions, type Input, type Output, type Resource } from "@pulumi/pulumi";
import type { ClusterConfig, NodeConfig, PoolerConfig } from "../model/config/config.ts";
import { poolerRole } from "../model/names.ts";
import {
  type Candidate,
  looksUpEverywhere,
  renderCandidates,
  renderPgbouncerIni,
  renderPoolerHba,
  severalHosts,
} from "../model/render/pgbouncer.ts";
import { type Certificate, type ClusterSecrets, verifier } from "./clusterSecrets.ts";
import { ClusterPart } from "./part.ts";
import { RemoteStep } from "./remoteStep.ts";
import type { Machine } from "./targets/machine.ts";
import type { Update } from "./update.ts";

/** A node, as far as poolers are concerned. */
export interface PooledNode {
  readonly node: NodeConfig;
  readonly machine: Machine;
  readonly certificate: Certificate;
  /** What `install` said. */
  readonly found: Output<{ readonly pgbouncer: string }>;
}

export interface NodePoolerArgs {
  readonly update: Update;
  readonly config: ClusterConfig;
  readonly pooler: PoolerConfig;
  readonly node: PooledNode;
  /** All nodes that take part, this one among them. */
  readonly nodes: readonly PooledNode[];
  readonly secrets: Pick<ClusterSecrets, "caCertificate" | "poolerPassword">;
  readonly after: readonly Resource[];
}

/**
 * The two PgBouncers of a node, and the router that leads them: the step `pooler`. The same on every node, whichever is the primary; a
 * change of it leaves PostgreSQL alone.
 */
export class NodePooler extends ClusterPart {
  readonly step: Resource;

  constructor(name: string, args: NodePoolerArgs, opts: ComponentResourceOptions) {
    super("understudy:index:NodePooler", name, opts);
    const { update, config, pooler, secrets } = args;
    const { machine, certificate, found } = args.node;
    const version = found.apply(({ pgbouncer }) => pgbouncer);
    const ini = (kind: "primary" | "standbys") =>
      version.apply((known) => renderPgbouncerIni({ pooler, kind, version: known }));

    this.step = new RemoteStep(
      `pooler-${name}`,
      {
        update,
        machine,
        script: "pooler",
        parameters: {
          instance: machine.instance,
          pgbouncer_ini: ini("primary"),
          pgbouncer_ro_ini: ini("standbys"),
          pooler_hba: renderPoolerHba(config.clientNetworks),
          pooler_password: secrets.poolerPassword,
          candidates: candidatesOf(args.nodes).apply(renderCandidates),
          pooler_port: String(pooler.port),
          ro_port: String(pooler.readOnlyPort),
          pool_mode: pooler.poolMode,
          several_hosts: version.apply((known) => (severalHosts(known) ? "yes" : "no")),
          ca_crt: secrets.caCertificate,
          server_crt: certificate.certificate,
          server_key: certificate.privateKey,
        },
        after: args.after,
      },
      { parent: this },
    );
    this.registerOutputs({});
  }
}

/** The nodes as routers see them. Read-only clients are led to standbys that follow closely and answer. */
function candidatesOf(nodes: readonly PooledNode[]): Output<readonly Candidate[]> {
  return all(
    nodes.map(({ node, machine }) =>
      machine.address.apply((address) => ({
        name: node.name,
        address,
        port: machine.postgresPort,
        readable: node.standby === "hot" && node.source === "streaming" && node.delay === undefined,
      })),
    ),
  );
}

/** What a pause has to know of the change that it is for. */
export interface PauseArgs {
  /** The node that is about to lead. */
  readonly target: Machine;
  /** What preflight says is to be done. */
  readonly kind: Input<string>;
  /** Who leads; undefined: nobody. */
  readonly leader: Output<{ readonly address: string; readonly port: number } | undefined>;
}

/** How long clients wait for a change of primary at most, before it is called off. */
const handoverSeconds = 20;

/** The parameters of `pause.sh`. */
export function pauseParameters({ pauseTimeoutMs }: PoolerConfig, { target, kind, leader }: PauseArgs) {
  return {
    kind,
    primary: target.node,
    primary_address: target.address,
    primary_port: String(target.postgresPort),
    from_address: leader.apply((known) => known?.address ?? ""),
    from_port: leader.apply((known) => String(known?.port ?? "")),
    timeout_ms: String(pauseTimeoutMs),
    // Other poolers may take as long as they may; then the primary hands over. An update that has not come so far by then, has died.
    lease_seconds: String(Math.ceil(pauseTimeoutMs / 1000) + handoverSeconds),
  };
}

/** The parameters of `resume.sh`, where `leads` is the name of the node that leads. */
export function resumeParameters(leads: Output<string>, nodes: readonly PooledNode[]) {
  const leader = all([leads, candidatesOf(nodes)]).apply(([name, candidates]) => {
    const found = candidates.find((candidate) => candidate.name === name);
    if (!found) throw new Error(`no node ${name}`);
    return found;
  });
  return { primary_address: leader.address, primary_port: leader.port.apply(String) };
}

/** The parameters of `databases.sh` by which poolers may look verifiers up. */
export function lookupParameters(
  pooler: PoolerConfig | undefined,
  secrets: Pick<ClusterSecrets, "poolerPassword" | "saltKey">,
  nodes: readonly PooledNode[],
): Record<"pooler_verifier" | "pooler_everywhere", Input<string>> {
  if (pooler === undefined) return { pooler_verifier: "", pooler_everywhere: "no" };
  return {
    pooler_verifier: verifier(secrets, poolerRole, secrets.poolerPassword),
    pooler_everywhere: all(nodes.map(({ found }) => found)).apply((installed) =>
      looksUpEverywhere(installed.map(({ pgbouncer }) => pgbouncer)) ? "yes" : "no",
    ),
  };
}
