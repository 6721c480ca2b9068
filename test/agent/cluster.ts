import { appendFileSync, chownSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Agent, startAgent } from "../../agent/main.ts";
import { systemClock } from "../../agent/real/clock.ts";
import { readControl } from "../../agent/real/control.ts";
import { directoryStorage, markDirectory } from "../../agent/real/directory.ts";
import { putMark, walMark } from "../../agent/real/mark.ts";
import { type RealPostgres, realPostgres } from "../../agent/real/postgres.ts";
import { runAs } from "../../agent/real/programs.ts";
import { plainService, type Service } from "../../agent/real/service.ts";
import { fileStore } from "../../agent/real/store.ts";
import { walArchive } from "../../agent/real/walArchive.ts";
import { directoryFiles } from "../../agent/real/walDirectory.ts";
import type { Json, LedgerStorage, Peers, Surroundings } from "../../agent/surroundings.ts";
import { type Member, member } from "../../model/leadership/index.ts";
import { until } from "../support/until.ts";
import { configure, copyOf, newServer, query, serverOwner, type TestServer, user } from "./servers.ts";

/**
 * Agents with real servers, a real archive in a directory and a real ledger in another one, in this process. They speak to each other without a network.
 */
export interface ClusterNode {
  readonly me: Member;
  readonly server: TestServer;
  /** Of the present agent, or of the one before: what one agent remembers of its server ends with it. */
  postgres: RealPostgres;
  readonly openPostgres: () => RealPostgres;
  /** While it runs. */
  agent: Agent | undefined;
  life: { isOver: boolean };
  handler: ((from: Member, request: Json) => Promise<Json>) | undefined;
  /** Whether it answers nobody. */
  isCutOff: boolean;
  /** Requests of this kind it leaves without a reply. */
  ignores: string | undefined;
  /** Which events have to be told at once, before its agent goes on. */
  onEvent: (event: string) => void;
  /** What arrives here of a request. */
  onTheWay: (request: Json) => Json;
  readonly events: string[];
}

export interface TestCluster {
  readonly nodes: Readonly<Record<string, ClusterNode>>;
  /** Where the archive is. */
  readonly wal: string;
  start(node: ClusterNode, more?: { readonly machine?: string }): Promise<void>;
  /** It leads, and the others follow it. */
  begin(): Promise<void>;
  /** Its agent is killed; PostgreSQL goes on. */
  endAgent(node: ClusterNode): void;
  /** The host is off. */
  powerOff(node: ClusterNode): Promise<void>;
  call<T>(node: ClusterNode, step: keyof Agent, request: object): Promise<T>;
  stop(): Promise<void>;
}

export interface ClusterOptions {
  readonly names: readonly string[];
  readonly archiveFed?: readonly string[];
  /** Where the first ledger lies. @default a directory */
  readonly ledger?: LedgerStorage;
}

export const nodeOf = (name: string): Member => member(name, name.charCodeAt(0).toString(16).padStart(64, "0"));
export const firstLedger = "00000000-0000-4000-8000-00000000000a";
/** It lies in the directory `ledger-2`, and others in `ledger`. */
export const secondLedger = "00000000-0000-4000-8000-00000000000b";
const intent = "00000000-0000-4000-8000-000000000001";

export async function makeCluster(directory: string, options: ClusterOptions): Promise<TestCluster> {
  const { names } = options;
  const wal = join(directory, "pg/wal");
  mkdirSync(wal);
  chownSync(wal, user.uid, user.gid);
  await putMark(wal, walMark);
  for (const name of ["ledger", "ledger-2"]) {
    mkdirSync(join(directory, name));
    await markDirectory(join(directory, name));
  }
  const places = ["ledger", "ledger-2"].map((name) => directoryStorage(join(directory, name)));
  const ledgerOf = (id: string) => (id === secondLedger ? places[1] : (options.ledger ?? places[0])) as LedgerStorage;

  const nodes: Record<string, ClusterNode> = {};
  const first = await newServer(directory, names[0] as string, "full");
  for (const name of names) {
    const server = name === first.name ? first : await copyOf(first, name);
    nodes[name] = newNode(directory, wal, server, options, (of) => Object.values(nodes).find(({ me }) => me === of));
  }

  const peersOf = (node: ClusterNode): Peers => ({
    ask: (to, request, deadlineMs) =>
      new Promise((resolve, reject) => {
        const target = Object.values(nodes).find(({ me }) => me === to);
        const timer = setTimeout(() => reject(new Error("no reply in time")), deadlineMs);
        const { kind } = request as { kind?: Json };
        if (!target?.handler || target.isCutOff || node.isCutOff) return;
        const arrives = target.onTheWay(JSON.parse(JSON.stringify(request)) as Json);
        if (kind === target.ignores) return;
        target.handler(node.me, arrives).then(
          (reply) => {
            clearTimeout(timer);
            resolve(JSON.parse(JSON.stringify(reply)) as Json);
          },
          () => undefined,
        );
      }),
    serve: (handler) => {
      node.handler = handler;
    },
  });

  const cluster: TestCluster = {
    nodes,
    wal,
    async start(node, { machine = node.server.name } = {}) {
      const state = join(directory, `state-${node.server.name}`);
      mkdirSync(state, { recursive: true });
      node.life = { isOver: false };
      const world: Surroundings = {
        store: whileAlive(node.life, fileStore(state)),
        ledger: ledgerOf,
        peers: peersOf(node),
        postgres: whileAlive(node.life, node.postgres),
        clock: { ...systemClock, sleep: whileAlive(node.life, systemClock).sleep },
      };
      const identity = { me: node.me, machine, ledgerKey: Buffer.alloc(32, 7) };
      const agent = await startAgent(identity, world, (event, facts) => {
        const plain = (_: string, value: unknown) => (typeof value === "bigint" ? value.toString() : value);
        node.events.push(`${event} ${JSON.stringify(facts ?? {}, plain)}`);
        node.onEvent(event);
      });
      agent.ended.catch(() => {});
      node.agent = agent;
    },
    async begin() {
      const [leader, ...others] = names.map((name) => nodes[name] as ClusterNode);
      if (!leader) return;
      await cluster.start(leader);
      await cluster.call(leader, "announce", {});
      const members = Object.values(nodes)
        .map(({ me }) => me)
        .sort();
      await cluster.call(leader, "initialize", { ledger: firstLedger, members });
      await query(leader.server, "create table t (n int primary key)");
      for (const each of others) {
        await cluster.start(each);
        await cluster.call(each, "announce", {});
        // On a busy machine a question may take too long; the update is run again then.
        await until(`${each.server.name} to follow`, 60, async () => {
          await cluster.call(each, "follow", { leader: leader.me });
          return true;
        });
      }
    },
    endAgent(node) {
      node.life.isOver = true;
      void node.postgres.close();
      Object.assign(node, { agent: undefined, handler: undefined, postgres: node.openPostgres() });
    },
    async powerOff(node) {
      cluster.endAgent(node);
      await node.postgres.stopAtOnce();
    },
    async call<T>(node: ClusterNode, step: keyof Agent, request: object): Promise<T> {
      const { agent } = node;
      if (!agent) throw new Error(`${node.server.name} has no agent`);
      return (await (agent[step] as (request: unknown) => Promise<unknown>)({ intent, ...request })) as T;
    },
    async stop() {
      for (const node of Object.values(nodes)) node.life.isOver = true;
      for (const node of Object.values(nodes)) {
        await node.postgres.stopAtOnce().catch(() => {});
        await node.postgres.close();
      }
    },
  };
  return cluster;
}

/** What an agent that has ended asked for never ends. */
const whileAlive = <T extends object>(life: { readonly isOver: boolean }, object: T): T =>
  new Proxy(object, {
    get(target, name) {
      const found = Reflect.get(target, name) as unknown;
      if (typeof found !== "function") return found;
      return async (...args: readonly unknown[]) => {
        if (life.isOver) return await new Promise(() => {});
        const result: unknown = await found.apply(target, args);
        return life.isOver ? await new Promise(() => {}) : result;
      };
    },
  });

function newNode(
  directory: string,
  wal: string,
  server: TestServer,
  { archiveFed = [] }: ClusterOptions,
  find: (of: Member) => ClusterNode | undefined,
): ClusterNode {
  const run = runAs(serverOwner);
  const flags = join(directory, `flags-${server.name}`);
  const systemIdentifier = async () => (await readControl(server.data))?.systemIdentifier ?? "none";
  const plain = plainService(server.bin, server.data, join(server.directory, `${server.name}.log`), serverOwner);
  const service: Service = {
    ...plain,
    // Settings lie in the data directory, which a copy or a rewind makes the source's.
    async start() {
      configure(server);
      appendFileSync(
        join(server.data, "understudy.conf"),
        `archive_mode = on\narchive_command = 'test -e ${flags}/pushes && test ! -e ${wal}/%f && cp %p ${wal}/%f'\n`,
      );
      await plain.start();
    },
  };
  const openPostgres = () =>
    realPostgres({
      major: server.major,
      me: nodeOf(server.name),
      binaries: server.bin,
      dataDirectory: server.data,
      socketDirectory: server.directory,
      port: server.port,
      user: serverOwner,
      service,
      archive: walArchive({ files: directoryFiles(wal, run), flags, run, systemIdentifier }),
      archiveFed: archiveFed.map(nodeOf),
      conninfo: (source) =>
        `host=127.0.0.1 port=${find(source)?.server.port} user=postgres application_name=${server.name}`,
      primaryFiles: [],
      standbySettings: { restore_command: `test ! -e ${flags}/quiet && cp ${wal}/%f "%p"` },
      // The server's user's: a rewind brings one over it.
      writeStandbyFile: async (text) => {
        writeFileSync(join(server.data, "standby.conf"), text, { mode: 0o644 });
        chownSync(join(server.data, "standby.conf"), user.uid, user.gid);
      },
    });
  return {
    me: nodeOf(server.name),
    server,
    postgres: openPostgres(),
    openPostgres,
    agent: undefined,
    life: { isOver: false },
    handler: undefined,
    isCutOff: false,
    ignores: undefined,
    onEvent: () => {},
    onTheWay: (request) => request,
    events: [],
  };
}
