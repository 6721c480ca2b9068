import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { DockerCluster } from "../support/dockerCluster.ts";
import { REPOSITORY, stateUrl } from "../support/pulumiStack.ts";
import { until } from "../support/until.ts";

const nodes = ["node-a", "node-b"] as const;

/** Bash runs it wherever it evaluates text: as arithmetic, as a subscript. */
const payload = "PPID[$(id>/root/pwned)]";
const pgdata = "/var/lib/understudy/17/data";

/**
 * Whoever is `postgres` on a node, as each superuser of the database is by `COPY … TO PROGRAM`. One cluster, in this order. This suite
 * knows the program's own files (docs/decisions/trust.md).
 */
describe("an attacker who is postgres on a node", () => {
  let cluster: DockerCluster;
  let rootsFiles: Record<string, string>;

  before(async () => {
    cluster = await DockerCluster.declare({ primary: "node-a", nodes });
    await cluster.stack.setConfig("pooler.enabled", true);
    await cluster.up();
    for (const node of nodes) shell(node, "echo root >/root/target; chmod 600 /root/target");
    rootsFiles = await checksums();
  });

  after(async () => {
    await cluster?.dispose();
  });

  const shell = (node: string, script: string) => cluster.exec(node, "bash", "-ec", script);
  const asPostgres = (node: string, script: string) => cluster.execAsPostgres(node, "bash", "-ec", script);

  /** Files of root's by node and path: mode, owner, content. What steps and the boot guard write by themselves is left out. */
  const checksums = async () =>
    Object.fromEntries(
      nodes.map((node) => {
        const own = "! -path '/etc/understudy/*.conf' ! -path '/etc/understudy/pooler/route*.ini'";
        const files = `find /etc /root /usr/local -type f ${own} -exec stat -c '%n %a %U:%G' {} + -exec sha256sum {} +`;
        return [node, shell(node, `${files} | sort`)];
      }),
    );

  const nothingHappened = async () => {
    for (const node of nodes) assert.equal(shell(node, "cat /root/pwned 2>/dev/null || true"), "", `root on ${node}`);
    const now = await checksums();
    for (const node of nodes) assert.equal(now[node], rootsFiles[node], `files of root's on ${node}`);
  };

  /** All that reads: what `status` and `preflight` ask the hosts, and what the boot guard looks at. None of it has to succeed. */
  const lookAtEverything = async () => {
    for (const node of nodes) {
      for (const step of ["facts", "journal", "backups"])
        shell(node, `understudy ${step} ${node} >/dev/null 2>&1 || true`);
      for (const words of ["due", "wal"]) shell(node, `understudy backups ${node} ${words} >/dev/null 2>&1 || true`);
      for (const verb of ["signal", "may-lead"])
        shell(node, `/usr/local/lib/understudy/guard ${verb} >/dev/null 2>&1 || true`);
    }
    return status();
  };

  const status = (...words: string[]) =>
    new Promise<{ exitCode: number; output: string }>((resolve) => {
      const { name, directory } = cluster.stack;
      const env = { PULUMI_BACKEND_URL: stateUrl(directory), PULUMI_CONFIG_PASSPHRASE_FILE: `${directory}/passphrase` };
      const child = execFile(
        "./scripts/node",
        ["scripts/status.ts", "--stack", name, ...words],
        { cwd: REPOSITORY, env: { ...process.env, ...env }, timeout: 60_000 },
        (_, stdout, stderr) => resolve({ exitCode: child.exitCode ?? 3, output: stdout + stderr }),
      );
    });

  const isPrimary = (node: string) =>
    until(`${node} to lead, the other one to follow`, 120, () => cluster.streaming(node) === 1);

  it("may change nothing that root goes by", () => {
    for (const node of nodes) {
      const found = asPostgres(
        node,
        String.raw`find / \( -path /proc -o -path /sys -o -path /dev \) -prune -o -writable \( -type d -o -type f \) -print -prune 2>/dev/null | sort; true`,
      );
      const known = [
        // Debian's own.
        "/etc/pgbackrest.conf",
        "/etc/pgbouncer/pgbouncer.ini",
        "/etc/pgbouncer/userlist.txt",
        "/etc/postgresql",
        "/run/lock",
        "/run/postgresql",
        "/tmp",
        "/var/lib/pgbackrest",
        "/var/lib/postgresql",
        "/var/log/pgbackrest",
        "/var/log/postgresql",
        "/var/spool/pgbackrest",
        "/var/tmp",
        // Secrets that PostgreSQL and pgBackRest read; root takes no more of them than the archive's address.
        "/etc/understudy/pgbackrest.conf",
        "/etc/understudy/pgpass",
        "/etc/understudy/tls/server.key",
        "/var/lib/understudy/17",
        "/var/lib/understudy/spool",
      ];
      const lines = found.split("\n").filter((line) => line !== "");
      assert.deepEqual(
        lines.filter((line) => !known.includes(line)),
        [],
        node,
      );
      assert.ok(lines.includes("/var/lib/understudy/17"), "the search does not work");
    }
  });

  it("puts hostile content into each file that root may read, and links in place of each that root may write", async () => {
    const line = Array(6).fill(payload).join(" ");
    for (const node of nodes) {
      // What can't be written is root's: the attack goes on.
      asPostgres(
        node,
        `umask 022
        hostile() { printf '%s\\n' ${quoted(line)} >"$1"; }
        for name in token intent joined changed needs rewinding journal token.leads token.taken; do
          hostile /var/lib/understudy/state/$name || ln -sf /root/target /var/lib/understudy/state/$name || true
        done
        for name in token.revoked intent.new changed.new push.lock; do ln -sf /root/target /var/lib/understudy/state/$name || true; done
        mkdir -p ~/.ssh && ln -sf /root/target ~/.ssh/authorized_keys
        ln -sf /root/target /var/lib/understudy/spool/push.lock
        for name in ca.crt server.crt archive-ca.crt; do ln -sf /root/target /etc/understudy/tls/$name || true; done
        find /var/lib/understudy/spool /var/log/pgbackrest -type f | while read -r file; do hostile "$file" || true; done
        cd /var/lib/understudy/17
        mkdir -p ${quoted(`data.aside-1","bytes":0},{"path":"${payload}`)} data.aside-2
        ln -sfn /root data.basebackup; ln -sfn /root data.initdb
        cd data
        ln -sf /root/target promote
        hostile pg_wal/00000009.history; hostile pg_wal/00000001.history
        : >'pg_wal/A[$(w)]B'
        : >${quoted(`pg_wal/archive_status/${payload.replaceAll("/", "_")}.ready`)}`,
      );
    }
    await lookAtEverything();
    await nothingHappened();

    await cluster.stack.setConfig("reconcile", "with hostile files");
    const { output } = await cluster.stack.up();
    await nothingHappened();
    for (const node of nodes) {
      asPostgres(
        node,
        `cd ${pgdata}; rm -rf promote pg_wal/00000009.history pg_wal/00000001.history 'pg_wal/A[$(w)]B' pg_wal/archive_status/PPID*
        rm -rf ../data.aside-* ../data.basebackup ../data.initdb`,
      );
    }
    assert.match(output, /Resources:/);
  });

  it("lets PostgreSQL answer each question with what bash would run, there and on the other node [full]", async () => {
    const text = quoted(payload);
    const instead = async (hostile: string, honest: string, meanwhile: () => Promise<void>) => {
      cluster.sql("node-a", `set allow_system_table_mods = on; ${hostile}`);
      try {
        await meanwhile();
        await nothingHappened();
      } finally {
        cluster.sql("node-a", `set allow_system_table_mods = on; ${honest}`);
      }
    };
    await instead(
      `alter view pg_settings rename to kept_settings;
      create view pg_catalog.pg_settings as select name, ${text}::text as setting, unit, category, short_desc, extra_desc, context, vartype, source,
        min_val, max_val, enumvals, boot_val, reset_val, sourcefile, sourceline, pending_restart from kept_settings;
      grant select on pg_settings to public`,
      "drop view pg_catalog.pg_settings; alter view kept_settings rename to pg_settings",
      async () => {
        await lookAtEverything();
      },
    );
    await instead(
      `alter function pg_database_size(oid) rename to kept_size;
      create function pg_catalog.pg_database_size(oid) returns text language sql as $$ select ${text} $$;
      create aggregate pg_catalog.sum(text) (sfunc = textcat, stype = text)`,
      "drop function pg_catalog.pg_database_size(oid); alter function kept_size(oid) rename to pg_database_size; drop aggregate pg_catalog.sum(text)",
      async () => {
        // The other node has to be copied anew, and asks this one how much that is.
        shell("node-b", `systemctl stop understudy-postgresql; mv ${pgdata} ${pgdata}.away`);
        await cluster.stack.setConfig("reconcile", "with hostile answers");
        const { exitCode, output } = await cluster.stack.up();
        assert.notEqual(exitCode, 0);
        assert.match(output, /node-b: what was read on this host is no number/);
      },
    );
    await cluster.up();
    await isPrimary("node-a");
    shell("node-b", `rm -rf ${pgdata}.away`);
  });

  it("cannot use up the numbers of changes, nor say in the archive who leads", async () => {
    for (const name of [
      "99999999999999999999-candidate-node-b",
      "999999999-candidate-node-b",
      `00000002-candidate-${payload.replaceAll("/", "")}`,
    ]) {
      const file = `/tmp/understudy-${name}`;
      asPostgres(
        "node-b",
        `echo x >${quoted(file)}; pgbackrest --config=/etc/understudy/pgbackrest.conf --stanza=${cluster.stack.name} archive-push --no-archive-async ${quoted(file)} || true`,
      );
    }
    await lookAtEverything();
    await nothingHappened();
  });

  it("sets for all sessions what would break ours: none of them heeds it [full]", async () => {
    const hostile: Record<string, string> = {
      statement_timeout: "'1ms'",
      lock_timeout: "'1ms'",
      idle_session_timeout: "'10ms'",
      idle_in_transaction_session_timeout: "'10ms'",
      transaction_timeout: "'10ms'",
      default_transaction_isolation: "serializable",
      default_transaction_read_only: "on",
      datestyle: "German",
      intervalstyle: "sql_standard",
      timezone: "'Asia/Tokyo'",
      bytea_output: "escape",
      client_min_messages: "debug1",
      search_path: "evil, public",
    };
    const statements = Object.entries(hostile).flatMap(([name, value]) => [
      `alter database postgres set ${name} = ${value};`,
      `alter role all set ${name} = ${value};`,
      `alter role postgres set ${name} = ${value};`,
    ]);
    cluster.sql("node-a", `${statements.join("")} alter role postgres set role = 'pg_monitor'`);
    const { exitCode, output } = await cluster.stack.setConfig("primary", "node-b").then(() => cluster.stack.up());
    assert.equal(exitCode, 0, output);
    const seen = await until("status to find all well", 60, async () => {
      const report = await status();
      return report.exitCode === 0 ? report : undefined;
    });
    assert.match(seen.output, /ALL WELL/);
    await cluster.stack.setConfig("primary", "node-a");
    const back = await cluster.stack.up();
    assert.equal(back.exitCode, 0, back.output);
    const quiet = Object.keys(hostile).map(
      (name) =>
        `-c ${name}=${name === "search_path" ? "pg_catalog" : name.includes("isolation") ? "read\\ committed" : name.includes("read_only") ? "off" : "0"}`,
    );
    const options = [
      ...quiet.filter((option) => /timeout|search_path|isolation|read_only/.test(option)),
      "-c role=none",
    ].join(" ");
    const reset = ["alter database postgres reset all", "alter role all reset all", "alter role postgres reset all"];
    for (const statement of reset) {
      cluster.execAsPostgres(
        "node-a",
        "env",
        `PGOPTIONS=${options}`,
        "psql",
        "-Xq",
        "-h",
        "/run/postgresql",
        "-c",
        statement,
      );
    }
    await nothingHappened();
  });

  it("and after all that the cluster changes its primary, and each node comes back from a restart", async () => {
    await cluster.stack.setConfig("primary", "node-b");
    await cluster.up();
    await isPrimary("node-b");
    for (const node of nodes) cluster.docker("restart", node);
    await isPrimary("node-b");
    await nothingHappened();
  });
});

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
