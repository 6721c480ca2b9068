// Two clusters in one program, in containers on this machine: a pair for orders, and a single node for reports.
import { Config } from "@pulumi/pulumi";
import { PostgresCluster, stackOutputs } from "pulumi-understudy";

const common = { target: "docker", deletionProtection: false } as const;

export const orders = stackOutputs(
  new PostgresCluster("orders", {
    ...common,
    primary: new Config().get("primary") ?? "node-a",
    nodes: { "node-a": {}, "node-b": { memory: "1GB" } },
    databases: { orders: {} },
  }),
);

export const reports = stackOutputs(
  new PostgresCluster("reports", {
    ...common,
    primary: "node-a",
    nodes: { "node-a": {} },
    settings: { work_mem: "16MB" },
  }),
);
