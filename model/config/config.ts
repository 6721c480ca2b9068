import type { AwsConfig } from "../aws/config.ts";
import { awsName } from "../aws/names.ts";
import { isClusterName } from "../names.ts";
import { checkSettings } from "../settings/settings.ts";
import { settingsConflicts } from "../settings/settingsConflicts.ts";
import {
  type ArchiveConfig,
  type AwsClusterConfig,
  type ClusterConfig,
  type GivenArchiveConfig,
  type NodeConfig,
  type PostgresMajor,
  postgresMajors,
} from "./clusterConfig.ts";
import { networkProblem } from "./network.ts";
import { ConfigError, keyPath, type Problem } from "./problems.ts";
import { readAccounts } from "./read/accounts.ts";
import { readArchive } from "./read/archive.ts";
import { readAws } from "./read/aws.ts";
import { readNetworkList } from "./read/awsNetwork.ts";
import { checkAws } from "./read/awsRules.ts";
import { readNodes } from "./read/nodes.ts";
import { readPooler } from "./read/pooler.ts";
import { asObject, readOptions } from "./schema/option.ts";
import { defaultClientNetworks, topOptions } from "./schema/topOptions.ts";
import { parseDuration, sizeUnits } from "./units.ts";

export * from "./clusterConfig.ts";
export { ConfigError, type Problem } from "./problems.ts";

export interface ConfigContext {
  /** Name of the Pulumi stack. */
  readonly stack: string;
  /** Reads a file of the operator's machine (path as written in config); throws where it can't. */
  readFile(path: string): string;
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
  const top = readOptions(topOptions, raw, "", problems);
  const clusterName = top.clusterName ?? clusterNameOf(context.stack, raw, problems);
  const major = top.postgresVersion ?? postgresMajors[4];
  const awsReading = readAwsFor(top.target, top.aws, problems);
  const nodes = readNodes(top.nodes, top.target, { ...context, aws: awsReading?.defaults }, problems);
  checkPrimary(top.primary, nodes, problems);
  const aws = awsReading?.finish(nodes as AwsClusterConfig["nodes"]);
  const own = aws
    ? { bucket: awsName("bucket", clusterName, aws.region, aws.account), region: aws.region }
    : { bucket: `understudy-${clusterName}`, region: "us-east-1" };
  const archive = readArchive(top.archive, { target: top.target, own, readFile: context.readFile }, problems);
  const accounts = readAccounts(top.databases, top.users, major, problems);
  const settings = readSettings(top.settings, major, Object.keys(nodes).length, problems);
  const clientNetworks = readNetworks(top.clientNetworks, top.target, aws, problems);
  const pooler = readPooler(top.pooler, { nodes, databases: Object.keys(accounts.databases) }, problems);
  if (aws) {
    const hosts = nodes as AwsClusterConfig["nodes"];
    const scene = { aws, nodes: hosts, primary: top.primary, postgresVersion: major, archive, pooler, clientNetworks };
    checkAws(scene, problems);
  }
  if (problems.length > 0) throw new ConfigError(problems);

  // Without problems, target, nodes and archive fit together: readNodes and readArchive went by the target.
  return {
    target: top.target,
    clusterName,
    primary: top.primary,
    nodes,
    postgresVersion: major,
    reconcile: top.reconcile ?? "",
    epoch: top.epoch,
    limits: {
      maxLossBytes: top.maxLossBytes,
      maxLagBytes: top.maxLagBytes ?? 16 * sizeUnits.MB,
      acceptBehind: top.acceptBehind ?? false,
      maxTransactionAgeSeconds: (parseDuration(top.maxTransactionAge ?? "1min") as number) / 1000,
    },
    settings,
    archive: archive as ArchiveConfig & GivenArchiveConfig,
    ...accounts,
    deletionProtection: top.deletionProtection ?? true,
    clientNetworks,
    pooler,
    ...(aws ? { aws } : {}),
  } as ClusterConfig;
}

function readAwsFor(target: ClusterConfig["target"] | undefined, raw: unknown, problems: Problem[]) {
  if (target === "aws") return readAws(raw, problems);
  if (Object.keys(asObject(raw) ?? {}).length > 0 && target !== undefined) {
    const hint = "remove it: pulumi config rm aws; or set target to aws";
    problems.push({ key: "aws", rule: `is of the target aws, not of ${target}`, hint });
  }
  return undefined;
}

function clusterNameOf(stack: string, raw: Readonly<Record<string, unknown>>, problems: Problem[]): string {
  if (!isClusterName(stack) && !raw.clusterName) {
    const rule = `defaults to the stack's name, but '${stack}' is not 1 to 40 lower-case letters, digits and inner hyphens`;
    problems.push({ key: "clusterName", rule, hint: topOptions.clusterName.hint });
  }
  return stack;
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
  target: ClusterConfig["target"] | undefined,
  aws: AwsConfig | undefined,
  problems: Problem[],
): readonly string[] {
  if (!list || list.length === 0) {
    return aws?.network.kind === "new" ? [aws.network.cidr] : defaultClientNetworks[target ?? "ssh"];
  }
  if (aws) {
    readNetworkList("clientNetworks", list, problems);
    return list;
  }
  for (const network of list) {
    const rule = networkProblem(network);
    if (rule) problems.push({ key: "clientNetworks", rule, hint: "write it such as 10.0.0.0/8 or fd00::/8" });
  }
  return list;
}
