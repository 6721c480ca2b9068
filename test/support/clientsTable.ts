import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Finding } from "./clients.ts";
import { REPOSITORY } from "./pulumiStack.ts";

const page = join(REPOSITORY, "docs/connecting.md");
const block = /(<!-- clients: .*-->\n)([\s\S]*?)(<!-- end of clients -->)/;

/** The outputs, in the order of the columns. */
const names = [
  "connectionUri",
  "readOnlyUri",
  "primaryUri",
  "jdbcUrl",
  "readOnlyJdbcUrl",
  "poolerUri",
  "poolerReadOnlyUri",
  "poolerPrimaryUri",
  "poolerJdbcUrl",
];

/** What `clientsTable` says of a client and an output. */
const marks = { follows: "follows", stays: "stays", refused: "–" } as const;

/**
 * Which client takes which output, from what clients found before and after a change of primary.
 * @throws AssertionError where a client connects, but not to a server of the right role
 */
export function clientsTable(before: readonly Finding[], after: readonly Finding[]): string {
  assert.deepEqual(new Set(before.map(({ name }) => name)), new Set(names));
  const clients = [...new Set(before.map(({ client }) => client))];
  const cell = (client: string, name: string) => {
    const at = (findings: readonly Finding[]) => {
      const found = findings.find((finding) => finding.client === client && finding.name === name);
      assert.ok(found, `${client} says nothing of ${name}`);
      return found;
    };
    return markOf(at(before), at(after));
  };
  return [
    `| | ${names.map((name) => `\`${name}\``).join(" | ")} |`,
    `|---|${names.map(() => "---|").join("")}`,
    ...clients.map((client) => `| ${client} | ${names.map((name) => cell(client, name)).join(" | ")} |`),
    "",
  ].join("\n");
}

function markOf(before: Finding, after: Finding): string {
  const isRole = (found: string) => found === "primary" || found === "standby";
  const role = /readOnly/i.test(before.name) ? "standby" : "primary";
  const where = `${before.client}, ${before.name}`;
  if (!isRole(before.fresh)) {
    assert.ok(!isRole(before.kept) && !isRole(after.fresh), `${where}: ${before.fresh}`);
    return marks.refused;
  }
  assert.deepEqual([before.kept, before.fresh], [role, role], where);
  assert.ok(isRole(after.kept), `${where}: ${after.kept}`);
  if (after.fresh !== role) return marks.stays;
  // A session on a standby goes on when that is promoted: only a new one looks for a standby.
  if (role === "primary") assert.equal(after.kept, role, where);
  return marks.follows;
}

/** Compares with docs/connecting.md; `UPDATE_GOLDEN=1` writes it. */
export function assertClientsTable(table: string): void {
  const text = readFileSync(page, "utf8");
  if (process.env.UPDATE_GOLDEN === "1") writeFileSync(page, text.replace(block, `$1\n${table}\n$3`));
  assert.equal(block.exec(readFileSync(page, "utf8"))?.[2]?.trim(), table.trim());
}
