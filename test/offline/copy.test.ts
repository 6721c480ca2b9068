import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Conformance, copy, stepsOf } from "./conformance.ts";
import { SshServer } from "./sshServer.ts";

describe("remote.CopyToRemote", () => {
  let conformance: Conformance;
  let server: SshServer;
  let here: string;
  let there: string;

  beforeEach(async () => {
    conformance = await Conformance.create();
    server = new SshServer();
    await server.listen();
    here = mkdtempSync(join(tmpdir(), "understudy-here-"));
    there = mkdtempSync(join(tmpdir(), "understudy-there-"));
    mkdirSync(join(here, "folder/inner"), { recursive: true });
    writeFileSync(join(here, "file"), "content");
    writeFileSync(join(here, "empty"), "");
    writeFileSync(join(here, "large"), "0123456789".repeat(300_000));
    writeFileSync(join(here, "folder/a"), "a");
    writeFileSync(join(here, "folder/inner/b"), "b");
  });

  afterEach(async () => {
    await conformance.dispose();
    await server.close();
    rmSync(here, { recursive: true });
    rmSync(there, { recursive: true });
  });

  const arrived = (path: string) => readFileSync(join(there, path), "utf8");

  it("puts files, folders and texts where they are wanted", async () => {
    const { connection } = server;
    mkdirSync(join(there, "existing"));
    mkdirSync(join(there, "content"));
    writeFileSync(join(there, "old"), "something longer than before");
    const to = (source: object, remotePath: string) =>
      copy({ connection, source, remotePath: join(there, remotePath) });
    const result = await conformance.works({
      file: to({ $file: join(here, "file") }, "new/deep/file"),
      overwritten: to({ $file: join(here, "file") }, "old"),
      intoFolder: to({ $file: join(here, "file") }, "existing"),
      empty: to({ $file: join(here, "empty") }, "empty"),
      large: to({ $file: join(here, "large") }, "large"),
      folder: to({ $folder: join(here, "folder") }, "folders"),
      content: to({ $folder: `${join(here, "folder")}/` }, "content"),
      text: to({ $text: "täxt" }, "texts/text"),
    });
    assert.equal(stepsOf(result).length, 8);
    assert.equal(arrived("new/deep/file"), "content");
    assert.equal(arrived("old"), "content");
    assert.equal(arrived("existing/file"), "content");
    assert.equal(arrived("empty"), "");
    assert.equal(arrived("large"), "0123456789".repeat(300_000));
    assert.deepEqual(readdirSync(join(there, "folders"), { recursive: true }).sort(), [
      "folder",
      "folder/a",
      "folder/inner",
      "folder/inner/b",
    ]);
    assert.equal(arrived("folders/folder/inner/b"), "b");
    assert.deepEqual(readdirSync(join(there, "content"), { recursive: true }).sort(), ["a", "inner", "inner/b"]);
    assert.equal(arrived("texts/text"), "täxt");
    const { file } = await conformance.state();
    assert.match(file?.id ?? "", /^[0-9a-f]{8}$/);
    assert.deepEqual(file?.outputs.connection, { secret: true });
  });

  it("copies again when the content or the path changes, and only then", async () => {
    const at = (remotePath: string, dialErrorLimit = 1) => ({
      step: copy({
        connection: { ...server.connection, dialErrorLimit },
        source: { $file: join(here, "file") },
        remotePath: join(there, remotePath),
      }),
    });
    await conformance.works(at("one"));
    assert.deepEqual(stepsOf(await conformance.works(at("one"))), []);
    writeFileSync(join(here, "file"), "changed");
    assert.deepEqual(stepsOf(await conformance.works(at("one"))), ["update step"]);
    assert.equal(arrived("one"), "changed");
    assert.deepEqual(stepsOf(await conformance.works(at("two"))), ["update step"]);
    assert.equal(arrived("two"), "changed");
    const dialed = server.connections;
    assert.deepEqual(stepsOf(await conformance.works(at("two", 2))), ["update step"]);
    assert.equal(server.connections, dialed, "another connection alone copies nothing");
    assert.deepEqual(stepsOf(await conformance.works({})), ["delete step"]);
    assert.equal(arrived("two"), "changed", "what was copied stays");
  });

  it("refuses what it cannot copy", async () => {
    const { connection } = server;
    writeFileSync(join(there, "file"), "");
    const errors = await conformance.fails({
      overFile: copy({ connection, source: { $folder: `${join(here, "folder")}/` }, remotePath: join(there, "file") }),
      textOverFolder: copy({ connection, source: { $text: "x" }, remotePath: there }),
    });
    assert.equal(errors.overFile, `remote path ${join(there, "file")} exists but is not a directory`);
    assert.equal(
      errors.textOverFolder,
      `remote path ${there} is a directory; when using a text asset, remotePath must be a file path`,
    );
    const { remoteSource = "" } = await conformance.fails({
      remoteSource: copy({ connection, source: { $remoteFile: `file://${join(here, "file")}` }, remotePath: there }),
    });
    assert.match(remoteSource, /asset must be a path-based file asset or a text asset/);
  });
});
