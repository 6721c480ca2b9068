// @ts-check
/** Reads `pulumi stack output --json` from stdin and prints what a person wants to know next. */
import { readFileSync } from "node:fs";

/** @typedef {{ role: string, address: string, port: number, ssh: string }} NodeOutput */

/** @type {{ primary?: string, nodes?: Record<string, NodeOutput> }} */
const outputs = JSON.parse(readFileSync(0, "utf8"));

const rows = [
  ["node", "role", "address", "port", "ssh"],
  ...Object.entries(outputs.nodes ?? {}).map(([name, node]) => [
    name,
    node.role,
    node.address,
    String(node.port),
    node.ssh,
  ]),
];
const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
const lines = rows.map((row) =>
  row
    .map((cell, column) => cell.padEnd(widths[column] ?? 0))
    .join("  ")
    .trimEnd(),
);

console.log(`${lines.join("\n")}

The primary is ${outputs.primary ?? "not known yet"}. What to do next:
  npm run status                                        what is true now
  PGSERVICEFILE=.understudy/dev/pg_service.conf psql service=dev
  ./scripts/connect                                     how other clients connect
  npm run down                                          removes the stack and all that it made`);
