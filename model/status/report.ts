import { assess } from "./assess.ts";
import { drillsOf } from "./drills.ts";
import type { Finding } from "./finding.ts";
import { type Archiver, type Observation, type Reading, readValue, type Slot } from "./observation.ts";
import { type Activity, type NodeSummary, type RealRole, summarize } from "./summary.ts";
import { exitCodeOf, type Level } from "./thresholds.ts";

/**
 * What `npm run status -- --json` prints. Names and meanings stay; new fields may be added. What is not known is `null`;
 * times are ISO 8601 in UTC.
 */
export interface StatusReport {
  /** Of this shape. */
  readonly version: 1;
  readonly cluster: string;
  readonly at: string;
  readonly level: Level;
  /** 0, 1 or 2: the exit code that goes with `level`. */
  readonly exitCode: number;
  readonly postgresVersion: number;
  readonly primary: {
    /** The node that config declares. */
    readonly declared: string;
    /** Nodes that are writable now: one, when all is well. */
    readonly real: readonly string[];
    /** Who leads as the nodes have it among themselves, and by which change of primary; null: no node that answered knows. */
    readonly leads: { readonly node: string; readonly epoch: number } | null;
  };
  readonly nodes: readonly NodeReport[];
  readonly archive: {
    /** `pg_stat_archiver` of the primary. */
    readonly archiver: ArchiverReport | null;
    /** The last backup that can be restored. */
    readonly lastBackup: BackupReport | null;
    /** How many backups the archive holds; null: could not be read. */
    readonly backups: number | null;
    /** The last restore that a drill proved; null: none that a node that answers knows of. */
    readonly provenRestore: ProvenRestore | null;
  };
  /** Worst first. Those of the level `notice` count for nothing. */
  readonly findings: readonly Finding[];
}

export interface NodeReport {
  readonly node: string;
  readonly state: "active" | "fenced" | "absent";
  readonly role: { readonly declared: "primary" | "standby"; readonly real: RealRole };
  readonly activity: Activity;
  readonly serverVersion: string | null;
  readonly systemIdentifier: string | null;
  readonly timeline: number | null;
  /** Where a primary writes, or a standby has replayed. */
  readonly lsn: string | null;
  /** Behind the primary; null on a primary. */
  readonly lag: { readonly bytes: number | null; readonly seconds: number | null } | null;
  readonly sync: { readonly declared: boolean; readonly real: string | null };
  /** The node's slot on the primary. */
  readonly slot: Slot | null;
  readonly archiver: ArchiverReport | null;
  readonly disk: { readonly totalBytes: number; readonly freeBytes: number } | null;
  /** What the host still lacks of what is declared. */
  readonly pending: readonly string[];
  /** Whether each of the two ways to ask the node worked: "ok", "skipped", or why not. */
  readonly reached: { readonly sql: string; readonly ssh: string };
}

export interface ArchiverReport {
  readonly mode: string;
  readonly lastArchivedWal: string | null;
  readonly lastArchivedAt: string | null;
  readonly lastFailedWal: string | null;
  readonly lastFailedAt: string | null;
  readonly archivedCount: number;
  readonly failedCount: number;
  /** Segments that wait to be archived. */
  readonly backlog: number | null;
}

export interface BackupReport {
  readonly label: string;
  readonly type: string;
  readonly finishedAt: string;
}

export interface ProvenRestore {
  readonly node: string;
  readonly endedAt: string;
  readonly backup: string;
  /** Up to where the WAL was recovered. */
  readonly lsn: string;
}

/** Everything that status says, as plain data: `--json` prints it, and the table is drawn from it. */
export function reportOf(observation: Observation): StatusReport {
  const summary = summarize(observation);
  const { level, findings } = assess(observation, summary);
  const { leader, leaderEpoch } = summary.leadership;
  const backups = readValue(observation.backups);
  const last = backups?.filter(({ error }) => !error).at(-1);
  const { proven } = drillsOf(observation);
  return {
    version: 1,
    cluster: observation.clusterName,
    at: observation.at.toISOString(),
    level,
    exitCode: exitCodeOf(level),
    postgresVersion: observation.postgresVersion,
    primary: {
      declared: observation.primary,
      real: summary.nodes.filter(({ role }) => role === "primary").map(({ declared }) => declared.name),
      leads: leader === undefined ? null : { node: leader, epoch: leaderEpoch },
    },
    nodes: observation.nodes.flatMap((node, index) => {
      const row = summary.nodes[index];
      return row === undefined ? [] : [nodeReport(node, row)];
    }),
    archive: {
      archiver: summary.primary === undefined ? null : archiverReport(summary.primary.sql.archiver),
      lastBackup: last ? { label: last.label, type: last.type, finishedAt: last.finishedAt.toISOString() } : null,
      backups: backups?.length ?? null,
      provenRestore: proven
        ? {
            node: proven.node,
            endedAt: new Date(proven.endedAt * 1000).toISOString(),
            backup: proven.backup,
            lsn: proven.lsn,
          }
        : null,
    },
    findings,
  };
}

function nodeReport(observed: Observation["nodes"][number], row: NodeSummary): NodeReport {
  const sql = readValue(observed.sql);
  const host = readValue(observed.host);
  return {
    node: row.declared.name,
    state: row.declared.state,
    role: { declared: row.declared.role, real: row.role },
    activity: row.activity,
    serverVersion: sql?.serverVersion ?? null,
    systemIdentifier: sql?.systemIdentifier ?? (host?.data.systemIdentifier || null),
    timeline: row.timeline ?? null,
    lsn: row.lsn ?? null,
    lag: row.role === "primary" ? null : { bytes: row.lagBytes ?? null, seconds: row.lagSeconds ?? null },
    sync: { declared: row.declared.synchronous, real: row.sync ?? null },
    slot: row.slot ?? null,
    archiver: sql === undefined ? null : { ...archiverReport(sql.archiver), backlog: row.backlog ?? null },
    disk: row.disk ?? null,
    pending: row.declared.pending,
    reached: { sql: reached(observed.sql), ssh: reached(observed.host) },
  };
}

function archiverReport(archiver: Archiver): ArchiverReport {
  const { lastArchivedAt, lastFailedAt, ...rest } = archiver;
  return {
    ...rest,
    lastArchivedAt: lastArchivedAt?.toISOString() ?? null,
    lastFailedAt: lastFailedAt?.toISOString() ?? null,
  };
}

function reached(reading: Reading<unknown>): string {
  switch (reading.kind) {
    case "read":
      return "ok";
    case "skipped":
      return "skipped";
    case "failed":
      return reading.what;
  }
}
