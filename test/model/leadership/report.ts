/** What searches have found, kept as JSON, and the page that is made of it. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { needed, searches, secondLines } from "./scenarios.ts";

export type Violation = { readonly message: string; readonly trace: readonly string[] };
interface Figures {
  readonly states: number;
  readonly steps: number;
  readonly depth: number;
  readonly seconds: number;
  readonly isComplete: boolean;
  readonly violation?: Violation;
}
export type Finding =
  | ({ readonly kind: "search"; readonly name: string; readonly ends: Readonly<Record<string, number>> } & Figures)
  | ({ readonly kind: "dropped"; readonly name: string; readonly in: string } & Figures)
  | {
      readonly kind: "walk";
      readonly name: string;
      readonly steps: number;
      readonly ends: number;
      readonly violation?: Violation;
    }
  | {
      readonly kind: "conform";
      readonly name: string;
      readonly inputs: Readonly<Record<string, number>>;
      readonly differences: number;
      readonly violation?: undefined;
    };

const JSON_FILE = new URL("../../../docs/leadership-search.json", import.meta.url);
const PAGE = new URL("../../../docs/leadership-search.md", import.meta.url);

export function readFindings(): Finding[] {
  return existsSync(JSON_FILE) ? (JSON.parse(readFileSync(JSON_FILE, "utf8")) as Finding[]) : [];
}

export function writeFindings(findings: readonly Finding[]): void {
  const order = Object.keys(searches);
  const place = ({ kind, name }: Finding): string =>
    `${["search", "dropped", "walk", "conform"].indexOf(kind)} ${String(order.indexOf(name) + 1).padStart(3, "0")} ${name}`;
  const sorted = [...findings].sort((a, b) => (place(a) < place(b) ? -1 : 1));
  writeFileSync(JSON_FILE, `[\n${sorted.map((each) => JSON.stringify(each)).join(",\n")}\n]\n`);
  writeFileSync(PAGE, page(sorted));
}

const thousands = (number: number): string => String(Math.round(number)).replace(/\B(?=(\d{3})+$)/g, ",");
const row = (...cells: readonly (string | number)[]): string => `| ${cells.join(" | ")} |`;

function bounds(name: string): string {
  const found = Object.entries(searches).find(([each]) => each === name)?.[1];
  if (!found) return "";
  const { nodes, entries, commits, faults, restores, snapshot, overrides, unlisted, byHand, clones, addable } =
    found.scenario;
  const { replacers, replacements, begins } = found.scenario;
  const parts = [`${nodes} nodes`, `${entries} entries`, `${faults} faults`];
  if (commits > 0) parts.push(`${commits} commits`);
  if (snapshot > 0) parts.push(`${restores} disks go back`);
  if (unlisted > 0) parts.push(`${overrides} overrides`);
  if (replacers > 0) parts.push(`${replacements} new ledgers`);
  if (byHand > 0) parts.push(`${byHand} by hand`);
  if (clones > 0) parts.push("1 clone");
  if (addable > 0) parts.push("members change");
  if (begins > 0) parts.push("nobody leads yet");
  return parts
    .map((part) => (part.startsWith("1 ") ? part.replace(/s$/, "").replace("disks go", "disk goes") : part))
    .join(", ");
}

function ended(ends: Readonly<Record<string, number>>): string {
  return Object.entries(ends)
    .map(([what, number]) => `${what}: ${thousands(number)}`)
    .join("; ");
}

export function page(findings: readonly Finding[]): string {
  const lines = [
    "# The search of the leadership protocol",
    "",
    "<!-- Made by `npm run search -- … --write` from leadership-search.json. Do not edit. -->",
    "",
    "What the decisions in `model/leadership/` were searched for: every figure comes from a command that was run. The protocol is described in",
    "[decisions/leadership.md](decisions/leadership.md). States that differ only in the nodes' names count as one.",
    "",
    "## Searches",
    "",
    "What must not be: two primaries; an acknowledged commit that is lost without consent; a standby that goes on with other WAL.",
    "",
    row("search", "what it covers", "bounds", "states", "steps", "depth", "to the end", "found"),
    row("---", "---", "---", "---:", "---:", "---:", "---", "---"),
  ];
  for (const each of findings)
    if (each.kind === "search") {
      const what = Object.entries(searches).find(([name]) => name === each.name)?.[1].what ?? "";
      const found = each.violation ? `${each.violation.message}, ${each.violation.trace.length} steps` : "nothing";
      lines.push(
        row(
          each.name,
          what,
          bounds(each.name),
          thousands(each.states),
          thousands(each.steps),
          each.depth,
          each.isComplete ? "yes" : "no",
          found,
        ),
      );
    }
  for (const each of findings)
    if (each.kind === "search" && each.violation)
      lines.push("", `${each.name}: ${each.violation.message}`, "", `    ${each.violation.trace.join(" ")}`);
  const missing = (kind: Finding["kind"], names: readonly string[]): void => {
    const left = names.filter((name) => !findings.some((each) => each.kind === kind && each.name === name));
    if (left.length > 0) lines.push("", `Not run yet with the present code: ${left.join("; ")}.`);
  };
  missing("search", Object.keys(searches));
  lines.push(
    "",
    "## How states end",
    "",
    "Of every so-many-th state: no fault happens any more, and each node is declared the primary, with nobody dead or one other dead and fenced; then",
    "the dead come back. Or all hosts reboot at once, and nobody runs an update. `updates: 1` or `2`: how many updates it takes (the second one has a",
    "consent). `impossible`: the target is no member, or has not followed as one. `override`: the same with the ledger gone, which comes back at last.",
    "",
    row("search", "ends"),
    row("---", "---"),
  );
  for (const each of findings) if (each.kind === "search") lines.push(row(each.name, ended(each.ends)));
  lines.push("", "## Rules dropped", "", "Each rule dropped, and the shortest way to what breaks then.", "");
  lines.push(row("without", "in", "what breaks", "steps", "states"), row("---", "---", "---", "---:", "---:"));
  for (const each of findings)
    if (each.kind === "dropped")
      lines.push(
        row(
          each.name,
          each.in,
          each.violation?.message ?? `nothing${each.isComplete ? "" : " so far"}`,
          each.violation?.trace.length ?? "",
          thousands(each.states),
        ),
      );
  lines.push("");
  for (const each of findings)
    if (each.kind === "dropped" && each.violation) lines.push(`- ${each.name}: ${each.violation.trace.join(" ")}`);
  missing("dropped", [...needed.map(({ rules }) => rules.join(" and ")), ...secondLines]);
  lines.push("", "## Random walks with four nodes", "");
  for (const each of findings)
    if (each.kind === "walk")
      lines.push(
        `- ${each.name}: ${thousands(each.steps)} steps, ${thousands(each.ends)} states followed to their end; found: ${each.violation?.message ?? "nothing"}`,
      );
  lines.push("", "## Compared with the other implementation", "");
  for (const each of findings)
    if (each.kind === "conform") {
      const total = Object.values(each.inputs).reduce((sum, number) => sum + number, 0);
      lines.push(
        `${each.name}: ${thousands(total)} distinct inputs, ${each.differences} differences (${Object.entries(
          each.inputs,
        )
          .map(([name, number]) => `${name} ${thousands(number)}`)
          .join(", ")}).`,
      );
    }
  return `${lines.join("\n")}\n`;
}
