import assert from "node:assert/strict";
import { createServer } from "node:net";
import { newKey } from "../support/sshKey.ts";
import { Conformance, errorsOf, linesOf, remote, stepsOf } from "./conformance.ts";
import { publicLine, SshServer } from "./sshServer.ts";

/** A port on which nobody listens. */
async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}

describe("remote.Command", () => {
  let conformance: Conformance;
  let server: SshServer;

  beforeEach(async () => {
    conformance = await Conformance.create();
    server = new SshServer();
    await server.listen();
  });

  afterEach(async () => {
    await conformance.dispose();
    await server.close();
  });

  it("creates, updates in place, replaces on triggers and deletes, each over SSH", async () => {
    const { connection } = server;
    const at = (word: string, more: object = {}) => ({
      step: remote({ connection, create: "cat; echo done >&2", stdin: word, addPreviousOutputInEnv: false, ...more }),
    });
    await conformance.works(at("one"));
    const first = (await conformance.state()).step;
    assert.deepEqual([first?.outputs.stdout, first?.outputs.stderr], ["one", "done"]);
    assert.match(first?.id ?? "", /^step[0-9a-f]{8}$/);

    const dialed = server.connections;
    assert.deepEqual(stepsOf(await conformance.works(at("one"))), []);
    assert.equal(server.connections, dialed, "an update without changes must not connect");

    assert.deepEqual(stepsOf(await conformance.works(at("two"))), ["update step"]);
    const second = (await conformance.state()).step;
    assert.deepEqual([second?.id, second?.outputs.stdout], [first?.id, "two"]);

    const triggered = await conformance.works(at("two", { triggers: [1], update: "echo update", delete: "cat" }));
    assert.deepEqual(stepsOf(triggered), ["create-replacement step", "replace step", "delete-replaced step"]);
    const removed = await conformance.works({});
    assert.deepEqual(stepsOf(removed), ["delete step"]);
    assert.deepEqual(linesOf(removed, "step"), ["two"]);
  });

  it("a changed connection is a change in place that runs the step again", async () => {
    const at = (dialErrorLimit: number) => ({
      step: remote({ connection: { ...server.connection, dialErrorLimit }, create: "echo ran" }),
    });
    await conformance.works(at(2));
    const result = await conformance.works(at(3));
    assert.deepEqual(stepsOf(result), ["update step"]);
    assert.deepEqual(result.steps.find(({ name }) => name === "step")?.detailedDiff, {
      connection: { diffKind: "update", inputDiff: false },
    });
  });

  it("keeps the whole connection secret, and fills in its defaults", async () => {
    const { dialErrorLimit: _, ...connection } = server.connection;
    await conformance.works({ step: remote({ connection, create: "cat", stdin: { $secret: "hidden" } }) });
    const { step } = await conformance.state();
    assert.deepEqual(step?.inputs, { connection: { secret: true }, create: "cat", stdin: { secret: true } });
    assert.deepEqual([step?.outputs.connection, step?.outputs.stdout], [{ secret: true }, "hidden"]);
    const { deployment } = await conformance.stack.exportState();
    assert.doesNotMatch(JSON.stringify(deployment), /BEGIN OPENSSH|127\.0\.0\.1/);
    const shown = JSON.parse((await conformance.stack.command("stack", "export", "--show-secrets")).stdout);
    const kept = shown.deployment.resources.find(({ urn }: { urn: string }) => urn.endsWith("::step"));
    const inner = JSON.parse(kept.inputs.connection.plaintext);
    assert.equal(JSON.parse(inner.privateKey.plaintext), connection.privateKey);
    assert.deepEqual(
      { ...inner, privateKey: connection.privateKey },
      {
        ...connection,
        dialErrorLimit: 10,
        perDialTimeout: 15,
      },
    );
  });

  it("fails with reason, command and all output", async () => {
    const { connection } = server;
    const errors = await conformance.fails({
      status: remote({ connection, create: "echo out; sleep 0.2; echo err >&2; exit 7", logging: "none" }),
      signal: remote({ connection, create: "kill -KILL $$" }),
      term: remote({ connection, create: "kill -TERM $$" }),
    });
    assert.deepEqual(errors, {
      status: 'Process exited with status 7: running "echo out; sleep 0.2; echo err >&2; exit 7":\nout\nerr\n',
      signal: 'Process exited with status 137 from signal KILL: running "kill -KILL $$":\n',
      term: 'Process exited with status 143 from signal TERM: running "kill -TERM $$":\n',
      ...stackErrors(errors),
    });
  });

  it("says so when the connection breaks while the command runs", async () => {
    server.dropsConnections = true;
    const { step } = await conformance.fails({ step: remote({ connection: server.connection, create: "sleep 5" }) });
    assert.equal(step, 'wait: remote command exited without exit status or exit signal: running "sleep 5":\n');
  });

  it("sets environment variables that the server accepts, and fails before it runs where it does not", async () => {
    server.acceptedVariables = ["GIVEN", "OTHER"];
    const { connection } = server;
    const create = 'echo "$GIVEN-$OTHER"';
    await conformance.works({ step: remote({ connection, create, environment: { GIVEN: "a b", OTHER: "ü" } }) });
    assert.equal((await conformance.state()).step?.outputs.stdout, "a b-ü");

    server.acceptedVariables = [];
    const result = await conformance.up({
      refused: remote({ connection, create: "echo ran", environment: { GIVEN: "a" } }),
    });
    const messages = result.events.flatMap(({ diagnosticEvent: event }) =>
      event?.urn?.endsWith("::refused") ? [event] : [],
    );
    assert.match(
      messages[0]?.message ?? "",
      /Unable to set 'GIVEN'. This only works if your SSH server is configured to accept\n\tthese variables via AcceptEnv/,
    );
    assert.equal(errorsOf(result).refused, 'could not set environment variable "GIVEN": ssh: setenv failed');
    assert.doesNotMatch(result.output, /\bran$/m);
  });

  it("offers the last output as variables, and only warns when the server does not take them", async () => {
    const at = (word: string) => ({
      step: remote({ connection: server.connection, create: `echo ${word} "$PULUMI_COMMAND_STDOUT"` }),
    });
    await conformance.works(at("one"));
    const refused = await conformance.works(at("two"));
    assert.match(refused.output, /warning: Unable to set 'PULUMI_COMMAND_STDOUT'/);
    assert.equal((await conformance.state()).step?.outputs.stdout, "two ");
    server.acceptedVariables = ["PULUMI_COMMAND_STDOUT"];
    await conformance.works(at("three"));
    assert.equal((await conformance.state()).step?.outputs.stdout, "three two ");
  });

  it("keeps large output whole, and takes large stdin", async () => {
    const { connection } = server;
    await conformance.works({
      large: remote({ connection, create: "seq 1 200000; seq 1 50000 >&2", logging: "none" }),
      measured: remote({ connection, create: "wc -c", stdin: "x".repeat(1_000_000) }),
      unread: remote({ connection, create: "true", stdin: "x".repeat(1_000_000) }),
    });
    const { large, measured } = await conformance.state();
    assert.equal(String(large?.outputs.stdout).split("\n").length, 200000);
    assert.equal(String(large?.outputs.stdout).slice(-6), "200000");
    assert.equal(String(large?.outputs.stderr).split("\n").length, 50000);
    assert.equal(String(measured?.outputs.stdout).trim(), "1000000");
  });

  it("believes the host key that was given and no other", async () => {
    const { connection } = server;
    const errors = await conformance.fails({
      changed: remote({
        connection: { ...connection, dialErrorLimit: 0, hostKey: publicLine(newKey()) },
        create: "true",
      }),
      malformed: remote({ connection: { ...connection, hostKey: "nonsense" }, create: "true" }),
      unchecked: remote({ connection: { ...connection, hostKey: undefined }, create: "true" }),
      withComment: remote({
        connection: { ...connection, hostKey: `${publicLine(server.hostKey)} comment` },
        create: "true",
      }),
    });
    assert.equal(errors.changed, "after 0 failed attempts: ssh: handshake failed: ssh: host key mismatch");
    assert.equal(errors.malformed, "failed to parse host key: ssh: no key found");
    assert.deepEqual([errors.unchecked, errors.withComment], [undefined, undefined]);
  });

  it("logs in by key or password, and tries again as often as it may", async () => {
    const { privateKey, ...connection } = { ...server.connection, dialErrorLimit: 2 };
    const errors = await conformance.fails({
      wrongKey: remote({ connection: { ...connection, privateKey: newKey().private }, create: "true" }),
      wrongPassword: remote({ connection: { ...connection, password: "no", dialErrorLimit: 0 }, create: "true" }),
      noKey: remote({ connection: { ...connection, privateKey: "not a key" }, create: "true" }),
      password: remote({ connection: { ...connection, password: server.password }, create: "true" }),
    });
    const unable = "ssh: handshake failed: ssh: unable to authenticate, attempted methods";
    assert.equal(errors.wrongKey, `after 2 failed attempts: ${unable} [none publickey], no supported methods remain`);
    assert.equal(
      errors.wrongPassword,
      `after 0 failed attempts: ${unable} [none password], no supported methods remain`,
    );
    assert.equal(errors.noKey, "ssh: no key found");
    assert.equal(errors.password, undefined);
    assert.equal(server.connections, 3 + 1 + 1);
    assert.ok(privateKey);
  });

  it("says what was refused after the last attempt", async () => {
    const port = await closedPort();
    const result = await conformance.up({
      step: remote({ connection: { ...server.connection, port, dialErrorLimit: 2 }, create: "true" }),
    });
    assert.equal(
      errorsOf(result).step,
      `after 2 failed attempts: dial tcp 127.0.0.1:${port}: connect: connection refused`,
    );
    assert.deepEqual(linesOf(result, "step"), ["Dial 1/2 failed: retrying", "Dial 2/2 failed: retrying"]);
  });

  it("waits for a host that comes up", async () => {
    const late = new SshServer();
    const port = await closedPort();
    const connection = {
      host: "127.0.0.1",
      port,
      user: "tester",
      privateKey: late.userKey.private,
      dialErrorLimit: -1,
    };
    const running = conformance.works({ step: remote({ connection, create: "echo up" }) });
    setTimeout(() => void late.listen(port), 5000);
    try {
      await running;
      assert.equal((await conformance.state()).step?.outputs.stdout, "up");
    } finally {
      await late.close();
    }
  });

  it("goes through a proxy", async () => {
    const bastion = new SshServer();
    await bastion.listen();
    try {
      const { connection } = server;
      const errors = await conformance.fails({
        through: remote({ connection: { ...connection, proxy: bastion.connection }, create: "echo through" }),
        noProxy: remote({
          connection: { ...connection, proxy: { ...bastion.connection, port: await closedPort(), dialErrorLimit: 0 } },
          create: "true",
        }),
      });
      assert.match(
        errors.noProxy ?? "",
        /^proxy: after 0 failed attempts: dial tcp 127\.0\.0\.1:\d+: connect: connection refused$/,
      );
      assert.equal(errors.through, undefined);
      assert.equal((await conformance.state()).through?.outputs.stdout, "through");
      assert.equal(bastion.connections, 1);
    } finally {
      await bastion.close();
    }
  });

  it("previews without connecting, also where the host is not known yet", async () => {
    const { connection } = server;
    const at = (word: string) => ({
      first: remote({ connection, create: `echo ${word}` }),
      second: remote({ connection: { ...connection, user: { $output: "first.stdout" } }, create: "echo second" }),
    });
    const created = await conformance.preview(at("one"));
    assert.equal(created.exitCode, 0, created.output);
    await conformance.works(at("one"));
    const dialed = server.connections;
    // A connection that is not known yet is taken for unchanged: the preview shows the step that it comes from, and the
    // update runs both.
    assert.deepEqual(stepsOf(await conformance.preview(at("two"))), ["update first"]);
    assert.deepEqual(stepsOf(await conformance.preview(at("one"))), []);
    assert.equal(server.connections, dialed);
    assert.deepEqual(stepsOf(await conformance.works(at("two"))), ["update first", "update second"]);
  });
});

/** The message of the stack itself, which is the engine's. */
function stackErrors(errors: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(errors).filter(([name]) => name.startsWith("conformance-c")));
}
