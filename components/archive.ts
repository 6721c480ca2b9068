import { all, type Input, type Output, output, type Resource, secret, unsecret } from "@pulumi/pulumi";
import type { RestoreFrom } from "../model/archive/source.ts";
import type { ClusterConfig, LedgerConfig } from "../model/config/config.ts";
import { type HostAndPort, httpsEndpoint } from "../model/config/network.ts";
import { hostFiles, ledgerFolder } from "../model/paths.ts";
import type { AgentLedger } from "../model/render/agentConf.ts";
import type { ArchiveAccess } from "../model/render/pgbackrest.ts";
import type { ClusterSecrets } from "./clusterSecrets.ts";
import { given } from "./given.ts";
import type { ArchiveServer } from "./targets/machine.ts";

/** The bucket that WAL and backups go to, as the nodes reach it, whoever serves it. */
export interface Archive {
  /** A secret. */
  readonly access: Output<ArchiveAccess>;
  /** PEM of the CA to trust; "": the hosts' own trust store does. */
  readonly caCertificate: Output<string>;
  /** Which one it is: `host:port/bucket/prefix`. */
  readonly id: Output<string>;
  /** What users get to see of it. */
  readonly description: Output<{
    readonly bucket: string;
    readonly endpoint: string;
    readonly prefix: string;
    readonly stanza: string;
  }>;
  /** How another stack reads it, but for its key: a secret. */
  readonly reader: Output<Omit<RestoreFrom, "key">>;
  /** What has to be there before a node may ask for it. */
  readonly ready: readonly Resource[];
}

/** The archive that config declares: the stack's own (`server`), or an endpoint of the user's. */
export function archiveOf(config: ClusterConfig, secrets: ClusterSecrets, server: ArchiveServer | undefined): Archive {
  const { archive } = config;
  const describe = (bucket: string, endpoint: HostAndPort) => ({
    bucket,
    endpoint: httpsEndpoint(endpoint),
    prefix: archive.prefix,
    stanza: config.clusterName,
  });
  const identify = (bucket: string, { host, port }: HostAndPort) => `${host}:${port}/${bucket}/${archive.prefix}`;
  switch (archive.server) {
    case "own": {
      if (!server) throw new Error("the target made no server for the archive");
      return {
        access: server.access,
        caCertificate: server.signedBy === "stack" ? secrets.caCertificate : output(""),
        id: output(identify(archive.bucket, server.endpoint)),
        description: output(describe(archive.bucket, server.endpoint)),
        reader: secret(ownReader(config, server, secrets)),
        ready: server.ready,
      };
    }
    case "given": {
      const known = given(archive);
      const access = known.apply(({ endpoint, accessKey, secretKey, uriStyle, caCertificate, verifyTls }) => {
        const caFile = caCertificate === undefined ? undefined : hostFiles.archiveCaCertificate;
        return { endpoint, accessKey, secretKey, uriStyle, caFile, verifyTls };
      });
      return {
        access: secret(access),
        caCertificate: unsecret(known.apply(({ caCertificate }) => caCertificate ?? "")),
        id: unsecret(known.apply(({ bucket, endpoint }) => identify(bucket, endpoint))),
        description: unsecret(known.apply(({ bucket, endpoint }) => describe(bucket, endpoint))),
        // Without credentials: those that it has here may write.
        reader: secret(
          known.apply(({ endpoint, bucket, prefix, region, uriStyle, caCertificate, verifyTls }) => ({
            ...{ endpoint: httpsEndpoint(endpoint), bucket, prefix, region, uriStyle, verifyTls },
            ...{ caCertificate: caCertificate ?? "", stanza: config.clusterName },
          })),
        ),
        ready: [],
      };
    }
    default:
      return archive satisfies never;
  }
}

function ownReader(
  { archive, clusterName }: ClusterConfig,
  { endpoint, access, signedBy, reader }: ArchiveServer,
  secrets: ClusterSecrets,
): Output<Omit<RestoreFrom, "key">> {
  return all([
    ...([given(archive), access, signedBy === "stack" ? secrets.caCertificate : ""] as const),
    all([reader?.accessKey, reader?.secretKey]),
  ]).apply(([{ bucket, prefix, region }, { uriStyle, verifyTls }, caCertificate, [accessKey, secretKey]]) => ({
    ...{ endpoint: httpsEndpoint({ ...endpoint, host: reader?.host ?? endpoint.host }), bucket, prefix, region },
    ...{ uriStyle, verifyTls, caCertificate, stanza: clusterName },
    ...(reader === undefined ? {} : { accessKey, secretKey, container: reader.container }),
  }));
}

/** Where the ledger of agents lies, as they reach it: postgres, which has the archive's account, does not. */
export interface Ledger {
  readonly place: Output<AgentLedger>;
  /** A secret. */
  readonly credentials: Output<{ readonly accessKeyId: string; readonly secretAccessKey: string }>;
  /** PEM of the CA to trust; "": the hosts' own trust store does. */
  readonly caCertificate: Output<string>;
  /** What has to be there before an agent may ask for it. */
  readonly ready: readonly Resource[];
}

/** The ledger that config declares: in the stack's own archive (`server`), or in a bucket of the user's. */
export function ledgerOf(config: ClusterConfig, secrets: ClusterSecrets, server: ArchiveServer | undefined): Ledger {
  const { archive } = config;
  if (archive.ledger) return givenLedger(archive.ledger);
  const ledger = server?.ledger;
  if (!server || !ledger) throw new Error("the target has made no place for the ledger");
  const { bucket, uriStyle } = ledger;
  const hasOwnCa = server.signedBy === "stack";
  return {
    place: given(archive.region).apply((region) => ({
      ...{ kind: "s3" as const, endpoint: httpsEndpoint(server.endpoint), bucket, region },
      ...{ prefix: ledgerFolder, uriStyle, hasOwnCa, verifyTls: true },
    })),
    credentials: secret(credentialsOf(ledger)),
    caCertificate: hasOwnCa ? secrets.caCertificate : output(""),
    ready: server.ready,
  };
}

function givenLedger(ledger: LedgerConfig): Ledger {
  const known = given(ledger);
  return {
    place: unsecret(
      known.apply(({ endpoint, bucket, region, prefix, uriStyle, caCertificate, verifyTls }) => ({
        ...{ kind: "s3" as const, endpoint: httpsEndpoint(endpoint), bucket, region, prefix: `${prefix}/` },
        ...{ uriStyle, hasOwnCa: caCertificate !== undefined, verifyTls },
      })),
    ),
    credentials: secret(credentialsOf(known)),
    caCertificate: unsecret(known.apply(({ caCertificate }) => caCertificate ?? "")),
    ready: [],
  };
}

function credentialsOf(account: Input<{ readonly accessKey: Input<string>; readonly secretKey: Input<string> }>) {
  return output(account).apply(({ accessKey, secretKey }) => ({ accessKeyId: accessKey, secretAccessKey: secretKey }));
}
