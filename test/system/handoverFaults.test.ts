import assert from "node:assert/strict";
import { partOf } from "../support/cases.ts";
import {
  archiveHost,
  cutNetwork,
  cutPower,
  freezeHost,
  freezePostgres,
  hangArchive,
  type Moment,
  SmallDisk,
  showMoment,
  stopArchive,
} from "../support/faults.ts";
import { activeNodes, HandoverCluster, onSharedCluster } from "../support/handover.ts";

interface Case {
  readonly kind: "power" | "network" | "archive" | "hang";
  readonly what: string;
  readonly moment: Moment;
  /** After how long it mends by itself. @default when the update has ended */
  readonly mendAfterMs?: number;
  /** How long clients can't write at most. @default as long as it takes */
  readonly longestGapMs?: number;
  /** What befalls the cluster; gives what mends it. */
  readonly befall: (host: HandoverCluster, from: string, to: string) => () => void;
}

const at = (step: string, when: Moment["when"] = "starts"): Moment => ({ step, when });

/** Of each kind CI takes the first. */
const cases: readonly Case[] = [
  ...[at("prepare", "ends"), at("demote-<old>"), at("demote-<old>", "ends"), at("promote")].map((moment) => ({
    kind: "power" as const,
    what: "the target loses its power",
    moment,
    befall: ({ cluster }: HandoverCluster, _: string, to: string) => cutPower(cluster, to),
  })),
  ...[at("prepare", "ends"), at("demote-<old>"), at("demote-<old>", "ends"), at("promote")].map((moment) => ({
    kind: "power" as const,
    what: "the old primary loses its power",
    moment,
    befall: ({ cluster }: HandoverCluster, from: string) => cutPower(cluster, from),
  })),
  ...[at("demote-<old>"), at("preflight"), at("prepare"), at("prepare", "ends"), at("promote"), at("follow-<old>")].map(
    (moment) => ({
      kind: "network" as const,
      what: "the network between the two is cut",
      moment,
      befall: ({ cluster }: HandoverCluster, from: string, to: string) => cutNetwork(cluster, from, [to]),
    }),
  ),
  ...[at("promote"), at("preflight"), at("prepare", "ends"), at("archive")].map((moment) => ({
    kind: "archive" as const,
    what: "the archive is off",
    moment,
    befall: ({ cluster }: HandoverCluster) => stopArchive(cluster),
  })),
  ...[at("prepare"), at("demote-<old>")].map((moment) => ({
    kind: "archive" as const,
    what: "the archive hangs",
    moment,
    befall: ({ cluster }: HandoverCluster) => hangArchive(cluster),
  })),
  ...[at("demote-<old>"), at("preflight")].map((moment) => ({
    kind: "hang" as const,
    what: "PostgreSQL on the third node hangs",
    moment,
    longestGapMs: 5000,
    befall: (host: HandoverCluster, from: string, to: string) =>
      freezePostgres(host.cluster, host.others(from, to)[0] as string),
  })),
  ...[at("prepare", "ends"), at("demote-<old>")].map((moment) => ({
    kind: "hang" as const,
    what: "PostgreSQL on the target hangs",
    moment,
    befall: ({ cluster }: HandoverCluster, _: string, to: string) => freezePostgres(cluster, to),
  })),
  {
    // The plugin waits for the greeting of an SSH server for as long as the connection stands.
    kind: "hang",
    what: "the target hangs as a whole for a while",
    moment: at("demote-<old>"),
    mendAfterMs: 20_000,
    befall: ({ cluster }, _, to) => freezeHost(cluster, to),
  },
  {
    kind: "network",
    what: "the old primary is cut off from everybody",
    moment: at("demote-<old>"),
    befall: (host, from) => cutNetwork(host.cluster, from, [...host.others(from), archiveHost]),
  },
];

/**
 * On one cluster: something fails in the middle of a switchover. Whatever the update says then, once the cause is mended the
 * next ones bring the cluster to what is declared; nothing is lost, and never do two take writes.
 */
describe("a switchover in which", () => {
  let host: HandoverCluster;

  // A small disk is one in memory.
  const memory = Object.fromEntries(HandoverCluster.nodes.map((node) => [node, { memory: "2GB" }]));
  onSharedCluster(
    (cluster) => {
      host = cluster;
    },
    { nodes: activeNodes(memory) },
  );

  const kindsOf = ({ kind }: Case) => [kind];
  for (const { kind, what, moment, mendAfterMs, longestGapMs = Number.POSITIVE_INFINITY, befall } of partOf(
    cases,
    kindsOf,
  )) {
    it(`${what} when ${showMoment(moment)}${kind === "archive" ? " [full]" : ""}`, async () => {
      await host.watched(async (audit) => {
        const from = await host.primary();
        const to = host.next(from);
        const step = moment.step.replace("<old>", from);
        let undo: (() => void) | undefined;
        const mend = () => {
          undo?.();
          undo = undefined;
        };
        try {
          const { result, window } = await audit.during(async () => {
            const disturbed = await host.disturbedMove(to, { ...moment, step }, () => {
              undo = befall(host, from, to);
              if (mendAfterMs !== undefined) setTimeout(mend, mendAfterMs);
            });
            mend();
            return disturbed;
          });
          const took = Math.round(result.durationMs / 1000);
          const gapMs = Math.round(audit.gapIn(window));
          console.log(`      it ended with ${result.exitCode} after ${took} s, ${gapMs} ms without writes`);
          assert.ok(gapMs <= longestGapMs, `${gapMs} ms without writes`);
        } finally {
          mend();
        }
        await host.upWhenPossible();
        await host.settled(to);
      });
    });
  }

  for (const moment of partOf([at("prepare", "ends"), at("preflight"), at("prepare"), at("promote")], () => [
    "full disk",
  ])) {
    it(`the target's disk is full when ${showMoment(moment)} [full]`, async () => {
      await host.watched(async () => {
        const from = await host.primary();
        const to = host.next(from);
        const disk = new SmallDisk(host.cluster, to, 600);
        try {
          await host.settled(from);
          await host.disturbedMove(to, moment, () => disk.fill());
          disk.free();
          await host.upWhenPossible();
          await host.settled(to);
          // Its disk is not to become too small again, and it is a standby when it moves back.
          await host.moveTo(from);
          await host.settled(from);
        } finally {
          disk.remove();
        }
        await host.settled(from);
      });
    });
  }
});
