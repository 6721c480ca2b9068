import { strict as assert } from "node:assert";
import {
  type Answer,
  explain,
  mayRetire,
  member,
  noToken,
  notArmed,
  unread,
} from "../../../../model/leadership/index.ts";

const a = member("node-a", "a1");
const b = member("node-b", "b1");
const answer: Answer = { token: noToken, joined: false, arming: notArmed, serving: false };

describe("a member goes", () => {
  const message = (...args: Parameters<typeof mayRetire>): string => {
    const decided = mayRetire(...args);
    return decided.may ? "it may" : explain(decided.why, unread("")).message;
  };
  it("where it is proven to be gone", () => {
    assert.equal(message([b], [a, b], new Map()), "it may");
    assert.equal(message([], [], new Map([[a, answer]])), "it may");
  });
  it("not without a proof, and not as long as it answers", () => {
    assert.equal(
      message([a, b], [a], new Map()),
      "node-b would be a member no more, and nothing proves that it cannot come back as what it was",
    );
    assert.equal(message([a, b], [a, b], new Map([[b, answer]])), "node-b would be a member no more, and answers");
  });
});
