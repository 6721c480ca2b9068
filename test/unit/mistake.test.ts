import assert from "node:assert/strict";
import { RunError } from "@pulumi/pulumi";
import { mistake } from "../../components/mistake.ts";

describe("a mistake of the user's", () => {
  it("is an error that the SDK shows without a stack, and has none that it would format for nothing", () => {
    const error = mistake("what is wrong");
    assert.ok(RunError.isInstance(error));
    assert.equal(error.message, "what is wrong");
    assert.equal(error.stack, "");
  });
});
