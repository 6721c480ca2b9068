import assert from "node:assert/strict";
import { parseHostFacts } from "../../model/hostFacts.ts";
import type { History } from "../../model/status/history.ts";
import type { Observation } from "../../model/status/observation.ts";
import { parseHeld, parseMonitoring } from "../../model/status/sources.ts";
import { parseArguments } from "../../scripts/status/arguments.ts";
import { type StatusWorld, status } from "../../scripts/status/main.ts";
import type { Terminal } from "../../scripts/status/screen.ts";
import { type PulumiResult, readMonitoring, UsageError } from "../../scripts/status/stack.ts";
import { at, host, observation, situations } from "./statusFixtures.ts";

const monitoring = {
  clusterName: "understudy-dev",
  user: "understudy_monitor",
  password: "pw",
  ca: "pem",
  postgresVersion: 17,
  primary: "node-a",
  nodes: [
    {
      name: "node-a",
      state: "active",
      declaredRole: "primary",
      source: "streaming",
      standby: "hot",
      synchronous: false,
      slot: "understudy_node_a",
      endpoint: { host: "127.0.0.1", port: 5432 },
      connection: { host: "127.0.0.1", port: 22, user: "root", privateKey: "key", dialErrorLimit: 2 },
    },
  ],
};

const outputs = (value: unknown = { monitoring }): PulumiResult => ({
  exitCode: 0,
  stdout: JSON.stringify(value),
  stderr: "",
});
const refuses = (stderr: string): PulumiResult => ({ exitCode: 255, stdout: "", stderr });

class FakeTerminal implements Terminal {
  text = "";
  readonly isTTY: boolean;
  readonly columns = 100;
  readonly rows: number;
  constructor(isTTY: boolean, rows = 30) {
    this.isTTY = isTTY;
    this.rows = rows;
  }
  write(text: string): void {
    this.text += text;
  }
}

function world(
  change: {
    tty?: boolean;
    rows?: number;
    seen?: Observation;
    pulumi?: PulumiResult;
    looks?: number;
    recalled?: History;
  } = {},
) {
  const stdout = new FakeTerminal(change.tty ?? false, change.rows);
  const stderr = new FakeTerminal(false);
  const stop = new AbortController();
  const asked: string[][] = [];
  let looks = 0;
  const made: StatusWorld = {
    stdout,
    stderr,
    env: {},
    signal: stop.signal,
    runPulumi: async (args) => {
      asked.push([...args]);
      return change.pulumi ?? outputs();
    },
    look: async () => {
      looks += 1;
      if (looks >= (change.looks ?? 1)) setTimeout(() => stop.abort(), 20);
      return change.seen ?? observation();
    },
    recall: async () => change.recalled ?? { source: { node: "node-a", role: "primary" }, changes: [] },
  };
  return { made, stdout, stderr, stop, asked };
}

describe("status: command", () => {
  it("ends with 0, 1, 2 as the cluster is", async () => {
    assert.equal(await status([], world().made), 0);
    assert.equal(await status([], world({ seen: observation({ backups: { kind: "read", value: [] } }) }).made), 1);
    assert.equal(await status([], world({ seen: situations["two-primaries"] }).made), 2);
  });

  it("prints the table, in colour on a terminal that wants it only", async () => {
    const piped = world();
    await status([], piped.made);
    assert.match(piped.stdout.text, /^✓ ALL WELL {3}understudy-dev/);
    const terminal = world({ tty: true });
    await status([], terminal.made);
    assert.ok(terminal.stdout.text.startsWith("\x1b[32;1m✓"));
    for (const env of [{ NO_COLOR: "1" }, { TERM: "dumb" }]) {
      const plain = world({ tty: true });
      await status([], { ...plain.made, env });
      assert.ok(!plain.stdout.text.includes("\x1b"));
    }
  });

  it("prints JSON, and the same exit code", async () => {
    const { made, stdout } = world({ seen: situations.trouble, tty: true });
    assert.equal(await status(["--json"], made), 2);
    const report = JSON.parse(stdout.text);
    assert.equal(report.version, 1);
    assert.equal(report.exitCode, 2);
    assert.equal(report.at, at.toISOString());
  });

  it("never prints what the secret output holds", async () => {
    const secret = structuredClone(monitoring);
    secret.password = "p4ssw0rd-of-monitor";
    Object.assign(secret.nodes[0]?.connection ?? {}, { privateKey: "-----PRIVATE-----" });
    for (const argv of [[], ["--json"]]) {
      const { made, stdout, stderr } = world({ pulumi: outputs({ monitoring: secret }), seen: situations.trouble });
      await status(argv, made);
      assert.doesNotMatch(stdout.text + stderr.text, /p4ssw0rd|PRIVATE/);
    }
  });

  it("ends with 3 and says what to do when there is nothing to look at", async () => {
    const cases: [PulumiResult, RegExp][] = [
      [refuses("error: no stack named 'prod' found"), /there is no stack prod\nHINT: .*stack ls/],
      [outputs({}), /stack prod has no outputs yet\nHINT: .*\.\/scripts\/up/],
      [{ exitCode: 0, stdout: "", stderr: "" }, /no outputs yet/],
      [outputs({ monitoring: { old: true } }), /another version/],
      [refuses("warning: x\nerror: incorrect passphrase\n"), /could not be read: incorrect passphrase\nHINT: /],
      [refuses("boom"), /exit code 255/],
    ];
    for (const [pulumi, message] of cases) {
      const { made, stdout, stderr } = world({ pulumi });
      assert.equal(await status(["--stack", "prod"], made), 3);
      assert.match(stderr.text, /^status: /);
      assert.match(stderr.text, message);
      assert.equal(stdout.text, "");
    }
  });

  it("looks at the selected stack, else at dev", async () => {
    const asked: (readonly string[])[] = [];
    const nobody = async (args: readonly string[]) => {
      asked.push(args);
      return args.includes("--stack")
        ? outputs()
        : refuses("error: no stack selected; please use `pulumi stack select`");
    };
    assert.equal((await readMonitoring(nobody, undefined)).primary, "node-a");
    assert.deepEqual(
      asked.map((args) => args.slice(5)),
      [[], ["--stack", "dev"]],
    );
    const { made, asked: once } = world();
    await status(["--stack=prod"], made);
    assert.deepEqual(once, [["stack", "output", "--json", "--show-secrets", "--non-interactive", "--stack", "prod"]]);
  });

  it("reads its command line", () => {
    const none = { json: false, help: false, history: false, watchSeconds: undefined, stack: undefined };
    assert.deepEqual(parseArguments([]), none);
    assert.deepEqual(parseArguments(["--json", "--stack", "a"]), { ...none, json: true, stack: "a" });
    for (const words of [["--watch"], ["--watch", "--json"]]) assert.equal(parseArguments(words).watchSeconds, 2);
    assert.equal(parseArguments(["--watch", "5"]).watchSeconds, 5);
    assert.equal(parseArguments(["--watch=1.5"]).watchSeconds, 1.5);
    for (const words of [
      ["--watch=0"],
      ["--watch", "x"],
      ["--watch="],
      ["--stack"],
      ["--stack", "--json"],
      ["--histroy"],
      ["--history", "--watch"],
    ]) {
      assert.throws(() => parseArguments(words), UsageError, words.join(" "));
    }
  });

  it("shows the history, as JSON too, and says when it is a standby's", async () => {
    const { made, stdout } = world();
    assert.equal(await status(["--history", "--json"], made), 0);
    assert.deepEqual(JSON.parse(stdout.text).source, { node: "node-a", role: "primary" });
    const late = world({ recalled: { source: { node: "node-b", role: "standby" }, changes: [] } });
    assert.equal(await status(["--history"], late.made), 1);
    assert.match(late.stdout.text, /no change of primary is on record/);
    assert.match(late.stderr.text, /no primary is in reach.*node-b[\s\S]*HINT: /);
  });

  it("explains itself", async () => {
    const { made, stdout } = world();
    assert.equal(await status(["--help"], made), 0);
    assert.match(stdout.text, /exit code: 0 well, 1 warning, 2 critical, 3/);
    const wrong = world();
    assert.equal(await status(["--jsno"], wrong.made), 3);
    assert.match(wrong.stderr.text, /unknown argument "--jsno"\nHINT: /);
  });
});

describe("status: watch", () => {
  it("draws in place, and gives the terminal back", async () => {
    const { made, stdout } = world({ tty: true, looks: 2 });
    assert.equal(await status(["--watch", "1"], made), 0);
    const [before, picture = ""] = stdout.text.split("\x1b[?1049h\x1b[?25l");
    assert.equal(before, "");
    assert.equal(picture.split("\x1b[H").length, 3, "two pictures");
    const [, after = ""] = picture.split("\x1b[?25h\x1b[?1049l");
    assert.match(after, /ALL WELL/, "the last picture stays");
    assert.ok(!after.includes("\x1b[H"));
  }).timeout(5000);

  it("ends at once on Ctrl-C, also while it looks", async () => {
    const { made, stdout, stop } = world({ tty: true });
    const started = Date.now();
    setTimeout(() => stop.abort(), 30);
    assert.equal(await status(["--watch", "3600"], { ...made, look: () => new Promise(() => {}) }), 0);
    assert.ok(Date.now() - started < 1000);
    assert.ok(stdout.text.endsWith("\x1b[?25h\x1b[?1049l"));
  });

  it("gives the terminal back when something breaks", async () => {
    const { made, stdout } = world({ tty: true });
    const look = () => Promise.reject(new Error("broken"));
    await assert.rejects(status(["--watch"], { ...made, look }), /broken/);
    assert.ok(stdout.text.endsWith("\x1b[?25h\x1b[?1049l"));
  });

  it("cuts what is higher than the window", async () => {
    const { made, stdout } = world({ tty: true, rows: 8, seen: situations.trouble });
    await status(["--watch"], made);
    const picture = stdout.text.split("\x1b[H")[1]?.split("\x1b[J")[0] ?? "";
    assert.equal(picture.split("\r\n").length, 8);
    assert.match(picture, /… \d+ more lines/);
  });

  it("prints one below the other where there is no terminal, and one line of JSON each", async () => {
    const piped = world({ looks: 1 });
    await status(["--watch"], piped.made);
    assert.ok(!piped.stdout.text.includes("\x1b"));
    assert.ok(piped.stdout.text.endsWith("\n\n"));
    const json = world({ looks: 2, tty: true });
    await status(["--watch=1", "--json"], json.made);
    const lines = json.stdout.text.trimEnd().split("\n");
    assert.equal(lines.length, 2);
    for (const line of lines) assert.equal(JSON.parse(line).level, "ok");
  }).timeout(5000);
});

describe("status: what others print", () => {
  it("the stack output", () => {
    assert.equal(parseMonitoring(monitoring)?.nodes[0]?.name, "node-a");
    const [node] = monitoring.nodes;
    const change = (fields: object) => parseMonitoring({ ...monitoring, nodes: [{ ...node, ...fields }] });
    assert.ok(change({ state: "absent", endpoint: null, connection: undefined }));
    assert.ok(change({ connection: { host: "h", proxy: { host: "bastion", user: "jump" } } }));
    assert.deepEqual([change({})?.nodes[0]?.pending, parseMonitoring(monitoring)?.bastionPending], [[], []]);
    assert.deepEqual(change({ pending: ["ami"] })?.nodes[0]?.pending, ["ami"]);
    assert.equal(change({ state: "gone" }), undefined);
    assert.equal(parseMonitoring("x"), undefined);
  });

  it("understudy facts", () => {
    const { archive: _, ...partial } = host();
    const said = (fields: object = {}) => {
      const { sql, ...rest } = host();
      return JSON.stringify({ node: "node-a", intent: "i", ...rest, sql: JSON.stringify(sql), ...fields });
    };
    assert.deepEqual(parseHostFacts(said()), host());
    assert.equal(parseHostFacts(said({ sql: "" }))?.sql, null);
    assert.equal(parseHostFacts(said({ sql: '{},"token":null' })), undefined, "not what a server says");
    assert.equal(parseHostFacts(JSON.stringify({ ...partial, sql: "" })), undefined);
    const token = { epoch: 7, from: "", to: "node-a", state: "leads" };
    assert.equal(parseHostFacts(said({ token }))?.token?.epoch, 7);
    assert.equal(parseHostFacts(said({ token: { ...token, epoch: 1e20 } })), undefined);
    assert.equal(parseHostFacts(said({ handover: "\u001b[2Jactive\u009b" }))?.handover, " [2Jactive ");
    assert.equal(parseHostFacts("Welcome to this host"), undefined);
  });

  it("pgbackrest info", () => {
    const one = (label: string, stop: number, error: boolean | null = false) => ({
      label,
      type: label.endsWith("F") ? "full" : "incr",
      timestamp: { start: stop - 10, stop },
      error,
      lsn: { start: "0/2000028", stop: "0/2000100" },
    });
    const heldText = (known: object) =>
      JSON.stringify({ info: known, schedules: [{ type: "full", calendar: "daily", due: 30 }] });
    const info = [
      { name: "other", backup: [one("20260101-000000F", 5)], status: { code: 0 } },
      { name: "c", backup: [one("b_I", 20, true), one("aF", 10, null)], status: { code: 0 } },
    ];
    assert.deepEqual(parseHeld(heldText(info), "c")?.backups, [
      { label: "aF", type: "full", finishedAt: new Date(10_000), error: false },
      { label: "b_I", type: "incr", finishedAt: new Date(20_000), error: true },
    ]);
    assert.deepEqual(parseHeld(heldText([{ name: "c", status: { code: 1 } }]), "c")?.backups, []);
    assert.deepEqual(parseHeld(heldText([]), "c"), {
      backups: [],
      schedules: [{ type: "full", calendar: "daily", due: new Date(30_000) }],
    });
    assert.equal(parseHeld("ERROR: [055]", "c"), undefined);
  });
});
