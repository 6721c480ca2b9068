import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { Audit } from "../../support/audit.ts";
import { lossOf, now, type Stretch, stretchesQuery } from "../../support/auditLogic.ts";
import type { Outputs } from "../../support/dockerCluster.ts";
import { until } from "../../support/until.ts";
import type { Cluster, Contender } from "./contender.ts";

/** A planned change of primary. Times are milliseconds, from the start of the tool's command on. */
export interface Change {
  /** When the command was started, ISO 8601: by it the receipt's steps can be told from the rest. */
  readonly startedAt: string;
  readonly from: string;
  readonly to: string;
  /** Until the command ended. */
  readonly commandMs: number;
  /** Until the old primary streamed from the new one. */
  readonly rejoinedMs: number;
  /** Until all standbys did. */
  readonly completeMs: number;
  /** The tool's own account of it. */
  readonly receipt?: object;
}

/** One under load. */
export interface Round extends Change {
  /** Longest time between two acknowledgements, over all writers. */
  readonly gapMs: number;
  /** Attempts to write that failed. */
  readonly errors: number;
}

/** What was measured of one contender. */
export interface Figures {
  readonly versions: Readonly<Record<string, string>>;
  readonly rounds: readonly Round[];
  /** Changes without any client, after those. */
  readonly idle: readonly Change[];
  /** Changes that failed, with the reason; their gaps do not count. */
  readonly failed: readonly string[];
  /** Rows that were acknowledged in all, and those of them that are not there. */
  readonly acknowledged: number;
  readonly lost: number;
  /** Moments at which two nodes certainly took writes. */
  readonly doubled: number;
}

/** Time for a cluster to come to rest before the next change, and for the command and what follows it. */
const restMs = 2000;
const limits = { readySeconds: 120, rejoinSeconds: 120 };

/** Sets the contender's cluster up, changes its primary `count` times back and forth under load, and removes it again. */
export async function measure(contender: Contender, count: number, say: (text: string) => void): Promise<Figures> {
  const cluster = await contender.start();
  try {
    const { poolerUri } = cluster;
    const choices = poolerUri === undefined ? {} : { uri: poolerUri };
    // The audit client reads no more of the outputs than there is here.
    const audit = await Audit.start(cluster.outputs as Outputs, choices);
    try {
      return await changes(cluster, audit, count, say);
    } finally {
      await audit.stop();
    }
  } finally {
    await cluster.dispose();
  }
}

async function changes(cluster: Cluster, audit: Audit, count: number, say: (text: string) => void): Promise<Figures> {
  const rounds: Round[] = [];
  const failed: string[] = [];
  let [from, to] = Object.keys(cluster.outputs.nodes) as [string, string];
  for (let number = 1; number <= count; number++) {
    try {
      const round = await change(cluster, audit, from, to);
      say(
        `  ${number}/${count}  gap ${round.gapMs.toFixed(0)} ms, ${round.errors} errors, command ${seconds(round.commandMs)} s, old primary streams after ${seconds(round.rejoinedMs)} s`,
      );
      rounds.push(round);
      [from, to] = [to, from];
    } catch (error) {
      failed.push(String(error));
      say(`  ${number}/${count}  failed: ${error}`);
      const primary = await until("a primary", limits.readySeconds, () => primaryOf(cluster));
      if (primary === to) [from, to] = [to, from];
      else if (primary !== from) throw new Error(`${primary} is the primary, neither ${from} nor ${to}`);
      if (failed.length > 2 && failed.length > number / 2) throw new Error(failed.join("\n"));
    }
  }
  await audit.stop();
  const loss = lossOf(audit.acks, audit.errors, await table(cluster, from));
  const idle: Change[] = [];
  while (idle.length < count / 2) {
    await comeToRest(cluster, from, to);
    const change = { ...(await changePrimary(cluster, from, to)), ...(await account(cluster)) };
    say(
      `  without clients: command ${seconds(change.commandMs)} s, old primary streams after ${seconds(change.rejoinedMs)} s`,
    );
    idle.push(change);
    [from, to] = [to, from];
  }
  return {
    versions: cluster.versions,
    rounds,
    idle,
    failed,
    acknowledged: loss.acknowledged,
    lost: loss.lost.length,
    doubled: audit.violations.length,
  };
}

async function change(cluster: Cluster, audit: Audit, from: string, to: string): Promise<Round> {
  await comeToRest(cluster, from, to);
  const { result, window } = await audit.during(() => changePrimary(cluster, from, to));
  return { ...result, ...(await account(cluster)), gapMs: audit.gapIn(window), errors: audit.errorsIn(window).length };
}

async function account(cluster: Cluster): Promise<Pick<Change, "receipt">> {
  return cluster.receipt ? { receipt: await cluster.receipt() } : {};
}

async function comeToRest(cluster: Cluster, from: string, to: string): Promise<void> {
  const watcher = new Watcher(cluster, from);
  await until("all standbys to stream and the tool to be content", limits.readySeconds, async () => {
    return (await watcher.streaming())?.length === standbysOf(cluster) && ((await cluster.ready?.()) ?? true);
  }).finally(() => watcher.end());
  await cluster.declare?.(to);
  await sleep(restMs);
}

async function changePrimary(cluster: Cluster, from: string, to: string): Promise<Change> {
  const watcher = new Watcher(cluster, to);
  const startedAt = new Date().toISOString();
  const start = now();
  let ended: number | undefined;
  let output = "";
  const command = cluster.switchover(from, to).then((text) => {
    output = text;
    ended = now();
    return ended;
  });
  let over = false;
  const follow = async () => {
    let rejoined: number | undefined;
    while (!over) {
      const streaming = await watcher.streaming().catch(() => undefined);
      const at = now();
      if (streaming?.includes(cluster.addresses[from] as string)) rejoined ??= at;
      if (rejoined !== undefined && streaming?.length === standbysOf(cluster)) return { rejoined, complete: at };
      if (ended !== undefined && at - ended > limits.rejoinSeconds * 1000) {
        throw new Error(
          `${from} does not stream from ${to} after ${limits.rejoinSeconds} s; the command said:\n${output}`,
        );
      }
      await sleep(20);
    }
    throw new Error("the command failed");
  };
  // A command that fails ends the wait for what it should have done.
  const failure = command.then(() => new Promise<never>(() => undefined));
  try {
    const { rejoined, complete } = await Promise.race([follow(), failure]);
    const end = await command;
    return {
      startedAt,
      from,
      to,
      commandMs: end - start,
      rejoinedMs: rejoined - start,
      completeMs: Math.max(complete, end) - start,
    };
  } finally {
    over = true;
    await watcher.end();
  }
}

function standbysOf(cluster: Cluster): number {
  return Object.keys(cluster.outputs.nodes).length - 1;
}

/** Asks one node who streams from it, over a connection that is kept, and made anew when it is lost. */
class Watcher {
  readonly #config: pg.ClientConfig;
  #client: pg.Client | undefined;

  constructor(cluster: Cluster, node: string) {
    const { nodes, caCertificate } = cluster.outputs;
    const { address: host, port } = nodes[node] as { address: string; port: number };
    const ssl = { ca: caCertificate };
    this.#config = { ...cluster.monitor, host, port, ssl, database: "postgres", connectionTimeoutMillis: 1000 };
  }

  /** Addresses of the standbys that stream from it; undefined: it is a standby itself. */
  async streaming(): Promise<readonly string[] | undefined> {
    this.#client ??= await this.#connect();
    const query = `select pg_is_in_recovery() as standby,
      coalesce(json_agg(host(client_addr)) filter (where state = 'streaming'), '[]') as streaming from pg_stat_replication`;
    const row = (await this.#client.query<{ standby: boolean; streaming: string[] }>(query)).rows[0];
    return row?.standby === false ? row.streaming : undefined;
  }

  async #connect(): Promise<pg.Client> {
    const client = new pg.Client(this.#config);
    const lost = () => {
      if (this.#client === client) this.#client = undefined;
    };
    client.on("error", lost).on("end", lost);
    await client.connect();
    return client;
  }

  async end(): Promise<void> {
    await this.#client?.end();
  }
}

async function primaryOf(cluster: Cluster): Promise<string | undefined> {
  for (const node of Object.keys(cluster.outputs.nodes)) {
    const watcher = new Watcher(cluster, node);
    const streaming = await watcher.streaming().catch(() => undefined);
    await watcher.end();
    if (streaming) return node;
  }
  return undefined;
}

/** What the table of the load holds on the primary. */
async function table(cluster: Cluster, primary: string): Promise<Stretch[]> {
  const { primaryUri, nodes, caCertificate } = cluster.outputs;
  const { username, password, pathname } = new URL(primaryUri);
  const { address: host, port } = nodes[primary] as { address: string; port: number };
  const client = new pg.Client({
    user: decodeURIComponent(username),
    password: decodeURIComponent(password),
    database: decodeURIComponent(pathname.slice(1)),
    host,
    port,
    ssl: { ca: caCertificate },
  });
  await client.connect();
  try {
    return (await client.query<Stretch>(stretchesQuery)).rows;
  } finally {
    await client.end();
  }
}

export const seconds = (milliseconds: number) => (milliseconds / 1000).toFixed(1);
