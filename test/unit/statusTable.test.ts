import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { formatBytes, formatPercent, formatSeconds } from "../../model/status/format.ts";
import { reportOf } from "../../model/status/report.ts";
import { printable } from "../../model/text.ts";
import { renderReport } from "../../scripts/status/table.ts";
import { widthOf, wrap } from "../../scripts/status/text.ts";
import { failed, observation, situations } from "./statusFixtures.ts";

const ESCAPES = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, "g");

/** Compares with the file, or writes it where UPDATE_GOLDEN is set. */
function expectGolden(name: string, text: string): void {
  const file = new URL(`../golden/status/${name}`, import.meta.url);
  if (process.env.UPDATE_GOLDEN) writeFileSync(file, text);
  assert.equal(text, readFileSync(file, "utf8"));
}

describe("status: table", () => {
  for (const [name, situation] of Object.entries(situations)) {
    const report = reportOf(situation);
    for (const width of [120, 80]) {
      it(`draws ${name} in ${width} columns`, () => {
        const text = renderReport(report, { width, color: false });
        for (const line of text.split("\n")) assert.ok(widthOf(line) <= width, line);
        expectGolden(`${name}.${width}.txt`, `${text}\n`);
      });
    }

    it(`draws ${name} in any width, never wider than 120, and colours change no letter`, () => {
      for (let width = 20; width <= 200; width += 7) {
        const plain = renderReport(report, { width, color: false });
        const coloured = renderReport(report, { width, color: true });
        assert.equal(coloured.replace(ESCAPES, ""), plain);
        assert.notEqual(coloured, plain);
        for (const line of plain.split("\n")) assert.ok(widthOf(line) <= Math.max(120, width));
      }
    });
  }

  it("prints the report as JSON that stays as it is", () => {
    expectGolden("trouble.json", `${JSON.stringify(reportOf(situations.trouble), undefined, 2)}\n`);
  });

  it("says everything in 120 columns that it leaves out in 80", () => {
    assert.doesNotMatch(renderReport(reportOf(situations.trouble), { width: 120, color: false }), /want of room/);
    assert.match(renderReport(reportOf(situations.trouble), { width: 80, color: false }), /want of room/);
  });

  it("lets no host move the cursor or forge a line", () => {
    const evil = failed("\x1b[2Jno\r\nALL WELL\u202e", "\x07run\x9b1m it");
    const seen = observation({ backups: evil });
    const text = renderReport(reportOf(seen), { width: 80, color: false });
    assert.match(text, /could not be read:\s+\[2Jno\s+ALL WELL/);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: it is what must not be there
    assert.doesNotMatch(text, /[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/);
  });
});

describe("status: figures", () => {
  it("bytes", () => {
    const cases: [number, string][] = [
      [0, "0 B"],
      [999, "999 B"],
      [1000, "1 kB"],
      [8192, "8 kB"],
      [16 * 1024 ** 2, "16 MB"],
      [1.44 * 1024 ** 2, "1.4 MB"],
      [9.96 * 1024 ** 2, "10 MB"],
      [999.6 * 1024 ** 2, "1 GB"],
      [3.4 * 1024 ** 3, "3.4 GB"],
      [2 * 1024 ** 5, "2 PB"],
      [5000 * 1024 ** 5, "5000 PB"],
    ];
    for (const [bytes, text] of cases) assert.equal(formatBytes(bytes), text);
  });

  it("seconds", () => {
    const cases: [number, string][] = [
      [-3, "0 s"],
      [0.04, "0 s"],
      [0.44, "0.4 s"],
      [2, "2 s"],
      [9.96, "9 s"],
      [59.9, "59 s"],
      [119.9, "119 s"],
      [120, "2 min"],
      [7199, "119 min"],
      [7200, "2 h"],
      [47 * 3600, "47 h"],
      [48 * 3600, "2 d"],
      [400 * 86_400, "400 d"],
    ];
    for (const [seconds, text] of cases) assert.equal(formatSeconds(seconds), text);
  });

  it("percent, never more than there is", () => assert.equal(formatPercent(9.99), "9 %"));

  it("wraps at blanks", () => {
    assert.deepEqual(wrap("one two three", 7), ["one two", "three"]);
    assert.deepEqual(wrap("a-very-long-word and more", 8), ["a-very-long-word", "and more"]);
    assert.deepEqual(wrap("", 8), [""]);
    assert.equal(printable("a\tb\nc"), "a b c");
  });
});
