import { spreadOf } from "../../support/auditLogic.ts";
import { type Change, type Figures, type Round, seconds } from "./measure.ts";
import { plot } from "./plot.ts";

/** One contender with what was measured of it; without figures where it could not be measured, with the reason. */
export interface Entry {
  readonly name: string;
  readonly title: string;
  readonly command: string;
  readonly setup: string;
  readonly figures?: Figures;
  readonly error?: string;
}

/** What docs/bench-handover.json holds. */
export interface Report {
  readonly where: {
    readonly date: string;
    readonly cpus: string;
    readonly memoryGB: number;
    /** Load average of the last minute before the run. */
    readonly loadBefore: number;
    readonly node: string;
    readonly pulumi: string;
  };
  /** Changes of primary that each contender was asked for. */
  readonly count: number;
  readonly entries: readonly Entry[];
}

type Measured = Entry & { readonly figures: Figures };

const ours = (entry: Entry) => entry.name.startsWith("understudy");
const measured = (entry: Entry): entry is Measured => (entry.figures?.rounds.length ?? 0) > 0;
const spread = (entry: Measured, of: (round: Round) => number) => spreadOf(entry.figures.rounds.map(of));
const idle = (entry: Measured, of: (change: Change) => number) => spreadOf(entry.figures.idle.map(of)).median;
const medianGap = (entry: Measured) => spread(entry, ({ gapMs }) => gapMs).median;
const commandMs = (change: Change) => change.commandMs;
const rejoinedMs = (change: Change) => change.rejoinedMs;
const ms = (value: number) => value.toFixed(0);

/** A row for each contender. */
export function figuresTable({ entries }: Report): string {
  const rows = entries.map((entry) => {
    if (!measured(entry))
      return `| ${entry.title} | not measured: ${firstLine(entry.error ?? "no change succeeded")} | | | | | |`;
    const { rounds, failed, lost, acknowledged } = entry.figures;
    const gap = spread(entry, ({ gapMs }) => gapMs);
    const of = (what: (round: Round) => number) => spread(entry, what).median;
    const changes = failed.length === 0 ? `${rounds.length}` : `${rounds.length}, ${failed.length} more failed`;
    return [
      "",
      entry.title,
      `${ms(gap.min)} / **${ms(gap.median)}** / ${ms(gap.max)}`,
      of(({ errors }) => errors),
      `${seconds(of(commandMs))} · ${seconds(idle(entry, commandMs))}`,
      `${seconds(of(rejoinedMs))} · ${seconds(idle(entry, rejoinedMs))}`,
      `${lost} of ${acknowledged}`,
      changes,
      "",
    ]
      .join(" | ")
      .trim();
  });
  return [
    "| | write gap, ms: min / median / max | failed writes a change | command, s: under load · without clients | old primary streams again after, s: the same | acknowledged rows lost | changes |",
    "|---|---|---|---|---|---|---|",
    ...rows,
  ].join("\n");
}

interface Goal {
  readonly what: string;
  readonly goal: string;
  readonly measured: string;
  readonly met: boolean;
}

/** What was set out to be reached; goals of which nothing was measured are left out. */
export function goals({ entries }: Report): readonly Goal[] {
  const find = (name: string) => entries.filter(measured).find((entry) => entry.name === name);
  const all: Goal[] = [];
  const add = (what: string, goal: string, shown: string, met: boolean) =>
    all.push({ what, goal, measured: shown, met });

  const us = find("understudy");
  if (us) {
    const gap = spread(us, ({ gapMs }) => gapMs);
    add("write gap, direct connections, median", "≤ 200 ms", `${ms(gap.median)} ms`, gap.median <= 200);
    add("the longest of them", "≤ 400 ms", `${ms(gap.max)} ms`, gap.max <= 400);
    const peers = entries.filter(measured).filter((entry) => !ours(entry));
    const [best] = peers.sort((a, b) => medianGap(a) - medianGap(b));
    if (best) {
      const ratio = gap.median / medianGap(best);
      add(`median ÷ that of the best other (${best.title})`, "≤ 0.5", ratio.toFixed(2), ratio <= 0.5);
    }
    const whole = (change: Change) => Math.max(change.commandMs, change.rejoinedMs);
    for (const [when, median] of [
      ["under load", spread(us, whole).median],
      ["without clients", idle(us, whole)],
    ] as const) {
      const what = `pulumi up and the old primary streams again, two standbys, ${when}, median`;
      add(what, "≤ 5 s", `${seconds(median)} s`, median <= 5000);
    }
  }
  const pooler = find("understudy-pooler");
  if (pooler) {
    const { median } = spread(pooler, ({ gapMs }) => gapMs);
    const errors = pooler.figures.rounds.reduce((sum, round) => sum + round.errors, 0);
    add("delay through the pooler, median", "≤ 350 ms", `${ms(median)} ms`, median <= 350);
    add("errors through the pooler, in all", "0", String(errors), errors === 0);
  }
  const one = find("understudy-1-standby");
  const six = find("understudy-6-standbys");
  if (one && six) {
    const ratio = medianGap(six) / medianGap(one);
    // No longer, as far as two medians tell.
    add("median with six standbys ÷ with one", "≤ 1.1", ratio.toFixed(2), ratio <= 1.1);
  }
  const losses = entries.filter(measured).filter(ours);
  if (losses.length > 0) {
    const failed = losses.reduce((sum, { figures }) => sum + figures.failed.length, 0);
    add("changes that failed", "0", String(failed), failed === 0);
    const lost = losses.reduce((sum, { figures }) => sum + figures.lost, 0);
    const doubled = losses.reduce((sum, { figures }) => sum + figures.doubled, 0);
    add(
      "acknowledged rows lost; moments with two that take writes",
      "0; 0",
      `${lost}; ${doubled}`,
      lost + doubled === 0,
    );
  }
  return all;
}

export function goalsTable(report: Report): string {
  const rows = goals(report).map(
    (goal) => `| ${goal.what} | ${goal.goal} | ${goal.measured} | ${goal.met ? "met" : "**missed**"} |`,
  );
  return ["| goal of Understudy | | measured | |", "|---|---|---|---|", ...rows].join("\n");
}

/** docs/bench-handover.md */
export function page(report: Report): string {
  const { where, count, entries } = report;
  const versions = Object.assign({}, ...entries.filter(measured).map(({ figures }) => figures.versions)) as object;
  const named = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return `# Benchmark: a planned change of primary

<!-- Written by \`npm run bench:handover\` (test/bench/handover.ts). -->

![Write gap of each change, by tool](bench-handover.svg)

${figuresTable(report)}

${goalsTable(report)}

**What is measured.** The same for each: hosts of this machine's Docker engine that boot systemd, a primary and two standbys (unless it says otherwise), streaming
asynchronously; WAL and recovery by pgBackRest, pushed and fetched asynchronously, with an S3 server on a host of its own; the PostgreSQL settings that Understudy
renders for such a host (among them \`wal_retrieve_retry_interval\` of 100 ms: with its default a promotion can take 5 s longer). Four writers insert a row each every 5 ms or so, over TLS, straight to the node that takes writes; who that is they find out by asking
all nodes every few milliseconds once a write has failed. The write gap is the longest time without an acknowledgement to any of them. ${count} changes
each, back and forth between two nodes, each begun when all standbys stream and the tool is content; then half as many again without any client. Tools, hosts, load and what measures share the same processors.

| | command | set-up |
|---|---|---|
${entries.map(({ title, command, setup }) => `| ${title} | \`${command}\` | ${setup} |`).join("\n")}

${where.date}, ${where.cpus}, ${where.memoryGB} GB, load before the run ${where.loadBefore}, Node ${where.node}, Pulumi ${where.pulumi}; Debian's packages: ${named.join(", ")}. Raw figures: [bench-handover.json](bench-handover.json).
`;
}

/** docs/bench-handover.svg */
export function picture({ entries }: Report): string {
  const series = entries.filter(measured).map((entry) => ({
    title: entry.title,
    ours: ours(entry),
    values: entry.figures.rounds.map(({ gapMs }) => gapMs),
  }));
  return plot("How long nobody could write", series, 200);
}

const firstLine = (text: string) => text.split("\n")[0]?.replaceAll("|", "/").slice(0, 120) ?? "";
