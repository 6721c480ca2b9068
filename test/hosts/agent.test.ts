import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { AgentCluster, type SystemdHost } from "../support/agentHosts.ts";
import { Audit, finish } from "../support/audit.ts";
import { spreadOf } from "../support/auditLogic.ts";
import { leftovers } from "../support/hosts.ts";
import { until } from "../support/until.ts";

const inRecovery = (node: SystemdHost): boolean => node.sql("select pg_is_in_recovery()") === "t";
const postmasterSince = (node: SystemdHost): string => node.sql("select pg_postmaster_start_time()");
/** As the agent writes them. */
const eventsOf = (journal: string) =>
  journal
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>> & { readonly event: string });

describe("the agent on hosts that systemd has booted", function () {
  this.timeout(600_000);
  let cluster: AgentCluster;
  let a: SystemdHost;
  let b: SystemdHost;
  let c: SystemdHost;
  let audit: Audit | undefined;
  /** Milliseconds. */
  const gaps: number[] = [];

  before(async function () {
    this.timeout(1_200_000); // images may have to be made
    cluster = await AgentCluster.start(["node-a", "node-b", "node-c"]);
    [a, b, c] = cluster.nodes as [SystemdHost, SystemdHost, SystemdHost];
  });
  after(async () => {
    await audit?.stop();
    if (cluster === undefined) return;
    await cluster.remove();
    assert.deepEqual(leftovers(cluster.hosts.prefix), []);
  });
  afterEach(async function () {
    if (this.currentTest?.state !== "failed") return;
    for (const node of cluster.nodes) {
      const said = await node.journal().catch((error: Error) => error.message);
      console.log(`--- ${node.name}\n${said.split("\n").slice(-40).join("\n")}`);
    }
  });

  /** At most two updates. */
  async function comesTo(primary: string): Promise<void> {
    await cluster.update({ primary }).catch(async (first: Error) => {
      console.log(`      again: ${first.message.split("\n").slice(0, 3).join(" ")}`);
      await until("all agents to answer", 60, async () =>
        (await Promise.all(cluster.nodes.map((node) => node.report()))).every(({ isReady }) => isReady),
      );
      await cluster.update({ primary });
    });
    await cluster.untilLedBy(primary);
  }

  /** Nothing that was acknowledged is missing anywhere, and never did two take writes. */
  async function endAudit(primary: string): Promise<void> {
    const ending = audit as Audit;
    audit = undefined;
    const others = cluster.nodes.map(({ name }) => name).filter((name) => name !== primary);
    const losses = await finish(ending, cluster, primary, others);
    assert.deepEqual(ending.violations, []);
    for (const [node, loss] of Object.entries(losses)) {
      assert.ok(loss.acknowledged > 20, "the client wrote");
      assert.deepEqual([loss.lost, loss.unexplained], [[], []], node);
    }
  }

  it("is as locked up as systemd can make it, and root's alone", async () => {
    const security = await a.exec("systemd-analyze security --no-pager understudy-agent.service");
    const [, level] = /Overall exposure level for understudy-agent.service: ([0-9.]+)/.exec(security) ?? [];
    console.log(`      systemd-analyze security: ${level}`);
    assert.ok(Number(level) <= 4, security);
    const modes = await a.exec(
      "stat -c '%U %a %n' /run/understudy-agent /run/understudy-agent/socket /etc/understudy/agent /etc/understudy/agent/*.key /var/lib/understudy/agent",
    );
    assert.deepEqual(
      modes
        .trim()
        .split("\n")
        .map((line) => line.split(" ").slice(0, 2).join(" ")),
      ["root 700", "root 600", "root 700", "root 600", "root 600", "root 700"],
    );
    await assert.rejects(a.exec("setpriv --reuid=postgres --regid=postgres --init-groups understudy-agent status"));
    assert.match(await a.exec("understudy-agent status"), /^node-a {2}has no data /);
  });

  it("the first agent of a host is brought there, and its ledger tried, whenever a run is killed on the way", async () => {
    const kept = (file: string) => c.exec(`cat /etc/understudy/agent/${file}`);
    const own = {
      agent_crt: (await kept("agent.crt")).trim(),
      agent_key: (await kept("agent.key")).trim(),
      ledger_key: await kept("ledger.key"),
    };
    await c.exec(
      `systemctl disable --now understudy-agent; rm -r /etc/understudy/agent /etc/systemd/system/understudy-agent.service`,
    );
    /** @param there a pattern of the program that the step waits for by then */
    const isKilled = async (there: string, given: Readonly<Record<string, string>>) => {
      const killed = assert.rejects(cluster.installAgent(c, { ...own, ...given }));
      await until(`${there} to run`, 60, async () => (await c.exec(`pgrep -f '${there}' || true`)) !== "");
      await c.exec(`pkill -KILL -f '/understud[y] agent|${there}'`);
      await killed;
    };

    const hangs =
      "if (process.argv[2] === '--version') console.log('understudy-agent 9.9.9'); else setInterval(() => {}, 1e6);";
    await isKilled("check-ledge[r]", { program: cluster.fileOf(hangs) });
    const strangers = JSON.stringify({ accessKeyId: "nobody", secretAccessKey: "nobody" });
    await assert.rejects(
      cluster.installAgent(c, { ...own, ledger_credentials: strangers }),
      /the archive's store cannot hold the ledger[\s\S]*HINT: /,
    );

    const stub = "/usr/sbin/systemctl";
    const hangsToo = '#!/bin/sh\ncase $1 in restart) exec sleep 12345 ;; esac\nexec /usr/bin/systemctl "$@"\n';
    await c.exec(`install -m 755 /dev/stdin ${stub}`, hangsToo);
    await isKilled("sleep 1234[5]", {});
    await c.exec(`rm ${stub}`);
    await cluster.installAgent(c, own);
    await c.untilReport("it to answer", () => true);
  });

  it("makes a cluster, whose standbys copy the primary", async () => {
    await cluster.provision("node-a");
    await cluster.untilLedBy("node-a");
    console.log((await a.exec("understudy-agent status")).replace(/^/gm, "      "));
  });

  it("is exchanged while PostgreSQL goes on; one that does not run is not kept", async () => {
    const since = postmasterSince(a);
    const program = () => a.exec("systemctl show -p ExecStart --value understudy-agent | sed 's/ ; .*//'");
    const before = await program();
    await assert.rejects(
      cluster.installAgent(a, {
        program: cluster.fileOf(
          "if (process.argv[2] === '--version') console.log('understudy-agent 9.9.9'); else process.exit(1)",
        ),
      }),
      /the agent does not run\n[\s\S]*HINT: /,
    );
    assert.equal(await program(), before);
    assert.equal((await cluster.installAgent(a)).trim(), `{"node":"node-a","agent":"0.1.0"}`);
    assert.equal((await a.exec("ls /usr/local/lib/understudy/agent | wc -l")).trim(), "1");
    await a.untilReport("it to serve", ({ phase }) => phase === "serving");
    assert.equal(postmasterSince(a), since);
  });

  it("starts PostgreSQL, and nothing else does; a start by hand is read-only", async () => {
    assert.equal((await a.exec("systemctl is-enabled understudy-postgresql || true")).trim(), "static");
    assert.equal((await a.exec("systemctl show -p Restart --value understudy-postgresql")).trim(), "no");
    await a.exec("systemctl stop understudy-agent && systemctl stop understudy-postgresql");
    await a.exec("systemctl start understudy-postgresql");
    assert.ok(inRecovery(a));
    await a.exec("systemctl stop understudy-postgresql");
    await a.exec(
      "setpriv --reuid=postgres --regid=postgres --init-groups /usr/lib/postgresql/17/bin/pg_ctl -w -s -l /dev/null -D /var/lib/understudy/17/data -o --config-file=/etc/understudy/postgresql.conf start",
    );
    assert.ok(inRecovery(a));
    await a.exec("systemctl start understudy-agent");
    await a.untilReport("it to serve", ({ phase }) => phase === "serving");
    await until("it to take writes", 30, () => !inRecovery(a));
  });

  it("hands over and back while clients write", async () => {
    audit = await Audit.start(cluster.audited);
    for (const to of ["node-b", "node-a"]) {
      const { window } = await audit.during(() => cluster.update({ primary: to }));
      gaps.push(audit.gapIn(window));
      await cluster.untilLedBy(to);
    }
    console.log(`      write gaps: ${gaps.map((gap) => `${gap.toFixed(0)} ms`).join(", ")}`);
    await endAudit("node-a");
  });

  it("takes little of the host", async () => {
    const use = async (node: SystemdHost) => {
      const [ticks = "", kilobytes = ""] = (
        await node.exec(
          "pid=$(systemctl show -p MainPID --value understudy-agent); awk '{print $14 + $15}' /proc/$pid/stat; awk '/^RssAnon/ {print $2}' /proc/$pid/status",
        )
      ).split("\n");
      return { seconds: Number(ticks) / 100, megabytes: Number(kilobytes) / 1024 };
    };
    const before = await Promise.all([a, b].map(use));
    const idle = 30;
    await sleep(idle * 1000);
    const after = await Promise.all([a, b].map(use));
    for (const [at, node] of [a, b].entries()) {
      const share = (((after[at]?.seconds ?? 0) - (before[at]?.seconds ?? 0)) / idle) * 100;
      const megabytes = after[at]?.megabytes ?? Number.POSITIVE_INFINITY;
      console.log(`      ${node.name}: RssAnon ${megabytes.toFixed(1)} MB, ${share.toFixed(2)} % of a core`);
      assert.ok(megabytes < 60, `${megabytes} MB`);
      // A busy machine makes the same work cost more: docs/decisions/agent.md has what was measured.
      assert.ok(share < 2, `${share} %`);
    }
  });

  it("fails over from a host without power, with consent alone; the journal has the reasons", async () => {
    await a.host.kill();
    await assert.rejects(
      cluster.update({ primary: "node-b", fenced: ["node-a"] }),
      /node-a leads by change \d+ since [\s\S]*HINT: make node-a active/,
    );
    assert.ok(inRecovery(b) && inRecovery(c));
    await cluster.update({ primary: "node-b", fenced: ["node-a"], consent: { lossUnknown: true } });
    b.sql("create table t as select 1 as n", "app");
    console.log((await c.exec("understudy-agent status")).replace(/^/gm, "      "));

    const events = eventsOf(await b.journal());
    const claimed = events.findLast(({ event }) => event === "claims") as Record<string, unknown>;
    assert.deepEqual(claimed.consent, { lossUnknown: true });
    const number = claimed.entry;
    const taken = events.findLast(({ event }) => event === "takes") as Record<string, unknown>;
    assert.deepEqual([taken.entry, taken.consent], [number, { lossUnknown: true }]);
    assert.deepEqual(
      (taken.stopped as Record<string, unknown>)[a.member],
      number,
      "node-a was proven off behind the entry",
    );
    assert.ok(
      events.some(
        ({ event, message }) => event === "refuses a step" && /what it acknowledged may not be/.test(String(message)),
      ),
    );
    const asked = eventsOf(await c.journal()).findLast(({ event }) => event === "follows") as Record<string, unknown>;
    assert.equal(asked.leader, b.member);
  });

  it("is read-only when its host has power again, and follows with the next update", async () => {
    await a.host.start();
    await a.untilReport("it to hear who leads", ({ leader }) => leader === b.member);
    await until("it to answer as a standby", 60, () => inRecovery(a));
    await cluster.update({ primary: "node-b" });
    await cluster.untilLedBy("node-b");
    const events = eventsOf(await a.journal());
    const guard = events.filter(({ event }) => event === "hears").at(-1);
    assert.match(String(guard?.what), /node-b leads by change/);
    const followed = events.findLast(({ event }) => event === "follows");
    assert.ok(["rewound", "repointed"].includes(String(followed?.how)), JSON.stringify(followed));
    const copies = eventsOf(await c.journal()).filter(({ event }) => event === "copies");
    assert.equal(copies.length, 1, "node-c was copied when the cluster was made, and has only gone on since");
    await until("it to have the row", 30, () => a.sql("select n from t", "app") === "1");
    for (const node of cluster.nodes) {
      const text = await node.journal();
      const key = await node.exec("cat /etc/understudy/agent/ledger.key");
      const { secretKey } = cluster.s3;
      for (const secret of [key, secretKey, "PRIVATE KEY", '"secret"']) assert.ok(!text.includes(secret), node.name);
    }
  });

  it("[full] serves again by itself when all hosts have booted", async () => {
    await Promise.all(cluster.nodes.map(({ host }) => host.kill()));
    await Promise.all(cluster.nodes.map(({ host }) => host.start()));
    await cluster.untilLedBy("node-b", 120);
    b.sql("create table booted as select 1", "app");
  });

  it("[full] goes on without its ledger; a planned change is refused in the store's own words", async () => {
    await cluster.s3.power("off");
    try {
      b.sql("create table without_ledger as select 1", "app");
      await assert.rejects(
        cluster.update({ primary: "node-a" }),
        /the ledger in the archive cannot be read: .*(EHOSTUNREACH|ECONNREFUSED|ENOTFOUND|EAI_AGAIN|no whole answer)[\s\S]*HINT: make the archive reachable/,
      );
      assert.ok(!inRecovery(b));
      const report = await b.report();
      assert.equal(report.ledger.isInReach, false);
      console.log((await b.exec("understudy-agent status")).replace(/^/gm, "      "));
    } finally {
      await cluster.s3.power("on");
    }
    await comesTo("node-b");
  });

  it("[full] a postmaster that is killed while a backend commits: nobody else takes writes, and it comes back", async () => {
    audit = await Audit.start(cluster.audited);
    b.sql("create table ticks (at timestamptz default clock_timestamp())", "app");
    await b.exec(
      `setpriv --reuid=postgres --regid=postgres --init-groups psql -XAtq -h /run/postgresql -d app >/dev/null 2>&1 <<'SQL' &
do $$ begin for i in 1..100000 loop insert into ticks default values; commit; perform pg_sleep(0.01); end loop; end $$;
SQL`,
    );
    await until("it to commit", 20, () => Number(b.sql("select count(*) from ticks", "app")) > 5);
    await b.exec("kill -9 $(head -n 1 /var/lib/understudy/17/data/postmaster.pid)");
    await until("it to serve again", 90, () => !inRecovery(b));
    await cluster.untilLedBy("node-b", 90);
    await endAudit("node-b");
  });

  it("[full] a target whose agent is killed at any moment, and a primary that loses power on the way", async () => {
    audit = await Audit.start(cluster.audited);
    const seed = Math.floor(Math.random() * 1e6);
    console.log(`      seed ${seed}`);
    let state = seed;
    const random = (below: number): number => {
      state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
      return (state / 2 ** 31) * below;
    };
    let from = "node-b";
    for (let round = 0; round < 4; round++) {
      const to = from === "node-b" ? "node-a" : "node-b";
      const going = cluster.update({ primary: to }).then(
        () => "went through",
        (error: Error) => error.message.split("\n").at(-2) ?? error.message,
      );
      const after = random(4000);
      await sleep(after);
      await cluster.node(to).exec("systemctl kill -s KILL understudy-agent");
      console.log(`      agent of ${to} killed after ${after.toFixed(0)} ms: ${await going}`);
      await comesTo(to);
      from = to;
    }
    const to = from === "node-b" ? "node-a" : "node-b";
    const going = cluster.update({ primary: to }).then(
      () => "went through",
      (error: Error) => error.message.split("\n").at(-2) ?? error.message,
    );
    await until(
      "the primary to stop",
      60,
      async () => /"event":"stops"/.test((await cluster.node(from).journal()).slice(-3000)),
      20,
    );
    await cluster.node(from).host.kill();
    console.log(`      ${from} loses power: ${await going}`);
    await cluster.node(from).host.start();
    await comesTo(to);
    await endAudit(to);
  });

  it("[full] a machine with another one's disk is read-only, and says so", async () => {
    const led = await leader();
    await cluster.untilLedBy(led.name);
    const other = cluster.nodes.find((node) => node !== led) as SystemdHost;
    await other.exec(
      "systemctl stop understudy-agent understudy-postgresql; rm -rf /var/lib/understudy/agent /var/lib/understudy/17",
    );
    const disk = "etc/understudy/agent var/lib/understudy/agent var/lib/understudy/17";
    execFileSync("sh", [
      "-c",
      `docker exec ${led.host.container} sh -c 'tar -C / -cf - ${disk} 2>/dev/null || true' | docker exec -i ${other.host.container} tar -C / -xf -`,
    ]);
    await other.exec("systemctl start understudy-agent");
    const report = await other.untilReport("it to see it", ({ start }) => /another machine/.test(start.message));
    assert.deepEqual([report.node, report.start.verdict], [led.member, "stay"]);
    assert.ok(report.phase === "down" || report.phase === "standby", report.phase);
    console.log((await other.exec("understudy-agent status")).replace(/^/gm, "      "));
    assert.ok(!inRecovery(led));
  });

  // The last one: leadership is not what it was afterwards.
  it("costs little beside a fast stop and a promotion by hand", async () => {
    const led = await leader();
    const standby = cluster.nodes.findLast((node) => node !== led) as SystemdHost;
    await Promise.all(cluster.nodes.map((node) => node.exec("systemctl stop understudy-agent")));
    audit = await Audit.start(cluster.audited);
    const { window } = await audit.during(async () => {
      await led.exec(
        "pid=$(head -n 1 /var/lib/understudy/17/data/postmaster.pid); kill -INT $pid; while kill -0 $pid 2>/dev/null; do sleep 0.01; done",
      );
      await standby.exec(
        "setpriv --reuid=postgres --regid=postgres --init-groups /usr/lib/postgresql/17/bin/pg_ctl promote -w -D /var/lib/understudy/17/data",
      );
    });
    const byHand = audit.gapIn(window);
    const ratio = spreadOf(gaps).median / byHand;
    console.log(`      by hand: ${byHand.toFixed(0)} ms; a switchover takes ${ratio.toFixed(2)} times that`);
    await audit.stop();
    assert.ok(gaps.length > 0 && Number.isFinite(ratio));
  });

  async function leader(): Promise<SystemdHost> {
    for (const node of cluster.nodes) if ((await node.report()).phase === "serving") return node;
    throw new Error("nobody leads");
  }
});
