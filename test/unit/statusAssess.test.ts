import assert from "node:assert/strict";
import type { Lsn } from "../../model/lsn.ts";
import { assess } from "../../model/status/assess.ts";
import type { NodeObservation, SqlFacts } from "../../model/status/observation.ts";
import { exitCodeOf, levelOf, thresholds, worstOf } from "../../model/status/thresholds.ts";
import { expectFindings, leading, type Nodes, silent, stopped, unreachable, well, withoutC } from "./statusExpect.ts";
import {
  declared,
  failed,
  GiB,
  host,
  MiB,
  notAccepting,
  observation,
  primary,
  read,
  recovering,
  sender,
  skipped,
  slot,
  standby,
  warm,
} from "./statusFixtures.ts";

describe("status: assess", () => {
  it("finds nothing where all is well", () => well());

  it("a pooler that is down, paused, or leads elsewhere", () => {
    const pooler = { units: { "understudy-pooler.service": "active" }, paused: false, route: "node-a" };
    const seen = (change: object) =>
      observation({}, { "node-b": { host: read(host({ pooler: { ...pooler, ...change } })) } });
    expectFindings(seen({}), []);
    expectFindings(seen({ units: { "understudy-pooler.service": "failed" } }), [
      ["warning", "node-b", /^a part of its pooler does not run: understudy-pooler\.service \(failed\)$/],
    ]);
    expectFindings(seen({ paused: true }), [["warning", "node-b", /is paused/]]);
    expectFindings(seen({ route: "node-c" }), [["warning", "node-b", /leads to node-c, but node-a is the primary/]]);
    expectFindings(seen({ route: "" }), [["warning", "node-b", /leads to nobody/]]);
  });

  describe("who leads", () => {
    it("two writable primaries", () => {
      expectFindings(observation({}, { "node-c": { sql: read(primary({ timeline: 4 })) } }), [
        ["critical", undefined, /^2 writable primaries: node-a, node-c$/],
        ["critical", "node-c", /^is a primary, but is declared a standby$/],
      ]);
    });

    it("no primary, while the declared one answers", () => {
      expectFindings(observation({}, { "node-a": stopped }), [
        ["critical", undefined, /no writable primary/],
        ["critical", "node-a", /PostgreSQL does not run \(unit inactive\)/],
      ]);
      const follows = { sql: read(standby()), host: read(recovering()) };
      expectFindings(observation({}, { "node-a": follows }), [
        ["critical", undefined, /no writable primary/],
        ["critical", "node-a", /^is a standby, but is declared a primary$/],
      ]);
    });

    it("a promotion by hand", () => {
      const seen = observation(
        {},
        {
          "node-a": stopped,
          "node-b": { sql: read(primary({ timeline: 4, senders: [sender("node-c")], slots: [slot("node-c")] })) },
          "node-c": { sql: read(standby({ timeline: 4 })) },
        },
      );
      expectFindings(seen, [
        ["critical", "node-a", /PostgreSQL does not run/],
        ["critical", "node-b", /is a primary, but is declared a standby/],
      ]);
      assert.match(assess(seen).findings.at(-1)?.hint ?? "", /pulumi config set primary node-b/);
    });

    it("another cluster", () => {
      expectFindings(observation({}, { "node-c": { sql: read(standby({ systemIdentifier: "42" })) } }), [
        ["critical", "node-c", /holds another cluster \(system identifier 42; node-a has 7300000000000000001\)/],
      ]);
    });

    it("a timeline past the primary's, and one behind it", () => {
      expectFindings(observation({}, { "node-c": { sql: read(standby({ timeline: 4 })) } }), [
        ["critical", "node-c", /timeline 4, past the primary's 3/],
      ]);
      expectFindings(observation({}, { "node-c": { sql: read(standby({ timeline: 2 })) } }), [
        ["warning", "node-c", /timeline 2, the primary is on 3/],
      ]);
    });

    it("a timeline past the primary's on a node that is stopped", () => {
      const promoted = { ...silent, wal: { ...host().wal, timeline: 5 } };
      expectFindings(observation({}, { ...withoutC(), "node-c": { ...stopped, host: read(promoted) } }), [
        ["critical", "node-c", /timeline 5, past/],
        ["warning", "node-c", /PostgreSQL does not run/],
      ]);
    });

    it("a change of primary under way", () => {
      const token = (state: string) => ({ epoch: 7, from: "node-a", to: "node-b", state });
      expectFindings(observation({}, { "node-b": { host: read(recovering({ token: token("armed") })) } }), [
        ["warning", undefined, /being changed to node-b \(change 7, armed\)/],
      ]);
      well({ "node-b": { host: read(recovering({ token: token("revoked") })) } });
    });
  });

  describe("who follows", () => {
    it("one that does not stream: a warning", () => {
      expectFindings(observation({}, { ...withoutC(), "node-c": { sql: read(standby({ receiver: null })) } }), [
        ["warning", "node-c", /^does not stream from node-a$/],
      ]);
    });

    it("none that streams: an alarm", () => {
      const silent = { sql: read(standby({ receiver: null })) };
      expectFindings(observation({}, { ...leading({ senders: [] }), "node-b": silent, "node-c": silent }), [
        ["critical", undefined, /no standby streams/],
        ["warning", "node-b", /does not stream/],
        ["warning", "node-c", /does not stream/],
      ]);
    });

    it("log shipping is no missing stream", () => {
      const shipped = { declared: declared("node-c", { source: "archive" }), sql: read(standby({ receiver: null })) };
      well({ ...withoutC(), "node-c": shipped });
      const both = { "node-b": { ...shipped, declared: declared("node-b", { source: "archive" }) }, "node-c": shipped };
      well({ ...leading({ senders: [] }), ...both });
    });

    it("a standby that is catching up streams", () => {
      well(leading({ senders: [sender("node-b", { state: "catchup" }), sender("node-c", { state: "catchup" })] }));
    });

    it("paused replay", () => {
      const paused = { sql: read(standby({ replayPaused: true, replayLsn: "2/00000000", replayAgeSeconds: 9999 })) };
      const senders = [sender("node-b"), sender("node-c", { replayLsn: "2/00000000" })];
      expectFindings(observation({}, { ...leading({ senders }), "node-c": paused }), [
        ["warning", "node-c", /replay is paused/],
      ]);
    });

    it("lag in bytes and seconds", () => {
      const behind = (bytes: number, seconds: number): Nodes => {
        const lsn = `2/${(0xa8001f40 - bytes).toString(16).toUpperCase()}` as const;
        return {
          ...leading({ senders: [sender("node-b"), sender("node-c", { replayLsn: lsn })] }),
          "node-c": { sql: read(standby({ replayLsn: lsn, replayAgeSeconds: seconds })) },
        };
      };
      well(behind(thresholds.lagBytes.warning - 1, thresholds.lagSeconds.warning - 1));
      expectFindings(observation({}, behind(64 * MiB, 1)), [["warning", "node-c", /behind by 64 MB$/]]);
      expectFindings(observation({}, behind(GiB, 1)), [["critical", "node-c", /behind by 1 GB$/]]);
      expectFindings(observation({}, behind(8192, 30)), [["warning", "node-c", /behind by 30 s$/]]);
      expectFindings(observation({}, behind(64 * MiB, 300)), [["critical", "node-c", /behind by 64 MB and 5 min$/]]);
    });

    it("no lag on an idle primary, however old the last transaction is", () => {
      well({ "node-c": { sql: read(standby({ replayAgeSeconds: 86_400 })) } });
      const shipped = { declared: declared("node-c", { source: "archive" as const }) };
      const idle = standby({
        receiver: null,
        receiveLsn: "2/A8000000",
        replayLsn: "2/A8000000",
        replayAgeSeconds: 86_400,
      });
      well({ ...withoutC(), "node-c": { ...shipped, sql: read(idle) } });
      const late = standby({
        receiver: null,
        receiveLsn: "2/A5000000",
        replayLsn: "2/A5000000",
        replayAgeSeconds: 86_400,
      });
      expectFindings(observation({}, { ...withoutC(), "node-c": { ...shipped, sql: read(late) } }), [
        ["critical", "node-c", /behind by 24 h/],
      ]);
    });

    it("a delay that is asked for is none that is found", () => {
      const delayed = (seconds: number, receiveLsn: SqlFacts["receiveLsn"] = "2/A8001F40"): Nodes => ({
        ...leading({ senders: [sender("node-b"), sender("node-c", { replayLsn: "1/A8001F40" })] }),
        "node-c": {
          sql: read(
            standby({ replayLsn: "1/A8001F40", receiveLsn, replayAgeSeconds: seconds, applyDelaySeconds: 3600 }),
          ),
        },
      });
      well(delayed(3610));
      expectFindings(observation({}, delayed(3700)), [["warning", "node-c", /100 s \(beyond its delay of 60 min\)/]]);
      expectFindings(observation({}, delayed(3610, "2/A0000000")), [
        ["warning", "node-c", /128 MB of WAL that it has not received/],
      ]);
    });

    it("synchronous replication", () => {
      const wanted = (sync: string, names = "ANY 1 (node-b)"): Nodes => ({
        ...leading({
          synchronousStandbyNames: names,
          senders: [sender("node-b", { syncState: sync }), sender("node-c")],
        }),
        "node-b": { declared: declared("node-b", { synchronous: true }) },
      });
      well(wanted("quorum"));
      well(wanted("sync"));
      expectFindings(observation({}, wanted("async")), [
        ["critical", "node-a", /commits wait/],
        ["warning", "node-b", /declared synchronous, but node-a does not wait for it/],
      ]);
      expectFindings(observation({}, wanted("async", "")), [["warning", "node-b", /declared synchronous/]]);
    });

    it("another major version", () => {
      expectFindings(observation({}, { "node-c": { sql: read(standby({ major: 16, serverVersion: "16.4" })) } }), [
        ["critical", "node-c", /runs PostgreSQL 16\.4, the primary 17\.6/],
      ]);
    });
  });

  describe("nodes that do not answer", () => {
    it("a standby: a warning; the primary: an alarm", () => {
      expectFindings(observation({}, { ...withoutC(), "node-c": unreachable }), [
        ["warning", "node-c", /^does not answer: cannot be reached by SSH$/],
      ]);
      expectFindings(observation({}, { "node-a": unreachable }), [["critical", "node-a", /^does not answer/]]);
    });

    it("nobody", () => {
      const all = { "node-a": unreachable, "node-b": unreachable, "node-c": unreachable };
      expectFindings(observation({ backups: failed("no host") }, all), [
        ["critical", "node-a", /does not answer/],
        ["warning", "node-b", /does not answer/],
        ["warning", "node-c", /does not answer/],
      ]);
    });

    it("one that only SQL, or only SSH reaches", () => {
      expectFindings(observation({}, { "node-a": { host: failed("key refused") } }), [
        ["warning", "node-a", /^its host could not be read: key refused$/],
      ]);
      expectFindings(observation({}, { "node-b": { sql: failed("certificate expired") } }), [
        ["warning", "node-b", /could not be asked: certificate expired/],
      ]);
      expectFindings(observation({}, { ...withoutC(), "node-c": stopped }), [
        ["warning", "node-c", /PostgreSQL does not run \(unit inactive\)/],
      ]);
    });

    it("a volume that is not there, a directory that is empty", () => {
      const data = (state: string) => ({ ...silent, data: { ...host().data, state, timeline: 0 } });
      const without = (state: string) =>
        observation({}, { ...withoutC(), "node-c": { ...stopped, host: read(data(state)) } });
      expectFindings(without("missing-volume"), [["warning", "node-c", /volume is not mounted/]]);
      expectFindings(without("empty"), [["warning", "node-c", /does not run \(unit inactive, no data\)/]]);
    });

    it("a warm standby answers no SQL, and that is well", () => {
      const silentStandby = {
        declared: declared("node-b", { standby: "warm" as const }),
        sql: failed("not accepting connections"),
        host: read(recovering({ postgres: { unit: "active", inRecovery: null } })),
      };
      well({ "node-b": silentStandby });
      const alone = leading({
        senders: [sender("node-c")],
        slots: [slot("node-b", { active: false }), slot("node-c")],
      });
      expectFindings(observation({}, { ...alone, "node-b": silentStandby }), [
        ["warning", "node-b", /does not stream/],
      ]);
    });

    it("a warm standby that stays behind on purpose misses no WAL", () => {
      const delayed = (received: Lsn) => ({
        declared: declared("node-b", { standby: "warm" as const }),
        sql: notAccepting("node-b"),
        host: read(warm({ replayed: "1/0", received, delaySeconds: 3600, heardSeconds: 1 })),
      });
      const late = leading({
        senders: [sender("node-b", { replayLsn: "1/0", replayLagSeconds: 3590 }), sender("node-c")],
        slots: [slot("node-b"), slot("node-c")],
      });
      well({ ...late, "node-b": delayed("2/A8001F40") });
      expectFindings(observation({}, { ...late, "node-b": delayed("1/0") }), [
        ["critical", "node-b", /has not received/],
      ]);
    });

    it("fenced and absent nodes are no alarm, unless they lead, or are there although they are fenced", () => {
      const out = (state: "fenced" | "absent", change: Partial<NodeObservation> = {}): Nodes => ({
        ...leading({ senders: [sender("node-b")], slots: [slot("node-b")] }),
        "node-c": { declared: declared("node-c", { state }), sql: skipped, host: skipped, ...change },
      });
      well(out("absent"));
      well(out("absent", { sql: read(standby({ receiver: null })), host: read(recovering()) }));
      well(out("fenced", { sql: failed("no answer within 1.5 s"), host: failed("no answer within 1.5 s") }));
      for (const answer of [
        { sql: read(standby()) },
        { host: read(recovering({ postgres: { unit: "inactive", inRecovery: null } })) },
      ]) {
        expectFindings(observation({}, out("fenced", answer)), [
          ["warning", "node-c", /is declared fenced and its host answers/],
        ]);
      }
      expectFindings(observation({}, out("fenced", { sql: read(primary()) })), [
        ["critical", undefined, /2 writable primaries/],
        ["critical", "node-c", /is declared fenced and is a writable primary/],
      ]);
    });
  });

  it("hosts that lack what is declared are a notice, which changes neither level nor exit code", () => {
    const pending = (name: string) => ({ declared: declared(name, { pending: ["ami", "user data"] }) });
    const nodes = { "node-a": pending("node-a"), "node-b": pending("node-b") };
    expectFindings(observation({ bastionPending: ["user data"] }, nodes), [
      ["notice", undefined, /the bastion lacks what is declared: user data/],
      ["notice", "node-a", /its host lacks/],
      ["notice", "node-b", /its host lacks/],
    ]);
    const seen = observation({}, nodes);
    expectFindings(seen, [
      ["notice", "node-a", /its host lacks what is declared: ami, user data/],
      ["notice", "node-b", /its host lacks what is declared: ami, user data/],
    ]);
    const [primary, standby] = assess(seen).findings;
    assert.match(primary?.hint ?? "", /first move the primary.*aws\.maintain node-a/);
    assert.match(
      standby?.hint ?? "",
      /^when it may be away.*pulumi config set --path aws\.maintain node-b && pulumi up/,
    );
    const { level, findings } = assess({ ...seen, backups: read([]) });
    assert.deepEqual([level, ...findings.map((finding) => finding.level)], ["warning", "warning", "notice", "notice"]);
  });

  it("lists the worst first, and gives an exit code", () => {
    const { findings } = assess(observation({ backups: read([]) }, { "node-a": unreachable }));
    assert.deepEqual(
      findings.map(({ level }) => level),
      ["critical", "warning"],
    );
    assert.deepEqual((["ok", "notice", "warning", "critical"] as const).map(exitCodeOf), [0, 0, 1, 2]);
    assert.equal(worstOf([]), "ok");
  });

  it("has thresholds that make sense", () => {
    for (const [name, threshold] of Object.entries(thresholds)) {
      assert.ok(threshold.reason.length > 20, name);
      assert.equal(levelOf(threshold, threshold.badWhen === "above" ? 0 : 100), "ok", name);
      if (!("critical" in threshold)) continue;
      const ordered =
        threshold.badWhen === "above" ? threshold.warning < threshold.critical : threshold.warning > threshold.critical;
      assert.ok(ordered, name);
    }
  });
});
