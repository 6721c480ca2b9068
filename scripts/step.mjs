/** `node scripts/step.mjs <name>`: runs `scripts/<name>.ts`. */
import { load } from "./start/load.mjs";

await load(`scripts/${process.argv[2]}.ts`);
