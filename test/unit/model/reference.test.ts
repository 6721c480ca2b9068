import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { renderArguments } from "../../../model/config/arguments.ts";
import { renderConfigReference, withPulumiConfig } from "../../../model/config/reference.ts";

const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), "utf8");

describe("generated reference", () => {
  it("docs/configuration.md is up to date: npm run docs", () => {
    assert.equal(read("docs/configuration.md"), renderConfigReference());
  });

  it("components/args.ts is up to date: npm run docs", () => {
    assert.equal(read("components/args.ts"), renderArguments());
  });

  it("Pulumi.yaml's config section is up to date: npm run docs", () => {
    assert.equal(read("Pulumi.yaml"), withPulumiConfig(read("Pulumi.yaml")));
  });
});
