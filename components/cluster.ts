import {
  all,
  type ComponentResourceOptions,
  type CustomResourceOptions,
  type Input,
  interpolate,
  type Output,
  output,
  type Resource,
  unsecret,
} from "@pulumi/pulumi";
import { activeNodes, type ClusterConfig } from "../model/config/config.ts";
import { targets } from "../model/config/targets/registry.ts";
import { monitorRole, replicationRole, slotName } from "../model/names.ts";
import { preflightOutcome } from "../model/preflight/index.ts";
import { type Handover, receiptOutcome } from "../model/receipt.ts";
import type { RestartInput } from "../model/stepInputs.ts";
import { configureOutcome, prepareOutcome, promoteOutcome } from "../model/stepOutcomes.ts";
import { agentKeys, agentRequests, agentSteps, claimed, fenceProofs } from "./agents.ts";
import { type Archive, archiveOf, ledgerOf } from "./archive.ts";
import { configOf, type PostgresClusterArgs } from "./clusterArgs.ts";
import { clusterSecrets, verifier } from "./clusterSecrets.ts";
import { type ConnectionStrings, connectionStrings } from "./connections.ts";
import { archiveEncryption, type Encryption } from "./encryption.ts";
import { Intent } from "./intent.ts";
import { jsonInput, LocalStep } from "./localStep.ts";
import { clusterMembers } from "./members.ts";
import { ClusterNode } from "./node.ts";
import { sshCommand } from "./operatorFiles.ts";
import { reported } from "./outcome.ts";
import { ClusterPart } from "./part.ts";
import { lookupParameters, NodePooler, pauseParameters, resumeParameters } from "./pooler.ts";
import { previewed } from "./preflightHook.ts";
import { command } from "./programs.ts";
import { RemoteStep } from "./remoteStep.ts";
import { restoring } from "./restore.ts";
import { declaration, fencedParameter, followParameters, role, upstreamOf, usersParameter } from "./stepParameters.ts";
import type { Machine } from "./targets/machine.ts";
import { hostsFor, machineOf } from "./targets/machines.ts";
import { Update } from "./update.ts";

/**
 * A PostgreSQL primary, its standbys and their archive. The resource graph is the runbook: every step of it is one resource,
 * and the dependencies between them are its order. Names never change when roles do: every step exists for every active node
 * and acts by role, so that a preview of a change of primary reads as updates.
 *
 * The engine's order is for speed and for reading. That it is safe rests on the hosts alone: each step proves there, for this
 * intent, that it may act.
 */
export class PostgresCluster extends ClusterPart {
  /** What was declared: checked, with all defaults. */
  readonly config: ClusterConfig;
  /** How clients connect: secrets. */
  readonly connections: ConnectionStrings;
  /** The one writable primary, as the hosts report it. */
  readonly primary: Output<string>;
  /** How it came to be the primary, as the hosts wrote it down. */
  readonly handover: Output<Handover>;
  readonly nodes: readonly ClusterNode[];
  /** Hosts of nodes that are absent or fenced. */
  readonly aside: readonly Machine[];
  readonly archive: Archive;
  readonly encryption: Encryption;
  /** What the bastion still lacks of what is declared; undefined: there is none. */
  readonly bastionPending: Output<readonly string[]> | undefined;
  /** What the target made besides, where it has something to tell. */
  readonly made: Output<object> | undefined;
  readonly caCertificate: Output<string>;
  /** Passwords by user name: secrets. */
  readonly passwords: Readonly<Record<string, Output<string>>>;
  readonly monitorPassword: Output<string>;
  /** How to log in to hosts that only this program's key opens; undefined: the hosts are the user's, and so are the keys. */
  readonly ssh: Output<string> | undefined;

  constructor(name: string, args: PostgresClusterArgs, opts?: ComponentResourceOptions) {
    const config = configOf(name, args);
    const { resourcePrefix = `${name}-` } = args;
    super("understudy:index:PostgresCluster", name, opts, resourcePrefix);
    const parent = { parent: this };
    const secrets = clusterSecrets(config, parent);
    const update = new Update(config, parent);
    const target = hostsFor(config, secrets, update, parent);
    const { machines, archiveServer } = target;
    const archive = archiveOf(config, secrets, archiveServer);
    const encryption = archiveEncryption(config, archive, secrets, update, parent);

    // Host by host, whatever its role.
    const taking = activeNodes(config).map((node) => ({ node, machine: machineOf(machines, node.name) }));
    const addresses = taking.map(({ machine }) => machine.address);
    const nodes = taking.map(
      ({ node, machine }) =>
        new ClusterNode(node.name, { update, config, node, machine, addresses, secrets, archive, encryption }, parent),
    );
    const declaredPrimary = nodes.find(({ node }) => node.name === config.primary);
    if (!declaredPrimary) throw new Error(`no node ${config.primary}`);
    const upstreams = all(nodes.map(upstreamOf));
    const everywhere = <T>(make: (node: ClusterNode) => T): T[] => nodes.map(make);

    const keys = config.agent ? agentKeys(config, secrets, parent) : undefined;
    const members = clusterMembers(
      config,
      nodes,
      target.absent,
      keys?.members ?? output<Readonly<Record<string, string>>>({}),
      update,
      parent,
    );
    const configured = nodes.map((node) => node.configure(members));
    const agents = keys
      ? agentSteps(
          {
            ...{ update, config, secrets, keys, nodes, members, after: configured },
            ledger: ledgerOf(config, secrets, archiveServer),
          },
          parent,
        )
      : [];
    const restarted = restarts(nodes, configured, agents, update, parent);
    const { pooler, restore: toRestore } = config;
    const pooled = pooler
      ? nodes.map(
          (node) =>
            new NodePooler(node.node.name, { update, config, pooler, node, nodes, secrets, after: configured }, parent),
        )
      : [];

    // For the steps that look at all hosts at once.
    const hosts = nodes.map(({ node, machine }) => ({ name: node.name, connection: machine.connection }));
    const absent = target.absent.map(({ node, connection }) => ({ name: node, connection }));

    // The runbook.
    const instances = Object.fromEntries(taking.map(({ node, machine }) => [node.name, machine.instance]));
    const intent = new Intent("intent", { config, instances, update }, parent);
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
          update,
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
        update,
        command: command("steps/preflight.ts"),
        stdin: all([intent.intentId, secrets.clusterId, hosts, absent, members, archive.id]).apply(
          ([intentId, clusterId, known, unreached, { members: listed, retired }, archiveId]) =>
            JSON.stringify({
              ...{ intent: intentId, clusterId, ...declaration(config), hosts: known, absent: unreached },
              ...{ members: listed.map(({ name }) => name), retired, archive: archiveId },
            }),
        ),
        remembers: true,
        after: [...configured, ...agents, restarted, ...pooled.map((node) => node.step)],
      },
      {
        ...parent,
        ...previewed(
          {
            ...{ declaration: declaration(config), clusterId: secrets.clusterId, archive: archive.id },
            ...{ hosts, absent, members },
          },
          parent,
        ),
      },
    );
    const asked = reported("preflight", preflight.outcome, preflightOutcome);
    const fresh = asked.apply((known) => (known.fresh ? "yes" : "no"));
    const kind = asked.apply((known) => known.kind);

    const requests =
      keys &&
      agentRequests({ ...{ config, keys, asked, members }, clusterId: secrets.clusterId, intent: intent.intentId });

    const restored =
      toRestore &&
      restoring(
        {
          ...{ config: { ...config, restore: toRestore }, update, target, archive, primary: declaredPrimary },
          ...{ fresh: asked.apply((known) => known.fresh), intent: intent.intentId, after: preflight },
        },
        parent,
      );

    const released = asked.apply((known) => known.released.join(" "));
    const announced = everywhere((node) =>
      // Another archive is one more thing to know: announce lets the node believe it, and archive makes its first backup.
      step(
        `announce-${node.node.name}`,
        node,
        { kind, released, archive_id: archive.id, ...(requests ? { request: requests.announce } : {}) },
        [preflight],
      ),
    );

    const followers = nodes.filter(({ node }) => node.name !== config.primary && node.source === "streaming");
    const slotNames = followers.map(({ node }) => slotName(node.name)).join(" ");
    const leader = all([asked.from, upstreams]).apply(([from, known]) => known.find(({ name }) => name === from));
    const prepare = step(
      "prepare",
      declaredPrimary,
      {
        kind,
        from: asked.apply((known) => known.from),
        epoch: asked.apply((known) => String(known.epoch)),
        at_risk: asked.apply((known) => JSON.stringify(known.atRisk ?? null)),
        seconds: String(armedSeconds),
        slots: slotNames,
        join: asked.apply(({ join }) => (join ? `${join.epoch} ${join.from}` : "")),
        system_identifier: asked.systemIdentifier,
        ...followParameters(config, declaredPrimary.node, leader),
        ...(requests ? { fresh, request: requests.prepare } : {}),
      },
      announced,
      "as primary",
    );
    const armed = reported("prepare", prepare.outcome, prepareOutcome);
    const epoch = armed.apply((outcome) => String(outcome.epoch));

    const claims = keys && claimed([...announced, prepare].map(({ outcome }) => outcome));
    const numbers = claims ? claims.apply((entries) => entries.join("+")) : epoch;
    const proof = interpolate`${intent.intentId}:${numbers}`;
    const fenced = target.fences({ proof, after: [prepare] });
    const proofs = keys && claims ? fenceProofs(fenced, keys, proof, claims) : output([]);

    const pauses = pooler
      ? everywhere((node) =>
          step(
            `pause-${node.node.name}`,
            node,
            pauseParameters(pooler, { target: declaredPrimary.machine, kind, leader }),
            [prepare],
          ),
        )
      : [];

    const demotions = everywhere((node) =>
      step(
        `demote-${node.node.name}`,
        node,
        {
          primary: config.primary,
          kind,
          epoch,
          system_identifier: asked.systemIdentifier,
          ...followParameters(config, node.node, upstreamOf(declaredPrimary)),
          ...(requests ? { fenced: fencedParameter(fenced), claims: numbers, request: requests.demote(proofs) } : {}),
        },
        [prepare, ...pauses, ...(requests ? fenced.map((fence) => fence.step) : [])],
        role(config, node.node),
      ),
    );

    // Beside the place of the data, which `promote` gives them.
    const restore =
      restored && step("restore", declaredPrimary, { fresh, ...restored.parameters }, [restored.step, ...announced]);

    const promote = step(
      "promote",
      declaredPrimary,
      {
        fresh,
        restore_id: restored?.id ?? "",
        slots: slotNames,
        armed: prepare.outcome,
        fenced: fencedParameter(fenced),
        replication_verifier: verifier(secrets, replicationRole, secrets.replicationPassword),
        monitor_verifier: verifier(secrets, monitorRole, secrets.monitorPassword),
        ...(requests
          ? {
              from: asked.apply((known) => known.from),
              claims: numbers,
              initialize: requests.initialize,
              promote: requests.promote(proofs),
              members: requests.members,
            }
          : {}),
      },
      [...demotions, ...fenced.map((fence) => fence.step), ...(restore ? [restore] : [])],
      "as primary",
    );
    const promoted = reported("promote", promote.outcome, promoteOutcome);
    target.followPrimary?.(promoted.primary);

    const resumes = pooler
      ? everywhere((node) =>
          step(`resume-${node.node.name}`, node, resumeParameters(promoted.primary, nodes), [promote]),
        )
      : [];

    const databases = step(
      "databases",
      declaredPrimary,
      {
        users: all([all(secrets.passwords), secrets.saltKey]).apply(([passwords, saltKey]) =>
          usersParameter(config, passwords, saltKey),
        ),
        databases: Object.values(config.databases)
          .map(({ name: database, owner }) => `${database} ${owner}`)
          .join("\n"),
        ...lookupParameters(pooler, secrets, nodes),
        promoted: promote.outcome,
      },
      [promote],
    );

    const slots = step("slots", declaredPrimary, { slots: slotNames, promoted: promote.outcome }, [promote]);

    const follows = everywhere((node) =>
      step(
        `follow-${node.node.name}`,
        node,
        {
          primary: promoted.primary,
          epoch: promoted.apply((outcome) => String(outcome.epoch)),
          from: promoted.apply((outcome) => outcome.from),
          system_identifier: promoted.systemIdentifier,
          ...followParameters(config, node.node, upstreamOf(declaredPrimary)),
          ...(requests ? { request: requests.follow } : {}),
        },
        [promote],
        role(config, node.node),
      ),
    );

    // Each once it follows: nobody waits for a copy that is still made.
    const synchronous = nodes.flatMap(({ node }, index) =>
      node.synchronous
        ? [
            step(
              `synchronous-${node.name}`,
              declaredPrimary,
              {
                standby: node.name,
                awaited: asked.apply((known) => known.synchronous?.id ?? ""),
                promoted: promote.outcome,
              },
              [promote, follows[index] as Resource],
              node.name,
            ),
          ]
        : [],
    );

    // Beside the followers, not after them: the first backup and the first copies take their time together.
    const archived = step("archive", declaredPrimary, { promoted: promote.outcome, archive_id: archive.id }, [slots]);

    const receipt = new LocalStep(
      "receipt",
      {
        update,
        command: command("steps/receipt.ts"),
        stdin: all([intent.intentId, promoted, hosts]).apply(([intentId, outcome, known]) =>
          JSON.stringify({
            intent: intentId,
            promoted: outcome,
            fences: fenced.map(({ node, how }) => ({ node, how })),
            hosts: known,
          }),
        ),
        after: [databases, slots, archived, ...resumes, ...follows, ...synchronous],
      },
      parent,
    );
    update.end();

    this.config = config;
    this.primary = promoted.primary;
    this.handover = reported("receipt", receipt.outcome, receiptOutcome).handover;
    this.nodes = nodes;
    this.aside = [...target.absent, ...fenced.map(({ machine }) => machine)];
    this.archive = archive;
    this.encryption = encryption;
    this.bastionPending = target.bastionPending;
    this.made = target.made;
    this.caCertificate = secrets.caCertificate;
    this.passwords = secrets.passwords;
    this.monitorPassword = secrets.monitorPassword;
    this.ssh = targets[config.target].makesHosts ? sshCommand(Object.values(machines), secrets, parent) : undefined;
    this.connections = connectionStrings(config, this);
    this.registerOutputs({ primary: this.primary, handover: this.handover });
  }
}

/** PostgreSQL restarts where that is needed: one node after the other, since one of them may not come back with its new settings. */
function restarts(
  nodes: readonly ClusterNode[],
  configured: readonly RemoteStep[],
  agents: readonly Resource[],
  update: Update,
  opts: CustomResourceOptions,
): LocalStep {
  const waiting = all(
    nodes.map(({ node, machine }, i) =>
      all([
        machine.connection,
        reported(`configure-${node.name}`, (configured[i] as RemoteStep).outcome, configureOutcome),
      ]).apply(([connection, { waiting: digest }]) => ({ name: node.name, connection, waiting: digest ?? "" })),
    ),
  ).apply((hosts) => hosts.filter((host) => host.waiting !== ""));
  return new LocalStep(
    "restart",
    {
      update,
      command: unsecret(waiting).apply((hosts) => (hosts.length === 0 ? "true" : command("steps/restart.ts"))),
      stdin: jsonInput<RestartInput>({ hosts: waiting }),
      after: [...configured, ...agents],
    },
    opts,
  );
}

/** How long the target waits for the primary to hand over: time for the poolers to pause and for a checkpoint. */
const armedSeconds = 60;
