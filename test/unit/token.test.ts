/** The token of scripts/host/lib-token.sh, where its disk is full: durable as named, or as it was before. */
import { strict as assert } from "node:assert";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const host = join(import.meta.dirname, "../../scripts/host");

describe("the token of a node whose disk is full", () => {
  let state: string;

  beforeEach(() => {
    state = mkdtempSync(join(tmpdir(), "understudy-token-"));
    writeFileSync(join(state, "token"), "2 a b armed 0\n");
    writeFileSync(join(state, "token.lock"), "");
  });

  afterEach(() => {
    rmSync(state, { recursive: true });
  });

  const token = () => readFileSync(join(state, "token"), "utf8");

  /** From `fill_disk` on, each write fails. */
  function run(script: string): string {
    const { stdout } = spawnSync(
      "bash",
      [
        "-euc",
        `cannot_write() { echo "cannot write"; exit 1; }
         fill_disk() { trap '' XFSZ; ulimit -f 0; }
         state=$1 node=b; . "$2/lib-check.sh"; . "$2/lib-token.sh"; ${script}`,
        "token",
        state,
        host,
      ],
      { encoding: "utf8" },
    );
    return stdout;
  }

  it("is as it was, and the process ends, whatever condition the move stands in", () => {
    for (const move of ["if move_token 2 a b armed revoked; then :; fi", "revoke_token || true"]) {
      assert.equal(run(`fill_disk; ${move}; echo went on`), "cannot write\n");
      assert.equal(token(), "2 a b armed 0\n");
    }
  });

  it("moves all the same where that was prepared", () => {
    const prepare = "lock_token; for next in taken leads revoked; do prepare_token 2 a b $next; done; unlock_token";
    run(`${prepare}; fill_disk; move_token 2 a b armed taken; move_token 2 a b taken leads`);
    assert.equal(token(), "2 a b leads 2\n");
    writeFileSync(join(state, "token"), "2 a b armed 0\n");
    run(`${prepare}; fill_disk; revoke_token`);
    assert.equal(token(), "2 a b revoked 0\n");
  });

  it("takes nothing that was prepared for another change", () => {
    const prepare = "lock_token; prepare_token 3 a b revoked; unlock_token";
    assert.equal(run(`${prepare}; fill_disk; revoke_token`), "cannot write\n");
    assert.equal(token(), "2 a b armed 0\n");
    run(`${prepare}; revoke_token`);
    assert.equal(token(), "2 a b revoked 0\n");
  });
});

describe("what a node takes for a token", () => {
  let state: string;

  beforeEach(() => {
    state = mkdtempSync(join(tmpdir(), "understudy-token-"));
  });

  afterEach(() => {
    rmSync(state, { recursive: true });
  });

  /** Runs in the directory of the token. */
  function run(script: string, stdin = "") {
    const library = `state=$1 node=b; . "$2/lib-check.sh"; . "$2/lib-token.sh"; cd "$1"; ${script}`;
    return spawnSync("bash", ["-euc", library, "token", state, host], { encoding: "utf8", input: stdin }).stdout;
  }

  const payload = "PPID[$(echo>pwned)]";
  const none = [
    `${payload} a b leads 0`,
    `2 a b leads ${payload}`,
    `2 a b ${payload} 0`,
    `2 ${payload} b leads 0`,
    "99999999999999999999 a b leads 0",
    "1000000000 a b leads 0",
    "02 a b leads 0",
    "2 a b leads 0 more",
    "2 ../a b leads 0",
    "",
  ];

  for (const line of none) {
    it(`is not '${line}': none in its file, no answer of a peer; nothing runs`, () => {
      writeFileSync(join(state, "token"), `${line}\n`);
      const judged =
        "if ((token_epoch > 0 || token_took > 0)) || leads_by_token; then echo believed; else echo none; fi";
      assert.equal(run(`read_token; ${judged}`), "none\n");
      rmSync(join(state, "token"));
      if (line !== "") assert.equal(run("only_tokens a || echo none", `${line}\n`), "none\n");
      assert.ok(!existsSync(join(state, "pwned")));
    });
  }

  it("is a line of its form, also of an earlier version; from a peer none that uses up the numbers", () => {
    for (const line of ["2 a b leads 2", "2 a b leads", "1 - b leads 0", "999999 node-a.example node-b armed 0"]) {
      writeFileSync(join(state, "token"), `${line}\n`);
      assert.equal(
        run('read_token; echo "$token_epoch $token_state"'),
        `${line.split(" ")[0]} ${line.split(" ")[3]}\n`,
      );
      assert.equal(run("only_tokens a", `${line}\n${line}\n`), `${line}\n${line}\n`);
    }
    writeFileSync(join(state, "token"), "7 a b leads 7\n");
    assert.equal(run("only_tokens a || echo none", "1000007 a b leads 0\n"), "1000007 a b leads 0\n");
    assert.equal(run("only_tokens a || echo none", "1000008 a b leads 0\n"), "none\n");
  });

  it("of a node that was made anew denies no change before it", () => {
    const first = (what: string) => {
      rmSync(join(state, "token"), { force: true });
      return run(`lock_token; put_token ${what}; unlock_token; cat token`);
    };
    assert.equal(first("4 a c leads"), "4 a c leads 3\n");
    assert.equal(first("4 a b armed"), "4 a b armed 3\n");
    assert.equal(first("4 a b taken"), "4 a b taken 4\n");
    writeFileSync(join(state, "token"), "3 b c yielding 1\n");
    const heard = (answer: string) => run(`read_token; became "${answer}"`).trim();
    assert.deepEqual(
      ["5 c a leads 4", "5 a c revoked 3", "5 c a leads 1", "3 b c revoked 1", "3 b c armed 2", ""].map(heard),
      ["taken", "taken", "revoked", "revoked", "open", "open"],
    );
  });
});
