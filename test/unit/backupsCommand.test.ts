import assert from "node:assert/strict";
import type { Holdings } from "../../model/archive/holdings.ts";
import { type BackupsWorld, backups } from "../../scripts/backups/main.ts";

const monitoring = {
  ...{ clusterName: "prod", user: "m", password: "p", ca: "c", postgresVersion: 17, primary: "node-a" },
  nodes: [],
};
const whole: Holdings = {
  backups: [
    {
      ...{ label: "20260301-020000F", type: "full", timeline: 1, first: 2, last: 3 },
      ...{
        startedAt: new Date(0),
        finishedAt: new Date(1000),
        dataBytes: 1,
        archiveBytes: 1,
        repository: 1,
        error: false,
        stopLsn: undefined,
      },
    },
  ],
  wal: [{ timeline: 1, first: 1, last: 9 }],
  lineage: [{ timeline: 1, until: undefined }],
  lineages: new Map(),
  ...{ schedules: [], encrypted: true, walSegmentBytes: 16 * 1024 ** 2 },
};

async function run(argv: readonly string[], held: Holdings = whole) {
  const asked: (readonly string[])[] = [];
  const said: string[] = [];
  const write = (text: string) => said.push(text);
  const world: BackupsWorld = {
    stdout: { write },
    stderr: { write },
    env: {},
    now: () => new Date(60_000),
    runPulumi: async (args) => {
      asked.push(args);
      return { exitCode: 0, stdout: JSON.stringify({ monitoring }), stderr: "" };
    },
    look: async () => held,
  };
  const exitCode = await backups(argv, world);
  return { exitCode, output: said.join(""), asked };
}

describe("npm run backups", () => {
  it("ends well where everything up to the last WAL can be restored", async () => {
    const { exitCode, output, asked } = await run(["--stack", "s"]);
    assert.equal(exitCode, 0);
    assert.match(output, /^prod · 1 backup · encrypted\n/);
    assert.ok(asked.flat().includes("s"));
    assert.ok((await run(["--stack=s"])).asked.flat().includes("s"));
  });

  it("warns by its exit code of a hole, and of nothing to restore", async () => {
    const torn = await run([], {
      ...whole,
      wal: [...whole.wal.map((range) => ({ ...range, last: 4 })), { timeline: 1, first: 6, last: 9 }],
    });
    assert.equal(torn.exitCode, 1);
    assert.match(torn.output, /hole: 000000010000000000000005 /);
    assert.equal((await run([], { ...whole, backups: [] })).exitCode, 1);
  });

  it("prints the same as JSON", async () => {
    const { output } = await run(["--json"]);
    const { holes, reach, encrypted } = JSON.parse(output);
    assert.deepEqual([holes, encrypted], [[], true]);
    assert.deepEqual(reach, { "20260301-020000F": { timeline: 1, last: 9, latest: true } });
  });

  it("refuses what it does not know", async () => {
    for (const [argv, message] of [
      [["--jsn"], /unknown argument "--jsn"/],
      [["--stack"], /--stack needs the name/],
      [["--stack", "--json"], /--stack needs the name/],
    ] as const) {
      const { exitCode, output } = await run(argv);
      assert.equal(exitCode, 3);
      assert.match(output, message);
      assert.match(output, /\nHINT: /);
    }
  });
});
