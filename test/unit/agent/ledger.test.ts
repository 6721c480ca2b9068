import { strict as assert } from "node:assert";
import { type Ledger, openLedger } from "../../../agent/ledger.ts";
import type { Clock, LedgerStorage } from "../../../agent/surroundings.ts";
import { type Draft, type Entry, initialEntry, type Member, member } from "../../../model/leadership/index.ts";

const a = member("node-a", "a".repeat(64));
const b = member("node-b", "b".repeat(64));
const id = "0b6f8a52-3f3c-4a8e-9a53-0a7c1d8c2b11";
const key = new Uint8Array(32).fill(1);

let random = 0;
const clock: Clock = {
  now: () => 0,
  sleep: () => Promise.resolve(),
  wallTime: () => "2026-11-27T05:52:36Z",
  randomBytes: (count) => new Uint8Array(count).fill(random++),
};

/** A store in memory, and how it fails. */
function makeStore() {
  const objects = new Map<string, Uint8Array>();
  const fails: { create?: "lost" | "late" | "retried"; get?: boolean } = {};
  const storage: LedgerStorage = {
    create: async (name, bytes) => {
      if (fails.create === "late") throw new Error("time-out");
      const isNew = !objects.has(name);
      if (isNew) objects.set(name, bytes);
      if (fails.create === "lost") throw new Error("connection reset");
      return isNew && fails.create !== "retried" ? "created" : "exists";
    },
    get: async (name) => {
      if (fails.get) throw new Error("503 SlowDown");
      return objects.get(name);
    },
  };
  return { objects, fails, storage, open: (secret = key): Ledger => openLedger(storage, secret, clock) };
}

const claimOf = (entry: Entry, to: Member): Draft => ({
  kind: "claim",
  by: to,
  to,
  over: [],
  base: { entry: entry.number, overrides: 0 },
  held: { entry: entry.number, overrides: 0 },
  consent: { lossUnknown: true },
  members: entry.members,
});

async function made(created: ReturnType<Ledger["begin"]>): Promise<Entry> {
  const creation = await created;
  assert.equal(creation.kind, "made");
  return (creation as { entry: Entry }).entry;
}

async function withTwo() {
  const store = makeStore();
  const first = await made(store.open().begin(id, a, [a, b]));
  const second = await made(store.open().append(first, claimOf(first, b)));
  return { ...store, first, second };
}

const numbers = async (ledger: Ledger, from = 0) => {
  const reading = await ledger.read(from);
  return reading.kind === "read" ? reading.entries.map(({ number }) => number) : reading.why;
};

describe("the ledger", () => {
  it("is read as it was written, from the node's own entry on", async () => {
    const { open, first, second } = await withTwo();
    const reading = await open().read(0);
    assert.deepEqual(reading, { kind: "read", entries: [first, second] });
    assert.deepEqual(await numbers(open(), 2), [2]);
    assert.deepEqual(await numbers(open(), 3), []);
  });

  it("says which entries were taken, and not of the node's own", async () => {
    const { open, second } = await withTwo();
    await open().noteTaken(second);
    const reading = await open().read(1);
    assert.deepEqual(reading.kind === "read" && reading.entries.map(({ taken }) => taken), [false, true]);
  });

  it("is not read where the store fails, and does not end there", async () => {
    const { open, fails } = await withTwo();
    fails.get = true;
    assert.match(String(await numbers(open())), /503 SlowDown/);
  });

  it("is not read where an object was written with another key, moved, changed, or is of an unknown form", async () => {
    const { open, objects } = await withTwo();
    assert.match(String(await numbers(open(new Uint8Array(32)))), /was not written by a member/);
    const [one, two] = ["entry-000000001", "entry-000000002"].map((name) => objects.get(name) as Uint8Array);
    objects.set("entry-000000003", two as Uint8Array);
    assert.match(String(await numbers(open())), /entry-000000003 was not written by a member/);
    objects.delete("entry-000000003");
    objects.set(
      "entry-000000002",
      Buffer.from(
        Buffer.from(two as Uint8Array)
          .toString()
          .replace('"claim"', '"plant"'),
      ),
    );
    assert.match(String(await numbers(open())), /entry-000000002 was not written by a member/);
    objects.set("entry-000000002", new Uint8Array([255, 254]));
    assert.notDeepEqual(await numbers(open()), [1]);
    objects.set("entry-000000002", one as Uint8Array);
    assert.notDeepEqual(await numbers(open()), [1]);
  });

  it("is not read where it was cut, or is another one than it was", async () => {
    const { open, objects, first } = await withTwo();
    const ledger = open();
    assert.deepEqual(await numbers(ledger), [1, 2]);
    const second = objects.get("entry-000000002") as Uint8Array;
    objects.delete("entry-000000002");
    assert.match(String(await numbers(ledger)), /ends at entry 1, and somebody knows entry 2/);
    await made(open().append(first, claimOf(first, a)));
    assert.match(String(await numbers(ledger)), /entry 2 is another one than it was/);
    objects.set("entry-000000002", second);
    assert.deepEqual(await numbers(ledger), [1, 2]);
  });

  it("is not read where it ends below what somebody knows", async () => {
    const { open } = await withTwo();
    const ledger = open();
    ledger.heardOf(3);
    assert.match(String(await numbers(ledger)), /somebody knows entry 3/);
  });

  it("breaks where an entry does not come after the one before", async () => {
    const { open, objects, first } = await withTwo();
    const other = makeStore();
    const another = await made(other.open().begin(id, a, [a]));
    await made(other.open().append(another, claimOf(first, b)));
    objects.set("entry-000000002", other.objects.get("entry-000000002") as Uint8Array);
    assert.match(String(await numbers(open())), /does not come after/);
  });

  it("knows its own entry where the reply was lost, or the client tried again", async () => {
    for (const how of ["lost", "retried"] as const) {
      const { open, fails, second } = await withTwo();
      fails.create = how;
      const third = await made(open().append(second, claimOf(second, b)));
      assert.equal(third.number, 3);
    }
  });

  it("tells somebody else's entry, and what is not known", async () => {
    const { open, fails, first, second, objects } = await withTwo();
    assert.deepEqual(await open().append(first, claimOf(first, a)), { kind: "other", entry: second });
    fails.create = "late";
    const { kind } = await open().append(second, claimOf(second, a));
    assert.equal(kind, "unknown");
    assert.equal(objects.size, 2);
  });
});

describe("a ledger in the place of another one", () => {
  const newId = "5d0f2a44-9f0c-4c57-8a6d-4f6f4f5b7c22";
  const begin = (ledger: Ledger, number = 9, ofLedger = newId) =>
    ledger.beginAnew((stamp) => ({
      ...initialEntry(a, [a, b], { ledger: ofLedger, number, epoch: 3, previous: "", ...stamp }),
      replaces: id,
    }));

  it("is found by who knows an earlier entry of the old one, and by who knows none", async () => {
    const { open } = makeStore();
    const first = await made(begin(open()));
    await made(open().append(first, claimOf(first, a)));
    for (const from of [0, 3, 8, 9]) assert.deepEqual(await numbers(open(), from), [9, 10]);
    assert.deepEqual(await numbers(open(), 10), [10]);
    // A number that it does not have is not made up for.
    assert.deepEqual(await numbers(open(), 11), []);
  });

  it("is empty while it is only announced where it begins, and is begun again by the same node", async () => {
    const { open, objects } = makeStore();
    await made(begin(open()));
    objects.delete("entry-000000009");
    assert.deepEqual(await numbers(open()), []);
    await made(begin(open()));
    assert.deepEqual(await numbers(open()), [9]);
  });

  it("is not begun where another one was", async () => {
    const { open } = makeStore();
    await made(begin(open()));
    const others = [begin(open(), 10), begin(open(), 9, id)];
    for (const each of await Promise.all(others)) assert.equal(each.kind, "unknown");
    assert.deepEqual(await numbers(open()), [9]);
  });

  it("is not read where the object that says where it begins was written with another key, or names another ledger", async () => {
    const { open, objects } = makeStore();
    await made(begin(open()));
    const other = makeStore();
    await made(begin(other.open(), 9, id));
    objects.set("first", other.objects.get("first") as Uint8Array);
    assert.match(String(await numbers(open())), /first entry is of another ledger/);
    objects.set("first", objects.get("entry-000000009") as Uint8Array);
    assert.match(String(await numbers(open())), /object first was not written by a member/);
  });
});
