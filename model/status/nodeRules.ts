import type { Finding, NodeContext, NodeFinding, NodeRule } from "./finding.ts";
import { count, formatBytes, formatPercent, formatSeconds } from "./format.ts";
import { handoverRules } from "./handoverRules.ts";
import { hostAsDeclared } from "./hostRules.ts";
import { hoursLeft } from "./hoursLeft.ts";
import { type NodeObservation, readValue } from "./observation.ts";
import { poolers } from "./poolerRules.ts";
import { slotFindings } from "./slotRules.ts";
import type { ClusterSummary, NodeSummary } from "./summary.ts";
import { levelOf, thresholds, worstOf } from "./thresholds.ts";

/** Everything that is wrong with one node. One that is fenced is only wrong if it is there, one that is absent if it leads all the same. */
export function nodeFindings(observed: NodeObservation, row: NodeSummary, summary: ClusterSummary): Finding[] {
  const context: NodeContext = {
    observed,
    row,
    sql: readValue(observed.sql),
    primary: summary.primary,
    leadership: summary.leadership,
  };
  const applying =
    observed.declared.state === "active" ? [...rules, ...handoverRules, slotFindings] : [leadsAside, answersFenced];
  return applying.flatMap((rule) => rule(context)).map((finding) => ({ node: row.declared.name, ...finding }));
}

const leadsAside: NodeRule = ({ row }) =>
  row.role === "primary"
    ? [
        {
          level: "critical",
          what: `is declared ${row.declared.state} and is a writable primary`,
          hint: "stop it at once, and see why its fence did not hold",
        },
      ]
    : [];

const answersFenced: NodeRule = ({ observed: { declared, sql, host }, row }) =>
  declared.state === "fenced" && row.role !== "primary" && (sql.kind === "read" || host.kind === "read")
    ? [
        {
          level: "warning",
          what: "is declared fenced and its host answers",
          hint: `keep it off as long as it is fenced; or let it take part: pulumi config set --path 'nodes.${declared.name}.state' active && pulumi up`,
        },
      ]
    : [];

const reachable: NodeRule = ({ observed: { declared, sql, host }, row }) => {
  const level = declared.role === "primary" ? "critical" : "warning";
  if (row.activity === "no answer") {
    const reason = [host, sql].find((reading) => reading.kind === "failed");
    return [
      {
        level,
        what: `does not answer: ${reason?.kind === "failed" ? reason.what : "not reachable"}`,
        hint:
          declared.role === "primary"
            ? `${hintOf(host)}; if the host is lost, fence it and set another primary`
            : hintOf(host),
      },
    ];
  }
  if (host.kind === "failed") {
    return [{ level: "warning", what: `its host could not be read: ${host.what}`, hint: host.hint }];
  }
  if (sql.kind !== "failed" || host.kind !== "read") return [];
  switch (row.activity) {
    case "no volume":
      return [
        {
          level,
          what: "its data volume is not mounted",
          hint: "mount it at the data directory, then run pulumi up",
        },
      ];
    case "no data":
    case "starting":
    case "stopped":
    case "failed":
      return [
        {
          level,
          what: `PostgreSQL does not run (unit ${host.value.postgres.unit}${row.activity === "no data" ? ", no data" : ""})`,
          hint: "run pulumi up; if that does not help, look at journalctl -u understudy-postgresql on the host",
        },
      ];
    case "no SQL":
      return [{ level, what: `PostgreSQL runs but could not be asked: ${sql.what}`, hint: sql.hint }];
    default:
      // A warm standby answers no SQL: it is known through its host and its primary.
      return declared.standby === "warm" && row.role === "standby"
        ? []
        : [{ level, what: `PostgreSQL could not be asked: ${sql.what}`, hint: sql.hint }];
  }
};

function hintOf(reading: NodeObservation["host"]): string {
  return reading.kind === "failed" ? reading.hint : "see that the host runs and can be reached from here";
}

const roleAsDeclared: NodeRule = ({ row: { declared, role } }) => {
  if (role === "unknown" || role === "none" || role === declared.role) return [];
  return [
    {
      level: "critical",
      what: `is a ${role}, but is declared a ${declared.role}`,
      hint:
        role === "primary"
          ? `if it was promoted on purpose, adopt it: pulumi config set primary ${declared.name}; otherwise keep clients away from it`
          : "run pulumi preview: it says what stands against making it the primary again",
    },
  ];
};

const streams: NodeRule = ({ row, primary }) => {
  if (row.declared.role !== "standby" || row.activity !== "not streaming") return [];
  const from = primary === undefined ? "" : ` from ${primary.name}`;
  const stuck = behindTimeline(row, primary)
    ? `: it is on timeline ${row.timeline}, the primary on ${primary?.sql.timeline}`
    : "";
  return [
    {
      level: "warning",
      what: `does not stream${from}${stuck}`,
      hint: "look at PostgreSQL's log on it (journalctl -u understudy-postgresql), or run pulumi up with another value of reconcile",
    },
  ];
};

function behindTimeline(row: NodeSummary, primary: ClusterSummary["primary"]): boolean {
  return row.timeline !== undefined && primary !== undefined && row.timeline < primary.sql.timeline;
}

const onTimeline: NodeRule = ({ row, primary }) => {
  const leading = primary?.sql.timeline;
  if (row.timeline === undefined || leading === undefined || row.timeline === leading || row.role === "primary") {
    return [];
  }
  if (row.timeline > leading) {
    return [
      {
        level: "critical",
        what: `is on timeline ${row.timeline}, past the primary's ${leading}: it was promoted at some time`,
        hint: "see which of the two histories is to live before anything is rewound",
      },
    ];
  }
  // A stopped node knows its last checkpoint only. That it is stopped, or does not stream, has been said.
  if (row.role !== "standby" || row.activity === "not streaming") return [];
  return [
    {
      level: "warning",
      what: `is on timeline ${row.timeline}, the primary is on ${leading}`,
      hint: "if it stays there, run pulumi up with another value of reconcile, which makes it follow again",
    },
  ];
};

const lag: NodeRule = ({ row, sql, observed, primary }) => {
  if (row.role !== "standby" || row.declared.role !== "standby") return [];
  const delay = sql?.applyDelaySeconds ?? readValue(observed.host)?.warm?.delaySeconds ?? 0;
  const archived = row.declared.source === "archive";
  // One that stays behind on purpose, or is paused, has to have the WAL all the same.
  const held = delay > 0 || row.activity === "paused";
  const bytes = held ? row.receiveLagBytes : row.lagBytes;
  const bytesLevel = bytes === undefined ? "ok" : levelOf(thresholds.lagBytes, bytes);
  // Log shipping has what is in complete segments: on an idle primary it is a growing time behind, and misses nothing.
  const idle = archived && (row.lagBytes ?? 0) <= 2 * ((sql ?? primary?.sql)?.walSegmentBytes ?? 0);
  // Where nothing comes in, seconds say how old the last transaction is, which on an idle primary is no lag either.
  const stands = idle || row.activity === "paused" || row.activity === "not streaming";
  const seconds = stands ? 0 : (row.lagSeconds ?? 0) - delay;
  const secondsLevel = levelOf(archived ? thresholds.archiveLagSeconds : thresholds.lagSeconds, seconds);
  const level = worstOf([bytesLevel, secondsLevel]);
  if (level === "ok") return [];
  const parts = [
    ...(bytesLevel === "ok" ? [] : [`${formatBytes(bytes ?? 0)}${held ? " of WAL that it has not received" : ""}`]),
    ...(secondsLevel === "ok" ? [] : [formatSeconds(seconds)]),
  ];
  const late = delay > 0 ? ` (beyond its delay of ${formatSeconds(delay)})` : "";
  return [{ level, what: `is behind by ${parts.join(" and ")}${late}`, hint: lagHint }];
};

const lagHint = "look for a long query on it that holds up replay, a slow disk, or a slow network to the primary";

const replays: NodeRule = ({ row }) =>
  row.activity === "paused"
    ? [
        {
          level: "warning",
          what: "replay is paused",
          hint: "resume it on the node: select pg_wal_replay_resume(); if PostgreSQL itself paused it, its log says which setting is too small",
        },
      ]
    : [];

const synchronous: NodeRule = ({ row, primary }) =>
  row.declared.synchronous && row.declared.role === "standby" && row.sync === "async"
    ? [
        {
          level: "warning",
          what: `is declared synchronous, but ${primary?.name} does not wait for it`,
          hint: "once it has caught up, run pulumi up with another value of reconcile, which has commits wait for it",
        },
      ]
    : [];

const archives: NodeRule = ({ row, sql }) => {
  if (row.role !== "primary" || sql === undefined || sql.archiver.mode === "off") return [];
  const { lastFailedAt, lastFailedWal, lastArchivedAt } = sql.archiver;
  const findings: NodeFinding[] = [];
  if (lastFailedAt !== null && (lastArchivedAt === null || lastFailedAt > lastArchivedAt)) {
    findings.push({
      level: "warning",
      what: `WAL does not reach the archive: ${lastFailedWal} failed, and nothing was archived since`,
      hint: "look at PostgreSQL's log on it: archive-push says whether bucket, credentials or network refuse",
    });
  }
  const level = levelOf(thresholds.archiveBacklog, row.backlog ?? 0);
  if (level !== "ok") {
    findings.push({
      level,
      what: `${count(row.backlog ?? 0, "segment")} of WAL wait to be archived`,
      hint: "see that the bucket can be reached and keeps up; a stop, and so a change of primary, waits for them",
    });
  }
  return findings;
};

const disk: NodeRule = ({ row }) => {
  if (row.disk === undefined || row.disk.totalBytes <= 0) return [];
  const share = (100 * row.disk.freeBytes) / row.disk.totalBytes;
  const level = levelOf(thresholds.diskFree, share);
  if (level === "ok") return [];
  return [
    {
      level,
      what: `${formatPercent(share)} of the data volume is free (${formatBytes(row.disk.freeBytes)})`,
      hint: "see what fills it: WAL kept by a slot or by a failing archiver first, then data; or enlarge the volume",
    },
  ];
};

const version: NodeRule = ({ sql, row, primary }) =>
  sql !== undefined && primary !== undefined && sql.major !== primary.sql.major && row.role === "standby"
    ? [
        {
          level: "critical",
          what: `runs PostgreSQL ${sql.serverVersion}, the primary ${primary.sql.serverVersion}`,
          hint: "a standby needs the primary's major version: install that, then run pulumi up",
        },
      ]
    : [];

const rules: readonly NodeRule[] = [
  reachable,
  roleAsDeclared,
  streams,
  onTimeline,
  lag,
  replays,
  synchronous,
  archives,
  disk,
  hoursLeft,
  version,
  poolers,
  hostAsDeclared,
];
