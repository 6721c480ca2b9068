import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const script = readFileSync("scripts/host/drill.sh", "utf8");
const functionOf = (name: string) =>
  (new RegExp(`^${name}\\(\\) \\{\\n[\\s\\S]*?^\\}`, "m").exec(script)?.[0] ?? "") || assert.fail(name);

/** Runs commands behind `lib.sh` and one function of the script. */
function withFunction(name: string, before: string, after: string): string {
  const step = `node=node-b step=drill journal_start=0 stanza=prod; exec 3>&1 4>&2 >/dev/null; . scripts/host/lib.sh
    ${before}
    ${functionOf(name)}
    ${name}
    ${after} >&3`;
  return execFileSync("bash", ["-euo", "pipefail", "-c", step], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 30_000,
  });
}

const backup = (label: string, size: number) => ({
  archive: { start: "000000010000000000000002", stop: "000000010000000000000003" },
  backrest: { format: 5, version: "2.55.1" },
  database: { id: 1, "repo-key": 1 },
  error: false,
  info: { delta: 12, repository: { delta: 3, "delta-map": 8, size: 3 }, size },
  label,
  lsn: { start: "0/2000028", stop: "0/3000050" },
  prior: null,
  reference: null,
  timestamp: { start: 1, stop: 2 },
  type: "full",
});
const asked = (text: string) => `require_archive() { printf '%s\\n' '${text}'; }`;

describe("a restore drill on its host", () => {
  it("takes the last backup that the archive has, and its size", () => {
    const info = [
      { backup: [backup("20260301-020000F", 29), backup("20260301-020000F_20260302-020000I", 31)], name: "prod" },
    ];
    const found = (held: object) => withFunction("last_backup", asked(JSON.stringify(held)), `echo "$label $size"`);
    assert.equal(found(info), "20260301-020000F_20260302-020000I 31\n");
    assert.throws(() => found([{ backup: [], name: "prod" }]), /the archive has no backup to restore\nHINT: /);
  });

  it("recovers to the last WAL file of the newest timeline, whose history counts, too", () => {
    const found = (...files: string[]) =>
      withFunction("last_wal", asked(files.join("\n")), `echo "$timeline $until"`).trim();
    const wal = (name: string, id = "17-1") => `${id}/${name.slice(0, 16)}/${name}-0123abcd.zst`;
    const first = wal("000000010000000000000009");
    assert.equal(
      found("archive.info", "17-1", first, wal("000000010000000000000008")),
      "00000001 000000010000000000000009",
    );
    const both = [first, "17-1/00000002.history", wal("000000020000000000000004")];
    assert.equal(found(...both), "00000002 000000020000000000000004");
    assert.equal(found(first, "17-1/00000003.history", "17-1/understudy-00000007-armed-node-a"), "00000003");
    assert.equal(found(wal("000000050000000000000009", "16-1"), first), "00000001 000000010000000000000009");
    assert.throws(() => found("archive.info"), /the archive has no WAL\nHINT: /);
  });

  it("ends where it would take the room that the node's own server keeps, and names both figures", () => {
    const directory = mkdtempSync(join(tmpdir(), "understudy-drill-"));
    const disk = (free: number) =>
      `nap() { true; }; kept_free() { echo $((100 * 1048576)); }; data_directory=/data
       df() { local left; left=$(cat "$looks"); echo x >>"$looks"; printf 'Avail\\n%d\\n' $((${free} * 1048576 - \${#left} * 1048576)); }
       looks=${join(directory, "looks")}; : >"$looks"`;
    try {
      assert.throws(
        () => withFunction("watch_disk", disk(110), ""),
        /the restored data grow too large for \/data: 9\d MB free, 100 MB have to stay free for the node's server\nHINT: /,
      );
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it("by schedule is made by the first node that does not lead, and by the leader where there is no other", () => {
    const directory = mkdtempSync(join(tmpdir(), "understudy-drill-"));
    try {
      const due = (names: string, leader: string) => {
        writeFileSync(join(directory, "drill"), `nodes ${names}\nquery YXBw c2VsZWN0IHRydWU=\n`);
        const code = functionOf("is_due_here").replaceAll("$etc/drill", join(directory, "drill"));
        const step = `token_to=${leader}; node=node-b; read_token() { true; }\n${code}\nif is_due_here; then echo yes; else echo no; fi`;
        return execFileSync("bash", ["-euo", "pipefail", "-c", step], { encoding: "utf8" }).trim();
      };
      assert.equal(due("node-a node-b node-c", "node-a"), "yes");
      assert.equal(due("node-a node-b node-c", "node-b"), "no");
      assert.equal(due("node-a node-b node-c", "node-c"), "no");
      assert.equal(due("node-b", "node-b"), "yes");
      assert.equal(due("node-a node-c", "node-a"), "no");
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it("that failed says why: the last refusal of that run, with the first line below it", () => {
    const directory = mkdtempSync(join(tmpdir(), "understudy-drill-"));
    try {
      const why = (...lines: string[]) => {
        writeFileSync(join(directory, "log"), lines.map((line) => `${line}\n`).join(""));
        const code = functionOf("why_it_ended").replace("/var/log/understudy/drill.log", join(directory, "log"));
        const step = `exec 3>&1 4>&2 >/dev/null; step=x node=y; . scripts/host/lib.sh\n${code}\nwhy_it_ended >&3`;
        return execFileSync("bash", ["-euo", "pipefail", "-c", step], { encoding: "utf8" }).trim();
      };
      const begin = "== 2026-03-01T05:00:00+0000 drill node-b run";
      assert.equal(why(begin, "restoring", "refused: A failed", "  | ERROR: x", "  | ERROR: y"), "A failed: ERROR: x");
      assert.equal(why(begin, "refused: A failed", begin.replace("run", "end")), "A failed");
      const ready = "  | 03:00 [7] LOG:  database system is ready";
      assert.equal(
        why(begin, "refused: A failed", ready, "  | 03:00 [7] FATAL:  no"),
        "A failed: 03:00 [7] FATAL:  no",
      );
      assert.equal(why(begin, "refused: A failed", ready, begin.replace("run", "end"), "  | x"), "A failed");
      assert.equal(why(begin, "refused: A failed", begin, "restoring backup"), "");
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
