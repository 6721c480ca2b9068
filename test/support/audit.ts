import { type ChildProcess, fork } from "node:child_process";
import { join } from "node:path";
import pg from "pg";
import {
  type Ack,
  type Loss,
  longestGap,
  lossOf,
  now,
  type Stretch,
  stretchesQuery,
  type Violation,
  violations,
  type Window,
  type WritablePeriod,
  type WriteError,
} from "./auditLogic.ts";
import type { AuditOptions, Reply, Request } from "./auditProcess.ts";
import type { DockerCluster, NodeOutput, Outputs } from "./dockerCluster.ts";
import { REPOSITORY } from "./pulumiStack.ts";
import { until } from "./until.ts";

/** Where an audit writes, and as whom: of a stack's outputs. */
export type Audited = Pick<Outputs, "primaryUri" | "caCertificate"> & {
  readonly nodes: Readonly<Record<string, Pick<NodeOutput, "address" | "port">>>;
};

export interface AuditChoices {
  /** One URI that all writers go through, such as a pooler's. @default each node directly */
  readonly uri?: string;
  /** @default 4 */
  readonly writers?: number;
  /** Pause of a writer after each row, in milliseconds. @default 5 */
  readonly paceMs?: number;
}

/**
 * Writes to a cluster for as long as it runs, and keeps what it was told; asks every node all the time whether it takes
 * writes. The work is done in a process of its own (auditProcess.ts).
 */
export class Audit {
  readonly acks: Ack[] = [];
  readonly errors: WriteError[] = [];
  periods: readonly WritablePeriod[] = [];
  readonly #process: ChildProcess;
  #requests = 0;

  private constructor(process: ChildProcess) {
    this.#process = process;
  }

  /** Makes the table `audit` anew in the stack's first database and starts to write; resolves after the first row. */
  static async start(outputs: Audited, choices: AuditChoices = {}): Promise<Audit> {
    const options = optionsOf(outputs, choices);
    const { writable, rest } = await writableNode(options);
    await writable.query("drop table if exists audit");
    await writable.query("create table audit (writer int, number int, primary key (writer, number))");
    await Promise.all([writable, ...rest].map((client) => client.end()));

    const child = fork(join(import.meta.dirname, "auditProcess.ts"), {
      cwd: REPOSITORY,
      serialization: "advanced",
    });
    const audit = new Audit(child);
    child.send({ start: options } satisfies Request);
    try {
      await until("the audit client's first row", 60, async () => {
        await audit.look();
        return audit.acks.length > 0;
      });
    } catch (error) {
      // Its process would keep the tests from ending.
      child.kill();
      throw error;
    }
    return audit;
  }

  /** Fetches what was seen since the last look. */
  async look(): Promise<void> {
    await this.#ask((id) => ({ take: id }));
  }

  /** Ends the writers and the process; what was seen stays. */
  async stop(): Promise<void> {
    if (!this.#process.connected) return;
    await this.#ask((id) => ({ stop: id }));
    this.#process.disconnect();
  }

  /** Does something, and gives the window of time that it took. Rows were written before it, and again after it. */
  async during<T>(action: () => Promise<T>): Promise<{ readonly result: T; readonly window: Window }> {
    await this.#nextRow();
    const from = now();
    const result = await action();
    await this.#nextRow();
    return { result, window: { from, to: now() } };
  }

  gapIn(window: Window): number {
    return longestGap(this.acks, window).gapMs;
  }

  errorsIn({ from, to }: Window): WriteError[] {
    return this.errors.filter(({ at }) => at >= from && at <= to);
  }

  get violations(): Violation[] {
    return violations(this.periods);
  }

  async #nextRow(): Promise<void> {
    const start = now();
    await until("a row of the audit client", 60, async () => {
      await this.look();
      return (this.acks.at(-1)?.at ?? 0) > start;
    });
  }

  async #ask(request: (id: number) => Request): Promise<void> {
    const id = ++this.#requests;
    const reply = await new Promise<Reply>((resolve, reject) => {
      const onMessage = (message: Reply) => {
        if (message.id === id) settle(() => resolve(message));
      };
      const onExit = () => settle(() => reject(new Error("the audit client has ended")));
      const settle = (how: () => void) => {
        this.#process.off("message", onMessage).off("exit", onExit);
        how();
      };
      this.#process.on("message", onMessage).on("exit", onExit);
      this.#process.send(request(id));
    });
    for (const ack of reply.acks) this.acks.push(ack);
    for (const error of reply.errors) this.errors.push(error);
    this.periods = reply.periods;
  }
}

function optionsOf(outputs: Audited, { uri, writers = 4, paceMs = 5 }: AuditChoices): AuditOptions {
  const { username, password, pathname } = new URL(outputs.primaryUri);
  return {
    nodes: Object.entries(outputs.nodes).map(([name, { address, port }]) => ({ name, host: address, port })),
    user: decodeURIComponent(username),
    password: decodeURIComponent(password),
    database: decodeURIComponent(pathname.slice(1)),
    ca: outputs.caCertificate,
    uri,
    writers,
    paceMs,
  };
}

/** Connections to all nodes that answer, that to the one which takes writes apart from the rest. */
async function writableNode({ nodes, user, password, database, ca }: AuditOptions) {
  const answering = await Promise.all(
    nodes.map(async ({ host, port }) => {
      const client = new pg.Client({
        host,
        port,
        user,
        password,
        database,
        ssl: { ca },
        connectionTimeoutMillis: 2000,
      });
      client.on("error", () => undefined);
      try {
        await client.connect();
        return { client, standby: (await client.query("select pg_is_in_recovery() as standby")).rows[0].standby };
      } catch {
        return undefined;
      }
    }),
  );
  const clients = answering.filter((each) => each !== undefined);
  const [writable, ...more] = clients.filter(({ standby }) => !standby);
  if (!writable || more.length > 0) throw new Error(`${more.length + (writable ? 1 : 0)} nodes take writes`);
  return { writable: writable.client, rest: clients.filter((each) => each !== writable).map(({ client }) => client) };
}

/** What the table of the audit holds on a node. A standby is waited for until it has all that the primary has. */
export async function tableOn(cluster: Pick<DockerCluster, "sql">, node: string, primary: string): Promise<Stretch[]> {
  if (node !== primary) {
    const end = cluster.sql(primary, "select pg_current_wal_lsn()");
    const caughtUp = `select coalesce(pg_last_wal_replay_lsn() >= '${end}', false)`;
    await until(`${node} to have replayed ${end}`, 60, () => cluster.sql(node, caughtUp) === "t");
  }
  const json = cluster.sql(node, `select coalesce(json_agg(s), '[]') from (${stretchesQuery}) s`, "app");
  return JSON.parse(json) as Stretch[];
}

/** Ends the audit, and compares what it was told with what each node has. */
export async function finish(
  audit: Audit,
  cluster: Pick<DockerCluster, "sql">,
  primary: string,
  standbys: readonly string[],
): Promise<Readonly<Record<string, Loss>>> {
  await audit.stop();
  const losses: Record<string, Loss> = {};
  for (const node of [primary, ...standbys]) {
    losses[node] = lossOf(audit.acks, audit.errors, await tableOn(cluster, node, primary));
  }
  return losses;
}
