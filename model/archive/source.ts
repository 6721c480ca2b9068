import { createHash } from "node:crypto";
import * as z from "zod";
import type { RestoreConfig } from "../config/clusterConfig.ts";
import type { Known } from "../config/later.ts";
import { parseHttpsEndpoint } from "../config/network.ts";
import { isClusterName } from "../names.ts";

/** The archive that a new cluster is made from: all that is needed to read it. A secret as a whole. */
export interface ArchiveSource {
  readonly endpoint: { readonly host: string; readonly port: number };
  readonly bucket: string;
  readonly prefix: string;
  readonly region: string;
  readonly accessKey: string;
  readonly secretKey: string;
  readonly uriStyle: "path" | "host";
  /** PEM; "": the hosts' own trust store does. */
  readonly caCertificate: string;
  readonly verifyTls: boolean;
  readonly stanza: string;
  /** What it is encrypted with; "": it is not. */
  readonly key: string;
  /** Of an S3 server that is a container on this machine: its name; "": it is reached as it is. */
  readonly container: string;
}

const line = z.string().regex(/^[\x21-\x7e]{1,300}$/);

/** A stack's output `restoreFrom`: what another stack needs to read its archive. */
export const restoreFrom = z.object({
  endpoint: z.string().refine((text) => parseHttpsEndpoint(text) !== undefined),
  bucket: line,
  prefix: z.string().regex(/^[\x21-\x7e]{0,300}$/),
  region: line,
  accessKey: line.optional(),
  secretKey: line.optional(),
  uriStyle: z.enum(["path", "host"]),
  caCertificate: z.string().max(1_000_000),
  verifyTls: z.boolean(),
  stanza: z.string().refine(isClusterName),
  key: z.string().regex(/^[\x21-\x7e]{0,300}$/),
  container: z
    .string()
    .regex(/^[a-z0-9][a-z0-9_.-]{0,200}$/)
    .optional(),
});

export type RestoreFrom = z.infer<typeof restoreFrom>;

/** What is restored, as one word: credentials, keys and SQL may change, the data that are asked for may not. */
export function restoreId({ from, target, inclusive, timeline, backup }: Known<RestoreConfig>): string {
  const source =
    from.kind === "stack"
      ? from.stack
      : `${from.endpoint.host}:${from.endpoint.port}/${from.bucket}/${from.prefix} ${from.stanza}`;
  const said = JSON.stringify([source, target, inclusive, timeline ?? null, backup ?? null]);
  return createHash("sha256").update(said).digest("hex").slice(0, 16);
}
