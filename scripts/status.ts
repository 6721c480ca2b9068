/** `npm run status`: what is true now of the cluster. See arguments.ts for its usage. */
import { realWorld, status } from "./status/main.ts";

const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    // Without anything to watch there is nothing to tidy up; the second time the user means it.
    if (stop.signal.aborted || !process.argv.some((word) => word.startsWith("--watch"))) process.exit(130);
    stop.abort();
  });
}
// A reader that has seen enough (`| head`) is no fault.
process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 3));

const exitCode = await status(process.argv.slice(2), realWorld(stop.signal)).catch((error: unknown) => {
  process.stderr.write(
    `status: ${error instanceof Error ? error.message : String(error)}\nHINT: this is a fault of status itself; please report it\n`,
  );
  return 3;
});
// What still hangs (a connection to a dead node) must not keep us; what was written must get out.
process.stdout.write("", () => process.exit(exitCode));
