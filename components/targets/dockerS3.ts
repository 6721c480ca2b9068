import { all, type ComponentResourceOptions, type Output, type Resource, secret } from "@pulumi/pulumi";
import { hostFiles } from "../../model/paths.ts";
import type { ArchiveAccess } from "../../model/render/pgbackrest.ts";
import { type ClusterSecrets, certificate, password, sshKeyPair } from "../clusterSecrets.ts";
import { ClusterPart } from "../part.ts";
import { DockerHost, type DockerStack, loginFiles } from "./docker.ts";
import type { ArchiveServer } from "./machine.ts";

export interface DockerS3Args {
  readonly stack: DockerStack;
  /** Made on the server where it is missing. One that is not named any more stays, with what is in it. */
  readonly bucket: string;
  readonly secrets: Pick<ClusterSecrets, "operator" | "ca">;
}

/**
 * An S3 server on a host of its own, over HTTPS with a certificate of the stack's CA. It keeps the bucket on a volume that is
 * protected from removal where the stack's data is.
 */
export class DockerS3 extends ClusterPart implements ArchiveServer {
  /** Where the nodes reach it. The name resolves on the stack's network. */
  readonly endpoint = { host: "archive.understudy.internal", port: 443 } as const;
  /** Where tools on this machine reach it. */
  readonly published: Output<{ readonly host: string; readonly port: number }>;
  /** A secret. */
  readonly accessKey: Output<string>;
  /** A secret. */
  readonly secretKey: Output<string>;
  readonly access: Output<ArchiveAccess>;
  readonly signedBy = "stack";
  readonly ready: readonly Resource[];

  constructor(name: string, { stack, bucket, secrets }: DockerS3Args, opts?: ComponentResourceOptions) {
    super("understudy:index:DockerS3", name, opts);
    const parent = { parent: this };
    this.accessKey = password("archive-access-key", parent);
    this.secretKey = password("archive-secret-key", parent);
    const tls = certificate(
      "archive-certificate",
      { ca: secrets.ca, commonName: this.endpoint.host, hosts: [this.endpoint.host, "127.0.0.1", "localhost"] },
      parent,
    );
    const host = new DockerHost(
      "archive-server",
      {
        stack,
        host: "archive_s3", // no node can have this name
        image: "s3",
        memoryBytes: 512 * 1024 * 1024,
        ports: [22, this.endpoint.port],
        aliases: [this.endpoint.host],
        files: [
          ...loginFiles(secrets.operator, sshKeyPair("archive-host-key", parent)),
          { path: "/etc/understudy/s3/server.crt", mode: "644", content: tls.certificate },
          { path: "/etc/understudy/s3/server.key", mode: "600", content: tls.privateKey },
          { path: "/etc/understudy/s3/users.json", mode: "600", content: s3Users(this.accessKey, this.secretKey) },
          { path: "/etc/understudy/s3/buckets", mode: "644", content: `${bucket}\n` },
        ],
        unit: "understudy-s3",
        power: "on",
        protectVolume: true,
        names: { volume: "archive-data", host: "archive-host", power: "archive-power" },
      },
      parent,
    );
    this.access = secret(
      all([this.accessKey, this.secretKey]).apply(([accessKey, secretKey]) => ({
        endpoint: this.endpoint,
        accessKey,
        secretKey,
        uriStyle: "path" as const,
        caFile: hostFiles.archiveCaCertificate,
        verifyTls: true,
      })),
    );
    this.published = host.report.apply(({ port443 }) => ({ host: "127.0.0.1", port: port443 as number }));
    this.ready = [host.power];
    this.registerOutputs({ endpoint: this.endpoint, published: this.published });
  }
}

/** The server's account file: one account that may do everything in the buckets. */
function s3Users(accessKey: Output<string>, secretKey: Output<string>): Output<string> {
  return all([accessKey, secretKey]).apply(([access, secret]) =>
    JSON.stringify({
      accessAccounts: { [access]: { access, secret, role: "admin", userID: 0, groupID: 0, projectID: 0 } },
    }),
  );
}
