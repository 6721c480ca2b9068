import { local } from "@pulumi/command";
import { type CustomResourceOptions, type Output, unsecret } from "@pulumi/pulumi";
import { type ClusterConfig, nodesOf } from "../model/config/config.ts";
import { named } from "./part.ts";
import { freshId, type Update } from "./update.ts";

export interface IntentArgs {
  readonly config: ClusterConfig;
  /** By node: `Machine.instance` of those that take part. */
  readonly instances: Readonly<Record<string, Output<string>>>;
  readonly update: Update;
}

/**
 * What is declared about roles has a fresh id: whenever anything of it changes, so does the id, and with it the inputs of
 * every role step. A host that was made anew knows nothing of its role: it is such a change, too. After an update that did not reach its end it has a fresh one, too: steps that went well in that may be undone
 * since (docs/decisions/intent.md).
 */
export class Intent extends local.Command {
  readonly intentId: Output<string>;

  constructor(name: string, { config, instances, update }: IntentArgs, opts: CustomResourceOptions) {
    super(
      named(name, opts),
      {
        create: freshId,
        environment: update.environment({ ...declaredRoles(config), ...hosts(instances) }),
        logging: local.Logging.None,
        addPreviousOutputInEnv: false,
      },
      opts,
    );
    update.add(this);
    this.intentId = this.stdout.apply((text) => text.trim());
  }
}

/** Of the nodes that take part. */
function hosts(instances: Readonly<Record<string, Output<string>>>): Record<string, Output<string>> {
  return Object.fromEntries(
    Object.entries(instances).map(([node, instance]) => [`HOST_${inVariable(node)}`, unsecret(instance)]),
  );
}

const inVariable = (node: string) => node.replace(/[-.]/g, "_");

/** Shown by a preview when it changes: one line a node. */
export function declaredRoles(config: ClusterConfig): Record<string, string> {
  const roles: Record<string, string> = { PRIMARY: config.primary };
  if (config.epoch !== undefined) roles.EPOCH = String(config.epoch);
  for (const node of nodesOf(config)) {
    const words: string[] = [node.state, node.source, node.standby];
    if (node.synchronous) words.push("synchronous");
    if (node.delay !== undefined) words.push(`delayed by ${node.delay}`);
    roles[`NODE_${inVariable(node.name)}`] = words.join(" ");
  }
  return roles;
}
