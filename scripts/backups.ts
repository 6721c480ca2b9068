/** `npm run backups`: what can be restored from the archive. */
import { backups, realWorld } from "./backups/main.ts";

// A reader that has seen enough (`| head`) is no fault.
process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 3));

const exitCode = await backups(process.argv.slice(2), realWorld()).catch((error: unknown) => {
  process.stderr.write(
    `backups: ${error instanceof Error ? error.message : String(error)}\nHINT: this is a fault of backups itself; please report it\n`,
  );
  return 3;
});
process.stdout.write("", () => process.exit(exitCode));
