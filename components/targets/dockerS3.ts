import { all, type ComponentResourceOptions, type Output, output, type Resource, secret } from "@pulumi/pulumi";
import { hostFiles } from "../../model/paths.ts";
import type { ArchiveAccess } from "../../model/render/pgbackrest.ts";
import { renderS3Policy, renderS3Users, type S3Accounts } from "../../model/render/s3Accounts.ts";
import { type ClusterSecrets, certificate, password, sshKeyPair } from "../clusterSecrets.ts";
import { ClusterPart } from "../part.ts";
import { DockerHost, type DockerStack, loginFiles } from "./docker.ts";
import type { ArchiveReader, ArchiveServer, LedgerPlace } from "./machine.ts";

export interface DockerS3Args {
  readonly stack: DockerStack;
  /** Made on the server where it is missing. One that is not named any more stays, with what is in it. */
  readonly bucket: string;
  readonly secrets: Pick<ClusterSecrets, "operator" | "ca">;
  /** Whether the ledger of agents lies there, too: then nobody who may write WAL reaches it. */
  readonly hasLedger: boolean;
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
  readonly reader: ArchiveReader;
  readonly ledger?: LedgerPlace;
  readonly ready: readonly Resource[];

  constructor(name: string, { stack, bucket, secrets, hasLedger }: DockerS3Args, opts?: ComponentResourceOptions) {
    super("understudy:index:DockerS3", name, opts);
    const parent = { parent: this };
    this.accessKey = password("archive-access-key", parent);
    this.secretKey = password("archive-secret-key", parent);
    this.reader = {
      host: `archive.${stack.prefix.replace(/[^a-z0-9-]/g, "-").slice(0, 60)}.internal`,
      container: `${stack.prefix}-archive_s3`,
      accessKey: password("archive-reader-access-key", parent),
      secretKey: password("archive-reader-secret-key", parent),
    };
    if (hasLedger) {
      this.ledger = {
        bucket: `${bucket}-ledger`,
        uriStyle: "path",
        accessKey: password("ledger-access-key", parent),
        secretKey: password("ledger-secret-key", parent),
      };
    }
    const names = [this.endpoint.host, this.reader.host];
    const tls = certificate(
      "archive-certificate",
      { ca: secrets.ca, commonName: this.endpoint.host, hosts: [...names, "127.0.0.1", "localhost"] },
      parent,
    );
    const accounts = s3Accounts(this);
    const host = new DockerHost(
      "archive-server",
      {
        stack,
        host: "archive_s3", // no node can have this name
        image: "s3",
        memoryBytes: 512 * 1024 * 1024,
        ports: [22, this.endpoint.port],
        aliases: names,
        files: [
          ...loginFiles(secrets.operator, sshKeyPair("archive-host-key", parent)),
          { path: "/etc/understudy/s3/server.crt", mode: "644", content: tls.certificate },
          { path: "/etc/understudy/s3/server.key", mode: "600", content: tls.privateKey },
          { path: "/etc/understudy/s3/users.json", mode: "600", content: accounts.apply(renderS3Users) },
          {
            path: "/etc/understudy/s3/policy",
            mode: "600",
            content: accounts.apply((known) => renderS3Policy(known, bucket)),
          },
          {
            path: "/etc/understudy/s3/buckets",
            mode: "644",
            content: [bucket, ...(this.ledger ? [this.ledger.bucket] : [])].map((each) => `${each}\n`).join(""),
          },
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

/** Who may come in. */
function s3Accounts({ accessKey, secretKey, reader, ledger }: DockerS3): Output<S3Accounts> {
  return all([output({ accessKey, secretKey }), output(reader), output(ledger)]).apply(([archive, reads, keeps]) => ({
    ...{ archive, reader: reads, ledger: keeps },
  }));
}
