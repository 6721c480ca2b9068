import { isNodeName, maxNodeNameLength, slotName } from "../../names.ts";
import type { ClusterConfig, NodeConfig, NodeState, SshFence, SshLogin } from "../clusterConfig.ts";
import { keyPath, type Problem } from "../problems.ts";
import {
  awsNodeOptions,
  commonNodeOptions,
  dockerNodeOptions,
  fenceOptions,
  leastMemory,
  sshNodeOptions,
} from "../schema/nodeOptions.ts";
import { asObject, type OptionTable, type OptionValues, readOptions } from "../schema/option.ts";
import { loginOptions, privateKeyProblem } from "../schema/sshOptions.ts";
import { topOptions } from "../schema/topOptions.ts";
import { parseSize } from "../units.ts";
import type { AwsDefaults } from "./aws.ts";
import { readAwsHost } from "./awsNode.ts";

type ReadFile = (path: string) => string;
type Target = ClusterConfig["target"] | undefined;

/** PostgreSQL's port and directory on a host of ours. */
const dockerPostgres = { postgresPort: 5432, dataDirectory: "/var/lib/understudy" };

/** Reads every node. Those with problems come back incomplete: the caller throws then, once everything is read. */
export function readNodes(
  raw: unknown,
  target: Target,
  context: { readFile: ReadFile; aws: AwsDefaults | undefined },
  problems: Problem[],
): Readonly<Record<string, NodeConfig>> {
  const object = asObject(raw);
  if (!object || Object.keys(object).length === 0) {
    // An empty value that was not given at all is told as missing already.
    const rule = object ? "must name at least one node" : topOptions.nodes.rule;
    if (raw !== undefined) problems.push({ key: "nodes", rule, hint: topOptions.nodes.hint });
    return {};
  }
  const nodes: Record<string, NodeConfig> = {};
  for (const [name, options] of Object.entries(object)) {
    checkName(name, problems);
    nodes[name] = readNode(name, options, target, context, problems);
  }
  checkSlots(Object.keys(nodes), problems);
  checkAddresses(nodes, problems);
  return nodes;
}

function readNode(
  name: string,
  raw: unknown,
  target: Target,
  { readFile, aws }: { readFile: ReadFile; aws: AwsDefaults | undefined },
  problems: Problem[],
): NodeConfig {
  const path = keyPath("nodes", name);
  const table = { ...commonNodeOptions, ...optionsOf(target) };
  const values = readOptions(table, raw, path, problems, (key) => ofOtherTarget(key, target)) as OptionValues<
    typeof commonNodeOptions & typeof dockerNodeOptions & typeof sshNodeOptions & typeof awsNodeOptions
  >;
  const common = {
    name,
    state: values.state ?? "active",
    source: values.source ?? "streaming",
    standby: values.standby ?? "hot",
    synchronous: values.synchronous ?? false,
    delay: values.delay,
  };
  checkSynchronous(common, path, problems);
  if (target === "aws" && aws) return { ...common, ...dockerPostgres, ...readAwsHost(values, aws, path, problems) };
  if (target !== "ssh") {
    const memoryBytes = parseSize(values.memory ?? dockerNodeOptions.memory.default) ?? 0;
    if (values.memory && memoryBytes < (parseSize(leastMemory) as number)) {
      problems.push({ key: `${path}.memory`, rule: `must be at least ${leastMemory}`, hint: "set 512MB or more" });
    }
    return { target: "docker", ...common, ...dockerPostgres, memoryBytes };
  }
  const login = readLogin(values, path, readFile, problems);
  return {
    target: "ssh",
    ...common,
    ...login,
    address: values.address ?? login.host,
    postgresPort: values.postgresPort ?? dockerPostgres.postgresPort,
    dataDirectory: values.dataDirectory ?? dockerPostgres.dataDirectory,
    proxy: readProxy(values.proxy, `${path}.proxy`, readFile, problems),
    fence: readFence(values.fence, common.state, `${path}.fence`, problems),
  };
}

const nodeOptions = { docker: dockerNodeOptions, ssh: sshNodeOptions, aws: awsNodeOptions } as const;

/** What a node may say with this target; with an unknown one, what it may say with any. */
function optionsOf(target: Target): OptionTable {
  return target === undefined ? optional(Object.assign({}, ...Object.values(nodeOptions))) : nodeOptions[target];
}

function optional<Table extends OptionTable>(table: Table): Table {
  return Object.fromEntries(Object.entries(table).map(([key, o]) => [key, { ...o, required: false }])) as Table;
}

/** What decides it instead. */
const decided = {
  docker: "remove it: the target docker decides it",
  ssh: "remove it: the host has what it has",
  aws: "remove it: the target aws decides it",
} as const;

function ofOtherTarget(key: string, target: Target): Omit<Problem, "key"> | undefined {
  if (target === undefined) return undefined;
  const owner = Object.entries(nodeOptions).find(([, options]) => Object.hasOwn(options, key))?.[0];
  return owner === undefined ? undefined : { rule: `is an option of the target ${owner}`, hint: decided[target] };
}

function checkSynchronous(
  node: Pick<NodeConfig, "synchronous" | "source" | "delay">,
  path: string,
  problems: Problem[],
): void {
  if (!node.synchronous) return;
  const key = `${path}.synchronous`;
  if (node.source === "archive") {
    const rule = "can't be true with source archive: commits would wait for ever";
    problems.push({ key, rule, hint: "set source to streaming, or synchronous to false" });
  }
  if (node.delay !== undefined) {
    const rule = "can't be true with a delay: commits could wait for it";
    problems.push({ key, rule, hint: "remove the delay, or set synchronous to false" });
  }
}

function readLogin(
  values: OptionValues<typeof loginOptions>,
  path: string,
  readFile: ReadFile,
  problems: Problem[],
): SshLogin {
  return {
    host: values.host ?? "",
    port: values.port ?? 22,
    user: values.user ?? "root",
    privateKey: values.privateKeyFile ? readPrivateKey(values.privateKeyFile, path, readFile, problems) : "",
    hostKey: values.hostKey,
  };
}

function readPrivateKey(file: string, path: string, readFile: ReadFile, problems: Problem[]): string {
  const key = `${path}.privateKeyFile`;
  let content: string;
  try {
    content = readFile(file);
  } catch (error) {
    const reason = error instanceof Error ? error.message.split("\n")[0] : String(error);
    problems.push({ key, rule: `can't be read: ${reason}`, hint: "give the path of a private key that you may read" });
    return "";
  }
  const problem = privateKeyProblem(content);
  if (problem) problems.push({ key, ...problem });
  return content;
}

function readProxy(raw: unknown, path: string, readFile: ReadFile, problems: Problem[]): SshLogin | undefined {
  if (raw === undefined) return undefined;
  return readLogin(readOptions(loginOptions, raw, path, problems), path, readFile, problems);
}

function readFence(raw: unknown, state: NodeState, path: string, problems: Problem[]): SshFence | undefined {
  const before = problems.length;
  const { command, statement } = readOptions(fenceOptions, raw, path, problems);
  if (problems.length > before) return undefined;
  const set = `pulumi config set --path '${path}.command' <command>`;
  if (command !== undefined && statement !== undefined) {
    const rule = "has both a command and a statement: only one of them can be the proof";
    problems.push({ key: path, rule, hint: `remove one of them: pulumi config rm --path '${path}.statement'` });
  } else if (state === "fenced" && command === undefined && statement === undefined) {
    const rule =
      "is required while the node is fenced: without proof that its host is off, nobody else is made the primary";
    const word = `pulumi config set --path '${path}.statement' '<who has seen that it is off, and how>'`;
    problems.push({ key: path, rule, hint: `${set}; or give your word: ${word}` });
  } else if (state !== "fenced" && statement !== undefined) {
    // It would be taken for the proof of a later fence.
    const rule = `says that the host is off, but the node is ${state}`;
    problems.push({
      key: `${path}.statement`,
      rule,
      hint: `remove it once the host is back: pulumi config rm --path '${path}.statement'`,
    });
  }
  if (command !== undefined) return { command };
  return statement === undefined ? undefined : { statement };
}

function checkName(name: string, problems: Problem[]): void {
  if (isNodeName(name)) return;
  problems.push({
    key: keyPath("nodes", name),
    rule: "is no valid node name: it must serve as a host name and as the name of a replication slot",
    hint: `use up to ${maxNodeNameLength} lower-case letters, digits, inner hyphens and dots, such as node-a`,
  });
}

function checkSlots(names: readonly string[], problems: Problem[]): void {
  const bySlot = new Map<string, string>();
  for (const name of names) {
    const slot = slotName(name);
    const other = bySlot.get(slot);
    if (other === undefined) bySlot.set(slot, name);
    else {
      const rule = `has the replication slot of '${other}', ${slot}: '-' and '.' both become '_' there`;
      problems.push({ key: keyPath("nodes", name), rule, hint: "rename one of the two" });
    }
  }
}

/** Two nodes on one SSH server, or on one PostgreSQL address, would overwrite each other. */
function checkAddresses(nodes: Readonly<Record<string, NodeConfig>>, problems: Problem[]): void {
  const taken = new Map<string, string>();
  for (const node of Object.values(nodes)) {
    if (node.target !== "ssh" || node.host === "") continue;
    const path = keyPath("nodes", node.name);
    const places = [
      // Behind different bastions, one address can be two hosts.
      { key: `${path}.host`, place: `${node.host}:${node.port}`, by: `ssh ${node.proxy?.host ?? ""}` },
      { key: `${path}.address`, place: `${node.address}:${node.postgresPort}`, by: "postgres" },
    ];
    for (const { key, place, by } of places) {
      const id = `${by} ${place}`.toLowerCase();
      const other = taken.get(id);
      if (other === undefined) taken.set(id, node.name);
      else {
        const what = by === "postgres" ? "PostgreSQL address" : "SSH server";
        const rule = `${place} is the ${what} of '${other}' already`;
        problems.push({ key, rule, hint: "give each node a host and port of its own" });
      }
    }
  }
}
