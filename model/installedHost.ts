import * as z from "zod";
import type { HostSize } from "./settings/sizing.ts";

/** What `install.sh` reports. */
export interface InstalledHost extends HostSize {
  /** Version of pgBackRest. */
  readonly pgbackrest: string;
  /** Version of PgBouncer; empty where there are no poolers. */
  readonly pgbouncer: string;
  /** The host's own SSH key (type and base64), for the other nodes. */
  readonly sshHostKey: string;
  /** As `uname -m` says it. Earlier versions did not report it. */
  readonly architecture?: string | undefined;
}

const version = /^\d+(\.\d+)*/;

export const installedHost: z.ZodType<InstalledHost> = z.object({
  memoryBytes: z.int().positive(),
  cpus: z.int().positive(),
  dataDiskBytes: z.int().positive(),
  pgbackrest: z.string().regex(version),
  pgbouncer: z.union([z.literal(""), z.string().regex(version)]),
  architecture: z.string().max(20).optional(),
  sshHostKey: z.string().regex(/^[a-z0-9@.-]+ [A-Za-z0-9+/=]+$/),
});
