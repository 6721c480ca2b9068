/**
 * npm run bench:handover: how long clients can't write while the primary is changed as planned, and what else a change takes, against
 * Patroni, repmgr and pg_auto_failover on the same hosts in one run. Prints tables, and writes them with the raw figures and
 * a plot to docs/bench-handover.{md,json,svg}. Needs what ./scripts/test needs, and Debian's packages of those tools.
 *
 *   --changes N          so many changes of each, instead of 10
 *   --only NAME,…        some of them only; then nothing is written to docs/
 *   --render             writes page and plot anew from the raw figures of the last run
 */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { cpus, loadavg, totalmem } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { REPOSITORY } from "../support/pulumiStack.ts";
import { interrupted } from "./handover/cleanup.ts";
import type { Contender } from "./handover/contender.ts";
import { measure } from "./handover/measure.ts";
import { patroni } from "./handover/patroni.ts";
import { pgAutoFailover } from "./handover/pgAutoFailover.ts";
import { repmgr } from "./handover/repmgr.ts";
import { type Entry, figuresTable, goalsTable, page, picture, type Report } from "./handover/report.ts";
import { understudy, understudyOne, understudyPooler, understudySix } from "./handover/understudy.ts";

const { values: options } = parseArgs({
  options: {
    changes: { type: "string", default: "10" },
    only: { type: "string" },
    render: { type: "boolean", default: false },
  },
});
const count = Number(options.changes);
if (!Number.isInteger(count) || count < 1) {
  console.error(`--changes takes a whole number from 1 on, not '${options.changes}'`);
  process.exit(2);
}
const files = { md: "docs/bench-handover.md", json: "docs/bench-handover.json", svg: "docs/bench-handover.svg" };

const all: readonly Contender[] = [
  understudy,
  understudyPooler,
  ...repmgr,
  pgAutoFailover,
  ...patroni,
  understudyOne,
  understudySix,
];

const say = (text: string) => console.error(`${new Date().toISOString().slice(11, 19)}  ${text}`);

async function run(contenders: readonly Contender[]): Promise<Report> {
  const entries: Entry[] = [];
  const [load = 0] = loadavg();
  if (load > 0.5)
    say(`the load of this machine is ${load.toFixed(1)} before anything has begun: figures will be worse for it`);
  for (const contender of contenders) {
    const { name, title, command, setup } = contender;
    say(`${title}: setting up`);
    try {
      entries.push({ name, title, command, setup, figures: await measure(contender, count, say) });
    } catch (error) {
      // What was made is being removed, and the process ends with that.
      if (interrupted()) await new Promise(() => undefined);
      say(`${title}: ${error}`);
      entries.push({ name, title, command, setup, error: String(error) });
    }
  }
  const where = {
    date: new Date().toISOString().slice(0, 10),
    cpus: `${cpus().length} × ${cpus()[0]?.model}`,
    loadBefore: load,
    memoryGB: Math.round(totalmem() / 1e9),
    node: process.version,
    pulumi: execFileSync(join(REPOSITORY, "scripts/pulumi"), ["version"], { encoding: "utf8" }).trim(),
  };
  return { where, count, entries };
}

function write(report: Report): void {
  const rounded = (_key: string, value: unknown) => (typeof value === "number" ? Math.round(value * 10) / 10 : value);
  writeFileSync(join(REPOSITORY, files.json), `${JSON.stringify(report, rounded, 2)}\n`);
  writeFileSync(join(REPOSITORY, files.md), page(report));
  writeFileSync(join(REPOSITORY, files.svg), picture(report));
}

if (options.render) {
  write(JSON.parse(readFileSync(join(REPOSITORY, files.json), "utf8")) as Report);
} else {
  const names = options.only?.split(",");
  const unknown = names?.filter((name) => !all.some((each) => each.name === name)) ?? [];
  if (unknown.length > 0) {
    console.error(`no contender ${unknown.join(", ")}; there are ${all.map(({ name }) => name).join(", ")}`);
    process.exit(2);
  }
  const report = await run(all.filter(({ name }) => names?.includes(name) ?? true));
  console.log(`\n${figuresTable(report)}\n\n${goalsTable(report)}`);
  if (names === undefined) write(report);
}
