/** `npm run orphans`: what AWS has of a stack and the stack's state has not. */
import { orphans, realWorld } from "./orphans/main.ts";

// A reader that has seen enough (`| head`) is no fault.
process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 3));

const exitCode = await orphans(process.argv.slice(2), realWorld()).catch((error: unknown) => {
  process.stderr.write(
    `orphans: ${error instanceof Error ? error.message : String(error)}\nHINT: this is a fault of orphans itself; please report it\n`,
  );
  return 3;
});
process.stdout.write("", () => process.exit(exitCode));
