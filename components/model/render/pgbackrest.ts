import type { ArchiveConfig, NodeConfig, PostgresMajor } from "../clusterConfig.ts";

/** How the archive is reached, whoever serves it. Keys are secrets. */
export interface ArchiveAccess {
  readonly endpoint: { readonly host: string; readonly port: number };
  readonly accessKey: string;
  readonly secretKey: string;
  readonly uriStyle: "path" | "host";
  /** Path on the host of the CA that signed the endpoint's certificate; undefined: the system's trust store. */
  readonly caFile: string | undefined;
  readonly verifyTls: boolean;
}

export interface PgbackrestInput {
  readonly stanza: string;
  readonly major: PostgresMajor;
  readonly node: NodeConfig;
  readonly archive: ArchiveConfig;
  readonly access: ArchiveAccess;
  readonly cpus: number;
}

/** `/etc/understudy/pgbackrest.conf` of one node: a secret as a whole. */
export function renderPgbackrestConf(input: PgbackrestInput): string {
  void input;
  return "";
}
