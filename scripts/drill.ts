/** `npm run drill`: whether the archive can be restored from. */
import { drill, realWorld } from "./drill/main.ts";

const exitCode = await drill(process.argv.slice(2), realWorld()).catch((error: unknown) => {
  process.stderr.write(
    `drill: ${error instanceof Error ? error.message : String(error)}\nHINT: this is a fault of drill itself; please report it\n`,
  );
  return 3;
});
process.exit(exitCode);
