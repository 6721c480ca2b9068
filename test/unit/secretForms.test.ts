import assert from "node:assert/strict";
import fc from "fast-check";
import { secretsIn } from "../support/secrets.ts";

describe("what the tests look for as a secret", () => {
  const secret = "Xk29dLqPzR7vTbWnYcE4";

  it("is found as it is, and in base64 whatever stands around it", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (before, after) => {
        const text = `${before}${secret}${after}`;
        assert.deepEqual(secretsIn(text, { secret }), ["secret"]);
        assert.deepEqual(secretsIn(Buffer.from(text).toString("base64"), { secret }), ["secret"]);
      }),
    );
  });

  it("is a key by any of its lines", () => {
    const line = "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAAB";
    const key = `-----BEGIN PRIVATE KEY-----\n${line}\n-----END PRIVATE KEY-----\n`;
    assert.deepEqual(secretsIn(JSON.stringify({ key }), { key }), ["key"]);
    assert.deepEqual(secretsIn("-----BEGIN PRIVATE KEY-----", { key }), []);
  });
});
