import assert from "node:assert/strict";
import { resolve } from "node:path";
import { type CloneWorld, clone } from "../../scripts/clone/main.ts";

const monitoring = {
  ...{ clusterName: "prod", user: "m", password: "p", ca: "c", postgresVersion: 15, primary: "node-a" },
  nodes: [],
};
const config = {
  "understudy:databases": { value: "{}", objectValue: { shop: { owner: "sally" }, "a.b": null } },
  "understudy:settings": { value: "{}", objectValue: { max_prepared_transactions: 10 } },
  "understudy:users": { value: "{}", objectValue: { sally: {} } },
};

async function run(argv: readonly string[], env: Readonly<Record<string, string>> = {}, failing = "") {
  const asked: string[] = [];
  const said: string[] = [];
  const write = (text: string) => said.push(text);
  const world: CloneWorld = {
    ...{ stdout: { write }, stderr: { write }, env },
    runPulumi: async (args, input) => {
      const line = [...args, ...(input === undefined ? [] : ["<", input])].join(" ");
      asked.push(line);
      if (failing !== "" && line.startsWith(failing)) {
        return { exitCode: 255, stdout: "", stderr: "error: stack 'pr-17' already exists\n" };
      }
      const answer = line.startsWith("stack output") ? { monitoring } : line.startsWith("config --json") ? config : {};
      return { exitCode: 0, stdout: JSON.stringify(answer), stderr: "" };
    },
    up: async (stack) => {
      asked.push(`up ${stack}`);
      return failing === "up" ? 1 : 0;
    },
  };
  return { exitCode: await clone(argv, world), asked, said: said.join("") };
}
const set = (asked: readonly string[]) =>
  asked.flatMap((line) => /^config set --stack pr-17 --path -- (.+)$/.exec(line)?.[1] ?? []);

describe("npm run clone", () => {
  const names = ["--from", "prod", "--name", "pr-17"];

  it("makes a stack of its own, of the source's major, with its databases and settings, and brings it up", async () => {
    const { exitCode, asked } = await run(names);
    assert.equal(exitCode, 0);
    assert.deepEqual(set(asked), [
      "target docker",
      "primary node-a",
      "nodes.node-a.memory 1GB",
      "postgresVersion 15",
      "deletionProtection false",
      "archive.schedule.full off",
      "archive.schedule.incremental off",
      "restore.from.stack prod",
      'databases["shop"].owner sally',
      'databases["a.b"].owner a.b',
      'settings["max_prepared_transactions"] 10',
    ]);
    assert.ok(asked.indexOf("stack init pr-17") > 0);
    assert.equal(asked.at(-1), "up pr-17");
  });

  it("up to a moment, with SQL that masks, and keys that are secrets", async () => {
    const env = { RESTORE_ACCESS_KEY: "AK", RESTORE_SECRET_KEY: "SK" };
    const { asked } = await run(
      [...names, "--time=2026-03-01T14:03:00Z", "--sql", "app=mask.sql", "--memory", "2GB"],
      env,
    );
    const lines = set(asked);
    for (const line of [
      "restore.target.time 2026-03-01T14:03:00Z",
      `restore.sql["app"] ${resolve("mask.sql")}`,
      "nodes.node-a.memory 2GB",
    ])
      assert.ok(lines.includes(line), lines.join("\n"));
    for (const line of ["accessKey < AK", "secretKey < SK"])
      assert.ok(asked.includes(`config set --stack pr-17 --secret --path restore.from.${line}`), line);
  });

  it("says what is wrong before anything is made", async () => {
    for (const [argv, what] of [
      [["--from", "prod"], /--from and --name are required/],
      [[...names, "--tiem", "x"], /unknown argument "--tiem"/],
      [[...names, "--time"], /--time needs a value/],
      [[...names, "--lsn", "0/1", "--xid", "7"], /several targets/],
      [[...names, "--sql", "mask.sql"], /--sql needs a database and a file/],
      [["--from", "prod", "--name", "PR 17"], /'PR 17' is no name for a stack/],
    ] as const) {
      const { exitCode, asked, said } = await run(argv);
      assert.equal(exitCode, 3);
      assert.match(said, what);
      assert.match(said, /\nHINT: /);
      assert.deepEqual(asked, []);
    }
  });

  it("leaves a stack of that name alone, and tells an update that failed from wrong usage", async () => {
    const there = await run(names, {}, "stack init");
    assert.equal(there.exitCode, 3);
    assert.match(there.said, /already exists/);
    assert.deepEqual(set(there.asked), []);
    assert.equal((await run(names, {}, "up")).exitCode, 1);
    assert.match((await run(["--help"])).said, /usage: npm run clone/);
  });
});
