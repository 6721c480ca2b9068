import { walk } from "../walk/walk.ts";

/** CI walks by one seed, so that what fails there fails again; `npm run walk` takes a fresh one. */
const seed = 904;
const minutes = 5;

describe("a random walk on three hosts", () => {
  it(`of ${minutes} minutes, by seed ${seed}: nothing is lost without consent, never do two take writes, always back in two updates`, async () => {
    await walk({ seed, minutes, say: (line) => console.log(`      ${line}`) });
  });
});
