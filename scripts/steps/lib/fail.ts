import type { RunFailure } from "../../ssh/runResult.ts";

/** Ends the step. What the host's script has said itself is printed already. */
export function fail({ stderr, message }: RunFailure): never {
  if (!stderr?.includes("\nHINT: ")) console.error(message);
  process.exit(1);
}
