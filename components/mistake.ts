import { RunError } from "@pulumi/pulumi";

/**
 * A mistake of the user's, which ends the program: shown by its message alone.
 *
 * It has no stack. The SDK formats the stack of every error, even of one whose stack it hides, and Node 20 works for a quarter
 * of a minute, on more than a gigabyte, over the frame `node_modules/@pulumi/resource.ts:…` that all of them hold (its
 * `util.inspect` with colours looks for the `/` behind the package's name for ever).
 */
export function mistake(message: string): RunError {
  const error = new RunError(message);
  error.stack = "";
  return error;
}
