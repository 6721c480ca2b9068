import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import type { DockerCluster } from "../support/dockerCluster.ts";
import { SmallDisk } from "../support/faults.ts";
import { activeNodes, HandoverCluster } from "../support/handover.ts";
import type { ConfigValue, RunResult } from "../support/pulumiStack.ts";
import { until } from "../support/until.ts";

type Config = Readonly<Record<string, ConfigValue>>;

const MiB = 1024 ** 2;
const loss = { change: 1, lossBytes: "64MB", lossUnknown: true };
/** What each test starts from, and declares again at its end. */
const usual: Config = {
  primary: "node-a",
  nodes: activeNodes(),
  maxLagBytes: "16MB",
  maxTransactionAge: "1min",
  accept: {},
  // Not set.
  epoch: "",
  // Small, so that all of it can be used up.
  settings: { wal_level: "logical", max_prepared_transactions: 4, max_wal_senders: 7, max_replication_slots: 7 },
};

/**
 * Every refusal of preflight, for real, on one cluster. What stands against a change is made, refused by a preview or an update,
 * and undone. Nothing may have changed on any host meanwhile; and where nothing stands against it, the preview passes, before and
 * after: so each refusal is seen to come from what was made.
 */
describe("preflight refuses", () => {
  let host: HandoverCluster;
  let cluster: DockerCluster;

  before(async () => {
    host = await HandoverCluster.create(usual);
    cluster = host.cluster;
    await host.settled("node-a");
  });

  after(async () => {
    await host?.dispose();
  });

  /** What nodes know of roles, and what they are. */
  const roles = (): string[] =>
    HandoverCluster.nodes.map((node) =>
      cluster.exec(
        node,
        "bash",
        "-c",
        `cd /var/lib/understudy/state && cat token intent; ls -i ../17/data/standby.signal; /usr/lib/postgresql/17/bin/pg_controldata ../17/data | grep -E 'system identifier|TimeLineID'
         head -n 1 ../17/data/postmaster.pid || true`,
      ),
    );

  /** A change that must be refused, with the reasons that it gave, one a line with its hint. */
  async function refused(config: Config, by: "preview" | "up" = "preview"): Promise<string> {
    const before = roles();
    await host.declare({ ...usual, ...config });
    let result: RunResult;
    try {
      result = by === "preview" ? await cluster.stack.preview() : await host.tryUp();
    } finally {
      await host.declare(usual);
    }
    assert.notEqual(result.exitCode, 0, result.output);
    assert.deepEqual(roles(), before, "a role was touched");
    const [, text = ""] = result.output.split(/^.*preflight refuses; no role was touched$/m).slice(-2);
    assert.ok(text, result.output);
    return text.replace(/\n +HINT: /g, " HINT: ");
  }

  /** How many reasons there are, and that each one looked for is among them. */
  function saysOnly(text: string, ...patterns: readonly RegExp[]): void {
    for (const pattern of patterns) assert.match(text, pattern);
    assert.equal(text.match(/HINT: /g)?.length, patterns.length, text);
  }

  async function passes(config: Config, said: RegExp): Promise<void> {
    await host.declare({ ...usual, ...config });
    const { exitCode, output } = await cluster.stack.preview();
    await host.declare(usual);
    assert.equal(exitCode, 0, output);
    assert.match(output, said);
  }

  const toB: Config = { primary: "node-b" };
  const toC: Config = { primary: "node-c" };
  const switchover = /preflight: switchover node-a → node-b, epoch 2, at risk: nothing; node-b is .* behind/;
  const shell = (node: string, script: string) => cluster.exec(node, "bash", "-ec", script);
  const asPostgres = (node: string, ...command: string[]): ChildProcess =>
    spawn("docker", ["exec", "--user", "postgres", cluster.container(node), ...command], { stdio: "ignore" });
  const write = (bytes: number) =>
    cluster.sql(
      "node-a",
      `select pg_logical_emit_message(false, 't', repeat('x', 1048576)) from generate_series(1, ${Math.ceil(bytes / MiB)})`,
    );
  const signalReceiver = (node: string, signal: string) =>
    shell(node, `pkill -${signal} -u postgres -f '^postgres: .*walreceiver'`);

  it("nothing where all is well", () => passes(toB, switchover));

  it("what goes on on the primary: transactions, a backup, logical slots", async () => {
    // It waits for every transaction that is open.
    cluster.sql("node-a", "select pg_create_logical_replication_slot('cdc', 'pgoutput')");
    cluster.sql("node-a", "begin; create table t (); prepare transaction 'one'");
    const open = asPostgres("node-a", "psql", "-h", "/run/postgresql", "-c", "begin; select pg_sleep(600)");
    const copy = asPostgres(
      "node-a",
      "bash",
      "-c",
      "exec /usr/lib/postgresql/17/bin/pg_basebackup -h /run/postgresql -D - -Ft -X none --max-rate=32k >/dev/null",
    );
    try {
      await until(
        "the backup to run",
        30,
        () => cluster.sql("node-a", "select count(*) from pg_stat_progress_basebackup") === "1",
      );
      saysOnly(
        await refused({ ...toB, maxTransactionAge: "10ms" }, "up"),
        /a transaction has been open on node-a for .* \(pid \d+, user postgres\) HINT: .*pg_terminate_backend\(\d+\)/,
        /1 prepared transaction on node-a/,
        /a backup is being taken on node-a/,
        /the logical slot cdc \(database postgres\) on node-a would not be there on node-b/,
      );
    } finally {
      open.kill();
      copy.kill();
      cluster.sql(
        "node-a",
        "select pg_terminate_backend(pid) from pg_stat_activity where query ~ 'pg_sleep|BASE_BACKUP' and pid <> pg_backend_pid()",
      );
      cluster.sql("node-a", "rollback prepared 'one'");
      cluster.sql("node-a", "select pg_drop_replication_slot('cdc')");
    }
  });

  it("a target without room: no slots, no wal senders, no disk [full]", async () => {
    const disk = new SmallDisk(cluster, "node-b", 300);
    const receivers = [1, 2, 3, 4, 5, 6].map((number) =>
      asPostgres(
        "node-b",
        "bash",
        "-c",
        `mkdir -p /tmp/r${number} && exec /usr/lib/postgresql/17/bin/pg_receivewal -h /run/postgresql -D /tmp/r${number}`,
      ),
    );
    try {
      cluster.sql("node-b", "select pg_create_physical_replication_slot('other' || n) from generate_series(1, 6) n");
      await until("the receivers", 30, () => cluster.sql("node-b", "select count(*) from pg_stat_replication") === "6");
      saysOnly(
        await refused(toB),
        /node-b has no free slot for each of its 2 standbys: 2 needed, 1 of max_replication_slots \(7\) free/,
        /node-b has no free wal sender for each of its 2 standbys: 1 of max_wal_senders \(7\) free/,
        /node-b has too little free disk for a primary: \d+ MB, 512 MB needed/,
      );
    } finally {
      for (const receiver of receivers) receiver.kill();
      shell("node-b", "pkill -f '[p]g_receivewal' || true; rm -rf /tmp/r?");
      cluster.sql("node-b", "select pg_drop_replication_slot('other' || n) from generate_series(1, 6) n");
      disk.remove();
      await host.settled("node-a");
    }
  });

  it("a target that replays nothing, and runs with less than the primary [full]", async () => {
    const conf = "/etc/understudy/postgresql.conf";
    shell(
      "node-a",
      `cp -p ${conf} /tmp/kept; echo 'max_connections = 150' >>${conf}; systemctl restart understudy-postgresql`,
    );
    try {
      await until("replay to stop", 60, () => cluster.sql("node-b", "select pg_is_wal_replay_paused()") === "t");
      const text = await refused(toB);
      saysOnly(
        text,
        /replay is paused on node-b HINT: .*pg_wal_replay_resume/,
        /node-b runs with less than node-a: max_connections 100 \(node-a: 150\)/,
      );
    } finally {
      shell("node-a", `cp -p /tmp/kept ${conf}; systemctl restart understudy-postgresql`);
      for (const node of ["node-b", "node-c"]) shell(node, "systemctl restart understudy-postgresql");
      await host.settled("node-a");
    }
  });

  it("a target that is behind, or does not stream from the primary", async () => {
    signalReceiver("node-c", "STOP");
    write(3 * MiB);
    try {
      saysOnly(
        await refused({ ...toC, maxLagBytes: "1MB" }),
        /node-c is .* MB behind node-a, more than maxLagBytes \(1 MB\)/,
      );
    } finally {
      signalReceiver("node-c", "CONT");
    }
    const conf = "/etc/understudy/standby.conf";
    const address = (node: string) => shell(node, "hostname -I").trim().split(" ")[0] as string;
    shell(
      "node-b",
      `cp -p ${conf} /tmp/kept; sed -i 's/host=${address("node-a")}/host=${address("node-c")}/; /primary_slot_name/d' ${conf}; systemctl reload understudy-postgresql`,
    );
    try {
      await until(
        "node-b to follow node-c",
        30,
        () => cluster.sql("node-c", "select count(*) from pg_stat_replication where state = 'streaming'") === "1",
      );
      saysOnly(
        await refused(toB),
        new RegExp(
          `node-b does not stream from node-a: it receives WAL from ${address("node-c")} and is no standby of node-a`,
        ),
      );
      shell("node-b", "systemctl stop understudy-postgresql");
      saysOnly(await refused(toB), /PostgreSQL does not run on it \(unit inactive\) HINT: .*config set primary node-a/);
    } finally {
      shell("node-b", `cp -p /tmp/kept ${conf}; systemctl restart understudy-postgresql`);
      await host.settled("node-a");
    }
  });

  it("what is declared of the target, and nodes that can't be asked [full]", async () => {
    shell("node-c", "systemctl stop ssh.socket ssh 2>/dev/null || systemctl stop ssh");
    try {
      saysOnly(
        await refused({ ...toB, nodes: activeNodes({ "node-b": { delay: "1h" } }) }),
        /node-b stays behind on purpose \(delay 1h\)/,
        /node-c takes part and cannot be asked: .* HINT: .*'nodes\.node-c\.state' absent/,
      );
    } finally {
      shell("node-c", "systemctl start ssh");
    }
    saysOnly(
      await refused({ ...toB, nodes: activeNodes({ "node-b": { source: "archive" } }) }),
      /node-b is fed by the archive only/,
    );
  });

  it("an archive that takes nothing [full]", async () => {
    const conf = "/etc/understudy/pgbackrest.conf";
    shell("node-a", `cp -p ${conf} /tmp/kept; sed -i 's/^repo1-s3-key-secret=.*/repo1-s3-key-secret=wrong/' ${conf}`);
    try {
      for (let segment = 0; segment < 7; segment++) {
        write(1);
        cluster.sql("node-a", "select pg_switch_wal()");
      }
      await until(
        "the archiver to fail",
        150,
        () =>
          cluster.sql(
            "node-a",
            "select last_failed_time > coalesce(last_archived_time, '-infinity') from pg_stat_archiver",
          ) === "t",
      );
      saysOnly(
        await refused(toB),
        /node-a can't archive WAL \([0-9A-F]{24} failed, and nothing was archived since\)/,
        /\d+ segments of WAL wait to be archived on node-a/,
      );
    } finally {
      shell("node-a", `cp -p /tmp/kept ${conf}`);
      await until(
        "the archive to catch up",
        150,
        () =>
          shell("node-a", "find /var/lib/understudy/17/data/pg_wal/archive_status -name '*.ready' | wc -l").trim() ===
          "0",
      );
    }
  });

  it("a primary that could not be rewound [full]", async () => {
    const conf = "/etc/understudy/postgresql.conf";
    const checksums = (verb: string) =>
      `setpriv --reuid=postgres --regid=postgres --clear-groups /usr/lib/postgresql/17/bin/pg_checksums --${verb} -D /var/lib/understudy/17/data >/dev/null`;
    shell(
      "node-a",
      `cp -p ${conf} /tmp/kept; sed -i "s/^wal_log_hints = .*/wal_log_hints = 'off'/" ${conf}; systemctl stop understudy-postgresql; ${checksums("disable")}; systemctl start understudy-postgresql`,
    );
    try {
      await host.settled("node-a");
      saysOnly(await refused(toB), /node-a could not be rewound: its data has neither checksums nor wal_log_hints/);
    } finally {
      shell(
        "node-a",
        `cp -p /tmp/kept ${conf}; systemctl stop understudy-postgresql; ${checksums("enable")}; systemctl start understudy-postgresql`,
      );
      await host.settled("node-a");
    }
  });

  it("passes again once all of that is undone", () => passes(toB, switchover));

  it("a failover that nobody declared in full, and one that may lose something", async () => {
    signalReceiver("node-c", "STOP");
    write(2 * MiB);
    await until(
      "node-b to have it",
      30,
      () =>
        cluster.sql("node-a", "select count(*) from pg_stat_replication where flush_lsn = pg_current_wal_lsn()") ===
        "1",
    );
    shell("node-a", "systemctl stop ssh.socket ssh 2>/dev/null || systemctl stop ssh");
    const states = (state: string) => activeNodes({ "node-a": { state } });
    try {
      saysOnly(
        await refused({ reconcile: "look" }),
        /node-a: the declared primary cannot be asked.* HINT: .*'nodes\.node-a\.state' fenced && pulumi config set primary node-b/,
      );
      saysOnly(
        await refused(toB),
        /node-a leads \(epoch 1\), cannot be asked, and is not declared fenced.* HINT: .*'nodes\.node-a\.state' fenced && pulumi config set primary node-b/,
      );
      saysOnly(
        await refused({ ...toB, nodes: states("absent") }),
        /node-a led last, by change 1, and is declared absent: nothing proves that it is off/,
      );
      saysOnly(
        await refused({ ...toB, nodes: states("fenced") }),
        /node-b would lose can't be known: .*node-a, which was last heard from .* ago; nothing is accepted HINT: .*config set accept '\{"change":1,"lossUnknown":true\}'/,
      );
      saysOnly(
        await refused({ ...toC, nodes: states("fenced") }),
        /node-c is not the furthest ahead: node-b is .* MB further HINT: pulumi config set primary node-b/,
        /node-c would lose at least .* MB of WAL, and it can't be known what else/,
      );
      await passes(
        { ...toB, nodes: states("fenced"), accept: { change: 1, lossUnknown: true } },
        /preflight: failover node-a → node-b, epoch 2, at risk: what can't be known/,
      );
      await passes(
        { ...toC, nodes: states("fenced"), accept: { ...loss, behind: true } },
        /failover node-a → node-c, epoch 2, at risk: at least .* MB of WAL, and what can't be known/,
      );
    } finally {
      shell("node-a", "systemctl start ssh");
      signalReceiver("node-c", "CONT");
      await host.settled("node-a");
    }
  });

  it("to lose what a standby has and has not replayed, also after a restart of it [full]", async () => {
    const conf = "/etc/understudy/standby.conf";
    shell(
      "node-b",
      `cp -p ${conf} /tmp/kept; echo "recovery_min_apply_delay = '1h'" >>${conf}; systemctl reload understudy-postgresql`,
    );
    await until("the delay", 30, () => cluster.sql("node-b", "show recovery_min_apply_delay") === "1h");
    signalReceiver("node-c", "STOP");
    try {
      cluster.sql("node-a", "create table held ()");
      write(2 * MiB);
      const had = "select count(*) from pg_stat_replication where flush_lsn = pg_current_wal_lsn()";
      await until("node-b to have it", 30, () => cluster.sql("node-a", had) === "1");
      shell("node-b", "systemctl restart understudy-postgresql");
      const received = "select pg_last_wal_receive_lsn() is null and to_regclass('held') is null";
      await until("node-b to answer", 30, () => cluster.sql("node-b", received) === "t");
      shell("node-a", "systemctl stop ssh.socket ssh 2>/dev/null || systemctl stop ssh");
      assert.match(
        await refused({ ...toC, nodes: activeNodes({ "node-a": { state: "fenced" } }) }),
        /node-c is not the furthest ahead: node-b is .* MB further HINT: pulumi config set primary node-b/,
      );
    } finally {
      shell("node-a", "systemctl start ssh");
      signalReceiver("node-c", "CONT");
      shell("node-b", `cp -p /tmp/kept ${conf}; systemctl restart understudy-postgresql`);
      await host.settled("node-a");
      cluster.sql("node-a", "drop table held");
    }
  });

  it("hosts that cannot be reached from where the preview runs: it says so, and does not fail [full]", async () => {
    for (const node of HandoverCluster.nodes)
      shell(node, "systemctl stop ssh.socket ssh 2>/dev/null || systemctl stop ssh");
    try {
      await passes(toB, /preflight: no host can be asked from here \(node-a: .*\); the update itself looks/);
    } finally {
      for (const node of HandoverCluster.nodes) shell(node, "systemctl start ssh");
    }
  });

  it("data of another cluster, and another stack's volume [full]", async () => {
    const root = "/var/lib/understudy";
    shell("node-b", `cp -p ${root}/.understudy-volume /tmp/kept; echo elsewhere >${root}/.understudy-volume`);
    shell(
      "node-c",
      `systemctl stop understudy-postgresql; mv ${root}/17/data ${root}/17/kept; setpriv --reuid=postgres --regid=postgres --clear-groups /usr/lib/postgresql/17/bin/initdb -D ${root}/17/data >/dev/null; touch ${root}/17/data/standby.signal`,
    );
    try {
      saysOnly(
        await refused(toB),
        /node-b: its data volume belongs to another cluster \(elsewhere\) HINT: Is the right stack selected/,
        /the nodes hold different clusters: node-a \d+, node-b \d+, node-c \d+/,
      );
    } finally {
      shell("node-b", `cp -p /tmp/kept ${root}/.understudy-volume`);
      shell(
        "node-c",
        `rm -rf ${root}/17/data; mv ${root}/17/kept ${root}/17/data; systemctl start understudy-postgresql`,
      );
      await host.settled("node-a");
    }
  });

  it("an old primary that stays down on purpose: the target of its handover can't be asked [full]", async () => {
    const state = "/var/lib/understudy/state";
    shell(
      "node-a",
      `cp -p ${state}/token /tmp/kept; systemctl stop understudy-postgresql; echo '2 node-a node-b yielding' >${state}/token`,
    );
    shell("node-b", "systemctl stop ssh.socket ssh 2>/dev/null || systemctl stop ssh");
    const lost = { nodes: activeNodes({ "node-b": { state: "fenced" } }) };
    try {
      const waits =
        /node-a has handed over to node-b \(epoch 2\), which cannot be asked whether it took over: node-a stays down on purpose HINT: Bring node-b back\. If it is lost: pulumi config set --path 'nodes\.node-b\.state' fenced && pulumi config set primary node-a/;
      saysOnly(await refused({ reconcile: "look" }), waits);
      saysOnly(await refused(toC), waits);
      saysOnly(await refused(lost), /what node-a would lose can't be known/);
      await passes(
        { ...lost, accept: { change: 1, lossUnknown: true } },
        /preflight: return of node-a, epoch 3, at risk: what can't be known/,
      );
    } finally {
      shell("node-b", "systemctl start ssh");
      shell("node-a", `cp -p /tmp/kept ${state}/token; systemctl start understudy-postgresql`);
      await host.settled("node-a");
    }
  });

  // From here on each begins with what the one before it has left.
  it("a promotion by hand, until it is declared [full]", async () => {
    cluster.sql("node-c", "select pg_promote()");
    cluster.sql("node-c", "checkpoint");
    saysOnly(
      await refused({ reconcile: "look" }, "up"),
      /more than one node takes writes: node-a, node-c \(by the tokens node-a leads \(epoch 1\)|more than one node takes writes: node-a, node-c \(by the tokens node-a leads, epoch 1\)/,
    );
    shell("node-a", "systemctl stop understudy-postgresql");
    saysOnly(
      await refused({ reconcile: "look" }),
      /node-c takes writes, but by the tokens node-a leads \(epoch 1\): it was promoted by hand HINT: To adopt that: pulumi config set primary node-c/,
    );
    saysOnly(await refused(toC), /node-c would lose .*; nothing is accepted/);
    await host.declare({ ...usual, ...toC, accept: loss });
    const { output } = await host.up();
    assert.match(output, /adopt node-a → node-c, epoch 2/);
    await host.settled("node-c");
  });

  it("a config that is older than the last change [full]", async () => {
    const now = { primary: "node-c" };
    saysOnly(
      await refused({ ...now, epoch: 1 }),
      /the primary has been changed since this config was written: the cluster is at epoch 2, node-c leads; the config knows 1 HINT: .*config set epoch 2/,
    );
    const elsewhere = await cluster.stack.copy();
    try {
      await host.declare({ ...usual, ...now, primary: "node-b" }, elsewhere);
      const { exitCode, output } = await host.tryUp({}, elsewhere);
      assert.equal(exitCode, 0, output);
      await host.settled("node-b");
      await host.declare({ ...usual, ...now, primary: "node-b" }, elsewhere);
      saysOnly(
        await refused({ ...now, primary: "node-a" }),
        /node-b leads \(epoch 3\): the primary was changed by somebody else since this stack's last update \(epoch \d\) HINT: Declare what is: pulumi config set primary node-b/,
      );
      await host.declare({ ...usual, primary: "node-b" });
      await host.up();
      await host.settled("node-b");
    } finally {
      await elsewhere.dispose();
    }
  });

  it("a former primary that was replaced while it was off [full]", async () => {
    const file = "/var/lib/understudy/state/token";
    shell("node-b", "systemctl stop understudy-postgresql");
    for (const node of HandoverCluster.nodes) {
      const knows = node === "node-b" ? "2 node-a node-b leads" : "3 node-b node-a leads";
      shell(node, `cp -p ${file} /tmp/kept; echo '${knows}' >${file}`);
    }
    try {
      saysOnly(
        await refused({ primary: "node-b", reconcile: "stale" }),
        /node-a leads since epoch 3; node-b, which led at epoch 2, has not joined it since HINT: Declare what is: pulumi config set primary node-a/,
      );
    } finally {
      for (const node of HandoverCluster.nodes) shell(node, `cp -p /tmp/kept ${file}`);
      shell("node-b", "systemctl start understudy-postgresql");
      await host.settled("node-b");
    }
  });

  it("no new cluster in place of one that was [full]", async () => {
    for (const node of HandoverCluster.nodes)
      shell(node, "systemctl stop understudy-postgresql; mv /var/lib/understudy/17/data /var/lib/understudy/17/kept");
    try {
      await host.declare({ ...usual, primary: "node-b", reconcile: "gone" });
      const { exitCode, output } = await cluster.stack.preview();
      assert.notEqual(exitCode, 0, output);
      assert.match(output, /no node has data, but this stack had a cluster \(system identifier \d+\)/);
      await host.declare({ ...usual, primary: "node-b" });
      shell("node-a", "mv /var/lib/understudy/17/kept /var/lib/understudy/17/data");
      await host.declare({ ...usual, primary: "node-b", reconcile: "gone" });
      assert.match(
        (await cluster.stack.preview()).output,
        /node-b: it is declared the primary and has no data, while node-a has/,
      );
    } finally {
      for (const node of HandoverCluster.nodes) {
        shell(
          node,
          "cd /var/lib/understudy/17; [[ ! -d kept ]] || mv kept data; systemctl start understudy-postgresql",
        );
      }
    }
  });
});
