/** What the command line and the agent say to one another over the operator's socket: lines of JSON. */
import { z } from "zod";
import { stepSchemas } from "../steps.ts";
import type { Json } from "../surroundings.ts";
import type { LineLimits } from "./lines.ts";

const json = z.custom<Json>((value) => value !== undefined);
const version = z.literal(1);

export type StepName = keyof typeof stepSchemas;
export const stepNames = Object.keys(stepSchemas) as [StepName, ...StepName[]];

/** Of the call "status". `local`: nobody is asked, and the ledger is not read. */
export const statusRequestSchema = z.strictObject({ local: z.boolean().default(false) });

/** `request` is read by the step itself. */
export const callSchema = z.strictObject({ version, call: z.enum([...stepNames, "status"]), request: json });
export type Call = z.infer<typeof callSchema>;

/** Any number of "progress", and one of the others, which is the last line. */
export const saidSchema = z.discriminatedUnion("kind", [
  z.strictObject({ version, kind: z.literal("progress"), node: z.string(), text: z.string() }),
  z.strictObject({ version, kind: z.literal("done"), result: json }),
  /** It may not be done. Nothing has begun that does not end by itself. */
  z.strictObject({ version, kind: z.literal("refused"), node: z.string(), message: z.string(), hint: z.string() }),
  /** What became of it is not known. */
  z.strictObject({ version, kind: z.literal("failed"), node: z.string(), message: z.string() }),
]);
export type Said = z.infer<typeof saidSchema>;

export const operatorLimits: LineLimits = { longestLine: 256 * 1024, lineDeadlineMs: 5_000 };
