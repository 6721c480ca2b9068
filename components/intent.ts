import { local } from "@pulumi/command";
import type { CustomResourceOptions, Output } from "@pulumi/pulumi";
import { type ClusterConfig, nodesOf } from "../model/config/config.ts";
import { named } from "./part.ts";
import { freshId, type Update } from "./update.ts";

/**
 * What is declared about roles has a fresh id: whenever anything of it changes, so does the id, and with it the inputs of
 * every role step. After an update that did not reach its end it has a fresh one, too: steps that went well in that may be undone
 * since (docs/decisions/intent.md).
 */
export class Intent extends local.Command {
  readonly intentId: Output<string>;

  constructor(name: string, config: ClusterConfig, update: Update, opts: CustomResourceOptions) {
    super(
      named(name, opts),
      {
        create: freshId,
        environment: update.environment(declaredRoles(config)),
        logging: local.Logging.None,
        addPreviousOutputInEnv: false,
      },
      opts,
    );
    update.add(this);
    this.intentId = this.stdout.apply((text) => text.trim());
  }
}

/** Shown by a preview when it changes: one line a node. */
export function declaredRoles(config: ClusterConfig): Record<string, string> {
  const roles: Record<string, string> = { PRIMARY: config.primary };
  if (config.epoch !== undefined) roles.EPOCH = String(config.epoch);
  for (const node of nodesOf(config)) {
    const words: string[] = [node.state, node.source, node.standby];
    if (node.synchronous) words.push("synchronous");
    if (node.delay !== undefined) words.push(`delayed by ${node.delay}`);
    roles[`NODE_${node.name.replace(/[-.]/g, "_")}`] = words.join(" ");
  }
  return roles;
}
