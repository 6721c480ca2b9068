import { type Output, output } from "@pulumi/pulumi";
import type { Known } from "../model/config/later.ts";

/** A part of the config as an Output, whose values the program may have given as outputs of other resources. */
export function given<T>(part: T): Output<Known<T>> {
  return output(part) as unknown as Output<Known<T>>;
}
