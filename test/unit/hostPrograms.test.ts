import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { floorSettings } from "../../model/hostFacts.ts";
import { hostScripts } from "../../model/hostScripts.ts";

/** Runs commands behind `lib.sh`, as a step has it. */
function inStep(
  commands: string,
  input = "",
): { readonly code: number; readonly outcome: string; readonly said: string } {
  const step = `node=node-a step=facts journal_start=0; exec 3>&1 4>&2 >/dev/null; . scripts/host/lib.sh; ${commands}`;
  try {
    const outcome = execFileSync("bash", ["-euc", step], { input, encoding: "utf8", stdio: ["pipe", "pipe", "pipe"] });
    return { code: 0, outcome, said: "" };
  } catch (error) {
    const { status, stdout, stderr } = error as { status: number; stdout: string; stderr: string };
    return { code: status, outcome: stdout, said: stderr };
  }
}

describe("programs on the hosts", () => {
  it("get nothing of the environment that they are started in, but what they name", () => {
    const programs = Object.keys(hostScripts("scripts/host")).filter((file) => !file.endsWith(".sh"));
    assert.ok(programs.length >= 7, programs.join(" "));
    for (const program of programs) {
      const [first = ""] = readFileSync(`scripts/host/${program}`, "utf8").split("\n");
      const kept =
        /^#!\/usr\/bin\/env -S -i ((?:\w+=\$\{\w+\} )*)LC_ALL=C PATH=\/usr\/sbin:\/usr\/bin:\/sbin:\/bin bash$/.exec(
          first,
        )?.[1];
      assert.notEqual(kept, undefined, `${program}: ${first}`);
      assert.doesNotMatch(kept as string, /LANG|LC_|BASH|ENV|PATH/, program);
    }
  });
});

describe("what a standby may not run with less of", () => {
  it("is the same list here and on the hosts", () => {
    const { outcome } = inStep(`printf '%s\\n' "\${!floor_settings[@]}" >&3; echo "$floor_names" >&3`);
    const [names, ...onHosts] = outcome.trim().split("\n").reverse();
    assert.deepEqual(onHosts.sort(), [...floorSettings].sort());
    assert.deepEqual(names?.split(",").sort(), floorSettings.map((name) => `'${name}'`).sort());
  });
});

describe("a server that waits read-only", () => {
  const settle = /^settle\(\) \{\n[\s\S]*?^\}/m.exec(readFileSync("scripts/host/handover", "utf8"))?.[0] ?? "";

  /** What is done, and how many answers are left, where these are the answers to "may it lead?" and the guard's verdicts at each start. */
  function settled(answers: readonly string[], verdicts: readonly string[]): string[] {
    const { outcome } = inStep(`
      work=$(mktemp -d); token_state=leads
      printf '%s\\n' ${answers.join(" ")} >"$work/answers"; printf '%s\\n' ${verdicts.join(" ")} >"$work/verdicts"
      leads_by_token() { true; }; read_token() { true; }; nap() { true; }
      next() { head -n 1 "$work/$1"; sed -i 1d "$work/$1"; }
      systemctl() { echo "$1" >&3; next verdicts >"$work/verdict"; }
      ${settle.replaceAll('"$here/guard" may-lead', "next answers").replaceAll("$verdict_file", "$work/verdict")}
      settle; wc -l <"$work/answers" >&3; rm -r "$work"`);
    return outcome.trim().split("\n");
  }

  it("asks until it is known who leads, and goes on where that is forgotten by the time of the start", () => {
    assert.deepEqual(settled(["wait", "lead", "lead"], ["lead"]), ["restart", "1"]);
    assert.deepEqual(settled(["lead", "wait", "lead"], ["wait", "lead"]), ["restart", "restart", "0"]);
    assert.deepEqual(settled(["stay", "lead"], ["stay"]), ["restart", "1"]);
  });
});

describe("the outcome of a step", () => {
  it("is one line of JSON", () => {
    const { outcome } = inStep(
      `result node node-a lines $'15\\n3' quote 'a "b" \\ c' 'count#' 12 'facts#' '{"a" : [1, null, true]}'`,
    );
    assert.deepEqual(JSON.parse(outcome), {
      node: "node-a",
      lines: "15 3",
      quote: 'a "b" \\ c',
      count: 12,
      facts: { a: [1, null, true] },
    });
  });

  for (const [what, words] of [
    ["a number with a comma", "'memoryBytes#' 2,52761e+10"],
    ["no number", "'memoryBytes#' ''"],
    ["a word", "'memoryBytes#' viel"],
    ["half an object", `'facts#' '{"a":1'`],
  ] as const) {
    it(`fails the step where it would not be: ${what}`, () => {
      const { code, outcome, said } = inStep(`result ${words}`);
      assert.equal(code, 1);
      assert.equal(outcome, "");
      assert.match(said, /^understudy: node-a: step 'facts' has found something that cannot be reported\n.*\nHINT: /s);
    });
  }

  it("is looked at with the eyes of JSON.parse", function () {
    this.timeout(60_000);
    const line = (text: string) => !text.includes("\n") && text !== "";
    const json = fc.json().filter(line);
    const damaged = fc
      .tuple(json, fc.nat(), fc.constantFrom(...'{}[],:"\\0123-.eVS tfn', ""))
      .map(([text, at, by]) => text.slice(0, at % text.length) + by + text.slice((at % text.length) + 1))
      .filter(line);
    const texts = fc.sample(fc.oneof(json, damaged), { numRuns: 150, seed: 5 });
    const verdicts = inStep(
      'trap - ERR EXIT; set +e; while IFS= read -r text; do is_json "$text" && echo yes || echo no; done >&3',
      texts.map((text) => `${text}\n`).join(""),
    ).outcome.split("\n");
    const isJson = (text: string) => {
      try {
        JSON.parse(text);
        return true;
      } catch {
        return false;
      }
    };
    for (const [index, text] of texts.entries()) assert.equal(verdicts[index], isJson(text) ? "yes" : "no", text);
    assert.ok(verdicts.includes("no"));
  });
});
