import assert from "node:assert/strict";
import { parseHoldings } from "../../model/archive/holdings.ts";
import { recoverable } from "../../model/archive/recoverable.ts";
import { renderBackups } from "../../scripts/backups/picture.ts";

const at = new Date("2026-03-08T12:00:00Z");
const segment = (timeline: number, number: number) =>
  [timeline, 0, number].map((part) => part.toString(16).toUpperCase().padStart(8, "0")).join("");
const range = (timeline: number, first: number, last: number) => [segment(timeline, first), segment(timeline, last)];
const backup = (label: string, type: string, start: string, timeline: number, first: number, last = first) => {
  const began = Date.parse(start) / 1000;
  return {
    ...{ label, type, error: false, timestamp: { start: began, stop: began + 300 } },
    archive: { start: segment(timeline, first), stop: segment(timeline, last) },
    database: { id: 1, "repo-key": 1 },
    info: { size: 30_000_000, delta: 30_000_000, repository: { size: 4_000_000, delta: 4_000_000 } },
  };
};
const printed = (more: object = {}) =>
  JSON.stringify({
    info: [
      {
        ...{ name: "prod", cipher: "aes-256-cbc", db: [{ id: 1, version: "17" }] },
        backup: [
          backup("20260301-020000F", "full", "2026-03-01T02:00:00Z", 1, 2),
          backup("20260301-020000F_20260305-020000I", "incr", "2026-03-05T02:00:00Z", 1, 10, 11),
          backup("20260308-020000F", "full", "2026-03-08T02:00:00Z", 2, 30),
        ],
      },
    ],
    schedules: [{ type: "full", calendar: "Sun *-*-* 02:00", due: Date.parse("2026-03-15T02:00:00Z") / 1000 }],
    walSegmentBytes: 16 * 1024 ** 2,
    wal: [{ id: "17-1", ranges: [range(1, 1, 19), range(2, 20, 40)] }],
    histories: [{ timeline: 2, parents: [{ timeline: 1, until: "0/14000120" }] }],
    ...more,
  });
const look = (more: object = {}) => {
  const holdings = parseHoldings(printed(more), "prod") ?? assert.fail("not read");
  return { holdings, found: recoverable(holdings) };
};
const picture = (more: object = {}) => {
  const { holdings, found } = look(more);
  return renderBackups("prod", at, holdings, found, { width: 100, color: false });
};
const reach = (more: object, label: string) => look(more).found.reach.get(label);
const oldest = "20260301-020000F";
const newest = "20260308-020000F";

describe("what can be restored from the archive", () => {
  it("every backup up to the last WAL, across a change of primary", () => {
    const { found } = look();
    assert.deepEqual(found.holes, []);
    assert.deepEqual(found.timelines, [
      { timeline: 1, first: 2, last: 19, parent: undefined },
      { timeline: 2, first: 20, last: 40, parent: 1 },
    ]);
    for (const label of [oldest, newest])
      assert.deepEqual(found.reach.get(label), { timeline: 2, last: 40, latest: true });
  });

  it("up to a hole, and behind it from the next backup on", () => {
    const wal = [{ id: "17-1", ranges: [range(1, 1, 14), range(1, 17, 19), range(2, 20, 40)] }];
    assert.deepEqual(look({ wal }).found.holes, [{ timeline: 1, first: 15, last: 16 }]);
    assert.deepEqual(reach({ wal }, oldest), { timeline: 1, last: 14, latest: false });
    assert.equal(reach({ wal }, newest)?.latest, true);
  });

  it("nothing, where WAL is missing that the backup itself needs", () => {
    const wal = [{ id: "17-1", ranges: [range(1, 1, 10), range(1, 12, 19), range(2, 20, 40)] }];
    assert.equal(reach({ wal }, "20260301-020000F_20260305-020000I"), undefined);
  });

  it("a hole where one timeline ends and the next begins", () => {
    const wal = [{ id: "17-1", ranges: [range(1, 1, 18), range(2, 21, 40)] }];
    assert.deepEqual(look({ wal }).found.holes, [
      { timeline: 1, first: 19, last: 19 },
      { timeline: 2, first: 20, last: 20 },
    ]);
  });

  it("what a former primary wrote alone is shown, and is no hole", () => {
    const wal = [{ id: "17-1", ranges: [range(1, 1, 25), range(2, 20, 40), range(3, 12, 13)] }];
    const { found } = look({ wal });
    assert.deepEqual(found.holes, []);
    assert.deepEqual(
      found.timelines.map(({ timeline, first, last }) => [timeline, first, last]),
      [
        [1, 2, 19],
        [2, 20, 40],
        [3, 12, 13],
      ],
    );
  });

  it("nothing, from an archive without backups", () => {
    const { found } = look({ info: [{ name: "prod" }] });
    assert.equal(found.reach.size, 0);
    assert.match(picture({ info: [{ name: "prod" }] }), /nothing to restore/);
  });

  it("is no guess where a host answers something else", () => {
    for (const text of [
      "",
      "{}",
      printed({ walSegmentBytes: 3 }),
      printed({ wal: [{ id: "17-1", ranges: [["x", "y"]] }] }),
    ]) {
      assert.equal(parseHoldings(text, "prod"), undefined, text.slice(0, 80));
    }
  });

  it("as a picture: timelines, backups, holes", () => {
    const wal = [{ id: "17-1", ranges: [range(1, 1, 14), range(1, 17, 19), range(2, 20, 40)] }];
    const lines = picture({ wal }).split("\n");
    assert.equal(lines[0], "prod · 3 backups · encrypted");
    assert.equal(lines[2], `TL 1    ${"━".repeat(13)}╌╌━━━`);
    assert.equal(lines[3], "        F       I");
    assert.equal(lines[4], `TL 2    ${" ".repeat(18)}┗${"━".repeat(20)}`);
    assert.equal(lines[5], `        ${" ".repeat(28)}F`);
    assert.match(
      picture({ wal }),
      /20260301-020000F +full +2026-03-01 02:05:00, 7 d ago +5 min.* 00000001000000000000000E\n/,
    );
    assert.match(picture({ wal }), /20260308-020000F .* the last WAL\n/);
    assert.match(picture({ wal }), /hole: 00000001000000000000000F to 000000010000000000000010 \(2 WAL files\)/);
    assert.match(picture({ wal }), /Any moment from 2026-03-08 02:05:00 on/);
    assert.match(picture(), /Any moment from 2026-03-01 02:05:00 on/);
    assert.match(picture(), /next full: 2026-03-15 02:00:00 \(Sun/);
  });
});
