/** What Pulumi runs: `index.ts`, without a build step that could be forgotten and without a compiler in every run. */
import { load } from "./scripts/start/load.mjs";

export default (await load("index.ts")).default;
