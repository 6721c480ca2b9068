/** `npm run clone`: a throw-away cluster out of another stack's archive. */
import { clone, realWorld } from "./clone/main.ts";

const exitCode = await clone(process.argv.slice(2), realWorld()).catch((error: unknown) => {
  process.stderr.write(
    `clone: ${error instanceof Error ? error.message : String(error)}\nHINT: this is a fault of clone itself; please report it\n`,
  );
  return 3;
});
process.exit(exitCode);
