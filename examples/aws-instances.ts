// A pair on EC2 instances that the same program makes: their addresses are known once they run, and are given to the cluster as they are.
import { Instance } from "@pulumi/aws/ec2/instance.js";
import { KeyPair } from "@pulumi/aws/ec2/keyPair.js";
import { Bucket } from "@pulumi/aws/s3/bucket.js";
import { Config } from "@pulumi/pulumi";
import { PostgresCluster } from "pulumi-understudy";

const config = new Config();
const privateKey = config.requireSecret("privateKey");
const archiveKeys = { accessKey: config.requireSecret("accessKey"), secretKey: config.requireSecret("secretKey") };

const keyPair = new KeyPair("operator", { publicKey: config.require("publicKey") });
const bucket = new Bucket("postgres-archive");

/** A Debian host that PostgreSQL's port is open on, for the other node and for clients. */
function host(name: string, subnetId: string) {
  const { publicIp, privateIp } = new Instance(name, {
    ami: config.require("debianAmi"),
    instanceType: "m7g.large",
    keyName: keyPair.keyName,
    subnetId,
    vpcSecurityGroupIds: [config.require("securityGroup")],
  });
  return { host: publicIp, address: privateIp, user: "admin", privateKey };
}

const orders = new PostgresCluster("orders", {
  target: "ssh",
  primary: "node-a",
  nodes: { "node-a": host("node-a", config.require("subnetA")), "node-b": host("node-b", config.require("subnetB")) },
  archive: {
    endpoint: "s3.eu-central-1.amazonaws.com",
    region: "eu-central-1",
    bucket: bucket.bucket,
    ...archiveKeys,
  },
});

export const { connectionUri } = orders.connections;
export const { caCertificate } = orders;
