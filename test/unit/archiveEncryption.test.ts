import assert from "node:assert/strict";
import { type EncryptionInput, encryptionOf, keptEncryption, remember } from "../../model/archive/encryption.ts";

const nothing = { archives: [] };
const plain = { archives: [{ id: "a", encrypted: false }] };
const encrypted = { archives: [{ id: "a", encrypted: true }] };
const of = (more: Partial<EncryptionInput>) =>
  encryptionOf({ declared: undefined, archive: "a", remembered: nothing, hasHosts: true, ...more });
const refused = (more: Partial<EncryptionInput>) => {
  const answer = of(more);
  return typeof answer === "object" ? `${answer.what}\n${answer.hint}` : assert.fail(`not refused: ${answer}`);
};

describe("whether the archive is encrypted", () => {
  it("a new stack's is, unless it is declared not to be", () => {
    assert.equal(of({ hasHosts: false }), true);
    assert.equal(of({ hasHosts: false, declared: false }), false);
    // No host was reached: nothing is written yet.
    assert.equal(of({ hasHosts: false, declared: false, remembered: encrypted }), false);
  });

  it("that of a stack that comes from a version without encryption is not, and can't be made so", () => {
    assert.equal(of({}), false);
    assert.match(
      refused({ declared: true }),
      /stays unencrypted[\s\S]*once without archive\.encrypted; then .* archive\.prefix/,
    );
  });

  it("stays what it is, whatever is declared later", () => {
    assert.equal(of({ remembered: encrypted }), true);
    assert.equal(of({ remembered: plain }), false);
    assert.match(refused({ remembered: plain, declared: true }), /stays unencrypted[\s\S]*another archive\.prefix/);
    assert.match(refused({ remembered: encrypted, declared: false }), /stays encrypted[\s\S]*another archive\.prefix/);
  });

  it("may be another for another archive, and is what it was for one that was used before", () => {
    assert.equal(of({ remembered: plain, archive: "b", declared: true }), true);
    assert.equal(of({ remembered: plain, archive: "b" }), false);
    const both = remember(plain, "b", true);
    assert.equal(of({ remembered: both, archive: "c" }), true, "as the one before");
    assert.equal(of({ remembered: both, archive: "a" }), false);
    assert.match(refused({ remembered: both, archive: "a", declared: true }), /stays unencrypted/);
  });

  it("is read back as it was kept", () => {
    assert.deepEqual(keptEncryption(JSON.stringify(encrypted)), encrypted);
    assert.deepEqual(keptEncryption(undefined), nothing);
    for (const text of ["", "{}", '{"archives":[{"id":"a"}]}']) assert.equal(keptEncryption(text), undefined, text);
    assert.deepEqual(
      remember(remember(plain, "b", true), "a", false).archives.map(({ id }) => id),
      ["b", "a"],
    );
  });
});
