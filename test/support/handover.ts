import assert from "node:assert/strict";
import { Audit, type AuditChoices, finish } from "./audit.ts";
import { type Loss, type Spread, spreadOf } from "./auditLogic.ts";
import { declare } from "./configFile.ts";
import { byAgents, DockerCluster, type Outputs } from "./dockerCluster.ts";
import { type Moment, patternOf } from "./faults.ts";
import { keepLogs } from "./hostLogs.ts";
import type { ConfigValue, PulumiStack, RunResult, UpdateOptions } from "./pulumiStack.ts";
import { until } from "./until.ts";

/**
 * One cluster for all tests of a suite: made before the first, handed to `use` again whenever a test has failed and another one took its place,
 * removed after the last.
 */
export function onSharedCluster(
  use: (host: HandoverCluster) => void,
  config: Readonly<Record<string, ConfigValue>> = {},
): void {
  let host: HandoverCluster | undefined;
  const take = (cluster: HandoverCluster | undefined) => {
    host = cluster;
    if (cluster) use(cluster);
  };

  before(async () => take(await HandoverCluster.create(config)));

  afterEach(async function () {
    take(await host?.orNew(this.currentTest));
  });

  after(async () => {
    await host?.dispose();
  });
}

/** No update takes longer, whatever it meets: what does is ended, and the test fails. */
const longestUpdateMs = 300_000;

/** A cluster of three nodes whose primary is moved about. */
const lossAccepted = { lossBytes: "64MB", lossUnknown: true };

export class HandoverCluster {
  static readonly nodes = ["node-a", "node-b", "node-c"] as const;
  readonly cluster: DockerCluster;
  readonly #config: Readonly<Record<string, ConfigValue>>;
  readonly #outputs: Outputs;

  private constructor(cluster: DockerCluster, config: Readonly<Record<string, ConfigValue>>, outputs: Outputs) {
    this.cluster = cluster;
    this.#config = config;
    this.#outputs = outputs;
  }

  static async create(config: Readonly<Record<string, ConfigValue>> = {}): Promise<HandoverCluster> {
    const cluster = await DockerCluster.declare({ primary: "node-a", nodes: HandoverCluster.nodes });
    try {
      await declare(cluster.stack, { nodes: activeNodes(), ...config });
      await cluster.up();
      return new HandoverCluster(cluster, config, await cluster.outputs());
    } catch (error) {
      await cluster.dispose();
      throw error;
    }
  }

  dispose(): Promise<void> {
    return this.cluster.dispose();
  }

  /** After a test: the cluster for the next one, a new one where the test failed and left who knows what. */
  async orNew(
    test: { readonly title: string; readonly state?: string | undefined } | undefined,
  ): Promise<HandoverCluster> {
    if (test?.state !== "failed") return this;
    console.log(`      what the hosts wrote is in ${keepLogs(this.cluster, HandoverCluster.nodes, test.title)}`);
    await this.dispose();
    return HandoverCluster.create(this.#config);
  }

  declare(config: Readonly<Record<string, ConfigValue>>, stack: PulumiStack = this.cluster.stack): Promise<void> {
    return declare(stack, config);
  }

  /** The one node that takes writes. */
  async primary(): Promise<string> {
    return until("one node to take writes", 60, () => {
      const [primary, ...more] = HandoverCluster.nodes.filter((node) => this.#takesWrites(node));
      return more.length === 0 ? primary : undefined;
    });
  }

  #takesWrites(node: string): boolean {
    try {
      return this.cluster.sql(node, "select pg_is_in_recovery()") === "f";
    } catch {
      return false;
    }
  }

  /** Somebody else than `node`, another one each time in a row of changes. */
  next(node: string): string {
    const { nodes } = HandoverCluster;
    return nodes[((nodes as readonly string[]).indexOf(node) + 1) % nodes.length] as string;
  }

  others(...nodes: readonly string[]): string[] {
    return HandoverCluster.nodes.filter((node) => !nodes.includes(node));
  }

  /** `pulumi up`, however it ends. */
  async tryUp(options: UpdateOptions = {}, stack: PulumiStack = this.cluster.stack): Promise<RunResult> {
    const result = await stack.up({ killAfterMs: longestUpdateMs, ...options });
    if (result.exitCode === 137) throw new Error(`pulumi up took over ${longestUpdateMs} ms:\n${result.output}`);
    return result;
  }

  /** `pulumi up`, which has to succeed. */
  async up(options: UpdateOptions = {}): Promise<RunResult> {
    const result = await this.tryUp(options);
    assert.equal(result.exitCode, 0, result.output);
    return result;
  }

  /** `pulumi up`, again and again until it succeeds: after a fault, what comes back by itself may take a while. */
  async upWhenPossible(): Promise<void> {
    await until("an update that succeeds", 240, () => this.up());
  }

  /** The declaration by which `to` takes over from `from`, whose host is off or is to be; nothing is accepted. */
  declareFailover(from: string, to: string): Promise<void> {
    return this.declare({ primary: to, nodes: activeNodes({ [from]: { state: "fenced" } }) });
  }

  /** The consent of an operator who has read which change led last: to a loss, and to a target that is not the furthest ahead. */
  async accept(): Promise<void> {
    await this.declare({ accept: { ...lossAccepted, behind: true, change: await this.epoch() } });
  }

  /** The number of the last change of primary, by what the nodes say. */
  async epoch(): Promise<number> {
    return until("a node to say which change was the last", 30, () => {
      const known = HandoverCluster.nodes.flatMap((node) => {
        try {
          if (byAgents) return [Number(this.cluster.exec(node, "understudy-agent", "status", "--words").split(" ")[0])];
          const [epoch, , , state] = this.cluster.exec(node, "cat", "/var/lib/understudy/state/token").split(" ");
          return ["taken", "leads"].includes(state?.trim() ?? "") ? [Number(epoch)] : [];
        } catch {
          return [];
        }
      });
      return Math.max(...known);
    });
  }

  /** Fails over to a standby that is furthest ahead, and gives its name: which one that is, preflight knows. */
  async failOver(from: string): Promise<string> {
    const declared = this.next(from);
    await this.declare({ accept: { ...lossAccepted, change: await this.epoch() } });
    await this.declareFailover(from, declared);
    const { exitCode, output } = await this.tryUp();
    if (exitCode === 0) return declared;
    const ahead = /not the furthest ahead: (\S+) is/.exec(output)?.[1];
    assert.ok(ahead, output);
    await this.declareFailover(from, ahead);
    await this.up();
    return ahead;
  }

  async moveTo(primary: string, options: UpdateOptions = {}): Promise<RunResult> {
    await this.declare({ primary });
    return this.up(options);
  }

  /** `pulumi up` towards `primary`, with something that happens at a moment of it; however it ends. */
  async disturbedMove(primary: string, moment: Moment, disturb: () => void): Promise<RunResult> {
    await this.declare({ primary });
    const update = this.cluster.stack.spawnUp({ killAfterMs: longestUpdateMs });
    await update.waitFor(patternOf(moment));
    disturb();
    const result = await update.result;
    if (result.exitCode === 137) throw new Error(`pulumi up took over ${longestUpdateMs} ms:\n${result.output}`);
    return result;
  }

  /** Waits until `primary` alone takes writes, and all others stream from it by a slot each, with none left over anywhere. */
  async settled(primary: string, standbys: readonly string[] = this.others(primary), seconds = 60): Promise<void> {
    const slots = standbys.map((node) => `understudy_${node.replaceAll("-", "_")} true`).join(",");
    await until(`${standbys} to stream from ${primary}`, seconds, () => {
      const seen = this.#ask(
        primary,
        `select (select string_agg(application_name, ',' order by application_name) from pg_stat_replication where state = 'streaming'),
           (select string_agg(regexp_replace(slot_name, '_[0-9a-f]{20}$', '') || ' ' || active, ',' order by slot_name) from pg_replication_slots),
           pg_is_in_recovery()`,
      );
      assert.equal(seen, `${standbys.join(",")}|${slots}|f`, primary);
      for (const node of standbys) {
        const standby = this.#ask(
          node,
          "select pg_is_in_recovery(), (select count(*) from pg_replication_slots), (select status from pg_stat_wal_receiver)",
        );
        assert.equal(standby, "t|0|streaming", node);
      }
      return true;
    });
  }

  #ask(node: string, query: string): string {
    return this.cluster.sql(node, query);
  }

  /**
   * Does something under the eyes of the audit client, after which `primary` leads and the others follow. Never were there two
   * nodes that took writes, and nothing that was acknowledged is missing anywhere.
   */
  async watched(action: (audit: Audit) => Promise<void>, choices: AuditChoices = {}): Promise<void> {
    const { audit, losses } = await this.audited(action, choices);
    for (const [node, { lost, unexplained }] of Object.entries(losses)) {
      assert.deepEqual(lost, [], `acknowledged and not on ${node}`);
      assert.deepEqual(unexplained, [], `on ${node} and never written`);
    }
    assert.deepEqual(audit.violations, [], "two nodes took writes");
  }

  /** As `watched`, but what was lost is for the caller to judge. */
  async audited(
    action: (audit: Audit) => Promise<void>,
    choices: AuditChoices = {},
  ): Promise<{ readonly audit: Audit; readonly losses: Readonly<Record<string, Loss>> }> {
    const audit = await Audit.start(this.#outputs, choices);
    try {
      await action(audit);
      const primary = await this.primary();
      await this.settled(primary);
      const losses = await finish(audit, this.cluster, primary, this.others(primary));
      return { audit, losses };
    } catch (error) {
      await audit.stop();
      const { violations } = audit;
      if (violations.length > 0)
        throw new Error(`two nodes took writes: ${JSON.stringify(violations)}`, { cause: error });
      throw error;
    }
  }
}

/** What the key `nodes` says while all of them take part; `changed` says more of some. */
export function activeNodes(
  changed: Readonly<Record<string, Readonly<Record<string, ConfigValue>>>> = {},
): Record<string, Record<string, ConfigValue>> {
  return Object.fromEntries(HandoverCluster.nodes.map((node) => [node, { state: "active", ...changed[node] }]));
}

/** How many acknowledged rows are missing: the same on all nodes, and none is there that nobody wrote. */
export function sameOnAll(losses: Readonly<Record<string, Loss>>): number {
  const [first, ...rest] = Object.values(losses) as [Loss, ...Loss[]];
  for (const loss of rest) assert.deepEqual(loss.lost, first.lost);
  for (const { unexplained } of [first, ...rest]) assert.deepEqual(unexplained, []);
  return first.lost.length;
}

export function showSpread(values: readonly number[]): string {
  const { min, median, max }: Spread = spreadOf(values);
  return `min ${Math.round(min)}, median ${Math.round(median)}, max ${Math.round(max)} ms (n=${values.length})`;
}
