import assert from "node:assert/strict";
import { handoverJournal } from "../../../agent/real/handoverJournal.ts";
import { member } from "../../../model/leadership/index.ts";
import { parseJournal } from "../../../model/receipt.ts";

const b = member("node-b", "b".repeat(64));

describe("what an agent notes for the receipt of a change", () => {
  function journal() {
    const lines: string[] = [];
    let ms = 1_700_000_000_000;
    const note = handoverJournal({ node: "node-a", now: () => ++ms, append: (line) => void lines.push(line) });
    return { note, entries: () => parseJournal(lines).map(({ step, intent, detail }) => ({ step, intent, detail })) };
  }

  it("is where the primary stopped, where its target took over, and when that took writes", () => {
    const { note, entries } = journal();
    note("step", { request: { intent: "update-1" } });
    note("stops");
    note("has stopped", { end: { timeline: 1, lsn: 0x1000000a0n } });
    note("takes", { end: { timeline: 1, lsn: 0x100000000n }, primaryEnd: { timeline: 1, lsn: 0x1000000a0n } });
    note("takes writes", { timeline: 2, begins: 0x1000000a0n });
    const [stop, take, writable] = entries();
    assert.deepEqual(stop, { step: "stop", intent: "update-1", detail: { shutdownLsn: "1/A0" } });
    assert.deepEqual(take?.detail, { shutdownLsn: "1/A0" });
    assert.deepEqual([writable?.detail?.timeline, writable?.detail?.promotedLsn], [2, "1/A0"]);
  });

  it("names who was proven to be off, whatever else a step is asked for", () => {
    const { note, entries } = journal();
    note("step", { request: { intent: "update-2", fenced: [b] } });
    note("step", { request: { intent: "update-2", fenced: [{ node: b, entry: 3 }] } });
    note("takes", { stopped: { [b]: 3 } });
    note("step", { request: "nonsense" });
    note("takes", {});
    assert.deepEqual(
      entries().map(({ detail }) => detail?.fenced),
      ["node-b", ""],
    );
  });
});
