import { isNodeName, maxNodeNameLength, slotName } from "../../names.ts";
import type { NodeConfig } from "../clusterConfig.ts";
import { keyPath, type Problem } from "../problems.ts";
import { commonNodeOptions } from "../schema/nodeOptions.ts";
import { asObject, type OptionTable, type OptionValues, readOptions } from "../schema/option.ts";
import { topOptions } from "../schema/topOptions.ts";
import { type TargetName, targets } from "../targets/registry.ts";
import type { TargetReader } from "../targets/target.ts";

/**
 * Reads every node. Those with problems come back incomplete: the caller throws then, once everything is read.
 *
 * @param target undefined: config names none that there is
 */
export function readNodes(
  raw: unknown,
  target: TargetName | undefined,
  reader: TargetReader,
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
    nodes[name] = readNode(name, options, target, reader, problems);
  }
  checkSlots(Object.keys(nodes), problems);
  return nodes;
}

function readNode(
  name: string,
  raw: unknown,
  target: TargetName | undefined,
  reader: TargetReader,
  problems: Problem[],
): NodeConfig {
  const path = keyPath("nodes", name);
  const table = { ...commonNodeOptions, ...optionsOf(target) };
  const values = readOptions(table, raw, path, problems, (key) => ofOtherTarget(key, target));
  const { state, source, standby, synchronous, delay } = values as OptionValues<typeof commonNodeOptions>;
  const common = {
    name,
    state: state ?? "active",
    source: source ?? "streaming",
    standby: standby ?? "hot",
    synchronous: synchronous ?? false,
    delay,
  } as const;
  checkSynchronous(common, path, problems);
  return { ...common, ...reader.readNode(values, common, path, problems) } as NodeConfig;
}

/** What a node may say with this target; with an unknown one, what it may say with any. */
function optionsOf(target: TargetName | undefined): OptionTable {
  if (target !== undefined) return targets[target].nodeOptions;
  const all = Object.values(targets).flatMap(({ nodeOptions }) => Object.entries(nodeOptions));
  return Object.fromEntries(all.map(([key, option]) => [key, { ...option, required: false }]));
}

function ofOtherTarget(key: string, target: TargetName | undefined): Omit<Problem, "key"> | undefined {
  if (target === undefined) return undefined;
  const owner = Object.entries(targets).find(([, { nodeOptions }]) => Object.hasOwn(nodeOptions, key))?.[0];
  return owner === undefined
    ? undefined
    : { rule: `is an option of the target ${owner}`, hint: targets[target].decided };
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
