import { getStack, runtime } from "@pulumi/pulumi";

/** What the stack's own state holds of a step. */
export interface StoredStep {
  readonly stdout?: string;
  readonly environment?: Readonly<Record<string, string>>;
}

interface StoredResource {
  readonly type: string;
  readonly outputs: StoredStep;
}

/** The steps of the last update that came to them, by name. The engine answers from its snapshot: no host is asked. */
export async function storedSteps(): Promise<(name: string) => StoredStep | undefined> {
  const answer: { outputs?: Readonly<Record<string, StoredResource>> } = await runtime.invoke(
    "pulumi:pulumi:readStackResourceOutputs",
    { stackName: getStack() },
  );
  return (name) =>
    Object.entries(answer.outputs ?? {}).find(
      ([urn, { type }]) => /^command:(?:local|remote):Command$/.test(type) && urn.endsWith(`::${name}`),
    )?.[1].outputs;
}
