import type { CustomResourceOptions, Input, Resource } from "@pulumi/pulumi";
import type { BootInput } from "../../../model/stepInputs.ts";
import { jsonInput, LocalStep } from "../../localStep.ts";
import { command } from "../../programs.ts";
import type { Update } from "../../update.ts";

export interface BootStepArgs {
  readonly update: Update;
  readonly input: { readonly [Key in keyof BootInput]: Input<unknown> };
  readonly after: readonly Resource[];
}

/** The step `boot` of a node's host, or of a bastion: `name`. */
export function bootStep(name: string, { update, input, after }: BootStepArgs, opts: CustomResourceOptions): LocalStep {
  const stdin = jsonInput<BootInput>(input);
  return new LocalStep(`boot-${name}`, { update, command: command("steps/boot.ts"), stdin, after }, opts);
}
