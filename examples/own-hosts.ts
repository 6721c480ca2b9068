// A pair on two hosts of one's own. The archive's keys are secrets: pulumi config set --secret accessKey …
import { Config } from "@pulumi/pulumi";
import { PostgresCluster } from "pulumi-understudy";

const config = new Config();
const login = { user: "admin", privateKeyFile: "~/.ssh/id_ed25519" };
const keys = { accessKey: config.requireSecret("accessKey"), secretKey: config.requireSecret("secretKey") };

const orders = new PostgresCluster("orders", {
  target: "ssh",
  primary: "db-1", // another name here moves the primary
  nodes: { "db-1": { ...login, host: "10.0.0.11" }, "db-2": { ...login, host: "10.0.0.12" } },
  archive: { endpoint: "s3.eu-central-1.amazonaws.com", region: "eu-central-1", bucket: "acme-postgres", ...keys },
});
export const { connectionUri } = orders.connections;
