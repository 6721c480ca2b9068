import type { Output } from "@pulumi/pulumi";
import * as z from "zod";
import type { FenceWord } from "../../../model/config/fenceWord.ts";
import type { LocalStep } from "../../localStep.ts";
import { reported } from "../../outcome.ts";

const fenceOutcome = z.object({ change: z.string() });

/**
 * The proof that an instance is off, for one change of primary: what the step `power` has seen, after `prepare`. The engine's own memory proves
 * nothing: somebody may have started the instance since, or the step may have been left out; then it is the proof of another change.
 */
export function provenOff(node: string, power: LocalStep): Output<string> {
  return reported(`power-${node}`, power.outcome, fenceOutcome).apply(({ change }) => change);
}

/** For the receipt. */
export function fenceInWords(word: FenceWord | undefined): string {
  const byEc2 = "its instance is stopped, and EC2 says so";
  if (word?.statement !== undefined) return `${byEc2}, or where EC2 can't tell, stated: ${word.statement}`;
  return word?.command === undefined ? byEc2 : `${byEc2}, or where EC2 can't tell, command: ${word.command}`;
}
