import assert from "node:assert/strict";
import { parseSourceHoldings } from "../../model/archive/holdings.ts";
import { type Asked, planRestore, type Refusal, type RestorePlan } from "../../model/archive/restorePlan.ts";

const now = new Date("2026-03-09T12:00:00Z");
const segment = (timeline: number, number: number) =>
  [timeline, 0, number].map((part) => part.toString(16).toUpperCase().padStart(8, "0")).join("");
const backup = (label: string, start: string, timeline: number, first: number, last = first, more: object = {}) => {
  const began = Date.parse(start) / 1000;
  return {
    ...{ label, type: "full", error: false, timestamp: { start: began, stop: began + 300 } },
    archive: { start: segment(timeline, first), stop: segment(timeline, last) },
    lsn: { start: `0/${first.toString(16)}000028`, stop: `0/${last.toString(16)}000100` },
    database: { id: 1, "repo-key": 1 },
    info: { size: 30_000_000, repository: { delta: 4_000_000 } },
    ...more,
  };
};
const [first, second, third] = ["20260301-020000F", "20260305-020000F", "20260308-020000F"] as const;
const backups = [
  backup(first, "2026-03-01T02:00:00Z", 1, 2),
  backup(second, "2026-03-05T02:00:00Z", 1, 10, 11),
  backup(third, "2026-03-08T02:00:00Z", 2, 30),
];
const at = (time: string) => Date.parse(time) / 1000;

/** Timeline 2 leaves 1 in segment 20; the former primary went on to 25. */
function held(more: object = {}) {
  const printed = {
    info: [{ name: "prod", db: [{ id: 1, version: "17" }], backup: backups }],
    ...{ stanzas: ["prod"], schedules: [], walSegmentBytes: 16 * 1024 ** 2 },
    wal: [
      {
        id: "17-1",
        ranges: [
          [segment(1, 1), segment(1, 25)],
          [segment(2, 20), segment(2, 40)],
        ],
      },
    ],
    histories: [{ timeline: 2, parents: [{ timeline: 1, until: "0/14000120" }] }],
    arrivals: [
      { timeline: 1, at: at("2026-03-07T05:00:00Z") },
      { timeline: 2, at: at("2026-03-09T11:55:00Z") },
    ],
    ...more,
  };
  return parseSourceHoldings(JSON.stringify(printed), "prod") ?? assert.fail("not read");
}

const plan = (asked: Partial<Asked>, more: object = {}): RestorePlan | Refusal =>
  planRestore(
    held(more),
    { target: { kind: "latest" }, timeline: undefined, backup: undefined, major: 17, stanza: "prod", ...asked },
    now,
  );
const target = (kind: "time" | "lsn" | "xid" | "name" | "backup", value: string) => ({ target: { kind, value } });
const refused = (asked: Partial<Asked>, more?: object) => {
  const found = plan(asked, more);
  assert.ok("what" in found, JSON.stringify(found));
  return found;
};
const chosen = (asked: Partial<Asked>, more?: object) => {
  const found = plan(asked, more);
  assert.ok("backup" in found, JSON.stringify(found));
  return [found.backup, found.timeline];
};

describe("the plan of a restore", () => {
  it("latest: the newest backup, and all WAL of the newest timeline", () => {
    const dataBytes = 30_000_000;
    assert.deepEqual(plan({}), { backup: third, dataBytes, timeline: 2, last: segment(2, 40) });
    assert.deepEqual(plan({ timeline: 1 }), { backup: second, dataBytes, timeline: 1, last: segment(1, 25) });
  });

  it("a time: the newest backup that ended before it, whatever the zone", () => {
    assert.deepEqual(chosen(target("time", "2026-03-08T14:00:00Z")), [third, 2]);
    assert.deepEqual(chosen(target("time", "2026-03-08 02:05:00+00")), [second, 2]);
    assert.deepEqual(chosen(target("time", "2026-03-05T03:05:02+01:00")), [second, 2]);
    assert.deepEqual(chosen(target("time", "2026-03-05 02:05:00.5 UTC")), [first, 2]);
  });

  it("a time that can't be reached is refused, with the range that can", () => {
    const early = refused(target("time", "2026-03-01T02:04:59Z"));
    assert.match(early.what, /before the end of the first backup/);
    assert.match(
      early.hint,
      /from 2026-03-01 02:05:01 UTC \(backup 20260301-020000F, WAL 0\/2000100\) to 2026-03-09 11:55:00 UTC \(WAL 0\/29000000\)/,
    );
    assert.match(refused(target("time", "2026-03-09T11:55:01Z")).what, /after the last WAL of timeline 2/);
    assert.match(refused(target("time", "2026-03-09T12:00:01Z")).what, /in the future/);
    // Of a timeline that was left.
    assert.match(
      refused({ ...target("time", "2026-03-08T00:00:00Z"), timeline: 1 }).what,
      /after the last WAL of timeline 1/,
    );
  });

  it("a position: the newest backup before it, along the timeline that is asked for", () => {
    assert.deepEqual(chosen(target("lsn", "0/1E000100")), [third, 2]);
    assert.deepEqual(chosen(target("lsn", "0/1E0000FF")), [second, 2]);
    assert.deepEqual(chosen(target("lsn", "0/B000100")), [second, 2]);
    assert.deepEqual(chosen({ ...target("lsn", "0/16000000"), timeline: 1 }), [second, 1]);
    assert.match(refused(target("lsn", "0/20000FF")).what, /before the end of the first backup/);
    assert.match(refused(target("lsn", "0/29000000")).what, /after the last WAL of timeline 2/);
    assert.match(refused({ ...target("lsn", "0/1A000000"), timeline: 1 }).what, /after the last WAL of timeline 1/);
  });

  it("a transaction and a name: the oldest backup, or the one that is given", () => {
    assert.deepEqual(chosen(target("xid", "800")), [first, 2]);
    assert.deepEqual(chosen({ ...target("name", "before"), backup: second }), [second, 2]);
    assert.match(refused({ ...target("xid", "800"), backup: "20250101-020000F" }).what, /no backup 20250101-020000F/);
    assert.match(
      refused({ ...target("time", "2026-03-02T00:00:00Z"), backup: third }).what,
      /before the end of the backup/,
    );
  });

  it("a backup: its own timeline, also where that was left", () => {
    assert.deepEqual(chosen(target("backup", third)), [third, 2]);
    const abandoned = backup("20260306-020000F", "2026-03-06T02:00:00Z", 1, 23);
    const info = [{ name: "prod", db: [{ id: 1, version: "17" }], backup: [...backups, abandoned] }];
    assert.deepEqual(chosen(target("backup", abandoned.label), { info }), [abandoned.label, 1]);
    // Along timeline 2 it is of no use.
    assert.deepEqual(chosen(target("time", "2026-03-07T00:00:00Z"), { info }), [second, 2]);
    assert.match(refused(target("backup", "20260306-020000F")).hint, new RegExp(`has ${first}, ${second}, ${third}`));
  });

  it("no backup with wrong checksums, unless nothing else is there to name", () => {
    const broken = backup(third, "2026-03-08T02:00:00Z", 2, 30, 30, { error: true });
    const info = [{ name: "prod", db: [{ id: 1, version: "17" }], backup: [...backups.slice(0, 2), broken] }];
    assert.deepEqual(chosen({}, { info }), [second, 2]);
    assert.match(refused(target("backup", third), { info }).what, /checksums are wrong/);
  });

  it("WAL that is missing: nothing passes it", () => {
    const wal = [
      {
        id: "17-1",
        ranges: [
          [segment(1, 1), segment(1, 25)],
          [segment(2, 20), segment(2, 32)],
          [segment(2, 34), segment(2, 40)],
        ],
      },
    ];
    const torn = refused({}, { wal });
    assert.match(torn.what, new RegExp(`WAL is missing from ${segment(2, 33)} on`));
    assert.match(torn.hint, /WAL 0\/21000000\) can be restored/);
    assert.deepEqual(chosen(target("lsn", "0/20000000"), { wal }), [third, 2]);
    assert.match(refused(target("lsn", "0/22000000"), { wal }).what, /after the last WAL/);
    const needed = [{ id: "17-1", ranges: [[segment(2, 31), segment(2, 40)]] }];
    assert.match(refused(target("backup", third), { wal: needed }).what, /WAL is missing that the backup/);
  });

  it("what is not there at all: stanza, timeline, backups, another major", () => {
    assert.match(refused({ stanza: "prd" }).what, /no stanza prd: it holds prod/);
    const nowhere = refused({ timeline: 7 });
    assert.match(nowhere.what, /no timeline 7/);
    assert.match(nowhere.hint, /has 1, 2/);
    assert.match(refused({}, { info: [{ name: "prod", db: [{ id: 1, version: "17" }] }] }).what, /no backup of prod/);
    const other = refused({ major: 15 });
    assert.match(other.what, /of PostgreSQL 17, and 15 is declared/);
    assert.match(other.hint, /postgresVersion 17/);
  });

  it("takes nothing from a host that it does not understand", () => {
    for (const text of ["", "{}", '{"info":[],"stanzas":[],"arrivals":[{"timeline":1}]}']) {
      assert.equal(parseSourceHoldings(text, "prod"), undefined);
    }
  });
});
