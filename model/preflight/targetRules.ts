import { floorSettings } from "../hostFacts.ts";
import { isSlotOf, ownPrefix } from "../names.ts";
import { count, formatBytes, formatSeconds } from "../status/format.ts";
import { acceptCommand, consentOf } from "./consent.ts";
import { furthestAhead } from "./decision.ts";
import type { NodeFacts, Reason, Scene } from "./scene.ts";
import { declaredNode, followersOf, isLeftBehind, receivedBytes, setState } from "./scene.ts";

/** Segments that may wait to be archived: the old primary's stop waits for each of them. */
const maxArchiveBacklog = 5;
/** What a new primary needs at least, in bytes: its followers' slots keep WAL until all of them have it. */
const leastFreeDisk = 512 * 1024 ** 2;

interface Change {
  readonly scene: Scene;
  readonly target: NodeFacts;
  /** Who leads; undefined where it is off. */
  readonly leader: NodeFacts | undefined;
}

type Rule = (change: Change) => readonly Reason[];

/** What stands against handing over from `leader`, which is well, to `target`; `joins`: which will be made its standby first. */
export function switchoverReasons(
  scene: Scene,
  leader: NodeFacts,
  target: NodeFacts,
  joins: boolean,
): readonly Reason[] {
  const rules: readonly Rule[] = [
    fedByStream,
    ...(joins ? [] : [runs, streams, behind, settings]),
    ...takingOver,
    archives,
    rewinds,
    backups,
    transactions,
    logicalSlots,
  ];
  return rules.flatMap((rule) => rule({ scene, target, leader }));
}

/** What stands against making `target` the primary where the one that led is off. */
export function failoverReasons(scene: Scene, target: NodeFacts): readonly Reason[] {
  const rules: readonly Rule[] = [runs, ahead, ...takingOver];
  return rules.flatMap((rule) => rule({ scene, target, leader: undefined }));
}

/** What a node that takes writes already needs to go on as the primary. */
export function adoptionReasons(scene: Scene, target: NodeFacts): readonly Reason[] {
  return [everybodyAnswers, capacity, disk].flatMap((rule) => rule({ scene, target, leader: undefined }));
}

const runs: Rule = ({ scene, target, leader }) => {
  const { node, postgres, verdict } = target;
  // Its guard keeps a former primary down that has not joined who led after it.
  if (postgres.unit === "active" || (!leader && verdict === "stay" && isLeftBehind(scene, target))) return [];
  const start = `Start it (systemctl start understudy-postgresql on ${node})`;
  const rejoin = `Declare what is: pulumi config set primary ${leader?.node} && pulumi up. That brings ${node} back as a standby; then change the primary`;
  return [
    {
      what: `${node} is to be the primary, and PostgreSQL does not run on it (unit ${postgres.unit})`,
      hint: `${leader ? rejoin : start}. What keeps it is in journalctl -u understudy-postgresql.`,
    },
  ];
};

const fedByStream: Rule = ({ scene, target: { node }, leader }) =>
  declaredNode(scene, node)?.source === "archive"
    ? [
        {
          what: `${node} is fed by the archive only: nothing proves that it has all that ${leader?.node} has`,
          hint: `Let it stream first: pulumi config set --path 'nodes.${node}.source' streaming, with 'primary' as it was, then pulumi up.`,
        },
      ]
    : [];

const streams: Rule = ({ scene, target, leader }) => {
  const { node } = target;
  if (!leader || target.postgres.unit !== "active" || declaredNode(scene, node)?.source === "archive") return [];
  const states = (leader.sql?.senders ?? []).filter(({ name }) => name === node).map(({ state }) => state);
  if (states.includes("streaming")) return [];
  const receiver = target.sql?.standby?.receiver;
  const seen =
    states.length > 0
      ? `it is in state ${states[0]}`
      : receiver?.status === "streaming"
        ? `it receives WAL from ${receiver.host ?? "another server"} and is no standby of ${leader.node}`
        : "it is not connected";
  return [
    {
      what: `${node} does not stream from ${leader.node}: ${seen}`,
      hint: `See journalctl -u understudy-postgresql on ${node}; with 'primary' set back, another 'reconcile' and 'pulumi up' make it follow again.`,
      passing: true,
    },
  ];
};

const behind: Rule = ({ scene, target, leader }) => {
  const current = leader?.sql?.primary?.currentBytes;
  const sender = leader?.sql?.senders.find(({ name }) => name === target.node);
  if (leader === undefined || current === undefined || !sender) return [];
  // Where replay is held, that is said by itself.
  const position = isHeld(scene, target) ? sender.flushedBytes : sender.replayedBytes;
  const bytes = Math.max(0, current - (position ?? 0));
  const { maxLagBytes } = scene.declared.limits;
  if (bytes <= maxLagBytes) return [];
  return [
    {
      what: `${target.node} is ${formatBytes(bytes)} behind ${leader.node}, more than maxLagBytes (${formatBytes(maxLagBytes)})`,
      hint: "Wait until it has caught up, look for what holds it up (a long query, a slow disk or network), or raise maxLagBytes.",
      passing: true,
    },
  ];
};

function isHeld(scene: Scene, target: NodeFacts): boolean {
  const standby = target.sql?.standby;
  return (
    declaredNode(scene, target.node)?.delay !== undefined ||
    (standby?.delaySeconds ?? 0) > 0 ||
    (standby?.replayPaused ?? false)
  );
}

const replays: Rule = ({ target: { node, sql } }) =>
  sql?.standby?.replayPaused
    ? [
        {
          what: `replay is paused on ${node}`,
          hint: "Resume it on the node: select pg_wal_replay_resume(). Where PostgreSQL itself paused it, its log says which setting is too small.",
        },
      ]
    : [];

const delay: Rule = ({ scene, target, leader }) => {
  const declared = declaredNode(scene, target.node)?.delay;
  const real = target.sql?.standby?.delaySeconds ?? 0;
  // The delay that is in force goes with the update that makes it the primary, where nobody is left to wait for.
  if (declared === undefined && (real === 0 || leader === undefined)) return [];
  return [
    {
      what: `${target.node} stays behind on purpose (delay ${declared ?? formatSeconds(real)}): it would have to replay all that first`,
      hint: `Take the delay away first: pulumi config rm --path 'nodes.${target.node}.delay'${leader ? ", with 'primary' as it was, then pulumi up" : ""}; or choose another node.`,
    },
  ];
};

const settings: Rule = ({ target, leader }) => {
  const theirs = leader?.sql?.settings;
  const own = (target.sql ?? target.warm)?.settings;
  if (leader === undefined || !theirs || !own) return [];
  const lower = floorSettings.filter((name) => own[name] < theirs[name]);
  if (lower.length === 0) return [];
  const list = lower.map((name) => `${name} ${own[name]} (${leader.node}: ${theirs[name]})`).join(", ");
  return [
    {
      what: `${target.node} runs with less than ${leader.node}: ${list}`,
      hint: `Restart PostgreSQL on it (systemctl restart understudy-postgresql): it comes up with at least what ${leader.node} has.`,
    },
  ];
};

const capacity: Rule = ({ scene, target }) => {
  const { node, sql, warm } = target;
  const limits = (sql ?? warm)?.settings;
  if (!limits) return [];
  const followers = followersOf(scene, node);
  const held = sql ? sql.slots.map(({ name }) => name) : (warm?.slots ?? []);
  const newSlots = followers.filter(({ name }) => !held.some((slot) => isSlotOf(name, slot))).length;
  const freeSlots = limits.max_replication_slots - held.length;
  const freeSenders = limits.max_wal_senders - (sql?.senders.length ?? 0);
  const reasons: Reason[] = [];
  const hint = (setting: string) =>
    `Raise settings.${setting}, with 'primary' as it was, then pulumi up; or drop what is not needed on ${node}.`;
  if (newSlots > freeSlots) {
    const what = `${node} has no free slot for each of its ${count(followers.length, "standby", "standbys")}: ${newSlots} needed, ${freeSlots} of max_replication_slots (${limits.max_replication_slots}) free`;
    reasons.push({ what, hint: hint("max_replication_slots") });
  }
  if (followers.length > freeSenders) {
    const what = `${node} has no free wal sender for each of its ${count(followers.length, "standby", "standbys")}: ${freeSenders} of max_wal_senders (${limits.max_wal_senders}) free`;
    reasons.push({ what, hint: hint("max_wal_senders") });
  }
  return reasons;
};

const disk: Rule = ({ target: { node, disk: space } }) =>
  space.freeBytes >= leastFreeDisk
    ? []
    : [
        {
          what: `${node} has too little free disk for a primary: ${formatBytes(space.freeBytes)}, ${formatBytes(leastFreeDisk)} needed`,
          hint: "Free space on its data volume, or make it larger.",
        },
      ];

const archives: Rule = ({ leader }) => {
  const reasons: Reason[] = [];
  const failing = leader?.sql?.primary?.failingWal;
  if (leader && failing) {
    reasons.push({
      what: `${leader.node} can't archive WAL (${failing} failed, and nothing was archived since)`,
      hint: "See that the bucket can be reached and takes the credentials; journalctl -u understudy-postgresql on it has pgBackRest's words.",
      passing: true,
    });
  }
  if (leader && leader.archive.ready > maxArchiveBacklog) {
    reasons.push({
      what: `${count(leader.archive.ready, "segment")} of WAL wait to be archived on ${leader.node}: its stop would wait for them`,
      hint: "Wait until the archive has caught up; a bucket that is slow or does not answer holds it up.",
      passing: true,
    });
  }
  return reasons;
};

const rewinds: Rule = ({ leader }) =>
  leader === undefined || leader.rewindable
    ? []
    : [
        {
          what: `${leader.node} could not be rewound: its data has neither checksums nor wal_log_hints`,
          hint: "wal_log_hints is Understudy's own setting: another 'reconcile' and 'pulumi up' bring it back; or stop the server and run pg_checksums --enable.",
        },
      ];

const backups: Rule = ({ target, leader }) =>
  [target, ...(leader ? [leader] : [])]
    .filter(({ sql, backup }) => backup || (sql?.backups ?? 0) > 0)
    .map(({ node }) => ({
      what: `a backup is being taken on ${node}`,
      hint: "Wait until it has ended: the change of primary would break it off.",
      passing: true,
    }));

const transactions: Rule = ({ scene, leader }) => {
  const primary = leader?.sql?.primary;
  if (leader === undefined || !primary) return [];
  const reasons: Reason[] = [];
  const { oldestTransaction: oldest, preparedTransactions: prepared } = primary;
  if (oldest && oldest.seconds > scene.declared.limits.maxTransactionAgeSeconds) {
    reasons.push({
      what: `a transaction has been open on ${leader.node} for ${formatSeconds(oldest.seconds)} (pid ${oldest.pid}, user ${oldest.user})`,
      hint: `Wait for it, or end it: select pg_terminate_backend(${oldest.pid}); or raise maxTransactionAge.`,
    });
  }
  if (prepared > 0) {
    reasons.push({
      what: `${count(prepared, "prepared transaction")} on ${leader.node}: they hold their locks over the change of primary`,
      hint: "Commit or roll back what pg_prepared_xacts shows.",
    });
  }
  return reasons;
};

/** Only failover slots that are in step on the target are there after the change. */
const logicalSlots: Rule = ({ target, leader }) => {
  if (leader === undefined) return [];
  const lost = (leader.sql?.slots ?? []).filter(({ name, type, temporary, failover }) => {
    if (type !== "logical" || temporary) return false;
    return !failover || !target.sql?.slots.some((slot) => slot.name === name && slot.synced && !slot.temporary);
  });
  return lost.map(({ name, database, failover }) => ({
    what: `the logical slot ${name} (database ${database}) on ${leader.node} would not be there on ${target.node}${failover ? ": it is not in step there" : ""}`,
    hint:
      (leader.sql?.major ?? 0) >= 17
        ? `Make it a failover slot and set sync_replication_slots on ${target.node}; or drop it, and make it anew after the change.`
        : "Drop it, and make it anew after the change; from PostgreSQL 17 on, failover slots survive.",
  }));
};

/** Slots that others made for streaming, such as pg_receivewal's: they stay where they are. */
export function slotsLeftBehind(leader: NodeFacts): readonly string[] {
  return (leader.sql?.slots ?? [])
    .filter(({ name, type, temporary }) => type === "physical" && !temporary && !name.startsWith(ownPrefix))
    .map(
      ({ name }) =>
        `slot ${name} on ${leader.node} is not Understudy's: it stays there, and is not made on the new primary`,
    );
}

const ahead: Rule = ({ scene, target }) => {
  const others = scene.withData.filter(({ node }) => node !== target.node && node !== scene.leadership.leader);
  const best = furthestAhead(others);
  if (!best || consentOf(scene)?.behind) return [];
  const bytes = receivedBytes(best) - receivedBytes(target);
  if (best.wal.timeline < target.wal.timeline || (best.wal.timeline === target.wal.timeline && bytes <= 0)) return [];
  const by =
    best.wal.timeline > target.wal.timeline ? `on timeline ${best.wal.timeline}` : `${formatBytes(bytes)} further`;
  return [
    {
      what: `${target.node} is not the furthest ahead: ${best.node} is ${by}`,
      hint: `pulumi config set primary ${best.node}; or accept it: ${acceptCommand(scene, { behind: true })}`,
    },
  ];
};

/** The steps run on every node that takes part, so one that can't be asked would break the update off half-way. */
const everybodyAnswers: Rule = ({ scene, target }) => {
  const { unreachable, leadership } = scene;
  return unreachable
    .filter(({ node }) => node !== target.node && node !== leadership.leader)
    .map(({ node, reason }) => ({
      what: `${node} takes part and cannot be asked: ${reason}`,
      hint: `Bring it back, or leave it out for the time being: ${setState(node, "absent")}`,
    }));
};

const takingOver: readonly Rule[] = [replays, delay, capacity, disk, everybodyAnswers];
