/** `node scripts/steps/step.mjs <name>`: runs `scripts/steps/<name>.ts`. */
import { load } from "../start/load.mjs";

await load(`scripts/steps/${process.argv[2]}.ts`);
