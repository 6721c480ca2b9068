import { local } from "@pulumi/command";
import type { CustomResourceOptions, Output } from "@pulumi/pulumi";
import { type ClusterConfig, nodesOf } from "./model/config.ts";

/**
 * What is declared about roles has a fresh id: whenever anything of it changes, so does the id, and with it the inputs of
 * every role step. The engine's own memory cannot stand in for that: a step that failed or was killed keeps its old inputs,
 * so that going back would find "nothing changed" and run nothing (docs/decisions/intent.md).
 */
export class Intent extends local.Command {
  readonly intentId: Output<string>;

  constructor(name: string, config: ClusterConfig, opts: CustomResourceOptions) {
    super(
      name,
      {
        create: `node -p "new Date().toISOString() + '-' + crypto.randomUUID().slice(0, 8)"`,
        environment: declaredRoles(config),
        logging: local.Logging.None,
        addPreviousOutputInEnv: false,
      },
      opts,
    );
    this.intentId = this.stdout.apply((text) => text.trim());
  }
}

/** Shown by a preview when it changes: one line a node. */
export function declaredRoles(config: ClusterConfig): Record<string, string> {
  const roles: Record<string, string> = { PRIMARY: config.primary, RECONCILE: config.reconcile };
  if (config.epoch !== undefined) roles.EPOCH = String(config.epoch);
  for (const node of nodesOf(config)) {
    const words: string[] = [node.state, node.source, node.standby];
    if (node.synchronous) words.push("synchronous");
    if (node.delay !== undefined) words.push(`delayed by ${node.delay}`);
    roles[`NODE_${node.name.replace(/[-.]/g, "_")}`] = words.join(" ");
  }
  return roles;
}
