import assert from "node:assert/strict";
import { DockerCluster } from "../support/dockerCluster.ts";
import { cutPower, powerOn } from "../support/faults.ts";
import { type Ran, runLine } from "../support/runbook.ts";
import { until } from "../support/until.ts";

/**
 * Who leads is no matter of what config calls a node now: whatever is declared, and whoever is powered on afterwards, one node takes writes
 * at most, and no row is lost that nobody has accepted to lose. Each sequence is honest: no word of the operator is false.
 */
class Operator {
  readonly cluster: DockerCluster;

  constructor(cluster: DockerCluster) {
    this.cluster = cluster;
  }

  /** Command lines as a reader of the runbooks types them; each has to succeed. Gives what the last one printed. */
  async types(...lines: readonly string[]): Promise<string> {
    let last: Ran | undefined;
    for (const line of lines) {
      last = await runLine(this.cluster.stack, line);
      assert.equal(last.exitCode, 0, `$ ${line}\n${last.output}`);
    }
    return last?.output ?? "";
  }

  /** `pulumi up`, which has to be refused before any role is touched: what it said, a reason with its hint a line. */
  async isRefused(...patterns: readonly RegExp[]): Promise<void> {
    const { exitCode, output } = await runLine(this.cluster.stack, "pulumi up");
    assert.notEqual(exitCode, 0, output);
    assert.match(output, /preflight refuses; no role was touched/);
    for (const pattern of patterns) assert.match(output.replace(/\n +HINT: /g, " HINT: "), pattern);
  }

  async status(): Promise<Ran> {
    return runLine(this.cluster.stack, "npm run status");
  }

  /** Waits until status says that, and ends with that exit code: a host that has just been powered on is slow to answer. */
  async says(exitCode: number, pattern: RegExp): Promise<void> {
    await until(`status to say ${pattern}`, 60, async () => {
      const said = await this.status();
      assert.match(said.output, pattern);
      assert.equal(said.exitCode, exitCode, said.output);
      return true;
    });
  }

  /** Whether it takes writes, once PostgreSQL has started on it, can't, or may not. */
  takesWrites(node: string): Promise<string> {
    return until(`${node} to decide what it is`, 180, () => {
      try {
        return this.cluster.sql(node, "select pg_is_in_recovery()") === "f" ? "yes" : "no";
      } catch {
        const unit = this.cluster.exec(
          node,
          "systemctl",
          "show",
          "--property=Result,NRestarts",
          "understudy-postgresql",
        );
        return /exec-condition|NRestarts=[^0]/.test(unit) ? "no" : undefined;
      }
    });
  }

  async powersOn(node: string): Promise<void> {
    powerOn(this.cluster, node);
    assert.equal(await this.takesWrites(node), "no", `${node} was powered on, and takes writes`);
  }

  /** A number of rows that the primary acknowledges. */
  writes(node: string, table: string): void {
    this.cluster.sql(node, `create table ${table} as select generate_series(1, 1000) as id`);
  }

  has(node: string, table: string): boolean {
    return this.cluster.sql(node, `select to_regclass('${table}') is not null`) === "t";
  }
}

const state = (node: string, value: string) => `pulumi config set --path 'nodes.${node}.state' ${value}`;
const accept = (change: number) =>
  `pulumi config set accept '{"change":${change},"lossBytes":"1GB","lossUnknown":true}'`;
const primary = (node: string) => `pulumi config set primary ${node}`;

function onCluster(...nodes: readonly string[]): () => Operator {
  let operator: Operator | undefined;

  before(async () => {
    const cluster = await DockerCluster.declare({ primary: "node-a", nodes });
    operator = new Operator(cluster);
    await cluster.up();
  });

  after(async () => {
    await operator?.cluster.dispose();
  });

  return () => operator as Operator;
}

/** In this order: each test begins with what the one before it has left. */
describe("two nodes, of which one is powered on after the other has taken over", () => {
  const operator = onCluster("node-a", "node-b");

  it("a leader that is older than the one that failed is no leader without consent", async () => {
    const { cluster } = operator();
    cutPower(cluster, "node-a");
    await operator().types(...[state("node-a", "fenced"), primary("node-b"), accept(1), "pulumi up"]);
    operator().writes("node-b", "acknowledged");
    cutPower(cluster, "node-b");
    await operator().types(state("node-a", "active"), state("node-b", "fenced"));
    await operator().types(primary("node-a"));

    // Another archive knows nothing of node-b's change.
    await operator().types("pulumi config set --path archive.prefix elsewhere");
    await operator().isRefused(/the archive changes from \S+ to \S+\/elsewhere, and node-b does not take part/);
    cutPower(cluster, "node-a");
    await operator().powersOn("node-a");
    await operator().types("pulumi config rm --path archive.prefix");

    await operator().isRefused(
      /node-b led last, by change 2 of .*node-a has not joined it since: .*; accept is for change 1, and node-b led last, by change 2 HINT: .*config set accept '\{"change":2,"lossUnknown":true\}'/,
    );
    assert.equal(await operator().takesWrites("node-a"), "no");
    assert.equal((await operator().status()).exitCode, 2);

    await operator().types(`pulumi config set accept '{"change":2,"lossUnknown":true}'`, "pulumi up");
    assert.equal(await operator().takesWrites("node-a"), "yes");
    const { handover } = await cluster.outputs();
    assert.deepEqual([handover.kind, handover.from, handover.to, handover.epoch], ["failover", "node-b", "node-a", 3]);
    await operator().powersOn("node-b");
    assert.equal(await operator().takesWrites("node-a"), "yes");

    await operator().types(state("node-b", "active"), "pulumi up");
    assert.equal(operator().has("node-b", "acknowledged"), false, "it follows node-a, which never had it");
    assert.equal(cluster.streaming("node-a"), 1);
  });

  it("an old primary that is powered on asks a node that was absent when it failed [full]", async () => {
    const { cluster } = operator();
    await operator().types(state("node-b", "absent"), "pulumi up");
    cutPower(cluster, "node-a");
    await operator().types(state("node-b", "active"), state("node-a", "fenced"), primary("node-b"));
    await operator().types(accept(3), "pulumi up");
    await operator().powersOn("node-a");
    assert.equal(await operator().takesWrites("node-b"), "yes");

    await operator().says(1, /node-a: is declared fenced and its host answers/);
    const past =
      "rm -f 17/data/standby.signal; /usr/lib/postgresql/17/bin/pg_ctl start -D 17/data -o --config-file=/etc/understudy/postgresql.conf";
    cluster.execAsPostgres("node-a", "sh", "-c", `cd /var/lib/understudy && { ${past}; } >/dev/null 2>&1`);
    await operator().says(2, /node-a: is declared fenced and is a writable primary/);
    cutPower(cluster, "node-a");
  });
});

/** In this order: each test begins with what the one before it has left. */
describe("three nodes, of which some are absent [full]", () => {
  const operator = onCluster("node-a", "node-b", "node-c");

  it("a leader that is declared absent is asked, or fenced", async () => {
    const { cluster } = operator();
    await operator().types(state("node-c", "absent"), "pulumi up", primary("node-b"), "pulumi up");
    await operator().types(state("node-a", "fenced"), state("node-b", "absent"), state("node-c", "active"));
    await operator().types(primary("node-c"), accept(2));
    const leads = /node-b leads since change 2 of .* and is declared absent.* HINT: .*'nodes\.node-b\.state' fenced/;
    await operator().isRefused(leads);
    assert.equal(await operator().takesWrites("node-b"), "yes");
    assert.equal(await operator().takesWrites("node-c"), "no");

    cutPower(cluster, "node-b");
    await operator().isRefused(
      /node-b .* change 2 of .* and is declared absent.* HINT: .*'nodes\.node-b\.state' fenced/,
    );
    assert.equal(await operator().takesWrites("node-c"), "no");
    await operator().types(state("node-b", "fenced"), "pulumi up");
    assert.equal(await operator().takesWrites("node-c"), "yes");
    for (const node of ["node-b", "node-a"]) await operator().powersOn(node);
  });
});
