import { getStack, runtime } from "@pulumi/pulumi";
import { formerName } from "../model/steps.ts";

/** What the stack's own state holds of a step. */
export interface StoredStep {
  readonly stdout?: string;
  readonly environment?: Readonly<Record<string, string>>;
}

interface StoredResource {
  readonly type: string;
  readonly outputs: StoredStep;
}

/** The steps of the last update that came to them, by name without the cluster's prefix. The engine answers from its snapshot: no host is asked. */
export async function storedSteps(prefix: string): Promise<(name: string) => StoredStep | undefined> {
  const { outputs = {} } = await readState();
  const find = (name: string) =>
    Object.entries(outputs).find(
      ([urn, { type }]) => /^command:(?:local|remote):Command$/.test(type) && urn.endsWith(`::${prefix}${name}`),
    )?.[1].outputs;
  return (name) => {
    const former = formerName(name);
    return find(name) ?? (former === undefined ? undefined : find(former));
  };
}

/** Outputs of the resource of that type and name, from an earlier update; undefined: the stack has none. */
export async function storedOutputs(
  type: string,
  name: string,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  const { outputs = {} } = await readState();
  const [, found] =
    Object.entries(outputs).find(([urn, known]) => known.type === type && urn.endsWith(`::${name}`)) ?? [];
  return found?.outputs as Readonly<Record<string, unknown>> | undefined;
}

/** Names of the resources of that type that an earlier update has left. */
export async function storedNames(type: string): Promise<readonly string[]> {
  const { outputs = {} } = await readState();
  return Object.entries(outputs).flatMap(([urn, known]) =>
    known.type === type ? [urn.split("::").slice(3).join("::")] : [],
  );
}

/**
 * The engine writes the snapshot of this very update at the same time, and a file backend may be read in the middle of that: then it has
 * no answer for a moment.
 */
async function readState(): Promise<{ outputs?: Readonly<Record<string, StoredResource>> }> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await runtime.invoke("pulumi:pulumi:readStackResourceOutputs", { stackName: getStack() });
    } catch (error) {
      if (attempt >= 50 || !String(error).includes("failed to load checkpoint")) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
