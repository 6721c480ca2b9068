import assert from "node:assert/strict";
import type { Drill } from "../../model/hostFacts.ts";
import { type DrillWorld, drill } from "../../scripts/drill/main.ts";

const node = (name: string, state = "active", known = true) => ({
  ...{ name, state, declaredRole: "standby", source: "streaming", standby: "hot", synchronous: false, slot: "s" },
  ...(known ? { connection: { host: `${name}.example.com` } } : {}),
});
const nodes = [node("node-a"), node("node-b", "fenced"), node("node-d"), node("node-c")];
const monitoring = {
  ...{ clusterName: "prod", user: "m", password: "p", ca: "c", postgresVersion: 17, primary: "node-a" },
  nodes,
};
const proven: Drill = {
  ...{ ok: true, endedAt: 1_772_000_000, seconds: 75, backup: "20260301-020000F", lsn: "0/5000000" },
  ...{ recoveredTo: "2026-03-01 02:59:59 UTC", checks: "WAL to its end, pg_checksums", why: "" },
};

async function run(argv: readonly string[], made: Drill = proven, declared: object = monitoring) {
  const asked: (readonly string[])[] = [];
  const hosts: string[] = [];
  const out: string[] = [];
  const said: string[] = [];
  const world: DrillWorld = {
    stdout: { write: (text) => out.push(text) },
    stderr: { write: (text) => said.push(text) },
    runPulumi: async (args) => {
      asked.push(args);
      return { exitCode: 0, stdout: JSON.stringify({ monitoring: declared }), stderr: "" };
    },
    make: async (host, say) => {
      hosts.push(host.name);
      say(`${host.name}: recovering`);
      return made;
    },
  };
  const exitCode = await drill(argv, world);
  return { exitCode, out: out.join(""), said: said.join(""), asked: asked.flat(), hosts };
}

describe("npm run drill", () => {
  it("asks the first active node that is not the primary, and says what was proven", async () => {
    const { exitCode, out, said, asked, hosts } = await run(["--stack", "s"]);
    assert.equal(exitCode, 0);
    assert.deepEqual(hosts, ["node-c"]);
    assert.ok(asked.includes("s"));
    assert.equal(
      out,
      "restore proven on node-c in 75 s: backup 20260301-020000F, recovered to 0/5000000 (last transaction: 2026-03-01 02:59:59 UTC); checked: WAL to its end, pg_checksums\n",
    );
    assert.equal(said, "node-c: recovering\n");
  });

  it("asks the primary where there is no other, and the node that is named", async () => {
    assert.deepEqual((await run([], proven, { ...monitoring, nodes: nodes.slice(0, 2) })).hosts, ["node-a"]);
    assert.deepEqual((await run(["--node=node-d"])).hosts, ["node-d"]);
  });

  it("ends with 1 where the restore failed, and says why", async () => {
    const why = "the archive has no backup to restore\u001b[2J";
    const { exitCode, out, said } = await run([], { ...proven, ok: false, why });
    assert.equal(exitCode, 1);
    assert.equal(out, "");
    assert.match(said, /drill: it failed on node-c: the archive has no backup to restore/);
    assert.match(said, /\nHINT: /);
  });

  it("prints the same as JSON", async () => {
    const { out } = await run(["--json"]);
    assert.deepEqual(JSON.parse(out), { node: "node-c", ...proven });
    const failed = await run(["--json"], { ...proven, ok: false, why: "x" });
    assert.deepEqual([failed.exitCode, JSON.parse(failed.out).ok], [1, false]);
  });

  it("refuses what it does not know, and a node that is not there", async () => {
    for (const [argv, message] of [
      [["--jsn"], /Unknown option '--jsn'/],
      [["prod"], /Unexpected argument 'prod'/],
      [
        ["--node", "node-b"],
        /there is no active node node-b\nHINT: the nodes are node-a \(active\), node-b \(fenced\)/,
      ],
      [["--node"], /argument missing/],
    ] as const) {
      const { exitCode, said, hosts } = await run(argv);
      assert.equal(exitCode, 3);
      assert.match(said, message);
      assert.match(said, /\nHINT: /);
      assert.deepEqual(hosts, []);
    }
    const unknown = { ...monitoring, nodes: [node("node-a", "active", false)] };
    assert.match((await run([], proven, unknown)).said, /no active node has a host that is known/);
  });
});
