import { defaultMajor, type PostgresMajor } from "../majors.ts";
import { isClusterName } from "../names.ts";
import { checkSettings } from "../settings/settings.ts";
import { settingsConflicts } from "../settings/settingsConflicts.ts";
import type { ClusterConfig, NodeConfig } from "./clusterConfig.ts";
import type { Known } from "./later.ts";
import { ConfigError, keyPath, type Problem } from "./problems.ts";
import { readAccept } from "./read/accept.ts";
import { readAccounts } from "./read/accounts.ts";
import { checkAgent } from "./read/agent.ts";
import { ledgerProblems, readArchive } from "./read/archive.ts";
import { readDrill } from "./read/drill.ts";
import { readNodes } from "./read/nodes.ts";
import { readPooler } from "./read/pooler.ts";
import { readRestore } from "./read/restore.ts";
import { asObject, readOptions } from "./schema/option.ts";
import { formerKeys, topOptions } from "./schema/topOptions.ts";
import { targets } from "./targets/registry.ts";
import type { ReadContext, TargetReader } from "./targets/target.ts";
import { parseDuration, sizeUnits } from "./units.ts";

export { type PostgresMajor, postgresMajors } from "../majors.ts";
export * from "./clusterConfig.ts";
export { ConfigError, type Problem } from "./problems.ts";

export interface ConfigContext extends ReadContext {
  /** What the cluster is called where nothing else is said. */
  readonly name: string;
}

/**
 * Turns the values of the stack's config, keyed without the project's name, into a checked `ClusterConfig`. Values are
 * taken as `pulumi config` stores them: text, or (object keys) parsed objects or their JSON.
 *
 * Each part is read as far as it can be, whatever is wrong with the others, so that all problems come at once.
 *
 * @throws ConfigError with every problem there is
 */
export function parseConfig(raw: Readonly<Record<string, unknown>>, context: ConfigContext): ClusterConfig {
  const problems: Problem[] = [];
  const top = readOptions(topOptions, raw, "", problems, formerKey);
  const clusterName = top.clusterName ?? clusterNameOf(context.name, raw, problems);
  const major = top.postgresVersion ?? defaultMajor;
  const target = openTarget(top, context, problems);
  checkMajor(top.target, major, problems);
  const nodes = readNodes(top.nodes, top.target, target, problems);
  target.checkNodes(nodes, problems);
  checkPrimary(top.primary, nodes, problems);
  const archive = readArchive(
    top.archive,
    {
      ...{ target: top.target, own: target.ownArchive(clusterName), readFile: context.readFile },
      ...{ clusterName, agent: top.agent ?? false },
    },
    problems,
  );
  const restore = readRestore(top.restore, context, problems);
  const drill = readDrill(top.drill, problems);
  const accounts = readAccounts(top.databases, top.users, major, problems);
  const accept = readAccept(top.accept, problems);
  const settings = readSettings(top.settings, major, Object.keys(nodes).length, problems);
  const clientNetworks = readNetworks(top.clientNetworks, target, problems);
  const pooler = readPooler(top.pooler, { nodes, databases: Object.keys(accounts.databases) }, problems);
  const agent = top.agent ?? false;
  if (agent) checkAgent({ nodes, pooler }, problems);
  target.check(
    { nodes, primary: top.primary, postgresVersion: major, agent, archive, pooler, clientNetworks },
    problems,
  );
  if (problems.length > 0) throw new ConfigError(problems);

  // Without problems, target, nodes and archive fit together: the target has read them.
  return {
    target: top.target,
    clusterName,
    primary: top.primary,
    nodes,
    postgresVersion: major,
    agent,
    reconcile: top.reconcile ?? "",
    epoch: top.epoch,
    accept,
    limits: {
      maxLagBytes: top.maxLagBytes ?? 16 * sizeUnits.MB,
      maxTransactionAgeSeconds: (parseDuration(top.maxTransactionAge ?? "1min") as number) / 1000,
    },
    settings,
    archive,
    ...accounts,
    deletionProtection: top.deletionProtection ?? true,
    clientNetworks,
    clientCaFile: top.clientCaFile ?? `understudy-${clusterName}-ca.crt`,
    pooler,
    restore,
    drill,
    ...target.extra,
  } as ClusterConfig;
}

/** What is wrong between values that `parseConfig` did not know yet. */
export function problemsOnceKnown(config: Known<ClusterConfig>): readonly Problem[] {
  const { archive } = config;
  return [...(targets[config.target].problemsOf?.(Object.values(config.nodes)) ?? []), ...ledgerProblems(archive)];
}

function formerKey(key: string): Omit<Problem, "key"> | undefined {
  const now = Object.hasOwn(formerKeys, key) ? formerKeys[key] : undefined;
  return now === undefined
    ? undefined
    : {
        rule: `is ${now} now`,
        hint: `remove it: pulumi config rm ${key}. A consent is for one change: preflight says how to give it`,
      };
}

/** With an unknown target the rest is read as with docker, so that its problems are told as well. */
function openTarget(
  top: Readonly<Record<string, unknown>> & { readonly target: ClusterConfig["target"] | undefined },
  context: ReadContext,
  problems: Problem[],
): TargetReader {
  for (const name of Object.keys(targets)) {
    if (top.target === undefined || name === top.target || Object.keys(asObject(top[name]) ?? {}).length === 0)
      continue;
    const hint = `remove it: pulumi config rm ${name}; or set target to ${name}`;
    problems.push({ key: name, rule: `is of the target ${name}, not of ${top.target}`, hint });
  }
  const target = top.target ?? "docker";
  return targets[target].open(top[target], context, problems);
}

function checkMajor(target: ClusterConfig["target"] | undefined, major: PostgresMajor, problems: Problem[]): void {
  const problem = target && targets[target].majorProblem(major);
  if (problem) problems.push({ key: "postgresVersion", ...problem });
}

function clusterNameOf(name: string, raw: Readonly<Record<string, unknown>>, problems: Problem[]): string {
  if (!isClusterName(name) && !raw.clusterName) {
    const rule = `is '${name}' by default, which is not 1 to 40 lower-case letters, digits and inner hyphens`;
    problems.push({ key: "clusterName", rule, hint: topOptions.clusterName.hint });
  }
  return name;
}

function checkPrimary(
  primary: string | undefined,
  nodes: Readonly<Record<string, Partial<NodeConfig>>>,
  problems: Problem[],
): void {
  const names = Object.keys(nodes);
  if (primary === undefined || names.length === 0) return;
  const node = Object.hasOwn(nodes, primary) ? nodes[primary] : undefined;
  if (!node) {
    problems.push({
      key: "primary",
      rule: `'${primary}' is not among the nodes`,
      hint: `name one of ${names.join(", ")}, or add ${keyPath("nodes", primary)}`,
    });
  } else if (node.state === "fenced" || node.state === "absent") {
    problems.push({
      key: "primary",
      rule: `'${primary}' is ${node.state}`,
      hint: `name an active node, or set ${keyPath("nodes", primary)}.state to active`,
    });
  }
}

function readSettings(
  raw: unknown,
  major: PostgresMajor,
  nodes: number,
  problems: Problem[],
): Readonly<Record<string, string>> {
  const object = asObject(raw);
  if (!object) {
    problems.push({ key: "settings", rule: topOptions.settings.rule, hint: topOptions.settings.hint });
    return {};
  }
  const checked = checkSettings(object, major);
  problems.push(...checked.problems, ...settingsConflicts(checked.values, nodes));
  return checked.values;
}

function readNetworks(
  list: readonly string[] | undefined,
  target: TargetReader,
  problems: Problem[],
): readonly string[] {
  if (!list || list.length === 0) return target.defaultClientNetworks();
  target.checkClientNetworks(list, problems);
  return list;
}
