import * as z from "zod";
import type { Moment, RestoreConfig } from "../config/clusterConfig.ts";
import { isBackupLabel, parseMoment } from "../config/schema/restoreOptions.ts";
import { number, text } from "../hostFacts.ts";
import { lsnOf, lsnToBytes } from "../lsn.ts";
import type { PostgresMajor } from "../majors.ts";
import {
  type HeldBackup,
  type Lineage,
  nameOfSegment,
  type SegmentNumber,
  type SourceHoldings,
  segmentOf,
} from "./holdings.ts";
import { type Reach, recoverable } from "./recoverable.ts";

/** How a new cluster is made from an archive. */
export interface RestorePlan {
  /** Label of the backup. */
  readonly backup: string;
  /** What it takes on disk. */
  readonly dataBytes: number;
  readonly timeline: number;
  /** The WAL file that recovery has to get to, if nothing of the archive is to be left out; "": the target ends it before. */
  readonly last: string;
}

export const restorePlan: z.ZodType<RestorePlan> = z.object({
  backup: text.refine(isBackupLabel),
  dataBytes: number.min(0),
  timeline: z.int().positive(),
  last: z.string().regex(/^([0-9A-F]{24})?$/),
});

/** What the step `source` reports. `plan` null: the cluster is there, and nothing is restored. */
export const sourceOutcome = z.object({ plan: restorePlan.nullable() });

/** Why it can't be restored. */
export interface Refusal {
  readonly what: string;
  readonly hint: string;
}

export type Asked = Pick<RestoreConfig, "target" | "timeline" | "backup"> & {
  readonly major: PostgresMajor;
  readonly stanza: string;
};

/** Chooses the backup and the timeline, or says why the target can't be reached, and what can be. */
export function planRestore(held: SourceHoldings, asked: Asked, now: Date): RestorePlan | Refusal {
  const { target, stanza, major } = asked;
  if (!held.stanzas.includes(stanza)) {
    const others = held.stanzas.length === 0 ? "it holds none" : `it holds ${held.stanzas.join(", ")}`;
    return {
      what: `the archive has no stanza ${stanza}: ${others}`,
      hint: "Set restore.from.stanza to the clusterName of the source; look at bucket and prefix, too.",
    };
  }
  if (held.major !== undefined && held.major !== major) {
    return {
      what: `the archive is of PostgreSQL ${held.major}, and ${major} is declared`,
      hint: `Backups are restored by their own major: pulumi config set postgresVersion ${held.major}`,
    };
  }
  if (held.backups.length === 0) {
    return {
      what: `the archive has no backup of ${stanza}`,
      hint: "Nothing can be restored without one: take one on the source (understudy backup <node> full).",
    };
  }
  if (target.kind === "backup") return planBackup(held, target.value);
  const timeline = asked.timeline ?? held.lineage.at(-1)?.timeline ?? 1;
  const lineage = lineageOf(held, timeline);
  if (lineage === undefined) {
    const known = [...timelinesOf(held)].sort((a, b) => a - b).join(", ");
    return { what: `the archive has no timeline ${timeline}`, hint: `It has ${known}; 'npm run backups' shows them.` };
  }
  const along = { ...held, lineage };
  const { reach, holes } = recoverable(along);
  const candidates = held.backups.flatMap((backup) => {
    const reached = reach.get(backup.label);
    return reached !== undefined && !backup.error && isOn(lineage, backup) ? [{ backup, reached }] : [];
  });
  const end = ends(along, candidates);
  const refuse = (what: string): Refusal => ({ what, hint: describe(held, end, candidates, timeline) });
  if (candidates.length === 0) return refuse(`no backup can be recovered along timeline ${timeline}`);
  const chosen =
    asked.backup === undefined ? candidates : candidates.filter(({ backup }) => backup.label === asked.backup);
  if (chosen.length === 0)
    return refuse(
      `restore.backup: there is no backup ${asked.backup} that can be recovered along timeline ${timeline}`,
    );
  const plan = ({ backup }: Candidate, last = ""): RestorePlan => ({
    ...{ backup: backup.label, dataBytes: backup.dataBytes, timeline, last },
  });
  const newest = (fits: (candidate: Candidate) => boolean) => chosen.findLast(fits);
  switch (target.kind) {
    case "latest": {
      const best = newest(({ reached }) => reached.latest);
      if (best) return plan(best, nameOfSegment(best.reached.timeline, best.reached.last, held.walSegmentBytes));
      const hole = holes[0];
      const missing = hole ? ` from ${nameOfSegment(hole.timeline, hole.first, held.walSegmentBytes)} on` : "";
      return refuse(`WAL is missing${missing}: no backup can be recovered to the end of the archive`);
    }
    case "time": {
      const moment = parseMoment(target.value);
      if (moment > now) return refuse(`restore.target.time ${target.value} is in the future`);
      if (end.arrived !== undefined && moment > end.arrived) {
        return refuse(`restore.target.time ${target.value} is after the last WAL of timeline ${timeline}`);
      }
      const best = newest(({ backup }) => backup.finishedAt.getTime() + 1000 <= moment.getTime());
      return best ? plan(best) : refuse(`restore.target.time ${target.value} is before the end of ${first(asked)}`);
    }
    case "lsn": {
      const segment = segmentOf(target.value, held.walSegmentBytes);
      if (segment > Math.max(...chosen.map(({ reached }) => reached.last))) {
        return refuse(
          `restore.target.lsn ${target.value} is after the last WAL of timeline ${timeline} that can be reached`,
        );
      }
      const best = newest(
        ({ backup, reached }) =>
          segment <= reached.last && stopOf(backup, held.walSegmentBytes) <= lsnToBytes(target.value),
      );
      return best ? plan(best) : refuse(`restore.target.lsn ${target.value} is before the end of ${first(asked)}`);
    }
    // Nobody knows when they were: the oldest backup comes before all that can be reached.
    case "xid":
    case "name":
      return plan(chosen[0] as Candidate);
    default:
      return target.kind satisfies never;
  }
}

interface Candidate {
  readonly backup: HeldBackup;
  readonly reached: Reach;
}

function planBackup(held: SourceHoldings, label: string): RestorePlan | Refusal {
  const backup = held.backups.find((each) => each.label === label);
  const labels = `The archive has ${held.backups.map((each) => each.label).join(", ")}.`;
  if (backup === undefined) return { what: `restore.target.backup: there is no backup ${label}`, hint: labels };
  if (backup.error) return { what: `the backup ${label} has pages whose checksums are wrong`, hint: labels };
  const isThere = held.wal.some(
    ({ timeline, first: from, last }) => timeline === backup.timeline && from <= backup.first && last >= backup.last,
  );
  if (!isThere) return { what: `WAL is missing that the backup ${label} needs to be consistent`, hint: labels };
  return { backup: label, dataBytes: backup.dataBytes, timeline: backup.timeline, last: "" };
}

function timelinesOf({ wal, lineages }: SourceHoldings): Set<number> {
  return new Set([...wal.map(({ timeline }) => timeline), ...lineages.keys()]);
}

function lineageOf(held: SourceHoldings, timeline: number): Lineage | undefined {
  if (!timelinesOf(held).has(timeline)) return undefined;
  return held.lineages.get(timeline) ?? [{ timeline, until: undefined }];
}

/** Whether the lineage has the backup as a whole: the file in which a timeline is left is complete on the next one only. */
function isOn(lineage: Lineage, { timeline, last }: HeldBackup): boolean {
  const span = lineage.find((each) => each.timeline === timeline);
  return span !== undefined && (span.until === undefined || last < span.until);
}

/** Where a backup is consistent, at the latest. */
function stopOf({ stopLsn, last }: HeldBackup, walSegmentBytes: number): bigint {
  return stopLsn === undefined ? BigInt(last + 1) * BigInt(walSegmentBytes) : lsnToBytes(stopLsn);
}

const first = ({ backup }: Asked) =>
  backup === undefined ? "the first backup that can be recovered" : `the backup ${backup}`;

interface End {
  /** When the last WAL file reached the archive: whatever is in it happened before. */
  readonly arrived: Date | undefined;
  readonly last: SegmentNumber | undefined;
}

function ends({ arrivals, lineage }: SourceHoldings, candidates: readonly Candidate[]): End {
  const timeline = lineage.at(-1)?.timeline;
  return {
    arrived: timeline === undefined ? undefined : arrivals.get(timeline),
    last: candidates.length === 0 ? undefined : Math.max(...candidates.map(({ reached }) => reached.last)),
  };
}

/** What can be reached, for whoever asked for something else. */
function describe(
  { walSegmentBytes, backups }: SourceHoldings,
  { arrived, last }: End,
  candidates: readonly Candidate[],
  timeline: number,
): string {
  const [oldest] = candidates;
  if (oldest === undefined || last === undefined) {
    const others = [...new Set(backups.map((backup) => backup.timeline))].join(", ");
    return `The backups are of timeline ${others}: set restore.timeline, or restore.target.backup.`;
  }
  const from = `${utc(new Date(oldest.backup.finishedAt.getTime() + 1000))} (backup ${oldest.backup.label}, WAL ${lsnOf(stopOf(oldest.backup, walSegmentBytes))})`;
  const until = `${arrived === undefined ? "the last WAL" : utc(arrived)} (WAL ${lsnOf(BigInt(last + 1) * BigInt(walSegmentBytes))})`;
  return `On timeline ${timeline}, any moment from ${from} to ${until} can be restored. WAL that the source has not archived yet comes with 'select pg_switch_wal()' there.`;
}

function utc(moment: Date): string {
  return `${moment.toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** A target in words. */
export function momentInWords(target: Moment): string {
  return target.kind === "latest" ? "the last WAL" : `${target.kind} ${target.value}`;
}
