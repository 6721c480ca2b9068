/**
 * npm run bench: how fast the program is, as ratios measured in one run. Prints a table, and writes it with the raw figures to
 * docs/bench.md and docs/bench.json. Needs what ./scripts/test needs; takes about ten minutes.
 */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { join } from "node:path";
import { PulumiStack, REPOSITORY } from "../support/pulumiStack.ts";
import { SshCluster } from "../support/sshCluster.ts";
import { runPlainScript } from "./plainScript.ts";

// --quick: a first impression, in half the time.
const quick = process.argv.includes("--quick");
const rounds = quick ? 2 : 3;
const standbyRounds = quick ? 1 : 2;
const idleRounds = quick ? 3 : 7;

interface Result {
  readonly what: string;
  readonly ours: readonly number[];
  readonly theirs: readonly number[];
  readonly goal: number;
}

const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] as number;
};
const seconds = (milliseconds: number) => Math.round(milliseconds / 10) / 100;

/** Hosts of their own, booted, for as long as `use` takes. */
async function onHosts<T>(names: readonly string[], use: (cluster: SshCluster) => Promise<T>): Promise<T> {
  const cluster = await SshCluster.start(names, "17");
  try {
    return await use(cluster);
  } finally {
    await cluster.dispose();
  }
}

/** Milliseconds of a first `pulumi up` on booted hosts, and the most memory that the program's Node process had, in bytes. */
function provision(names: readonly string[]): Promise<{ readonly took: number; readonly memory: number }> {
  return onHosts(names, async (cluster) => {
    await cluster.declare({
      target: "ssh",
      primary: "a",
      nodes: Object.fromEntries(names.map((name) => [name, cluster.node(name)])),
    });
    await cluster.stack.setConfig("archive", cluster.archive, { secret: true });
    const memory = watchMemory();
    const { durationMs } = await cluster.up();
    return { took: durationMs, memory: memory() };
  });
}

/** Watches the Node process that runs a Pulumi program; the function that it returns ends the watch and gives the maximum. */
function watchMemory(): () => number {
  let most = 0;
  const timer = setInterval(() => {
    for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
      try {
        if (!readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("@pulumi/pulumi/cmd/run")) continue;
        const peak = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
        most = Math.max(most, Number(peak ?? 0) * 1024);
      } catch {
        // It has ended meanwhile.
      }
    }
  }, 100);
  return () => {
    clearInterval(timer);
    return most;
  };
}

const say = (text: string) => console.error(`${new Date().toISOString().slice(11, 19)}  ${text}`);

const pair: number[] = [];
const plain: number[] = [];
const memory: number[] = [];
for (let round = 1; round <= rounds; round++) {
  say(`a pair on booted hosts, round ${round} of ${rounds}`);
  const { took, memory: peak } = await provision(["a", "b"]);
  pair.push(took);
  memory.push(peak);
  plain.push(await onHosts(["a", "b"], runPlainScript));
  say(`  pulumi up ${seconds(took)} s, plain script ${seconds(plain.at(-1) as number)} s`);
}

const one: number[] = [];
const four: number[] = [];
for (let round = 1; round <= standbyRounds; round++) {
  say(`one standby and four, round ${round} of ${standbyRounds}`);
  one.push((await provision(["a", "b"])).took);
  four.push((await provision(["a", "b", "c", "d", "e"])).took);
  say(`  one ${seconds(one.at(-1) as number)} s, four ${seconds(four.at(-1) as number)} s`);
}

say("pulumi up with nothing to do");
const { idle, noop, resources } = await onHosts(["a", "b"], async (cluster) => {
  await cluster.declare({ target: "ssh", primary: "a", nodes: { a: cluster.node("a"), b: cluster.node("b") } });
  await cluster.stack.setConfig("archive", cluster.archive, { secret: true });
  await cluster.up();
  const count = (await cluster.stack.exportState()).deployment.resources?.length ?? 0;
  const yardstick = await PulumiStack.create({
    program: join(REPOSITORY, "test/bench/noop"),
    env: { NOOP_RESOURCES: String(count) },
  });
  await yardstick.up();
  const idleTimes: number[] = [];
  const noopTimes: number[] = [];
  for (let round = 0; round < idleRounds; round++) {
    idleTimes.push((await cluster.up()).durationMs);
    noopTimes.push((await yardstick.up()).durationMs);
  }
  await yardstick.destroy();
  await yardstick.dispose();
  return { idle: idleTimes, noop: noopTimes, resources: count };
});

const results: Result[] = [
  { what: "a pair with its archive on booted hosts ÷ a plain script over SSH", ours: pair, theirs: plain, goal: 1.3 },
  { what: "four standbys ÷ one", ours: four, theirs: one, goal: 1.5 },
  { what: `nothing to do ÷ a program of ${resources} no-op resources`, ours: idle, theirs: noop, goal: 1.3 },
];
const limit = 250;
const peak = Math.max(...memory) / 1e6;

const version = (command: string, ...args: string[]) => execFileSync(command, args, { encoding: "utf8" }).trim();
const where = {
  date: new Date().toISOString().slice(0, 10),
  cpus: `${cpus().length} × ${cpus()[0]?.model}`,
  memoryGB: Math.round(totalmem() / 1e9),
  node: process.version,
  pulumi: version(join(REPOSITORY, "scripts/pulumi"), "version"),
  postgresql: 17,
};
const list = (values: readonly number[]) => values.map(seconds).join(", ");
const table = [
  "| what | ratio of medians | goal | ours, s | yardstick, s |",
  "|---|---|---|---|---|",
  ...results.map(({ what, ours, theirs, goal }) => {
    const ratio = median(ours) / median(theirs);
    return `| ${what} | ${ratio.toFixed(2)} | ≤ ${goal}${ratio <= goal ? "" : " (missed)"} | ${list(ours)} | ${list(theirs)} |`;
  }),
  `| most memory of the program's Node process | ${peak.toFixed(0)} MB | < ${limit} MB${peak < limit ? "" : " (missed)"} | | |`,
].join("\n");
const conditions = `${where.date}, ${where.cpus}, ${where.memoryGB} GB, Node ${where.node}, Pulumi ${where.pulumi}, PostgreSQL ${where.postgresql}, hosts: containers of this machine.`;
writeFileSync(
  join(REPOSITORY, "docs/bench.md"),
  `# Benchmark\n\n<!-- Written by \`npm run bench\` (test/bench/). -->\n\n${table}\n\n${conditions} Raw figures: [bench.json](bench.json). The plain script: [plain.sh](../test/bench/plain.sh).\n`,
);
writeFileSync(join(REPOSITORY, "docs/bench.json"), `${JSON.stringify({ where, results, memory }, null, 2)}\n`);
console.log(`\n${table}\n\n${conditions}`);
