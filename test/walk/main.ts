/**
 * npm run walk -- [--seed N] [--minutes M] [--disk-of-leader]
 *
 *   --seed N           a fresh one if not given
 *   --minutes M        for how long new rounds are begun; 60 if not given
 *   --disk-of-leader   the disk that goes back to its snapshot may be that of the node that led last
 */
import { parseArgs } from "node:util";
import { walk } from "./walk.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: String(Date.now() % 1_000_000_000) },
    minutes: { type: "string", default: "60" },
    "disk-of-leader": { type: "boolean", default: false },
  },
});
const [seed, minutes] = [values.seed, values.minutes].map(Number) as [number, number];
if (!Number.isSafeInteger(seed) || seed < 0 || !(minutes > 0)) {
  console.error(`error: --seed ${values.seed} --minutes ${values.minutes}: both must be numbers, the seed a whole one
HINT: npm run walk -- --seed 7 --minutes 10`);
  process.exit(2);
}
try {
  await walk({ seed, minutes, say: (line) => console.log(line), isLeadersDiskPut: values["disk-of-leader"] });
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
