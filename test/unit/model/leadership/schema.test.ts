import { strict as assert } from "node:assert";
import fc from "fast-check";
import {
  type Entry,
  entryAfter,
  initialEntry,
  type Member,
  member,
  noChange,
} from "../../../../model/leadership/index.ts";
import {
  answerSchema,
  count,
  encodeAnswer,
  encodeEntry,
  encodeKept,
  entrySchema,
  keptSchema,
  memberSchema,
} from "../../../../model/leadership/schema.ts";

const key = (letter: string): string => letter.repeat(64);
const a = member("node-a", key("a"));
const b = member("node-b", key("b"));
const ledger = "0b6f8a52-3f3c-4a8e-9a53-0a7c1d8c2b11";
const made = { nonce: "0".repeat(32), at: "2026-11-27T05:52:36Z" };
const first: Entry = {
  ...initialEntry(a, [a, b], { ledger, number: 1, epoch: 1, previous: "", ...made }),
  digest: "1".repeat(64),
  taken: true,
};
const second = entryAfter(
  first,
  {
    kind: "claim",
    by: b,
    to: b,
    over: [a],
    base: { entry: 1, overrides: 0 },
    held: { entry: 1, overrides: 0 },
    consent: { lossBytes: 0 },
    members: first.members,
  },
  made,
);
const token = {
  ledger,
  digest: "1".repeat(64),
  entry: 1,
  overrides: 0,
  leader: a,
  members: [a, b],
  promises: [],
};
const wire = (value: object) => JSON.parse(JSON.stringify(value));

describe("what is kept and sent about who leads", () => {
  it("an entry comes back as it was written", () => {
    assert.deepEqual(entrySchema.parse(wire(encodeEntry(second))), second);
    assert.deepEqual([second.number, second.epoch, second.previous], [2, 2, first.digest]);
    assert.deepEqual(second.named, [a, b]);
  });

  it("an entry does not hold what its reader finds out", () => {
    const written = wire(encodeEntry(first));
    assert.ok(!("digest" in written) && !("taken" in written));
  });

  const changes: Record<string, object> = {
    "of a later version": { version: 2 },
    "without a version": { version: undefined },
    "with something more": { also: 1 },
    "with a number of ten digits": { number: 1_000_000_000 },
    "with half a number": { number: 1.5 },
    "with a number that is text": { number: "2" },
    "that is over its own target": { over: [a, b] },
    "with a list that is not sorted": { named: [b, a] },
    "that does not name its target": { named: [a] },
    "with a member of a later entry": { members: { [a]: 3 } },
    "that is not above its base": { base: { entry: 2, overrides: 0 } },
    "with a consent to nothing": { consent: {} },
    "with a name that no config allows": { by: `../node@${key("a")}`, to: `../node@${key("a")}` },
    "that another made than its target": { by: a },
    "with a date of another form": { at: "27 Nov 2026" },
    "of a kind that there is not": { kind: "stolen" },
  };
  for (const [what, change] of Object.entries(changes))
    it(`refuses an entry ${what}`, () => {
      assert.ok(!entrySchema.safeParse({ ...wire(encodeEntry(second)), ...change }).success);
    });

  it("a token comes back from a disk", () => {
    const kept = {
      token,
      joined: true,
      promoted: { entry: 1, overrides: 0 },
      origins: [{ timeline: 1, change: { entry: 1, overrides: 0 }, by: a }],
      machine: "4c4c4544-0042",
      systemIdentifier: "7430293847562938475",
      checkpoint: { timeline: 1, lsn: 0x3000060n },
    };
    assert.deepEqual(keptSchema.parse(wire(encodeKept(kept))), kept);
    assert.ok(!keptSchema.safeParse({ ...wire(encodeKept(kept)), checkpoint: { timeline: 1, lsn: "0/30" } }).success);
    assert.ok(!keptSchema.safeParse({ ...wire(encodeKept(kept)), token: { ...token, leader: null } }).success);
  });

  it("an answer comes back from a peer", () => {
    for (const arming of [
      { kind: "none" },
      { kind: "open", secret: "f".repeat(32) },
      { kind: "entry", entry: 2, secret: "f".repeat(32) },
      { kind: "override", change: noChange, secret: "f".repeat(32) },
    ] as const) {
      const answer = { token, joined: true, arming, serving: false };
      assert.deepEqual(answerSchema.parse(wire(encodeAnswer(answer))), answer);
    }
    assert.ok(
      !answerSchema.safeParse({ version: 1, token, joined: true, arming: { kind: "entry" }, serving: false }).success,
    );
  });

  it("nothing is let in that is no number of nine digits", () => {
    fc.assert(
      fc.property(fc.oneof(fc.double(), fc.anything()), (value) => {
        const { success } = count.safeParse(value);
        assert.equal(success, Number.isInteger(value) && (value as number) >= 0 && (value as number) < 1e9);
      }),
    );
  });

  it("a member is a name and a fingerprint, and nothing else", () => {
    fc.assert(fc.property(fc.string(), (text) => assert.ok(!memberSchema.safeParse(text as Member).success)));
    assert.ok(!memberSchema.safeParse(`${a}\n`).success);
  });
});
