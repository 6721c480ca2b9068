/** Writes what is made from the program's own tables: the config's reference and `Pulumi.yaml`'s section, the table and the picture of the steps. */
import { readFileSync, writeFileSync } from "node:fs";
import { renderArguments } from "../../model/config/arguments.ts";
import { renderConfigReference, withPulumiConfig } from "../../model/config/reference.ts";
import { renderRunbookGraph, withStepTable } from "./runbook.ts";

const root = new URL("../../", import.meta.url);
const rewrite = (path: string, change: (text: string) => string) => {
  const file = new URL(path, root);
  writeFileSync(file, change(readFileSync(file, "utf8")));
};

writeFileSync(new URL("docs/configuration.md", root), renderConfigReference());
writeFileSync(new URL("components/args.ts", root), renderArguments());
writeFileSync(new URL("docs/runbook-graph.svg", root), renderRunbookGraph());
rewrite("docs/architecture.md", withStepTable);
rewrite("Pulumi.yaml", withPulumiConfig);
