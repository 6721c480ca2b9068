/** A ledger that is lost is replaced by declaration: what the search leaves constant, and what a person reads. */
import { strict as assert } from "node:assert";
import {
  type Answer,
  adopted,
  agreed,
  claim,
  closing,
  concerned,
  type Entry,
  entryAfter,
  entryInPlaceOf,
  explain,
  explainReplacement,
  formatExplanation,
  heeded,
  initialEntry,
  mayBeginAnew,
  mayOverride,
  mayReplace,
  member,
  noInquiry,
  notArmed,
  ownLedger,
  promiseIsVoid,
  type Reading,
  released,
  replacementAbove,
  type Standing,
  type Token,
  tokenOfReplacement,
  told,
  unread,
} from "../../../../model/leadership/index.ts";
import { encodeEntry, entrySchema, tokenSchema } from "../../../../model/leadership/schema.ts";

const key = (letter: string): string => letter.repeat(64);
const a = member("node-a", key("a"));
const b = member("node-b", key("b"));
const c = member("node-c", key("c"));
const OLD = "0b8f6c1e-6a0f-4a55-9d0d-3f6f0a7f3a10";
const NEW = "5d0c7c3a-91f5-4d0e-8a53-0a6f0a7f3a11";
const NEWER = "7c2f0e5b-3d64-4b1a-9c1e-0a6f0a7f3a12";
const at = "2026-11-27T05:52:36Z";
const nonce = key("0").slice(0, 32);
const first: Entry = {
  ...initialEntry(a, [a, b, c], { ledger: OLD, number: 1, epoch: 1, nonce, at, previous: "" }),
  digest: key("d"),
  taken: true,
};
const token: Token = {
  ledger: OLD,
  digest: key("d"),
  entry: 1,
  overrides: 0,
  leader: a,
  members: [a, b, c],
  promises: [],
};
const standing: Standing = {
  token,
  joined: true,
  promoted: null,
  signal: true,
  arming: notArmed,
  inquiry: noInquiry,
  mayPromote: false,
};
const read = (...entries: readonly Entry[]): Reading => ({ kind: "read", entries });
const answer = (of: Partial<Token>, serving = false): Answer => ({
  token: { ...token, ...of },
  joined: true,
  arming: notArmed,
  serving,
});

/** Without what its reader finds out. */
const written = ({ digest: _, taken: __, ...entry }: Entry) => entry;

/** What node-b's token is when it has taken over for the new ledger, and the entry with which it begins that. */
const took = tokenOfReplacement(b, token, { entry: 1, overrides: 1 }, [a], NEW);
const begun: Entry = { ...entryInPlaceOf(OLD, b, took, [a], { epoch: 2, nonce, at }), digest: key("e"), taken: false };

describe("a ledger that is lost is replaced", () => {
  it("by the primary that serves, or with consent to a loss; by no other", () => {
    assert.ok(mayReplace(a, token, true, null).may);
    assert.ok(mayReplace(b, token, false, { lossUnknown: true }).may);
    for (const refused of [
      mayReplace(b, token, false, null),
      mayReplace(b, token, true, { lossUnknown: true }),
      mayReplace(a, { ...token, members: [b, c] }, true, null),
    ])
      assert.ok(!refused.may);
  });

  it("by a change above all that anybody in reach knows, the old ledger's end included", () => {
    const answers = new Map([[c, answer({ entry: 4 })]]);
    assert.deepEqual(replacementAbove(token, answers, unread("403")), { entry: 4, overrides: 1 });
    assert.deepEqual(replacementAbove(token, new Map(), read({ ...first, number: 7 })), { entry: 7, overrides: 1 });
  });

  it("after everybody has agreed whom the config, this node, or anybody in reach has on a list", () => {
    const d = member("node-d", key("e"));
    assert.deepEqual(concerned(b, token, new Map([[c, answer({ members: [c, d] })]]), [a]), [a, c, d]);
  });

  it("its first entry is above the old ones, names the old ledger, and is let in", () => {
    assert.deepEqual(entrySchema.parse(encodeEntry(begun)), written(begun));
    assert.equal(begun.number, 2);
    assert.equal(begun.replaces, OLD);
    assert.deepEqual(begun.members, { [a]: 2, [b]: 1, [c]: 1 });
  });

  it("its author writes itself down by a claim, and who was kept off has to follow before it is a target", () => {
    const claimed = claim({
      me: b,
      my: took,
      serving: true,
      reading: read(begun),
      answers: new Map(),
      consent: null,
    });
    assert.ok(claimed.may);
    const kept = claim({
      me: a,
      my: { ...token, ledger: NEW },
      serving: false,
      reading: read(begun),
      answers: new Map(),
      consent: { lossUnknown: true },
    });
    assert.ok(!kept.may && kept.why.kind === "notFollowed");
  });

  it("only by who took over for it, and once", () => {
    assert.ok(mayBeginAnew(b, took, read()).may);
    assert.ok(!mayBeginAnew(b, took, unread("timeout")).may);
    assert.ok(!mayBeginAnew(c, took, read()).may);
    const agreedSince = mayBeginAnew(b, { ...took, promises: [c], successor: NEWER }, read());
    assert.ok(!agreedSince.may && agreedSince.why.kind === "otherLedger");
    const other = mayBeginAnew(b, took, read({ ...begun, to: c, by: c }));
    assert.ok(!other.may);
    assert.match(formatExplanation(explain(other.why, read())), /lies entry 2 of 2026[^\n]*by node-c/);
  });
});

describe("a node that has agreed to a new ledger", () => {
  const mine = agreed(standing, b, NEW);

  it("heeds it, and not the old one", () => {
    assert.equal(heeded(mine.token), NEW);
    assert.equal(ownLedger(mine.token, read(first)).kind, "another");
    assert.equal(ownLedger(mine.token, read(begun)).kind, "own");
    assert.deepEqual(tokenSchema.parse(mine.token), mine.token);
  });

  it("goes on heeding it when somebody leads by the old one, also the node to which it agreed", () => {
    for (const leader of [a, b]) assert.equal(heeded(adopted(mine, { ...token, leader, entry: 2 }).token), NEW);
  });

  it("has kept its promise when it hears who leads by the new one", () => {
    const { token: after } = adopted(mine, took);
    assert.equal(after.ledger, NEW);
    assert.equal(after.successor, undefined);
    assert.deepEqual(after.promises, []);
  });

  it("is free when who wanted it says that it came to nothing, serving or not", () => {
    for (const serving of [false, true]) assert.ok(promiseIsVoid(c, mine.token, answer({}, serving), false));
    assert.ok(!promiseIsVoid(c, mine.token, answer(took), false));
    assert.equal(heeded(released(mine, b).token), OLD);
  });

  it("keeps others from an override for the old one", () => {
    const decided = mayOverride(a, token, new Map([[c, { ...answer({}), token: mine.token }]]));
    assert.ok(!decided.may);
    assert.match(formatExplanation(explain(decided.why, read())), /node-c has agreed to another ledger/);
  });
});

describe("the old ledger, found again", () => {
  const leading: Token = { ...took, entry: 3, overrides: 0 };

  it("is closed by who leads by the new one, once", () => {
    const closed = closing(b, leading, begun, read(first));
    assert.ok(closed.may);
    const end: Entry = { ...entryAfter(first, closed.draft, { nonce, at }), digest: key("f"), taken: false };
    assert.deepEqual(entrySchema.parse(encodeEntry(end)), written(end));
    assert.ok(!closing(b, leading, begun, read(first, end)).may);

    const own = ownLedger(token, read(first, end));
    assert.equal(own.kind, "closed");
    assert.ok(own.kind === "closed");
    const text = formatExplanation(explain({ kind: "ledger", own }, read()));
    assert.match(text, new RegExp(`closed by entry 2 of ${at}: node-b leads by another one \\(${NEW}\\)`));
  });

  it("is not closed before the new one counts, nor where it is not the one that was replaced", () => {
    assert.ok(!closing(b, took, begun, read(first)).may);
    assert.ok(!closing(b, leading, begun, read({ ...first, ledger: NEW })).may);
    assert.ok(!closing(b, leading, begun, unread("403")).may);
  });
});

describe("a host that was kept off", () => {
  it("is told who leads, whatever it knew", () => {
    const leading: Token = { ...took, entry: 3, overrides: 0 };
    const after = told({ ...standing, token: { ...token, entry: 9, leader: a, promises: [c] } }, leading);
    assert.deepEqual(after.token, leading);
    assert.ok(!after.joined && after.signal);
  });

  it("is named until then", () => {
    assert.match(
      formatExplanation(explainReplacement([c], [a], [])),
      /agreed: node-c; kept off: node-a[\s\S]*keep node-a off/,
    );
    assert.match(formatExplanation(explainReplacement([], [], [c])), /cannot be replaced yet: node-c has not agreed/);
  });
});
