import { readFileSync } from "node:fs";
import { all, type CustomResourceOptions, type Output, type Resource } from "@pulumi/pulumi";
import { claimsIn } from "../model/agentPlan.ts";
import { defaultAgentPort } from "../model/agentPort.ts";
import { agentSources } from "../model/agentSources.ts";
import { type ClusterConfig, nodesOf } from "../model/config/config.ts";
import { digestOf } from "../model/hostScripts.ts";
import type { Consent, Member } from "../model/leadership/index.ts";
import { memberOf } from "../model/memberKey.ts";
import type { Members } from "../model/members.ts";
import { walFlags } from "../model/paths.ts";
import type { Outcome } from "../model/preflight/index.ts";
import { type AgentPeer, renderAgentConf } from "../model/render/agentConf.ts";
import { agentRestoreCommand, pgbackrestCommand } from "../model/render/pgbackrest.ts";
import type { AgentInput } from "../model/stepInputs.ts";
import type { Ledger } from "./archive.ts";
import { type Certificate, type ClusterSecrets, certificate, password } from "./clusterSecrets.ts";
import { jsonInput, LocalStep } from "./localStep.ts";
import type { ClusterNode } from "./node.ts";
import { command, pathOf } from "./programs.ts";
import type { Fence } from "./targets/machine.ts";
import type { Update } from "./update.ts";

/** What the agents of a cluster are known by: made once for each node, whatever its host. */
export interface AgentKeys {
  /** By node name. */
  readonly certificates: Readonly<Record<string, Certificate>>;
  /** By which its peers know each, by node name. */
  readonly members: Output<Readonly<Record<string, Member>>>;
  /** What the entries of the ledger are signed with; a secret. */
  readonly ledgerKey: Output<string>;
}

export function agentKeys(
  config: ClusterConfig,
  secrets: Pick<ClusterSecrets, "ca">,
  opts: CustomResourceOptions,
): AgentKeys {
  const pairs = nodesOf(config).map(
    ({ name }) =>
      [name, certificate(`agent-certificate-${name}`, { ca: secrets.ca, commonName: name, hosts: [] }, opts)] as const,
  );
  const members = all(
    pairs.map(([name, { certificate: pem }]) => pem.apply((text) => [name, memberOf(name, text)] as const)),
  ).apply((known) => Object.fromEntries(known));
  return { certificates: Object.fromEntries(pairs), members, ledgerKey: password("ledger-key", opts) };
}

export interface AgentsArgs {
  readonly update: Update;
  readonly config: ClusterConfig;
  readonly secrets: ClusterSecrets;
  readonly keys: AgentKeys;
  readonly nodes: readonly ClusterNode[];
  readonly members: Output<Members>;
  readonly ledger: Ledger;
  /** The steps that come before it. */
  readonly after: readonly Resource[];
}

/** The steps `agent`: on each host runs the agent of this version, which knows the others and reaches the ledger. */
export function agentSteps(args: AgentsArgs, opts: CustomResourceOptions): readonly LocalStep[] {
  const { update, config, secrets, keys, nodes, members, ledger, after } = args;
  const peers = members.apply(({ members: known }) =>
    known.flatMap(({ name, address, agent }): AgentPeer[] =>
      agent === undefined
        ? []
        : [
            {
              ...{ name, member: agent as Member, address, agentPort: defaultAgentPort },
              postgresPort: config.nodes[name]?.postgresPort ?? 5432,
            },
          ],
    ),
  );
  const program = digestOf(agentSources(pathOf("..")));
  const node = readFileSync(pathOf("../.node-version"), "utf8").trim();
  const conf = (of: ClusterNode) =>
    all([peers, ledger.place]).apply(([known, place]) => {
      const me = known.find(({ name }) => name === of.node.name);
      if (!me) throw new Error(`no agent of ${of.node.name}`);
      return renderAgentConf({
        node: { ...me, dataDirectory: of.node.dataDirectory },
        peers: known.filter((each) => each !== me),
        major: config.postgresVersion,
        ledger: place,
        archive: { kind: "pgbackrest", stanza: config.clusterName },
        archiveFed: known.filter(({ name }) => config.nodes[name]?.source === "archive").map(({ member }) => member),
        standbySettings: {
          hot_standby: of.node.standby === "hot" ? "on" : "off",
          recovery_min_apply_delay: of.node.delay ?? "0",
          restore_command: agentRestoreCommand(walFlags, pgbackrestCommand(config.clusterName)),
        },
      });
    });
  return nodes.map(
    (of) =>
      new LocalStep(
        `agent-${of.node.name}`,
        {
          update,
          command: command("steps/agent.ts"),
          stdin: jsonInput<AgentInput>({
            ...{ name: of.node.name, connection: of.machine.connection, instance: of.machine.instance, program, node },
            architecture: of.found.apply(({ architecture }) => architecture ?? "x86_64"),
            parameters: {
              agent_conf: trimmed(conf(of)),
              agent_ca: trimmed(secrets.caCertificate),
              agent_crt: trimmed((keys.certificates[of.node.name] as Certificate).certificate),
              agent_key: trimmed((keys.certificates[of.node.name] as Certificate).privateKey),
              ledger_key: keys.ledgerKey,
              ledger_credentials: ledger.credentials.apply((known) => JSON.stringify(known)),
              ledger_ca: trimmed(ledger.caCertificate),
            },
          }),
          after: [...after, ...ledger.ready],
        },
        opts,
      ),
  );
}

const trimmed = (text: Output<string>): Output<string> => text.apply((known) => known.trim());

export interface RequestsArgs {
  readonly config: ClusterConfig;
  readonly keys: AgentKeys;
  readonly clusterId: Output<string>;
  readonly intent: Output<string>;
  readonly asked: Output<Outcome>;
  readonly members: Output<Members>;
}

/** What the agents are asked for by the steps of an update, as JSON (agent/steps.ts has the schemas). */
export interface AgentRequests {
  readonly announce: Output<string>;
  readonly prepare: Output<string>;
  readonly initialize: Output<string>;
  readonly demote: (proofs: Output<readonly FenceProof[]>) => Output<string>;
  readonly promote: (proofs: Output<readonly FenceProof[]>) => Output<string>;
  readonly members: Output<string>;
  readonly follow: Output<string>;
}

/** This node was off after this entry of the ledger was made. */
interface FenceProof {
  readonly node: Member;
  readonly entry: number;
}

export function agentRequests({ config, keys, clusterId, intent, asked, members }: RequestsArgs): AgentRequests {
  const named = all([keys.members, intent]).apply(([known, id]) => ({ known, id }));
  const of = (known: Readonly<Record<string, Member>>, name: string): Member => known[name] as Member;
  const primary = config.primary;
  const receiving = nodesOf(config).filter(({ state, source }) => state === "active" && source === "streaming");
  const fenced = nodesOf(config).filter(({ state }) => state === "fenced");
  const ledger = clusterId.apply(ledgerOf);
  const list = members.apply(({ members: known }) => known.flatMap(({ agent }) => agent ?? []).sort());
  return {
    announce: named.apply(({ known, id }) =>
      JSON.stringify({ intent: id, receivers: receiving.map(({ name }) => of(known, name)).sort() }),
    ),
    prepare: all([named, asked]).apply(([{ known, id }, found]) =>
      JSON.stringify({
        intent: id,
        consent: consentOf(config, found),
        fenced: fenced.map(({ name }) => of(known, name)).sort(),
        off: [],
      }),
    ),
    initialize: all([named, ledger, list]).apply(([{ id }, first, everybody]) =>
      JSON.stringify({ intent: id, ledger: first, members: everybody }),
    ),
    demote: (proofs) =>
      all([named, proofs]).apply(([{ known, id }, given]) =>
        JSON.stringify({ intent: id, to: of(known, primary), fenced: given }),
      ),
    promote: (proofs) => all([named, proofs]).apply(([{ id }, given]) => JSON.stringify({ intent: id, fenced: given })),
    members: all([named, list, members]).apply(([{ id }, everybody, { retiredAgents }]) =>
      JSON.stringify({ intent: id, list: everybody, gone: retiredAgents ?? [] }),
    ),
    follow: named.apply(({ known, id }) => JSON.stringify({ intent: id, leader: of(known, primary) })),
  };
}

/** Each failover has a consent in the ledger: what preflight has let pass, which is nothing where nothing is at risk. */
function consentOf({ accept }: ClusterConfig, { kind, atRisk }: Outcome): Consent | null {
  if (kind === "none" || kind === "switchover") return null;
  if (atRisk === null || accept === undefined) return { lossBytes: 0 };
  return { lossBytes: accept.lossBytes, ...(accept.lossUnknown ? { lossUnknown: true as const } : {}) };
}

/** What fences prove about what is claimed: for each fenced node, and each claim that was there before the fence. */
export function fenceProofs(
  fences: readonly Fence[],
  keys: AgentKeys,
  expected: Output<string>,
  claims: Output<readonly number[]>,
): Output<readonly FenceProof[]> {
  const given = all(fences.map(({ node, proof }) => proof.apply((known) => ({ node, proof: known }))));
  return all([given, keys.members, expected, claims]).apply(([proven, known, wanted, entries]) =>
    proven
      .filter(({ proof }) => proof === wanted)
      .flatMap(({ node }) => entries.map((entry) => ({ node: known[node] as Member, entry }))),
  );
}

/** The entries of the ledger that steps have claimed. */
export const claimed = (outcomes: readonly Output<string>[]): Output<readonly number[]> =>
  all([...outcomes]).apply(claimsIn);

/** The first ledger of a cluster has an id that follows from the cluster's. */
function ledgerOf(clusterId: string): string {
  const hex = Buffer.from(clusterId).toString("hex").padEnd(32, "0");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
