import type { FindingLevel } from "../../model/status/thresholds.ts";
import { expectFindings, followers, leading, type Nodes, well } from "./statusExpect.ts";
import {
  at,
  backup,
  failed,
  GiB,
  host,
  MiB,
  observation,
  primary,
  read,
  recovering,
  secondsAgo,
  sender,
  skipped,
  slot,
  standby,
} from "./statusFixtures.ts";

describe("status: assess, what fills disks", () => {
  describe("slots", () => {
    const withSlot = (change: Parameters<typeof slot>[1], limit: number | null = 4 * GiB): Nodes =>
      leading({ slots: [slot("node-b"), slot("node-c", change)], maxSlotWalKeepBytes: limit });

    it("retained WAL against its limit", () => {
      well(withSlot({ retainedBytes: 2 * GiB - 1 }));
      expectFindings(observation({}, withSlot({ retainedBytes: 2 * GiB })), [
        ["warning", "node-a", /slot understudy_node_c retains 2 GB of WAL, 50 % of the 4 GB/],
      ]);
      expectFindings(observation({}, withSlot({ retainedBytes: 3.2 * GiB })), [["critical", "node-a", /80 %/]]);
    });

    it("retained WAL against the free disk where there is no limit", () => {
      well(withSlot({ retainedBytes: 30 * GiB }, null));
      expectFindings(observation({}, withSlot({ retainedBytes: 40 * GiB }, null)), [
        ["warning", "node-a", /of free disk/],
      ]);
    });

    it("retained WAL of anybody's slot, on any node", () => {
      const foreign = slot("x", { name: "debezium", type: "logical", active: false, retainedBytes: 3.9 * GiB });
      expectFindings(observation({}, { "node-b": { sql: read(standby({ slots: [foreign] })) } }), [
        ["critical", "node-b", /slot debezium \(not in use\) retains 3\.9 GB/],
      ]);
    });

    it("wal_status", () => {
      well(withSlot({ walStatus: null, retainedBytes: null }));
      expectFindings(observation({}, withSlot({ walStatus: "extended" })), [["warning", "node-a", /max_wal_size/]]);
      expectFindings(observation({}, withSlot({ walStatus: "unreserved" })), [["critical", "node-a", /cut off/]]);
      expectFindings(observation({}, withSlot({ walStatus: "lost", retainedBytes: null })), [
        ["critical", "node-c", /slot understudy_node_c on node-a is lost/],
      ]);
      const logical = slot("x", { name: "app", type: "logical", walStatus: "lost" });
      expectFindings(observation({}, leading({ slots: [...followers.map((name) => slot(name)), logical] })), [
        ["critical", "node-a", /slot app is lost/],
      ]);
    });

    it("a slot that is not in use although its node streams, or that is not there", () => {
      expectFindings(observation({}, withSlot({ active: false })), [["warning", "node-c", /not in use/]]);
      expectFindings(observation({}, leading({ slots: [slot("node-b")] })), [["warning", "node-c", /has no slot/]]);
    });

    it("an agent's slot is its node's: its name goes on with what tells one timeline from another", () => {
      const ofAgent = (node: string, digest: string) => {
        const name = `understudy_${node.replaceAll("-", "_")}_${digest}`;
        return { slot: slot(node, { name }), sender: sender(node, { slot: name }) };
      };
      const both = followers.map((node) => ofAgent(node, "820a5c760ecd50594637"));
      well(leading({ slots: both.map((each) => each.slot), senders: both.map((each) => each.sender) }));
      const other = ofAgent("node-x", "820a5c760ecd50594637").slot;
      expectFindings(observation({}, leading({ slots: [...followers.map((name) => slot(name)), other] })), [
        ["warning", "node-a", /slot understudy_node_x_820a5c760ecd50594637 belongs to no active node/],
      ]);
    });

    it("a slot of ours that nobody follows; others' are left alone", () => {
      const slots = [...followers.map((name) => slot(name)), slot("node-x", { active: false })];
      expectFindings(observation({}, leading({ slots })), [
        ["warning", "node-a", /slot understudy_node_x belongs to no active node/],
      ]);
      well(leading({ slots: [...slots.slice(0, 2), slot("x", { name: "pg_receivewal", active: false })] }));
    });
  });

  describe("archive and disk", () => {
    const archiver = primary().archiver;

    it("an archiver that fails", () => {
      const failure = { lastFailedWal: "A8", failedCount: 3 };
      well(leading({ archiver: { ...archiver, ...failure, lastFailedAt: secondsAgo(60) } }));
      expectFindings(observation({}, leading({ archiver: { ...archiver, ...failure, lastFailedAt: at } })), [
        ["warning", "node-a", /A8 failed, and nothing was archived since/],
      ]);
      const never = { ...archiver, ...failure, lastFailedAt: at, lastArchivedAt: null, lastArchivedWal: null };
      expectFindings(observation({}, leading({ archiver: never })), [["warning", "node-a", /does not reach/]]);
      well(leading({ archiver: { ...never, mode: "off" } }));
    });

    it("a backlog, as the server counts it or else the host", () => {
      well(leading({ archiver: { ...archiver, backlog: 9 } }));
      expectFindings(observation({}, leading({ archiver: { ...archiver, backlog: 10 } })), [
        ["warning", "node-a", /^10 segments of WAL wait/],
      ]);
      const nodes = leading({ archiver: { ...archiver, backlog: null } });
      const byHost = { ...nodes["node-a"], host: read(host({ archive: { ready: 100 } })) };
      expectFindings(observation({}, { ...nodes, "node-a": byHost }), [["critical", "node-a", /^100 segments/]]);
    });

    it("the last backup", () => {
      const backups = (...list: ReturnType<typeof backup>[]) => observation({ backups: read(list) });
      well({}, { backups: read([backup({ finishedAt: secondsAgo(26 * 3600 - 1) })]) });
      well({}, { backups: skipped });
      expectFindings(backups(backup({ finishedAt: secondsAgo(26 * 3600) })), [["warning", undefined, /26 h old/]]);
      expectFindings(backups(), [["warning", undefined, /no backup/]]);
      expectFindings(backups(backup({ error: true })), [["warning", undefined, /no backup/]]);
      const old = backup({ label: "old", finishedAt: secondsAgo(30 * 3600) });
      expectFindings(backups(old, backup({ error: true })), [["warning", undefined, /\(old\) is 30 h old/]]);
      expectFindings(observation({ backups: failed("bucket refused") }), [
        ["warning", undefined, /could not be read: bucket refused/],
      ]);
    });

    it("a scheduled backup that was missed; what a schedule says goes before the age", () => {
      const full = (hours: number | null) => ({
        schedules: [
          { type: "full", calendar: "Sun *-*-* 02:00", due: hours === null ? null : secondsAgo(hours * 3600) },
        ],
        backups: read([backup({ finishedAt: secondsAgo(100 * 3600) })]),
      });
      well({}, full(1.9));
      well({}, full(-50));
      well({}, full(null));
      const missed: [FindingLevel, undefined, RegExp] = [
        "warning",
        undefined,
        /^no full backup was made since one was due 2 h ago \(Sun/,
      ];
      expectFindings(observation(full(2.1)), [missed]);
      well({ "node-b": { host: read(recovering({ backup: true })) } }, full(2.1));
    });

    it("a scheduled backup that failed, until one succeeds", () => {
      const failure = { type: "incr", endedAt: secondsAgo(600).getTime() / 1000, why: "the archive cannot be reached" };
      const nodes: Nodes = { "node-a": { ...leading()["node-a"], host: read(host({ failedBackups: [failure] })) } };
      const made = (seconds: number) => ({ backups: read([backup({ finishedAt: secondsAgo(seconds) })]) });
      expectFindings(observation(made(700), nodes), [
        ["warning", "node-a", /^the last scheduled incremental backup failed: the archive cannot be reached$/],
      ]);
      well(nodes, made(500));
    });

    it("the hours that are left at the present rate, where somebody keeps WAL", () => {
      const disk = { totalBytes: 100 * GiB, freeBytes: 30 * GiB };
      const paced = (sql: Parameters<typeof leading>[0], bytesPerHour: number | null): Nodes => ({
        "node-a": { ...leading(sql)["node-a"], host: read(host({ disk, wal: { ...host().wal, bytesPerHour } })) },
      });
      const failing = { archiver: { ...archiver, backlog: 5, lastFailedAt: secondsAgo(10), lastFailedWal: "x" } };
      const fails: [FindingLevel, string, RegExp] = ["warning", "node-a", /^WAL does not reach the archive/];
      expectFindings(observation({}, paced(failing, null)), [fails]);
      expectFindings(observation({}, paced(failing, GiB)), [fails]);
      expectFindings(observation({}, paced(failing, 2 * GiB)), [
        fails,
        ["warning", "node-a", /full in 15 h at the present rate \(2 GB of WAL an hour\): WAL that does not reach/],
      ]);
      expectFindings(observation({}, paced(failing, 10 * GiB)), [fails, ["critical", "node-a", /full in 3 h/]]);
      // WAL comes and goes.
      well(paced({}, 10 * GiB));

      const left = slot("x", { name: "debezium", type: "logical", active: false, retainedBytes: MiB, safeBytes: GiB });
      const slots = [...followers.map((name) => slot(name)), left];
      expectFindings(observation({}, paced({ slots, maxSlotWalKeepBytes: null }, 10 * GiB)), [
        ["critical", "node-a", /full in 3 h .*: slot debezium, which nobody uses$/],
      ]);
      expectFindings(observation({}, paced({ slots, maxSlotWalKeepBytes: 4 * GiB }, 2 * GiB)), [
        ["warning", "node-a", /^slot debezium \(not in use\) is cut off from its WAL in less than an hour/],
      ]);
      well(paced({ slots, maxSlotWalKeepBytes: 4 * GiB }, 10 * MiB));
    });

    it("free disk", () => {
      const disk = (freeBytes: number): Nodes => ({
        "node-b": { host: read(recovering({ disk: { totalBytes: 100 * GiB, freeBytes } })) },
      });
      well(disk(20 * GiB));
      expectFindings(observation({}, disk(19.9 * GiB)), [["warning", "node-b", /^19 % .* \(20 GB\)$/]]);
      expectFindings(observation({}, disk(9.9 * GiB)), [["critical", "node-b", /^9 %/]]);
    });
  });
});
