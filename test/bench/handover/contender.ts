import type { Outputs } from "../../support/dockerCluster.ts";

/** A cluster under the tool that is measured: a primary and its standbys, streaming, with WAL in the archive. */
export interface Cluster {
  /** What the audit client goes by, in the shape of our own outputs. */
  readonly outputs: Pick<Outputs, "primaryUri" | "nodes" | "caCertificate">;
  /** Through it the load goes instead, where it does not go to each node directly: a pooler's URI. */
  readonly poolerUri?: string;
  /** By which a node's stream comes to its primary. The primary goes back and forth between the first two; it is the first one. */
  readonly addresses: Readonly<Record<string, string>>;
  /** May read `pg_stat_replication` in the database postgres. */
  readonly monitor: { readonly user: string; readonly password: string };
  /** Versions of what is measured. */
  readonly versions: Readonly<Record<string, string>>;
  /** Whether the tool itself would accept a change now. @default yes */
  ready?(): Promise<boolean>;
  /** What is set before the command runs, and does not count. */
  declare?(to: string): Promise<void>;
  /** Changes the primary by the tool's own command; gives what it printed when it has ended. Fails if it failed. */
  switchover(from: string, to: string): Promise<string>;
  /** What the tool itself has to say of the last change, for the raw figures. */
  receipt?(): Promise<object>;
  /** Removes all of it. */
  dispose(): Promise<void>;
}

/** One of those that are compared. */
export interface Contender {
  /** Key of its figures, and what `--only` takes. */
  readonly name: string;
  readonly title: string;
  /** The command of a change, and how the tool is set up, for the report. */
  readonly command: string;
  readonly setup: string;
  start(): Promise<Cluster>;
}

/** Packages that all of them have, and what `dpkg-query -W` prints of them. */
export const basePackages = ["postgresql-17", "pgbackrest"] as const;

export function parseVersions(text: string): Readonly<Record<string, string>> {
  const lines = text.trim().split("\n");
  return Object.fromEntries(lines.map((line) => line.split("\t") as [string, string]));
}
