import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Conformance, linesOf, local, remote, stepsOf } from "./conformance.ts";

describe("local.Command", () => {
  let conformance: Conformance;
  let folder: string;
  let journal: string;

  beforeEach(async () => {
    conformance = await Conformance.create();
    folder = mkdtempSync(join(tmpdir(), "understudy-local-"));
    journal = join(folder, "journal");
    writeFileSync(journal, "");
  });

  afterEach(async () => {
    await conformance.dispose();
    rmSync(folder, { recursive: true });
  });

  const journalled = () => readFileSync(journal, "utf8").split("\n").filter(Boolean);

  it("runs `create` with stdin, environment, folder and interpreter, and keeps what it printed", async () => {
    const result = await conformance.works({
      plain: local({ create: "printf 'one\\n\\n'; echo two >&2" }),
      stdin: local({ create: "cat; echo end", stdin: "given\n" }),
      noStdin: local({ create: "cat; echo end" }),
      environment: local({ create: 'echo "$GIVEN $PATH" | cut -c 1-7', environment: { GIVEN: "value" } }),
      dir: local({ create: "pwd", dir: folder }),
      interpreter: local({ create: "process.stdout.write('node ' + (1 + 1))", interpreter: ["node", "-e"] }),
      nothing: local({ update: "echo never" }),
    });
    const state = await conformance.state();
    const printed = (name: string) => [state[name]?.outputs.stdout, state[name]?.outputs.stderr];
    assert.deepEqual(printed("plain"), ["one\n", "two"]);
    assert.deepEqual(printed("stdin"), ["given\nend", ""]);
    assert.deepEqual(printed("noStdin"), ["end", ""]);
    assert.deepEqual(printed("environment"), ["value /", ""]);
    assert.deepEqual(printed("dir"), [folder, ""]);
    assert.deepEqual(printed("interpreter"), ["node 2", ""]);
    assert.deepEqual(printed("nothing"), ["", ""]);
    assert.match(state.plain?.id ?? "", /^plain[0-9a-f]{8}$/);
    assert.deepEqual(state.stdin?.inputs, { create: "cat; echo end", stdin: "given\n" });
    assert.equal(stepsOf(result).filter((step) => step.startsWith("create ")).length, 7);
  });

  it("does nothing when nothing changed", async () => {
    const resources = { step: local({ create: `echo ran >>${journal}` }) };
    await conformance.works(resources);
    const again = await conformance.works(resources);
    assert.deepEqual(stepsOf(again), []);
    assert.deepEqual(journalled(), ["ran"]);
  });

  it("runs `create` again on a change when there is no `update`, in place, with the last output at hand", async () => {
    const create = `echo "$PULUMI_COMMAND_STDOUT/$PULUMI_COMMAND_STDERR" | tee -a ${journal}; echo "error $V" >&2`;
    const at = (V: string, more: object = {}) => ({ step: local({ create, environment: { V }, ...more }) });
    await conformance.works(at("1"));
    const first = (await conformance.state()).step;
    const result = await conformance.works(at("2"));
    const second = (await conformance.state()).step;
    await conformance.works(at("3", { addPreviousOutputInEnv: false }));
    assert.deepEqual(stepsOf(result), ["update step"]);
    assert.equal(first?.id, second?.id);
    assert.deepEqual(journalled(), ["/", "//error 1", "/"]);
    assert.deepEqual(result.steps.find(({ name }) => name === "step")?.detailedDiff, {
      "environment.V": { diffKind: "update", inputDiff: false },
    });
  });

  it("runs `update` where there is one", async () => {
    const at = (stdin: string) => ({
      step: local({ create: `echo create >>${journal}`, update: `cat >>${journal}`, stdin }),
    });
    await conformance.works(at("one\n"));
    await conformance.works(at("two\n"));
    assert.deepEqual(journalled(), ["create", "two"]);
  });

  it("replaces when triggers change: the new `create` before the old `delete`", async () => {
    const at = (triggers: unknown[]) => ({
      step: local({
        create: `echo create >>${journal}; echo made`,
        update: `echo update >>${journal}`,
        delete: `echo "delete $PULUMI_COMMAND_STDOUT" >>${journal}`,
        triggers,
      }),
    });
    await conformance.works(at(["a", { b: [1] }]));
    const first = (await conformance.state()).step?.id;
    const result = await conformance.works(at(["a", { b: [2] }]));
    assert.deepEqual(stepsOf(result), ["create-replacement step", "replace step", "delete-replaced step"]);
    assert.notEqual((await conformance.state()).step?.id, first);
    assert.deepEqual(journalled(), ["create", "create", "delete made"]);
  });

  it("runs `delete` as it was declared when the resource goes", async () => {
    await conformance.works({
      gone: local({
        create: "echo made",
        delete: `cat >>${journal}; echo "$GIVEN" >>${journal}`,
        stdin: "in\n",
        environment: { GIVEN: "env" },
      }),
    });
    const result = await conformance.works({});
    assert.deepEqual(stepsOf(result), ["delete gone"]);
    assert.deepEqual(journalled(), ["in", "env"]);
  });

  it("fails with reason, command and all output, and keeps nothing of a failed `create`", async () => {
    const command = 'echo "to\tstdout é"; sleep 0.2; echo to stderr >&2; exit 3';
    const errors = await conformance.fails({
      status: local({ create: command, logging: "none" }),
      signal: local({ create: "kill -TERM $$" }),
      program: local({ create: "x", interpreter: ["no-such-program"] }),
      path: local({ create: "x", interpreter: ["/no/such/program"] }),
      dir: local({ create: "pwd", dir: "/no/such/folder" }),
      timeout: local({ create: "exec sleep 20" }, { customTimeouts: { create: "1s" } }),
    });
    assert.equal(
      errors.status,
      'exit status 3: running "echo \\"to\\tstdout é\\"; sleep 0.2; echo to stderr >&2; exit 3":\nto\tstdout é\nto stderr\n',
    );
    assert.equal(errors.signal, 'signal: terminated: running "kill -TERM $$":\n');
    assert.equal(errors.program, 'exec: "no-such-program": executable file not found in $PATH: running "x":\n');
    assert.equal(errors.path, 'fork/exec /no/such/program: no such file or directory: running "x":\n');
    assert.equal(errors.dir, 'chdir /no/such/folder: no such file or directory: running "pwd":\n');
    assert.equal(errors.timeout, 'signal: killed: running "exec sleep 20":\n');
    const kept = Object.keys(await conformance.state()).filter((name) => name in errors);
    assert.deepEqual(kept, []);
  });

  it("keeps the old inputs and outputs when an update fails, so that the next one runs it again", async () => {
    await conformance.works({ step: local({ create: "echo good" }) });
    const errors = await conformance.fails({ step: local({ create: "echo bad; exit 1" }) });
    assert.equal(errors.step, 'exit status 1: running "echo bad; exit 1":\nbad\n');
    const { step } = await conformance.state();
    assert.deepEqual(step?.inputs, { create: "echo good" });
    assert.equal(step?.outputs.stdout, "good");
    assert.deepEqual(stepsOf(await conformance.works({ step: local({ create: "echo better" }) })), ["update step"]);
  });

  it("streams what `logging` lets through, and nothing else", async () => {
    const create = "echo out; sleep 0.2; echo err >&2; sleep 0.2; printf tail";
    const result = await conformance.works({
      both: local({ create }),
      out: local({ create, logging: "stdout" }),
      err: local({ create, logging: "stderr" }),
      none: local({ create, logging: "none" }),
    });
    assert.deepEqual(linesOf(result, "both"), ["out", "err", "tail"]);
    assert.deepEqual(linesOf(result, "out"), ["out", "tail"]);
    assert.deepEqual(linesOf(result, "err"), ["err"]);
    assert.deepEqual(linesOf(result, "none"), []);
    const state = await conformance.state();
    assert.deepEqual([state.none?.outputs.stdout, state.none?.outputs.stderr], ["out\ntail", "err"]);
  });

  it("keeps large output whole", async () => {
    await conformance.works({
      large: local({ create: "seq 1 300000; seq 1 100000 >&2", logging: "none" }),
      measured: local({ create: "cat | wc -c", stdin: "x".repeat(2_000_000) }),
    });
    const { large, measured } = await conformance.state();
    const lines = String(large?.outputs.stdout).split("\n");
    assert.deepEqual([lines.length, lines[0], lines.at(-1)], [300000, "1", "300000"]);
    assert.equal(String(large?.outputs.stderr).split("\n").length, 100000);
    assert.equal(String(measured?.outputs.stdout).trim(), "2000000");
  });

  it("keeps secret inputs secret, and outputs only where that is asked for", async () => {
    const resources = {
      given: local({
        create: "cat",
        stdin: { $secret: "hidden-1" },
        environment: { A: { $secret: "hidden-2" }, B: "shown" },
      }),
      asked: local({ create: "echo hidden-3", logging: "none" }, { additionalSecretOutputs: ["stdout"] }),
      command: local({ create: { $secret: "echo hidden-4" }, logging: "none" }),
    };
    await conformance.works(resources);
    const { given, asked, command } = await conformance.state();
    assert.deepEqual(given?.inputs, {
      create: "cat",
      stdin: { secret: true },
      environment: { A: { secret: true }, B: "shown" },
    });
    assert.deepEqual(given?.outputs.stdin, { secret: true });
    assert.equal(given?.outputs.stdout, "hidden-1");
    assert.deepEqual(asked?.outputs.stdout, { secret: true });
    assert.deepEqual([command?.outputs.create, command?.outputs.stdout], [{ secret: true }, "hidden-4"]);
    assert.deepEqual(stepsOf(await conformance.works(resources)), []);
  });

  it("previews without running: outputs of what is created or changed are unknown", async () => {
    const at = (word: string, more: object = {}) => ({
      first: local({ create: `echo ${word} | tee -a ${journal}`, ...more }),
      second: local({ create: "cat", stdin: { $output: "first.stdout" } }),
      secretly: local({ create: "cat", stdin: { $secret: { $output: "first.stdout" } } }),
      third: local({ create: "cat", stdin: { $output: "second.stdout" } }),
    });
    const outputs = { first: { $output: "first.stdout" }, third: { $output: "third.stdout" } };
    const created = await conformance.preview(at("one"), { outputs });
    assert.equal(created.exitCode, 0, created.output);
    assert.deepEqual(journalled(), []);
    assert.deepEqual([...stepsOf(created)].sort(), [
      "create first",
      "create second",
      "create secretly",
      "create third",
    ]);

    await conformance.works(at("one"), { outputs });
    const changed = await conformance.preview(at("two"), { outputs });
    assert.deepEqual([...stepsOf(changed)].sort(), [
      "update first",
      "update second",
      "update secretly",
      "update third",
    ]);
    assert.match(changed.output, /~ stdin: "one" => \[unknown\]/);
    assert.match(changed.output, /~ stdin: \[secret\] => \[unknown\]/);

    // An input that was not there before leaves the outputs as they are known.
    const added = await conformance.preview(at("one", { stdin: "more" }), { outputs });
    assert.deepEqual(stepsOf(added), ["update first"]);
    assert.deepEqual(journalled(), ["one"]);
  });

  it("takes an ignored change for none", async () => {
    const at = (V: string) => ({
      step: local({ create: "echo $V", environment: { V } }, { ignoreChanges: ["environment"] }),
    });
    await conformance.works(at("1"));
    assert.deepEqual(stepsOf(await conformance.works(at("2"))), []);
  });

  it("returns the files that patterns name as assets and as an archive", async () => {
    const create =
      "mkdir -p sub/deep && echo a >a.txt && echo b >sub/b.txt && echo c >sub/deep/c.txt && echo s >sub/secret.txt";
    await conformance.works({
      files: local({ create, dir: folder, assetPaths: ["**.txt", "!**secret*"], archivePaths: ["*.txt", "sub/*"] }),
    });
    const { files } = await conformance.state();
    const assets = files?.outputs.assets as Record<string, { path: string; hash: string }>;
    assert.deepEqual(Object.keys(assets).sort(), ["a.txt", "sub/b.txt", "sub/deep/c.txt"]);
    assert.equal(assets["a.txt"]?.path, join(folder, "a.txt"));
    assert.equal(assets["a.txt"]?.hash, "87428fc522803d31065e7bce3cf03fe475096631e5e07bbd7a0fde60c4cf25c7");
    const archive = files?.outputs.archive as { assets: Record<string, unknown>; hash: string };
    assert.deepEqual(Object.keys(archive.assets).sort(), ["a.txt", "sub/b.txt", "sub/secret.txt"]);
  });

  it("refuses inputs of the wrong type, as the real plugin words it", async () => {
    const wrong = (field: string, wanted: string, got: string) =>
      `Field '${field}' must be a '${wanted}'; got '${got}' instead`.replace(
        "' must",
        "' on 'local.CommandInputs' must",
      );
    const message = async (args: object, type = local) => {
      const { bad = "" } = await conformance.fails({ bad: type(args) });
      return bad.replace(/^.* has a problem: /s, "");
    };
    assert.equal(await message({ create: 7 }), wrong("create", "string", "float64"));
    assert.equal(await message({ interpreter: "sh" }), wrong("interpreter", "[]string", "string"));
    assert.equal(await message({ interpreter: ["sh", 1] }), wrong("interpreter[1]", "string", "float64"));
    assert.equal(await message({ environment: { A: 1 } }), wrong("environment[A] value", "string", "float64"));
    const nested = await message({ create: "true", connection: { port: "x" } }, remote);
    assert.match(nested, /^An error occurred decoding 'CommandInputs.connection': 2 failures decoding:\n/);
    assert.match(nested, /\n\thost: Missing required field 'host' on 'remote.Connection'/);
    assert.match(nested, /\n\tport: Field 'port' on 'remote.Connection' must be a 'float64'; got 'string' instead/);
  });

  it("local.run runs at once, in previews too", async () => {
    const run = { command: `echo ran >>${journal}; cat`, stdin: "in", environment: { A: "b" } };
    await conformance.preview({}, { run });
    await conformance.works({}, { run });
    assert.deepEqual(journalled(), ["ran", "ran"]);
    assert.deepEqual((await conformance.stack.outputs()).run, { ...run, stdout: "in", stderr: "" });
  });
});
