import type * as z from "zod";
import { parseJson } from "./hostFacts.ts";

/** What a step reported as JSON text, checked; undefined where it is something else. */
export function parseOutcome<T>(schema: z.ZodType<T>, text: string): T | undefined {
  return schema.safeParse(parseJson(text)).data;
}
