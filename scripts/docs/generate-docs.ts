/** Writes what is made from the config's own definition: docs/config.md and the `config:` section of Pulumi.yaml. */
import { readFileSync, writeFileSync } from "node:fs";
import { renderConfigReference, withPulumiConfig } from "../../model/config/reference.ts";

const projectFile = new URL("../../Pulumi.yaml", import.meta.url);

writeFileSync(new URL("../../docs/config.md", import.meta.url), renderConfigReference());
writeFileSync(projectFile, withPulumiConfig(readFileSync(projectFile, "utf8")));
