/**
 * npm run search -- NAME...            searches these scenarios (names in scenarios.ts)
 * npm run search -- --ci | --all       those for CI (five minutes), or all of them (hours), and the rules that are dropped in them
 * npm run search -- --rules [RULE...]  drops each of these rules, or every one, and shows what breaks
 * npm run search -- --walk SEED [WALKS [RULE...]]  walks at random with four nodes, without these rules
 * npm run search -- --walk-lost SEED [WALKS [RULE...]]  the same, the ledger being lost now and then
 * npm run search -- --conform FILE...  compares the decisions with another implementation's
 *
 * With --write, what was found goes into docs/leadership-search.json, and docs/leadership-search.md is made from it. With --seconds=N each search
 * is stopped after so long: the page says that it was not searched to the end.
 */
import { conform } from "./conform.ts";
import { Machine } from "./machine.ts";
import { Quiet } from "./quiet.ts";
import { type Finding, readFindings, writeFindings } from "./report.ts";
import { type Rule, rules } from "./rules.ts";
import { type Dropped, needed, type SearchName, searches, secondLine, secondLines } from "./scenarios.ts";
import { type Bounds, search } from "./search.ts";
import { fourNodes, fourNodesWithoutLedger, walk } from "./walk.ts";

/** Above this, a search gives up: the arrays of states would need more memory than CI has. */
const MOST_STATES = 60_000_000;

export function runSearch(name: SearchName, bounds: Bounds = {}): Finding & { kind: "search" } {
  const { scenario, every } = searches[name];
  const machine = new Machine(scenario);
  const quiet = new Quiet(machine);
  const ends = new Map<string, number>();
  const { violation, ...outcome } = search(machine, {
    states: MOST_STATES,
    ...bounds,
    visit: (state, at) => (at % every === 0 ? quiet.problem(state, ends) : undefined),
  });
  return {
    kind: "search",
    name,
    ...outcome,
    ends: Object.fromEntries([...ends].sort()),
    ...(violation ? { violation } : {}),
  };
}

export function runDropped(
  { rules, in: name, ends }: Pick<Dropped, "rules" | "in" | "ends">,
  bounds: Bounds = {},
): Finding & { kind: "dropped" } {
  const { scenario, every } = searches[name];
  const machine = new Machine({ ...scenario, strict: false }, rules);
  const quiet = new Quiet(machine);
  const { violation, ...outcome } = search(machine, {
    states: MOST_STATES,
    ...bounds,
    visit: (state, at) => (ends && at % every === 0 ? quiet.problem(state, new Map()) : undefined),
  });
  return { kind: "dropped", name: rules.join(" and "), in: name, ...outcome, ...(violation ? { violation } : {}) };
}

/** `walks` walks with four nodes. */
export function runWalk(
  seed: number,
  walks: number,
  without: readonly Rule[] = [],
  isLost = false,
): Finding & { kind: "walk" } {
  const name = [`seed ${seed}`, ...(isLost ? ["the ledger lost"] : []), ...without.map((rule) => `without ${rule}`)];
  const of = isLost ? fourNodesWithoutLedger : fourNodes;
  return { kind: "walk", name: name.join(", "), ...walk(of, { seed, walks, length: 200, endsEvery: 10, without }) };
}

function tell(finding: Finding): void {
  const { violation } = finding;
  const { kind, name, ...figures } = finding;
  console.log(`${kind} ${name}: ${JSON.stringify({ ...figures, violation: violation?.message })}`);
  if (violation) console.log(`    ${violation.message}, ${violation.trace.length} steps: ${violation.trace.join(" ")}`);
}

async function main(args: readonly string[]): Promise<void> {
  const isWritten = args.includes("--write");
  const limit = args.find((each) => each.startsWith("--seconds="));
  const bounds: Bounds = limit === undefined ? {} : { seconds: Number(limit.slice("--seconds=".length)) };
  const [first = "--ci", ...rest] = args.filter((each) => each !== "--write" && each !== limit);
  const found: Finding[] = [];
  const note = (finding: Finding): void => {
    tell(finding);
    found.push(finding);
    if (isWritten)
      writeFindings([
        ...readFindings().filter(({ kind, name }) => kind !== finding.kind || name !== finding.name),
        finding,
      ]);
  };
  switch (first) {
    case "--conform": {
      const { compared, differences } = await conform(rest);
      for (const each of differences.slice(0, 20)) console.log(each);
      const inputs = Object.fromEntries([...compared].sort());
      note({ kind: "conform", name: "protocol-model", inputs, differences: differences.length });
      break;
    }
    case "--walk":
    case "--walk-lost": {
      const [seed = "1", walks = "1000", ...without] = rest;
      note(
        runWalk(
          Number(seed),
          Number(walks),
          rules.filter((rule) => without.includes(rule)),
          first === "--walk-lost",
        ),
      );
      break;
    }
    case "--rules":
      for (const each of needed)
        if (rest.length === 0 || each.rules.some((rule) => rest.includes(rule))) note(runDropped(each, bounds));
      for (const rule of secondLines) if (rest.includes(rule)) note(runDropped(secondLine(rule), bounds));
      break;
    case "--ci":
    case "--all":
      for (const [name, { size }] of Object.entries(searches) as [SearchName, (typeof searches)[SearchName]][])
        if (first === "--all" || size !== "long") note(runSearch(name, bounds));
      for (const each of needed) if (first === "--all" || each.size !== "long") note(runDropped(each, bounds));
      if (first === "--all") for (const rule of secondLines) note(runDropped(secondLine(rule), bounds));
      note(runWalk(1, 1000));
      note(runWalk(1, 1000, [], true));
      break;
    default:
      for (const name of [first, ...rest]) {
        if (!Object.hasOwn(searches, name))
          throw new Error(`there is no search '${name}'; there are: ${Object.keys(searches).join(", ")}`);
        note(runSearch(name as SearchName, bounds));
      }
  }
  const isWrong = found.some((each) =>
    each.kind === "dropped"
      ? !each.violation && !secondLines.some((rule) => rule === each.name)
      : each.violation || (each.kind === "conform" && each.differences > 0),
  );
  process.exitCode = isWrong ? 1 : 0;
}

if (process.argv[1]?.endsWith("run.ts")) void main(process.argv.slice(2));
