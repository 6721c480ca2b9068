/**
 * The audit client: a process of its own, so that what the tests do never delays it. `Audit` (audit.ts) starts it and asks it
 * for what it has seen.
 */
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { type Ack, addAnswer, now, type WritablePeriod, type WriteError } from "./auditLogic.ts";
import { clientConfig } from "./clientConfig.ts";

export interface AuditOptions {
  /** Each node directly, as clients reach it. */
  readonly nodes: readonly { readonly name: string; readonly host: string; readonly port: number }[];
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** PEM of the CA that the servers' certificates are verified against. */
  readonly ca: string;
  /** Through it all writers go instead, such as a pooler: one URI that leads to the primary, whoever that is. */
  readonly uri?: string | undefined;
  readonly writers: number;
  /** Pause of a writer between an acknowledgement and its next row, in milliseconds. */
  readonly paceMs: number;
}

export type Request = { readonly start: AuditOptions } | { readonly take: number } | { readonly stop: number };

/** What was seen since the last reply; of the periods, all. */
export interface Reply {
  readonly id: number;
  readonly acks: readonly Ack[];
  readonly errors: readonly WriteError[];
  readonly periods: readonly WritablePeriod[];
}

/**
 * How often a node is asked whether it takes writes; and how often while nobody is known to, which is what a gap is measured to: then one of all
 * nodes, in turn, so that many nodes on one machine are not kept busier by it than few.
 */
const checkMs = { usually: 50, huntingOfAll: 2 };
/** How soon after a failed attempt the next connection is tried: servers that stop or start are not to be kept busy by it. */
const reconnectMs = 100;
const connectTimeoutMs = 1000;
const answerTimeoutMs = 2000;
/** A commit may wait for a synchronous standby. */
const insertTimeoutMs = 10_000;
/** So long without any acknowledgement, and another node that takes writes is the one to go to. */
const stuckMs = 300;

/** A connection that is made anew whenever it is asked for after it was lost. */
class Link {
  readonly place: string;
  readonly #config: pg.ClientConfig;
  #client: pg.Client | undefined;
  #connecting: Promise<pg.Client> | undefined;

  constructor(place: string, config: pg.ClientConfig) {
    this.place = place;
    this.#config = { ...config, connectionTimeoutMillis: connectTimeoutMs, keepAlive: true };
  }

  get connected(): boolean {
    return this.#client !== undefined;
  }

  connect(): Promise<pg.Client> {
    if (this.#client) return Promise.resolve(this.#client);
    this.#connecting ??= this.#open().finally(() => {
      this.#connecting = undefined;
    });
    return this.#connecting;
  }

  async #open(): Promise<pg.Client> {
    const client = new pg.Client(this.#config);
    const lost = () => {
      if (this.#client === client) this.#client = undefined;
    };
    client.on("error", lost).on("end", lost);
    try {
      await client.connect();
    } catch (error) {
      streamOf(client).destroy();
      throw error;
    }
    this.#client = client;
    return client;
  }

  /** One statement on the connection, which has to be there; it is dropped if no answer comes in time. */
  async query<R extends pg.QueryResultRow>(statement: string | pg.QueryConfig, timeoutMs: number): Promise<R[]> {
    const client = this.#client;
    if (!client) throw new Error("the connection was lost");
    const timer = setTimeout(() => streamOf(client).destroy(), timeoutMs);
    try {
      return (await client.query<R>(statement)).rows;
    } finally {
      clearTimeout(timer);
    }
  }

  drop(): void {
    if (this.#client) streamOf(this.#client).destroy();
  }
}

function streamOf(client: pg.Client): { destroy(): void } {
  return (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream;
}

/** Whether the server itself said that it did not do it, in a session that goes on: then it did not. */
function isRefusal(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.severity === "ERROR";
}

/**
 * Asks one node, over and over, whether it takes writes: that it is no standby, no read-only session, and gives out a
 * transaction id, which only a server that takes writes does. Such a transaction writes next to nothing and waits for nobody.
 */
const probe = {
  name: "probe",
  text: `select (select case when current_setting('transaction_read_only') = 'off' and not pg_is_in_recovery()
    then pg_current_xact_id() end) is not null as writable, pg_postmaster_start_time()::text as server`,
};

class AuditClient {
  readonly #options: AuditOptions;
  readonly #config: pg.ClientConfig;
  /** The node that is known to take writes; undefined: all of them are asked at once, and often. */
  #leader: string | undefined;
  #leaderChanged = new Signal();
  /** Nodes to which connections can be made. */
  readonly #answering = new Set<string>();
  #lastAck = now();
  #stopping = false;
  readonly #writing: Promise<void>[] = [];
  readonly #links: Link[] = [];
  acks: Ack[] = [];
  errors: WriteError[] = [];
  readonly periods: WritablePeriod[] = [];

  constructor(options: AuditOptions) {
    this.#options = options;
    const { user, password, database, ca } = options;
    this.#config = { user, password, database, ssl: { ca }, application_name: "audit" };
    for (const node of options.nodes) void this.#watch(node);
    for (let writer = 1; writer <= options.writers; writer++) this.#writing.push(this.#write(writer));
  }

  /** Ends the writers; what they are in the middle of is waited for, and dropped after a while. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#leaderChanged.fire();
    const timer = setTimeout(() => {
      for (const link of this.#links) link.drop();
    }, 2000);
    await Promise.all(this.#writing);
    clearTimeout(timer);
  }

  async #watch({ name, host, port }: AuditOptions["nodes"][number]): Promise<never> {
    const link = new Link(name, { ...this.#config, host, port });
    for (;;) {
      const connected = await link.connect().then(
        () => true,
        () => false,
      );
      if (connected) this.#answering.add(name);
      else this.#answering.delete(name);
      if (connected) await this.#ask(link);
      if (!connected) await sleep(reconnectMs);
      else if (this.#leader === undefined) await sleep(checkMs.huntingOfAll * this.#options.nodes.length);
      else await Promise.race([sleep(checkMs.usually), this.#leaderChanged.next()]);
    }
  }

  async #ask(link: Link): Promise<void> {
    const sent = now();
    try {
      const [row] = await link.query<{ writable: boolean; server: string }>(probe, answerTimeoutMs);
      if (!row?.writable) return;
      addAnswer(this.periods, link.place, row.server, { sent, received: now() });
      const stuck = now() - this.#lastAck > stuckMs;
      if (this.#leader === undefined || (this.#leader !== link.place && stuck)) this.#setLeader(link.place);
    } catch {
      // No answer is none.
    }
  }

  #setLeader(leader: string | undefined): void {
    const left = this.#leader;
    this.#leader = leader;
    this.#lastAck = now();
    // Whoever waits for an answer of the node that was left waits in vain.
    if (leader !== undefined && left !== undefined) {
      for (const link of this.#links) if (link.place === left) link.drop();
    }
    this.#leaderChanged.fire();
  }

  async #write(writer: number): Promise<void> {
    const { nodes, uri, ca, paceMs } = this.#options;
    const links = new Map(
      uri === undefined
        ? nodes.map(({ name, host, port }) => [name, new Link(name, { ...this.#config, host, port })])
        : [["uri", new Link("uri", { ...clientConfig(uri, ca), application_name: "audit" })]],
    );
    this.#links.push(...links.values());
    // Connections to standbys are kept ready: connecting to whoever is promoted would be the client's time, not the server's.
    // Those who refuse everybody are left alone.
    const keeper = setInterval(() => {
      for (const link of links.values()) {
        if (!link.connected && this.#answering.has(link.place)) void link.connect().catch(() => undefined);
      }
    }, 250);
    for (let number = 1; !this.#stopping; ) {
      const place = uri === undefined ? this.#leader : "uri";
      const link = place === undefined ? undefined : links.get(place);
      if (!link) {
        await this.#leaderChanged.next();
        continue;
      }
      number += (await this.#attempt(link, writer, number)) ? 1 : 0;
      await sleep(paceMs);
    }
    clearInterval(keeper);
  }

  /** Writes one row; gives whether its number is used up. */
  async #attempt(link: Link, writer: number, number: number): Promise<boolean> {
    let sent = false;
    try {
      await link.connect();
      sent = true;
      await link.query(`insert into audit values (${writer}, ${number})`, insertTimeoutMs);
      this.#lastAck = now();
      this.acks.push({ writer, number, at: this.#lastAck });
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      const fate = { number: sent ? number : undefined, unknownFate: sent && !isRefusal(error) };
      this.errors.push({ at: now(), writer, place: link.place, message, ...fate });
      if (this.#leader === link.place) this.#setLeader(undefined);
      if (this.#options.uri !== undefined) await sleep(reconnectMs);
    }
    return sent;
  }
}

/** Wakes up everybody who waits for it at that moment. */
class Signal {
  #fire: () => void = () => undefined;
  #fired = this.#renewed();

  next(): Promise<void> {
    return this.#fired;
  }

  fire(): void {
    this.#fire();
    this.#fired = this.#renewed();
  }

  #renewed(): Promise<void> {
    return new Promise((resolve) => {
      this.#fire = resolve;
    });
  }
}

let client: AuditClient | undefined;

process.on("message", async (request: Request) => {
  if ("start" in request) {
    client = new AuditClient(request.start);
    return;
  }
  if (!client) throw new Error("not started");
  if ("stop" in request) await client.stop();
  const { acks, errors, periods } = client;
  client.acks = [];
  client.errors = [];
  process.send?.({ id: "stop" in request ? request.stop : request.take, acks, errors, periods } satisfies Reply);
});
process.on("disconnect", () => process.exit());
