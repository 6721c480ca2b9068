import type { InstanceState } from "@pulumi/aws/ec2transitgateway/instanceState.js";
import { all, type CustomResource, type Output, RunError, runtime } from "@pulumi/pulumi";
import type { FenceChange } from "../machine.ts";
import { sdk } from "./sdk.ts";

/**
 * The proof that an instance is off, for one change of primary: EC2 is asked behind the step that stopped it, and once the change has its
 * number. The engine's own memory proves nothing: somebody may have started the instance since, or the step may have been left out.
 */
export function provenOff(
  node: string,
  { instance, power, change }: { instance: CustomResource; power: InstanceState; change: FenceChange },
): Output<string> {
  // In a preview it is not stopped yet.
  if (runtime.isDryRun()) return change.proof;
  return all([instance.id, power.state, change.proof]).apply(async ([instanceId, , proof]) => {
    const { instanceState } = await sdk("ec2").getInstance({ instanceId }, { parent: power });
    if (instanceState === "stopped") return proof;
    throw new RunError(
      [
        `${node}: its instance ${instanceId} is ${instanceState}, not stopped: it is not fenced`,
        `HINT: run 'pulumi up --refresh', which stops it again; where it does not stop, set nodes.${node}.stop to force.`,
      ].join("\n"),
    );
  });
}
