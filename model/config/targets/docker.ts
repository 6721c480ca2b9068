import { majors, postgresMajors } from "../../majors.ts";
import { dockerNodeOptions, leastMemory } from "../schema/nodeOptions.ts";
import type { OptionValues } from "../schema/option.ts";
import { parseSize } from "../units.ts";
import { checkNetworks } from "./clientNetworks.ts";
import type { ConfigTarget } from "./target.ts";

/** Where PostgreSQL listens and keeps its data on a host that the program makes. */
export const madeHost = { postgresPort: 5432, dataDirectory: "/var/lib/understudy" };

export const docker: ConfigTarget = {
  makesHosts: true,
  nodeOptions: dockerNodeOptions,
  decided: "remove it: the target docker decides it",
  clientNetworksInWords: "all, since ports are published on loopback only",
  majorProblem(major) {
    if (majors[major].debian !== undefined) return undefined;
    const offered = postgresMajors.filter((known) => majors[known].debian !== undefined);
    return {
      rule: `${major} can't be had with the target docker: Debian has no such packages`,
      hint: `use ${offered.join(", ")}, or hosts of your own with the target ssh`,
    };
  },
  open: () => ({
    readNode(values, _node, path, problems) {
      const { memory } = values as OptionValues<typeof dockerNodeOptions>;
      const memoryBytes = parseSize(memory ?? dockerNodeOptions.memory.default) ?? 0;
      if (memory && memoryBytes < (parseSize(leastMemory) as number)) {
        problems.push({ key: `${path}.memory`, rule: `must be at least ${leastMemory}`, hint: "set 512MB or more" });
      }
      return { target: "docker", ...madeHost, memoryBytes };
    },
    checkNodes() {},
    ownArchive: (clusterName) => ({ bucket: `understudy-${clusterName}`, region: "us-east-1" }),
    // Ports are published on the operator's loopback only: nobody else reaches them.
    defaultClientNetworks: () => ["0.0.0.0/0", "::/0"],
    checkClientNetworks: checkNetworks,
    check() {},
    extra: {},
  }),
};
