import { all, type CustomResourceOptions, type Output, RunError } from "@pulumi/pulumi";
import { type AwsKeys, firstKey } from "../../../model/aws/config.ts";
import { type AwsClusterConfig, nodesOf } from "../../../model/config/clusterConfig.ts";
import type { OperatorKey } from "../../../model/stepInputs.ts";
import type { ClusterSecrets } from "../../clusterSecrets.ts";
import { named } from "../../part.ts";
import { storedNames } from "../../stackState.ts";

/** Who may log in to hosts: the keys of `aws.keys.operator`, in their order. */
export function operatorKeys({ operators }: Pick<ClusterSecrets, "operators">): Output<readonly OperatorKey[]> {
  return all(operators.map(({ publicKey, privateKey }) => all([publicKey, privateKey]))).apply((pairs) =>
    pairs.map(([publicKey, privateKey]) => ({ publicKey, privateKey })),
  );
}

/**
 * Rejects, in the preview too, where a key is to go that a host may need which is off or left alone: nobody could log in to it any more, or know it.
 */
export async function keysStay(config: AwsClusterConfig, opts: CustomResourceOptions): Promise<void> {
  const aside = nodesOf(config).filter(({ state }) => state !== "active");
  if (aside.length === 0) return;
  const { keys } = config.aws;
  const stored = await storedNames("command:local:Command");
  const base: Readonly<Record<keyof AwsKeys, readonly string[]>> = {
    operator: [named("operator-key", opts)],
    host: aside.map(({ name }) => named(`host-key-${name}`, opts)),
  };
  for (const kind of ["operator", "host"] as const) {
    const gone = base[kind].flatMap((first) => stored.flatMap((name) => keyNamed(first, name) ?? []));
    const missed = gone.find((key) => !keys[kind].includes(key));
    if (missed === undefined) continue;
    const { name, state } = aside[0] as (typeof aside)[number];
    throw new RunError(`aws.keys.${kind}: '${missed}' can't go while ${name} is ${state}: its host may know no other key
HINT: keep it in the list until ${name} is active again, or remove the node from config.`);
  }
}

/** The name of the key that a resource keeps; undefined: it keeps another one. */
function keyNamed(first: string, resource: string): string | undefined {
  if (resource === first) return firstKey;
  return resource.startsWith(`${first}_`) ? resource.slice(first.length + 1) : undefined;
}
