import { local } from "@pulumi/command";
import { type CustomResourceOptions, type Output, output } from "@pulumi/pulumi";
import { type ClusterConfig, nodesOf } from "../model/config/config.ts";
import { storedSteps } from "./stackState.ts";

/** In the order of time; without Node, whose start takes longer than all the rest of the step. */
export const freshId = `echo "$(date -u +%Y-%m-%dT%H:%M:%SZ)-$(od -An -N4 -tx1 /dev/urandom | tr -d ' ')"`;

/**
 * What is declared about roles has a fresh id: whenever anything of it changes, so does the id, and with it the inputs of
 * every role step. The engine's own memory cannot stand in for that: a step that failed or was killed keeps its old inputs,
 * so that going back would find "nothing changed" and run nothing. An update that did not get to its receipt is followed by
 * one with a fresh id, too: steps that went well in it may be undone since (docs/decisions/intent.md).
 */
export class Intent extends local.Command {
  readonly intentId: Output<string>;

  constructor(name: string, config: ClusterConfig, opts: CustomResourceOptions) {
    super(
      name,
      {
        create: freshId,
        environment: output(lastUnfinished()).apply((id) => ({
          ...declaredRoles(config),
          ...(id === "" ? {} : { CONTINUES: id }),
        })),
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

/**
 * Id of the last intent whose update did not reach its receipt; "": there was none. It stays what it is until another one is
 * left unfinished. The stack's own state knows it: the engine answers this question from its snapshot, no host is asked.
 */
async function lastUnfinished(): Promise<string> {
  const step = await storedSteps();
  const intent = step("intent");
  if (!intent?.stdout) return "";
  const id = intent.stdout.trim();
  const receipt = step("receipt")?.stdout;
  const finished = receipt !== undefined && (JSON.parse(receipt) as { intent: string }).intent === id;
  return finished ? (intent.environment?.CONTINUES ?? "") : id;
}
