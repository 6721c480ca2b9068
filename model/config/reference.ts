import { ours, refusedValues } from "../settings/settingsPolicy.ts";
import { databaseOptions, userOptions } from "./schema/accountOptions.ts";
import { commonNodeOptions } from "./schema/nodeOptions.ts";
import type { OptionTable } from "./schema/option.ts";
import { type TopOption, topOptions } from "./schema/topOptions.ts";
import { targets } from "./targets/registry.ts";

/** The `config:` section of Pulumi.yaml: the last one there. */
export function renderPulumiConfig(): string {
  const entries = Object.entries<TopOption>(topOptions).map(([key, { pulumi, description }]) => {
    const lines = [`  understudy:${key}:`];
    if (pulumi.type) lines.push(`    type: ${pulumi.type}`);
    if (pulumi.items) lines.push("    items:", `      type: ${pulumi.items}`);
    lines.push(
      `    description: ${JSON.stringify(plain(description))}`,
      `    default: ${JSON.stringify(pulumi.default)}`,
    );
    return lines.join("\n");
  });
  return [
    "# Written by `npm run docs` from model/config/schema. An empty default means: not set. Without one, the CLI would",
    "# refuse a stack before the program can say everything that is wrong with it.",
    "config:",
    ...entries,
    "",
  ].join("\n");
}

/** Pulumi.yaml with its `config:` section brought up to date. */
export function withPulumiConfig(projectFile: string): string {
  const start = projectFile.search(/^(?:# Written by `npm run docs`.*\n(?:#.*\n)*)?config:/m);
  return `${(start < 0 ? projectFile : projectFile.slice(0, start)).trimEnd()}\n\n${renderPulumiConfig()}`;
}

/** docs/configuration.md. */
export function renderConfigReference(): string {
  const archive = topOptions.archive.options;
  return [
    "# Config reference",
    "<!-- Written by `npm run docs` from model/config/schema. Do not edit. -->",
    "All keys belong to the project `understudy`: `pulumi config set primary node-b`. Keys of objects are set by their path: " +
      "`pulumi config set --path nodes.node-a.synchronous true`. Unknown keys are refused, and all problems are told at once, " +
      "before any host is contacted.",
    table("", topOptions),
    "## Nodes\n\nUnder `nodes.<name>`. A name is a lower-case host name of up to 52 characters; " +
      "with `-` and `.` as `_` it is the name of its replication slot, too.",
    "### Every target",
    table("nodes.<name>.", commonNodeOptions),
    ...Object.entries(targets).flatMap(([name, { nodeOptions }]) => [
      `### Target \`${name}\``,
      table("nodes.<name>.", nodeOptions),
    ]),
    "## Archive",
    table("archive.", archive),
    "## Restore\n\nHow it is used: [recovery.md](recovery.md). `restore.target` may also be the word `latest`.",
    table("restore.", topOptions.restore.options),
    "## AWS\n\nOf the target `aws` alone: [aws.md](aws.md) says what is made of it.",
    table("aws.", topOptions.aws.options),
    "## Pooler\n\nHow it works: [decisions/pooler.md](decisions/pooler.md).",
    table("pooler.", topOptions.pooler.options),
    "## Databases",
    table("databases.<name>.", databaseOptions),
    "## Users",
    table("users.<name>.", userOptions),
    "## Settings that are not yours to set\n\n`settings` takes every other setting of the major's `postgresql.conf`; those of an " +
      "extension once its library is in `shared_preload_libraries`. What PostgreSQL keeps for its developers is refused.",
    settingsTable(),
    "",
  ].join("\n\n");
}

function table(prefix: string, options: OptionTable): string {
  const rows = rowsOf(prefix, options);
  return ["| key | meaning | rule | default | a change means |", "|---|---|---|---|---|", ...rows].join("\n");
}

function rowsOf(prefix: string, options: OptionTable): string[] {
  return Object.entries(options).flatMap(([key, option]) => {
    const secret = option.secret ? " A secret." : "";
    const byDefault = option.required ? "required" : (option.default ?? "none");
    const cells = [`\`${prefix}${key}\``, option.description + secret, option.rule, byDefault, option.effect];
    const row = `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
    // Large objects have a section of their own.
    return option.options && prefix !== "" ? [row, ...rowsOf(`${prefix}${key}.`, option.options)] : [row];
  });
}

function settingsTable(): string {
  const whole = Object.entries(ours).map(([name, { reason }]) => ({ name: `\`${name}\``, reason }));
  const some = Object.entries(refusedValues).map(([name, { values, reason }]) => ({
    name: `\`${name}\` = ${values.map((value) => `\`${value}\``).join(", ")}`,
    reason,
  }));
  const rows = [...whole, ...some].map(({ name, reason }) => `| ${name} | ${reason} |`);
  return ["| setting | because |", "|---|---|", ...rows].join("\n");
}

function plain(markdown: string): string {
  return markdown.replaceAll("`", "");
}
