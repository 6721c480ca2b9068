import { isSlotOf, ownPrefix } from "../names.ts";
import { failedDrills, provenRestore } from "./drills.ts";
import type { Finding } from "./finding.ts";
import { formatSeconds } from "./format.ts";
import { bastionAsDeclared } from "./hostRules.ts";
import { type Observation, readValue } from "./observation.ts";
import type { ClusterSummary } from "./summary.ts";
import { levelOf, thresholds } from "./thresholds.ts";

type Rule = (observation: Observation, summary: ClusterSummary) => readonly Finding[];

/** Everything that is wrong with the cluster as a whole. */
export function clusterFindings(observation: Observation, summary: ClusterSummary): Finding[] {
  return rules.flatMap((rule) => rule(observation, summary));
}

const onePrimary: Rule = (observation, { nodes }) => {
  const primaries = nodes.filter(({ role }) => role === "primary").map(({ declared }) => declared.name);
  if (primaries.length > 1) {
    return [
      {
        level: "critical",
        what: `${primaries.length} writable primaries: ${primaries.join(", ")}`,
        hint: `keep clients away from all but one at once: stop PostgreSQL on those that are not to lead (declared: ${observation.primary}); what they wrote apart is lost when they are rewound`,
      },
    ];
  }
  const declared = nodes.find(({ declared: { name } }) => name === observation.primary);
  // Nobody knows what an unreachable primary does: the rule on unreachable nodes says so.
  if (primaries.length === 1 || declared === undefined || declared.activity === "no answer") return [];
  return [
    {
      level: "critical",
      what: "no writable primary",
      hint: `run pulumi up to bring ${observation.primary} back as the primary; if it is lost, fence it and set another one: pulumi config set primary <node>`,
    },
  ];
};

const someStandbyStreams: Rule = (_observation, { nodes, primary }) => {
  const expected = nodes.filter(
    ({ declared }) => declared.state === "active" && declared.role === "standby" && declared.source === "streaming",
  );
  const streams = nodes.some(({ activity }) => ["streaming", "catching up", "paused"].includes(activity));
  if (primary === undefined || expected.length === 0 || streams) return [];
  return [
    {
      level: "critical",
      what: "no standby streams: what is committed now is on one host only",
      hint: "bring back a standby before anything else; what keeps each of them is listed by node",
    },
  ];
};

const synchronousStandby: Rule = (_observation, { nodes, primary }) => {
  const wanted = nodes.some(({ declared }) => declared.state === "active" && declared.synchronous);
  if (!wanted || primary === undefined || primary.sql.synchronousStandbyNames === "") return [];
  if (primary.sql.senders.some(({ syncState }) => syncState === "sync" || syncState === "quorum")) return [];
  return [
    {
      node: primary.name,
      level: "critical",
      what: "no synchronous standby is connected: commits wait for one",
      hint: "bring back a synchronous standby, or declare none (synchronous: false) and run pulumi up",
    },
  ];
};

const oneCluster: Rule = (observation) => {
  const known = observation.nodes.flatMap((node) => {
    const id = readValue(node.sql)?.systemIdentifier ?? readValue(node.host)?.data.systemIdentifier;
    return id && node.declared.state === "active" ? [{ node: node.declared.name, id }] : [];
  });
  const reference = known.find(({ node }) => node === observation.primary) ?? known[0];
  return known
    .filter(({ id }) => id !== reference?.id)
    .map(({ node, id }) => ({
      node,
      level: "critical",
      what: `holds another cluster (system identifier ${id}; ${reference?.node} has ${reference?.id})`,
      hint: "see whose data this is before anything is done to it; understudy never overwrites it",
    }));
};

const handoverUnderWay: Rule = (observation) => {
  const armed = observation.nodes.flatMap(({ host }) => {
    const token = readValue(host)?.token;
    return token?.state === "armed" || token?.state === "candidate" ? [token] : [];
  });
  const [token] = armed.sort((a, b) => b.epoch - a.epoch);
  if (token === undefined) return [];
  return [
    {
      level: "warning",
      what: `the primary is being changed to ${token.to} (change ${token.epoch}, ${token.state})`,
      hint:
        token.state === "armed"
          ? "it ends by itself within a minute; then look again. pulumi up finishes what was cut off"
          : `${token.to} takes over once the fence is proven: pulumi up finishes what was cut off, in one direction or the other`,
    },
  ];
};

const consentLeftOver: Rule = ({ accept }, { primary, leadership: { leaderEpoch } }) => {
  if (accept === null || primary === undefined) return [];
  const isSpent = accept < leaderEpoch;
  return [
    {
      level: "notice",
      what: isSpent
        ? `accept in the config is spent: it was for change ${accept}, and ${primary.name} leads by change ${leaderEpoch}`
        : `accept in the config is for a failover from the leader of change ${accept}, and ${primary.name} takes writes`,
      hint: "remove it: pulumi config rm accept && pulumi up",
    },
  ];
};

const leftoverSlots: Rule = (observation, { primary }) => {
  const expected = observation.nodes.flatMap(({ declared }) =>
    declared.state === "active" && declared.name !== primary?.name ? [declared.name] : [],
  );
  return (primary?.sql.slots ?? [])
    .filter(
      ({ name, type }) =>
        type === "physical" && name.startsWith(ownPrefix) && !expected.some((node) => isSlotOf(node, name)),
    )
    .map(({ name }) => ({
      ...(primary === undefined ? {} : { node: primary.name }),
      level: "warning",
      what: `slot ${name} belongs to no active node and keeps WAL`,
      hint: "run pulumi up, which drops slots of ours that nobody follows",
    }));
};

const backups: Rule = ({ backups: reading, schedules, at, nodes }) => {
  if (reading.kind === "skipped") return [];
  if (reading.kind === "failed") {
    // Where no host answers, that is what is wrong.
    if (nodes.every(({ host }) => host.kind !== "read")) return [];
    return [{ level: "warning", what: `backups could not be read: ${reading.what}`, hint: reading.hint }];
  }
  const last = reading.value.filter(({ error }) => !error).at(-1);
  if (last === undefined) {
    return [
      {
        level: "warning",
        what: "the archive holds no backup that can be restored",
        hint: "run pulumi up, which takes a first full one; if it did, look at the backup timer on the primary",
      },
    ];
  }
  if (schedules.length > 0) return [];
  const seconds = (at.getTime() - last.finishedAt.getTime()) / 1000;
  const level = levelOf(thresholds.backupAge, seconds / 3600);
  if (level === "ok") return [];
  return [
    {
      level,
      what: `the last backup (${last.label}) is ${formatSeconds(seconds)} old`,
      hint: "look at the backup timer on the primary: systemctl list-timers, and its journal",
    },
  ];
};

const kinds: Readonly<Record<string, string>> = { full: "full", diff: "differential", incr: "incremental" };

const missedBackups: Rule = ({ schedules, at, nodes }) => {
  // One that runs is late at most.
  if (nodes.some(({ host }) => readValue(host)?.backup)) return [];
  return schedules.flatMap(({ type, calendar, due }) => {
    const seconds = due === null ? 0 : (at.getTime() - due.getTime()) / 1000;
    const level = levelOf(thresholds.backupLate, seconds / 3600);
    if (level === "ok") return [];
    return [
      {
        level,
        what: `no ${kinds[type] ?? type} backup was made since one was due ${formatSeconds(seconds)} ago (${calendar})`,
        hint: "look at the backup timer on the primary: systemctl list-timers 'understudy*', and /var/log/understudy/backup.log there",
      },
    ];
  });
};

const failedBackups: Rule = ({ nodes, backups: reading }) => {
  const last = readValue(reading)?.at(-1)?.finishedAt.getTime() ?? 0;
  return nodes.flatMap(({ declared, host }) =>
    (readValue(host)?.failedBackups ?? [])
      // What succeeded since then has made up for it.
      .filter(({ endedAt }) => endedAt * 1000 > last)
      .map(({ type, why }) => ({
        node: declared.name,
        level: "warning" as const,
        what: `the last scheduled ${kinds[type] ?? type} backup failed: ${why}`,
        hint: `mend that; one now, as root on the primary: understudy backup <node> ${type} </dev/null. More is in /var/log/understudy/backup.log on ${declared.name}`,
      })),
  );
};

const rules: readonly Rule[] = [
  onePrimary,
  someStandbyStreams,
  synchronousStandby,
  oneCluster,
  handoverUnderWay,
  consentLeftOver,
  leftoverSlots,
  backups,
  missedBackups,
  failedBackups,
  failedDrills,
  provenRestore,
  bastionAsDeclared,
];
