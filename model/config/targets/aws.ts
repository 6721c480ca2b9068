import type { AwsHost } from "../../aws/config.ts";
import { awsName } from "../../aws/names.ts";
import { s3Server } from "../../aws/regions.ts";
import { readAws } from "../read/aws.ts";
import { readNetworkList } from "../read/awsNetwork.ts";
import { readAwsHost } from "../read/awsNode.ts";
import { type AwsScene, checkAws } from "../read/awsRules.ts";
import { awsNodeOptions } from "../schema/nodeOptions.ts";
import type { OptionValues } from "../schema/option.ts";
import { madeHost } from "./docker.ts";
import type { ConfigTarget } from "./target.ts";

export const aws: ConfigTarget = {
  makesHosts: true,
  nodeOptions: awsNodeOptions,
  decided: "remove it: the target aws decides it",
  clientNetworksInWords: "the network of the VPC that is made; of an existing one, config has to name them",
  majorProblem: () => undefined,
  open(own, _context, problems) {
    const reading = readAws(own, problems);
    const nodes: Record<string, AwsHost> = {};
    let config: ReturnType<typeof reading.finish> | undefined;
    const finished = () => {
      config ??= reading.finish(nodes);
      return config;
    };
    return {
      readNode(values, { name, state }, path) {
        const own = values as OptionValues<typeof awsNodeOptions>;
        const host = readAwsHost(own, reading.defaults, { state }, path, problems);
        nodes[name] = host;
        return { ...madeHost, ...host };
      },
      checkNodes: () => void finished(),
      ownArchive(clusterName) {
        const { region, account } = finished();
        return { bucket: awsName("bucket", clusterName, region, account), region, server: s3Server(region) };
      },
      defaultClientNetworks() {
        const { network } = finished();
        return network.kind === "new" ? [network.cidr] : [];
      },
      checkClientNetworks: (networks) => readNetworkList("clientNetworks", networks, problems),
      check: (parts) => checkAws({ ...parts, aws: finished() } as AwsScene, problems),
      get extra() {
        return { aws: finished() };
      },
    };
  },
};
