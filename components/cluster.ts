import {
  all,
  ComponentResource,
  type ComponentResourceOptions,
  type Input,
  type Output,
  type Resource,
} from "@pulumi/pulumi";
import { type Archive, archiveOf } from "./archive.ts";
import { Intent } from "./intent.ts";
import { clusterKeys } from "./keys.ts";
import { LocalStep } from "./localStep.ts";
import { hostsFor, machineOf } from "./machines/machines.ts";
import { mistake } from "./mistake.ts";
import { activeNodes, type ClusterConfig, type NodeConfig, nodesOf } from "./model/config.ts";
import { monitorRole, replicationRole, slotName } from "./model/names.ts";
import { formatProblems, keyPath } from "./model/problems.ts";
import type { LeadOutcome, Receipt } from "./model/receipt.ts";
import { renderStandbyConf } from "./model/render/standby.ts";
import { scramVerifier } from "./model/scram.ts";
import { ClusterNode } from "./node.ts";
import { sshCommand } from "./operatorFiles.ts";
import { RemoteStep } from "./remoteStep.ts";

export interface PostgresClusterArgs {
  /** The declared world: parsed and checked. A change of it is what an update carries out. */
  readonly config: ClusterConfig;
}

/**
 * A PostgreSQL primary, its standbys and their archive. The resource graph is the runbook: every step of it is one resource,
 * and the dependencies between them are its order. Names never change when roles do: every step exists for every active node
 * and acts by role, so that a preview of a change of primary reads as updates.
 *
 * The engine's order is for speed and for reading. That it is safe rests on the hosts alone: each step proves there, for this
 * intent, that it may act.
 */
export class PostgresCluster extends ComponentResource {
  /** The one writable primary, as the hosts report it. */
  readonly primary: Output<string>;
  /** What was done about the present intent, as the hosts wrote it down. */
  readonly receipt: Output<Receipt>;
  readonly nodes: readonly ClusterNode[];
  readonly archive: Archive;
  readonly caCertificate: Output<string>;
  /** Passwords by user name: secrets. */
  readonly passwords: Readonly<Record<string, Output<string>>>;
  readonly monitorPassword: Output<string>;
  /** How to log in to hosts that only this program's key opens; undefined: the hosts are the user's, and so are the keys. */
  readonly ssh: Output<string> | undefined;

  constructor(name: string, { config }: PostgresClusterArgs, opts?: ComponentResourceOptions) {
    refuseFences(config);
    super("understudy:index:PostgresCluster", name, {}, opts);
    const parent = { parent: this };
    const keys = clusterKeys(config, parent);
    const { machines, archiveServer } = hostsFor(config, keys, parent);
    const archive = archiveOf(config, keys, archiveServer);

    // Host by host, whatever its role.
    const taking = activeNodes(config).map((node) => ({ node, machine: machineOf(machines, node.name) }));
    const addresses = taking.map(({ machine }) => machine.address);
    const nodes = taking.map(
      ({ node, machine }) => new ClusterNode(node.name, { config, node, machine, addresses, keys, archive }, parent),
    );
    const declaredPrimary = nodes.find(({ node }) => node.name === config.primary);
    if (!declaredPrimary) throw new Error(`no node ${config.primary}`);
    const everywhere = <T>(make: (node: ClusterNode) => T): T[] => nodes.map(make);

    // For the steps that look at all hosts at once.
    const hosts = nodes.map(({ node, machine }) => ({ name: node.name, connection: machine.connection }));

    // The runbook.
    const intent = new Intent("intent", config, parent);
    const step = (
      stepName: string,
      node: ClusterNode,
      parameters: Record<string, Input<string>>,
      after: readonly Resource[],
      words?: Input<string>,
    ) =>
      new RemoteStep(
        stepName,
        {
          machine: node.machine,
          script: stepName.split("-")[0] as string,
          ...(words === undefined ? {} : { words }),
          parameters: { intent: intent.intentId, ...parameters },
          after,
        },
        parent,
      );

    const preflight = new LocalStep(
      "preflight",
      {
        command: "node --import tsx scripts/preflight.ts",
        stdin: all([intent.intentId, keys.clusterId, hosts]).apply(([intentId, clusterId, known]) =>
          JSON.stringify({ intent: intentId, clusterId, primary: config.primary, epoch: config.epoch, hosts: known }),
        ),
        remembers: true,
        after: nodes.flatMap(({ steps }) => steps),
      },
      parent,
    );
    const fresh = preflight.outcome.apply((text) => ((JSON.parse(text) as { fresh: boolean }).fresh ? "yes" : "no"));

    const claims = everywhere((node) => step(`claim-${node.node.name}`, node, {}, [preflight]));

    const arm = step("arm", declaredPrimary, { fresh }, claims, "as primary");

    const yields = everywhere((node) =>
      step(`yield-${node.node.name}`, node, { primary: config.primary }, [arm], role(config, node.node)),
    );

    const lead = step(
      "lead",
      declaredPrimary,
      {
        fresh,
        replication_verifier: keys.replicationPassword.apply((password) => scramVerifier(replicationRole, password)),
        monitor_verifier: keys.monitorPassword.apply((password) => scramVerifier(monitorRole, password)),
      },
      yields,
      "as primary",
    );
    const led = lead.outcome.apply((text) => JSON.parse(text) as LeadOutcome);

    const databases = step(
      "databases",
      declaredPrimary,
      {
        users: all(keys.passwords).apply((passwords) => usersParameter(config, passwords)),
        databases: Object.values(config.databases)
          .map(({ name: database, owner }) => `${database} ${owner}`)
          .join("\n"),
        lead: lead.outcome,
      },
      [lead],
    );

    const followers = nodes.filter(({ node }) => node.name !== config.primary && node.source === "streaming");
    const slots = step(
      "slots",
      declaredPrimary,
      { slots: followers.map(({ node }) => slotName(node.name)).join(" "), lead: lead.outcome },
      [lead],
    );

    const follows = everywhere((node) =>
      step(
        `follow-${node.node.name}`,
        node,
        {
          primary: led.primary,
          primary_address: declaredPrimary.machine.address,
          primary_port: String(declaredPrimary.machine.postgresPort),
          system_identifier: led.systemIdentifier,
          source: node.node.source,
          slot: slotName(node.node.name),
          standby_conf: declaredPrimary.machine.address.apply((address) =>
            renderStandbyConf({
              major: config.postgresVersion,
              node: node.node,
              stanza: config.clusterName,
              primary: { address, port: declaredPrimary.machine.postgresPort },
            }),
          ),
        },
        [slots],
        role(config, node.node),
      ),
    );

    // Beside the followers, not behind them: the first backup and the first copies take their time together.
    const archived = step("archive", declaredPrimary, { lead: lead.outcome }, [slots]);

    const receipt = new LocalStep(
      "receipt",
      {
        command: "node --import tsx scripts/receipt.ts",
        stdin: all([intent.intentId, fresh, led, hosts]).apply(([intentId, wasFresh, outcome, known]) =>
          JSON.stringify({ intent: intentId, fresh: wasFresh === "yes", lead: outcome, hosts: known }),
        ),
        after: [databases, archived, ...follows],
      },
      parent,
    );

    this.primary = led.primary;
    this.receipt = receipt.outcome.apply((text) => JSON.parse(text) as Receipt);
    this.nodes = nodes;
    this.archive = archive;
    this.caCertificate = keys.caCertificate;
    this.passwords = keys.passwords;
    this.monitorPassword = keys.monitorPassword;
    this.ssh = config.target === "docker" ? sshCommand(Object.values(machines), keys) : undefined;
    this.registerOutputs({ primary: this.primary, receipt: this.receipt });
  }
}

/**
 * A fence comes before everything else, so that on the primary it would stop the cluster with nobody to take over: it is
 * refused until the change of primary is there.
 */
function refuseFences(config: ClusterConfig): void {
  const fenced = nodesOf(config).filter(({ state }) => state === "fenced");
  if (fenced.length === 0) return;
  throw mistake(
    formatProblems(
      fenced.map(({ name }) => ({
        key: `${keyPath("nodes", name)}.state`,
        rule: "a node can't be fenced yet: that comes with the change of primary",
        hint: "stop a standby's machine yourself and set its state to absent",
      })),
    ),
  );
}

function role(config: ClusterConfig, node: NodeConfig): string {
  if (node.name === config.primary) return "as primary";
  return `as ${node.standby} standby of ${config.primary}${node.source === "archive" ? " by archive" : ""}`;
}

/** The parameter of `databases.sh`: a line for each user. */
function usersParameter(config: ClusterConfig, passwords: Readonly<Record<string, string>>): string {
  return Object.values(config.users)
    .map(({ name, memberOf, connectionLimit }) =>
      [name, scramVerifier(name, passwords[name] as string), String(connectionLimit ?? -1), memberOf.join(",")]
        .join(" ")
        .trimEnd(),
    )
    .join("\n");
}
