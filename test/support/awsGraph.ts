import { output } from "@pulumi/pulumi";
import { clusterSecrets } from "../../components/clusterSecrets.ts";
import { hostsFor } from "../../components/targets/machines.ts";
import { Update } from "../../components/update.ts";
import type { AwsClusterConfig } from "../../model/config/clusterConfig.ts";
import { forget, type Registered, registered, settled, unwrapped } from "./mockEngine.ts";

/** Everything that the target makes of `config`, as the engine is asked for it. */
export async function graphOf(config: AwsClusterConfig): Promise<readonly Registered[]> {
  forget();
  const hosts = hostsFor(config, clusterSecrets(config, {}), new Update(config, {}), {});
  hosts.fences({ proof: output("intent-1:2"), after: [] });
  hosts.followPrimary?.(output(config.primary));
  await settled();
  return [...registered];
}

/** Without the components, and without the secrets that every target makes. */
export function awsOnly(graph: readonly Registered[]): readonly Registered[] {
  return graph.filter(
    ({ type, name }) =>
      type.startsWith("aws:") || type === "pulumi:providers:aws" || /^(?:boot-(?!key)|power-|surroundings)/.test(name),
  );
}

/** One line a fact, in the order of names: what a reviewer reads. Secrets are not shown, but that they are one. */
export function renderGraph(graph: readonly Registered[]): string {
  const byUrn = (urn: string) => urn.split("::").pop() ?? urn;
  const plain = (value: unknown): unknown => {
    const { secret, value: inner } = unwrapped(value);
    if (secret) return "[secret]";
    if (Array.isArray(inner)) return inner.map(plain);
    if (typeof inner === "string" && inner.startsWith("{")) return plain(JSON.parse(inner));
    if (typeof inner !== "object" || inner === null) return inner;
    return Object.fromEntries(
      Object.entries(inner)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([key, item]) => [key, plain(item)]),
    );
  };
  const resources = [...graph]
    .sort((a, b) => (`${a.type} ${a.name}` < `${b.type} ${b.name}` ? -1 : 1))
    .map(({ type, name, inputs, options }) => {
      const { provider, parent, dependsOn, ...others } = options;
      const set = Object.entries(others).filter(([, value]) =>
        Array.isArray(value) ? value.length > 0 : value !== "" && value !== false,
      );
      return {
        resource: `${type} ${name}`,
        parent: byUrn(parent),
        ...(dependsOn.length > 0 ? { dependsOn: dependsOn.map(byUrn).sort() } : {}),
        ...Object.fromEntries(set.map(([key, value]) => [key, key === "deletedWith" ? byUrn(String(value)) : value])),
        inputs: plain(inputs),
      };
    });
  return `${JSON.stringify(resources, undefined, 2)}\n`;
}
