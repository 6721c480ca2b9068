import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../agent/real/clock.ts";
import { directoryStorage, markDirectory } from "../../agent/real/directory.ts";
import { checkDirectory } from "../../agent/real/storageCheck.ts";
import { fileStore, removePartials } from "../../agent/real/store.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "us-files-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

describe("the agent's own files", () => {
  it("are written whole, for root alone, and read back", async () => {
    const store = fileStore(directory);
    assert.equal(await store.read("token"), undefined);
    await store.write("token", "first");
    await store.write("token", "second, ä");
    assert.equal(await store.read("token"), "second, ä");
    assert.equal(statSync(join(directory, "token")).mode & 0o777, 0o600);
    assert.deepEqual(readdirSync(directory), ["token"]);
  });

  it("a link is not followed: neither read nor written through", async () => {
    const store = fileStore(directory);
    const other = join(directory, "other.txt");
    writeFileSync(other, "somebody's");
    symlinkSync(other, join(directory, "token"));
    await assert.rejects(store.read("token"), /ELOOP/);
    await store.write("token", "mine");
    assert.equal(readFileSync(other, "utf8"), "somebody's");
    assert.equal(await store.read("token"), "mine");
  });

  it("where it cannot tell, it rejects", async () => {
    const store = fileStore(directory);
    mkdirSync(join(directory, "token"));
    await assert.rejects(store.read("token"), /is no regular file/);
    execFileSync("mkfifo", [join(directory, "pipe")]);
    await assert.rejects(store.read("pipe"), /is no regular file/);
    writeFileSync(join(directory, "long"), "x".repeat(70_000));
    await assert.rejects(store.read("long"), /longer than 65536 bytes/);
    await assert.rejects(store.write("long", "x".repeat(70_000)), /longer than 65536 bytes/);
    for (const name of ["../token", ".token", "a/b", ""])
      await assert.rejects(store.read(name), /is no name of a file/);
    await assert.rejects(fileStore(join(directory, "missing")).write("token", "a"), /ENOENT/);
  });

  it("a write that is killed at any moment leaves the old text or the new one", async () => {
    const store = fileStore(directory);
    await store.write("token", "0".repeat(20_000));
    const program = `
      const { fileStore } = await import(${JSON.stringify(new URL("../../agent/real/store.ts", import.meta.url).href)});
      const store = fileStore(${JSON.stringify(directory)});
      console.log("ready");
      for (let each = 1; ; each += 1) await store.write("token", String(each % 10).repeat(20_000));
    `;
    for (let round = 0; round < 4; round += 1) {
      const writer = spawn(process.execPath, ["--input-type=module", "-e", program], {
        stdio: ["ignore", "pipe", "ignore"],
      });
      await once(writer.stdout, "data");
      await new Promise((resolve) => setTimeout(resolve, 4 + round * 9));
      writer.kill("SIGKILL");
      await once(writer, "exit");
      const kept = (await store.read("token")) ?? "";
      assert.ok(/^(\d)\1{19999}$/.test(kept), `${kept.length} bytes: ${kept.slice(0, 20)}`);
    }
    await removePartials(directory);
    assert.deepEqual(readdirSync(directory), ["token"]);
  });
});

describe("the ledger in a shared directory", () => {
  const bytes = (text: string): Uint8Array => Buffer.from(text);
  const text = (found: Uint8Array | undefined) => found && Buffer.from(found).toString();

  beforeEach(() => markDirectory(directory));

  it("an object is created once, and read as it is", async () => {
    const storage = directoryStorage(directory);
    assert.equal(await storage.get("entries/1"), undefined);
    assert.equal(await storage.create("entries/1", bytes("first")), "created");
    assert.equal(await storage.create("entries/1", bytes("second")), "exists");
    assert.equal(text(await storage.get("entries/1")), "first");
    assert.deepEqual(readdirSync(join(directory, "entries")), ["1"]);
  });

  it("of many processes at the same time one creates it, and it is that one's", async () => {
    const program = `
      const { directoryStorage } = await import(${JSON.stringify(new URL("../../agent/real/directory.ts", import.meta.url).href)});
      const storage = directoryStorage(${JSON.stringify(directory)});
      const name = process.argv[1];
      const outcomes = [];
      for (let each = 1; each <= 40; each += 1) outcomes.push(await storage.create("entries/" + each, Buffer.from(name)));
      console.log(JSON.stringify(outcomes));
    `;
    const names = ["a", "b", "c"];
    const outcomes = await Promise.all(
      names.map(async (name) => {
        const child = spawn(process.execPath, ["--input-type=module", "-e", program, name], {
          stdio: ["ignore", "pipe", "inherit"],
        });
        let out = "";
        child.stdout.on("data", (piece) => {
          out += piece;
        });
        await once(child, "exit");
        return JSON.parse(out) as string[];
      }),
    );
    const storage = directoryStorage(directory);
    for (let each = 0; each < 40; each += 1) {
      const winners = names.filter((_, index) => outcomes[index]?.[each] === "created");
      assert.deepEqual(winners, [text(await storage.get(`entries/${each + 1}`))]);
    }
  });

  it("a directory that is not the ledger's, such as an empty mount point, is no ledger without entries", async () => {
    const storage = directoryStorage(directory);
    await storage.create("entries/1", bytes("first"));
    renameSync(join(directory, ".understudy-ledger"), join(directory, "gone"));
    await assert.rejects(storage.get("entries/2"), /is not the ledger's directory/);
    await assert.rejects(storage.create("entries/2", bytes("a")), /is not the ledger's directory/);
    await assert.rejects(
      directoryStorage(join(directory, "missing")).get("entries/1"),
      /is not the ledger's directory/,
    );
  });

  it("what is no file of ours is no object, and no missing one", async () => {
    const storage = directoryStorage(directory);
    mkdirSync(join(directory, "entries"));
    symlinkSync("nowhere", join(directory, "entries/1"));
    await assert.rejects(storage.get("entries/1"), /ELOOP/);
    writeFileSync(join(directory, "entries/2"), "x".repeat(70_000));
    await assert.rejects(storage.get("entries/2"), /longer than 65536 bytes/);
    assert.equal(await storage.create("entries/1", bytes("a")), "exists");
    for (const key of ["../other", "a//b", "a/../../b", ".hidden"]) await assert.rejects(storage.get(key), /is no key/);
  });

  it("at provisioning: that it creates once, tells what is missing, and is root's alone", async () => {
    const rules = async () =>
      (await checkDirectory(directoryStorage(directory), directory))
        .filter(({ holds }) => !holds)
        .map(({ rule }) => rule);
    const ours = process.getuid?.() === 0;
    assert.deepEqual(await rules(), ours ? [] : ["isRootsAlone"]);
    chmodSync(directory, 0o777);
    assert.deepEqual(await rules(), ["isRootsAlone"]);
  });
});

describe("the clock", () => {
  it("sleeps, and is woken up", async () => {
    const begun = systemClock.now();
    await systemClock.sleep(20);
    assert.ok(systemClock.now() - begun >= 19);
    const cancel = new AbortController();
    const sleeping = systemClock.sleep(60_000, cancel.signal);
    cancel.abort();
    await sleeping;
    await systemClock.sleep(60_000, cancel.signal);
    assert.ok(systemClock.now() - begun < 10_000);
    assert.match(systemClock.wallTime(), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    assert.notDeepEqual(systemClock.randomBytes(16), systemClock.randomBytes(16));
  });
});
