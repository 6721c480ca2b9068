import { execFileSync } from "node:child_process";
import { DockerCluster } from "../../support/dockerCluster.ts";
import { removedAtTheEnd } from "./cleanup.ts";
import { basePackages, type Cluster, type Contender, parseVersions } from "./contender.ts";

/** Understudy with two standbys, directly and through its pooler; and with one and with six. */
export const understudy: Contender = contender("understudy", "Understudy", 3);
export const understudyPooler: Contender = contender("understudy-pooler", "Understudy, through its pooler", 3, true);
export const understudyOne: Contender = contender("understudy-1-standby", "Understudy, one standby", 2);
export const understudySix: Contender = contender("understudy-6-standbys", "Understudy, six standbys", 7);

function contender(name: string, title: string, count: number, pooler = false): Contender {
  const nodes = [..."abcdefg"].slice(0, count).map((letter) => `node-${letter}`);
  return {
    name,
    title,
    command: "pulumi up --skip-preview, after pulumi config set primary …",
    setup: pooler
      ? "target docker, pooler.enabled; clients stay with the pooler of node-a"
      : "target docker, its defaults",
    async start(): Promise<Cluster> {
      const cluster = await DockerCluster.declare({ primary: "node-a", nodes });
      const remove = removedAtTheEnd(() => cluster.dispose());
      try {
        if (pooler) await cluster.stack.setConfig("pooler.enabled", true);
        await cluster.up();
        return { ...(await connected(cluster, nodes, pooler)), dispose: remove };
      } catch (error) {
        await remove();
        throw error;
      }
    },
  };
}

async function connected(
  cluster: DockerCluster,
  nodes: readonly string[],
  pooler: boolean,
): Promise<Omit<Cluster, "dispose">> {
  const outputs = await cluster.outputs();
  const { user, password } = outputs.monitoring;
  return {
    outputs,
    ...(pooler ? { poolerUri: String((await cluster.stack.outputs({ secrets: true })).poolerPrimaryUri) } : {}),
    addresses: Object.fromEntries(nodes.map((node) => [node, address(cluster.container(node))])),
    monitor: { user, password },
    versions: parseVersions(cluster.exec("node-a", "dpkg-query", "-W", ...basePackages)),
    declare: (to) => cluster.stack.setConfig("primary", to),
    switchover: async () => {
      const { exitCode, output } = await cluster.stack.up();
      if (exitCode !== 0) throw new Error(/^Diagnostics:.*?(?=^\w+:$)/ms.exec(output)?.[0] ?? output);
      return output;
    },
    receipt: async () => (await cluster.outputs()).handover,
  };
}

const address = (container: string) =>
  docker("inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", container);

function docker(...words: string[]): string {
  return execFileSync("docker", words, { encoding: "utf8" }).trim();
}
