import { databaseOptions, userOptions } from "./schema/accountOptions.ts";
import { commonNodeOptions } from "./schema/nodeOptions.ts";
import type { Option, OptionTable } from "./schema/option.ts";
import { topOptions } from "./schema/topOptions.ts";
import { type TargetName, targets } from "./targets/registry.ts";

/** `components/args.ts`: the config as the arguments of a component, typed and described. */
export function renderArguments(): string {
  const { target, nodes, ...others } = topOptions;
  const names = Object.keys(targets) as readonly TargetName[];
  // What only one target has is required there, and missing elsewhere.
  const own = (name: TargetName) => Object.entries<Option>(others).filter(([key]) => key === name);
  const common = Object.fromEntries(Object.entries<Option>(others).filter(([key]) => !Object.hasOwn(targets, key)));
  const clusters = names.map((name) => {
    const options = {
      target: { ...target, type: `"${name}"` },
      nodes: { ...nodes, type: recordOf(`${pascal(name)}NodeArgs`) },
      ...Object.fromEntries(own(name).map(([key, option]) => [key, { ...option, required: true }])),
    };
    return interfaces(`${pascal(name)}Cluster`, `A cluster of the target \`${name}\`.`, options, "CommonArgs");
  });
  return [
    "// Written by `npm run docs` from model/config/schema. Do not edit.",
    [
      'import type { Input } from "@pulumi/pulumi";',
      'import type { Duration, Size } from "../model/config/units.ts";',
    ].join("\n"),
    "/** What a cluster is to be. The target says where its hosts come from. */\n" +
      `export type ClusterArgs = ${names.map((name) => `${pascal(name)}ClusterArgs`).join(" | ")};`,
    ...clusters,
    interfaces("Common", "Of every cluster, whatever the target.", common),
    interfaces("Node", "Of every node, whatever the target.", commonNodeOptions),
    ...names.map((name) =>
      interfaces(`${pascal(name)}Node`, `A node of the target \`${name}\`.`, targets[name].nodeOptions, "NodeArgs"),
    ),
    interfaces("Database", "A database.", databaseOptions),
    interfaces("User", "A user.", userOptions),
  ]
    .join("\n\n")
    .concat("\n");
}

/** The interface of a table, and those of the tables in it. */
function interfaces(name: string, description: string, options: OptionTable, parent?: string): string {
  const inner = Object.entries(options).flatMap(([key, option]) =>
    option.options ? [interfaces(innerName(name, key), option.description, option.options)] : [],
  );
  const fields = Object.entries(options).map(([key, option]) => field(name, key, option));
  const head = `export interface ${name}Args${parent === undefined ? "" : ` extends ${parent}`} {`;
  const body = fields.length === 0 ? `${head}}` : [head, fields.join("\n"), "}"].join("\n");
  return [`${comment([description], "")}\n${body}`, ...inner].join("\n\n");
}

function innerName(name: string, key: string): string {
  return (name === "Common" || name === `${pascal(key)}Cluster` ? "" : name) + pascal(key);
}

function field(name: string, key: string, option: Option): string {
  const type = option.options && !option.type ? `${innerName(name, key)}Args` : typeOf(option);
  const secret = option.secret ? " It becomes a secret." : "";
  const lines = [
    `${option.description}${secret}`,
    `Rule: ${option.rule}. A change: ${option.effect}.`,
    ...(option.default === undefined ? [] : [`@default ${option.default}`]),
  ];
  const mark = option.required ? "" : "?";
  return `${comment(lines, "  ")}\n  readonly ${key}${mark}: ${option.later ? `Input<${type}>` : type};`;
}

function typeOf({ type, schema }: Option): string {
  return type ?? (schema.meta()?.type as string | undefined) ?? "string";
}

function recordOf(type: string): string {
  return `Readonly<Record<string, ${type}>>`;
}

const width = 116;

function comment(paragraphs: readonly string[], indent: string): string {
  const [only = ""] = paragraphs;
  if (paragraphs.length === 1 && only.length < width) return `${indent}/** ${only} */`;
  const lines = paragraphs.flatMap((paragraph, index) => [...(index === 0 ? [] : [""]), ...wrapped(paragraph)]);
  return [`${indent}/**`, ...lines.map((line) => `${indent} * ${line}`.trimEnd()), `${indent} */`].join("\n");
}

function wrapped(text: string): readonly string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const line = lines.at(-1);
    if (line === undefined || line.length + word.length + 1 > width) lines.push(word);
    else lines[lines.length - 1] = `${line} ${word}`;
  }
  return lines;
}

function pascal(key: string): string {
  return key[0]?.toUpperCase() + key.slice(1);
}
