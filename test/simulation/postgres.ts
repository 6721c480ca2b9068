/**
 * PostgreSQL, as far as leadership sees it: it does what real servers were seen to do, also where that is of no use. A standby compares the
 * number of timelines, where they were switched, and lengths, and nothing else; `pg_rewind` compares numbers; a promotion takes the next
 * number that it knows of; a start with the signal is a standby, and one without is a primary, whoever started it.
 */
import type { Postgres, Timeline } from "../../agent/surroundings.ts";
import type { Origin, WalEnd } from "../../model/leadership/index.ts";
import { acknowledges, becameWritable, checksStart, isWritable } from "./invariants.ts";
import {
  type Data,
  type Host,
  hostOf,
  isArchiveAway,
  isCut,
  type Life,
  type Moment,
  noServer,
  operation,
  trace,
  violated,
  type WalRecord,
  type World,
} from "./world.ts";

const timelineAt = ({ log }: Data): number => log.at(-1)?.timeline ?? 1;
const endOf = (data: Data): WalEnd => ({ timeline: timelineAt(data), lsn: BigInt(data.log.length) });

export function historyOf({ log }: Pick<Data, "log">): Timeline[] {
  const found: { timeline: number; end: bigint | null }[] = [];
  for (const [at, { timeline }] of log.entries()) {
    const last = found.at(-1);
    if (last?.timeline === timeline) continue;
    if (last) last.end = BigInt(at);
    found.push({ timeline, end: null });
  }
  return found;
}

export const newData = (): Data => ({
  log: [{ timeline: 1, tag: "initdb" }],
  synced: 1,
  signal: false,
  state: "shut down",
  checkpoint: { timeline: 1, lsn: 0n },
  begun: null,
  isByHand: false,
});

export const copyOfData = (data: Data): Data => ({ ...data, log: data.log.slice() });

function write(world: World, data: Data, tag: string, timeline = timelineAt(data)): void {
  data.log.push({ timeline, tag: `${tag}${world.serial++}` });
  data.synced = data.log.length;
}

function checkpointed(data: Data): void {
  data.checkpoint = { timeline: timelineAt(data), lsn: BigInt(data.log.length - 1) };
}

const requireData = ({ disk }: Host): Data => {
  if (!disk.data) throw new Error("there is no data directory");
  return disk.data;
};

// --- what it does by itself

/** Whoever starts it, in whatever way. */
export function starts(
  world: World,
  host: Host,
  upstream: Host["pg"]["upstream"],
  byHand: "start" | null = null,
): void {
  const { pg } = host;
  if (pg.isHidden || pg.orphan || pg.state !== "down") throw new Error("it does not start");
  const data = requireData(host);
  const { power } = host;
  if (byHand && !data.signal && !data.isByHand && host.agent) checksStart(world, host, host.agent.status().phase);
  host.starts++;
  pg.upstream = upstream;
  pg.byHand = byHand && !data.signal && data.isByHand ? "promotion" : byHand;
  if (data.signal) {
    pg.state = "recovery";
    data.state = "in archive recovery";
    pg.replayed = Math.min(pg.replayed, data.log.length);
    data.begun = null;
    return;
  }
  pg.state = "starting";
  world.loop.after(world.random.between(50, 2000), () => {
    if (!power.isAlive || pg.state !== "starting") return false;
    takesWrites(world, host, "start");
    return true;
  });
}

function takesWrites(world: World, host: Host, tag: string, timeline?: number): void {
  const data = requireData(host);
  write(world, data, tag, timeline);
  data.state = "in production";
  checkpointed(data);
  Object.assign(host.pg, { state: "primary", replayed: data.log.length });
  trace(world, host.name, "PostgreSQL takes writes on timeline", timelineAt(data), "from", data.log.length - 1);
  becameWritable(world, host);
}

/** A promotion that was begun goes on, whatever becomes of who began it. */
function promotes(world: World, host: Host): void {
  const { pg, power } = host;
  pg.state = "promoting";
  const took =
    world.isCalm || world.random.chance(0.7) ? world.random.between(20, 300) : world.random.between(1000, 40_000);
  world.loop.after(took, () => {
    if (!power.isAlive || pg.state !== "promoting") return false;
    const data = requireData(host);
    const next = 1 + Math.max(pg.knownTimeline, ...data.log.map(({ timeline }) => timeline));
    data.signal = false;
    data.isByHand = pg.byHand === "promotion";
    takesWrites(world, host, "timeline", next);
    return true;
  });
}

/** `pg_ctl promote`, by somebody who asks nobody. */
export function promotesByHand(world: World, host: Host): void {
  if (host.pg.state !== "recovery") return;
  host.pg.byHand = "promotion";
  promotes(world, host);
}

export function crashes(host: Host, leavesBackend: boolean): void {
  const { pg } = host;
  pg.orphan = pg.orphan || (leavesBackend && pg.state === "primary");
  pg.state = "down";
  if (!pg.orphan) pg.byHand = null;
}

/** A fast stop, by whomever. */
export function stopsCleanly(world: World, host: Host): void {
  const { pg, power } = host;
  const data = requireData(host);
  if (pg.state === "recovery") {
    pg.state = "down";
    pg.byHand = null;
    data.state = "shut down in recovery";
    data.synced = data.log.length;
    checkpointed(data);
    return;
  }
  if (pg.state !== "primary" || pg.orphan) throw new Error("it does not stop cleanly");
  write(world, data, "shutdown");
  checkpointed(data);
  data.state = "shut down";
  pg.state = "stopping";
  const lingers = world.isCalm ? 1500 : world.random.between(0, 6000);
  world.loop.after(lingers, () => {
    if (!power.isAlive || pg.state !== "stopping") return false;
    pg.state = "down";
    pg.byHand = null;
    return true;
  });
}

/** Clients, senders, receivers, replay, fsync: a little of all of it. */
export function traffic(world: World): void {
  const { random } = world;
  for (const host of world.hosts) {
    if (!host.power.isAlive) continue;
    const { data } = host.disk;
    if (!data) continue;
    if (isWritable(host) && random.chance(0.3)) commits(world, host, data);
    if (host.pg.state === "recovery") receives(world, host, data);
    if (host.pg.state === "primary" && !isArchiveAway(world, host) && random.chance(0.3)) archives(world, data);
  }
}

function commits(world: World, host: Host, data: Data): void {
  const tag = `commit${world.serial}`;
  write(world, data, "commit");
  if (host.pg.byHand !== "promotion") acknowledges(world, host, tag);
}

function receives(world: World, host: Host, data: Data): void {
  const { random } = world;
  const { pg } = host;
  const source = pg.upstream ? hostOf(world, pg.upstream.leader) : undefined;
  const theirs = source?.disk.data;
  if (source && theirs && canStream(world, host, source) && fitsFor(data, theirs)) {
    const isWhole = theirs.log.length - data.log.length < 3 || random.chance(0.5);
    const next = theirs.log.slice(data.log.length, isWhole ? undefined : data.log.length + 2);
    if (next.length > 0 && !isSame(data.log, theirs.log)) isMixed(world, host, source, data.log, theirs.log);
    data.log.push(...next);
  }
  if (random.chance(0.7)) pg.replayed = data.log.length;
  if (random.chance(0.15)) data.synced = data.log.length;
}

/** A disk that goes back within one change is seen only if somebody who has more of its WAL can be asked: what that leads to is its own fault. */
function isMixed(
  world: World,
  host: Host,
  source: Host,
  log: readonly WalRecord[],
  theirs: readonly WalRecord[],
): void {
  if (world.restores === 0) violated(world, `${host.name} goes on with other WAL than it has, of ${source.name}`);
  const there = new Set(log.map(({ tag }) => tag));
  for (const { tag } of theirs.slice(0, log.length)) if (!there.has(tag)) world.acked.delete(tag);
}

function canStream(world: World, host: Host, source: Host): boolean {
  const { begun } = host.pg.upstream ?? {};
  const theirs = source.disk.data?.begun;
  const isRunning = source.pg.state === "primary" || source.pg.state === "stopping";
  if (!source.power.isAlive || !isRunning || source.pg.isHidden) return false;
  const isSlot = begun && theirs && slotOf(begun) === slotOf(theirs);
  return isSlot === true && !isCut(world.cutWal, source, host);
}

const slotOf = ({ timeline, change, by }: Origin): string => `${timeline} ${change.entry} ${change.overrides} ${by}`;

/** What a WAL receiver and a sender compare. */
function fitsFor(data: Data, theirs: Data): boolean {
  const mine = timelineAt(data);
  const found = historyOf(theirs).find(({ timeline }) => timeline === mine);
  return found !== undefined && data.log.length <= Number(found.end ?? theirs.log.length);
}

const isSame = (log: readonly WalRecord[], of: readonly WalRecord[]): boolean =>
  log.length <= of.length && log.at(-1)?.tag === of[log.length - 1]?.tag;

/** Segments reach the archive, but none under a name that is there with other content. */
function archives({ archive }: World, data: Data): void {
  const timeline = timelineAt(data);
  const held = archive.wal.get(timeline) ?? [];
  if (isSame(held, data.log)) archive.wal.set(timeline, data.log.slice());
}

// --- as the agent has it

function refuses(why: string): never {
  throw new Error(why);
}

export function postgresOf(world: World, host: Host, life: Life): Postgres {
  const { random } = world;
  const { pg } = host;
  const op = <T>(low: number, high: number, effect: () => T): Promise<T> =>
    operation(world, life, low, high * host.slowness, effect);
  const changes = (of: Partial<Data>): void => {
    Object.assign(requireData(host), of);
  };
  const change = <T>(moment: Moment, low: number, high: number, effect: () => T): Promise<T> =>
    operation(world, life, low, high * host.slowness, effect, { host, moment });
  const fails = (): boolean => !world.isCalm && random.chance(world.chances.fail);
  const waitFor = async (isSo: () => boolean, ms: number): Promise<void> => {
    for (let left = ms; left > 0; left -= 200) {
      if (await op(150, 250, isSo)) return;
    }
    throw new Error("it took too long");
  };
  return {
    receives: "stream",
    control: () =>
      op(0, 2, () => {
        const { data } = host.disk;
        return data && !pg.isHidden
          ? { systemIdentifier: "7000000000000000001", state: data.state, checkpoint: data.checkpoint }
          : undefined;
      }),
    running: () =>
      op(0, 5, () => {
        if (pg.orphan) return "unclear";
        if (pg.state === "down") return "nothing";
        return pg.state === "recovery" ? "recovery" : pg.state === "primary" ? "writes" : "unclear";
      }),
    createCluster: () =>
      op(0, 2, () => {
        throw new Error("hosts of the simulation have data from the beginning");
      }),
    putSignal: () => change("signal", 1, 5, () => changes({ signal: true })),
    removeSignal: () => change("signal", 1, 5, () => changes({ signal: false })),
    hasBackupLabel: () => op(0, 2, () => false),
    startStandby: async (upstream) => {
      if (fails()) return op(10, 500, () => refuses("it did not start"));
      await change("start", 50, 500, () => {
        changes({ signal: true });
        starts(world, host, upstream);
      });
      await waitFor(() => pg.state === "recovery", 2000);
    },
    startPrimary: async () => {
      if (fails()) return op(10, 500, () => refuses("it did not start"));
      await change("start", 50, 500, () => starts(world, host, null));
      if (fails()) throw new Error("it has not said yet that it takes writes");
      await waitFor(() => pg.state === "primary", 5000);
    },
    promote: async () => {
      if (fails()) return op(10, 500, () => refuses("it could not be told"));
      await change("promotion", 1, 20, () => {
        if (pg.state !== "recovery") throw new Error("it is not in recovery");
        promotes(world, host);
      });
      await waitFor(() => pg.state === "primary", 10_000);
    },
    keepSlots: (begun) => op(5, 50, () => changes({ begun })),
    fetchHistories: () =>
      op(10, 200, () => {
        if (isArchiveAway(world, host)) throw new Error("the archive does not answer");
        pg.knownTimeline = Math.max(0, ...world.archive.wal.keys());
      }),
    askArchive: () => op(0, 5, () => undefined),
    holdClients: async () => true,
    checkpoint: () => op(10, 200, () => undefined),
    stopCleanly: async () => {
      if (fails()) return op(10, 500, () => refuses("the stop hangs"));
      await change("stop", 10, 300, () => stopsCleanly(world, host));
    },
    stopAtOnce: () =>
      change("kill", 10, 300, () => {
        pg.state = "down";
        pg.orphan = false;
        pg.byHand = null;
      }),
    replayEnd: () =>
      op(0, 5, () => {
        const data = requireData(host);
        const stands = pg.state === "recovery" || (pg.state === "down" && data.state === "shut down in recovery");
        if (!stands) throw new Error("it does not replay");
        return { timeline: data.log[pg.replayed - 1]?.timeline ?? 1, lsn: BigInt(pg.replayed) };
      }),
    lastRecordEnd: () => op(0, 5, () => endOf(requireData(host))),
    walEnd: (timeline) =>
      op(0, 5, () => {
        const { data } = host.disk;
        const found = data ? historyOf(data).find((each) => each.timeline === timeline) : undefined;
        return data && found ? (found.end ?? BigInt(data.log.length)) : undefined;
      }),
    archivedEnd: (timeline) =>
      op(5, 50, () => {
        if (isArchiveAway(world, host)) throw new Error("the archive does not answer");
        const held = world.archive.wal.get(timeline);
        return held ? BigInt(held.length) : undefined;
      }),
    // Nobody here receives by the archive only.
    readWal: () => op(0, 5, () => refuses("it is not asked for")),
    putWal: () => op(0, 5, () => refuses("it is not asked for")),
    syncWal: () =>
      op(1, 20, () => {
        const data = requireData(host);
        data.synced = data.log.length;
      }),
    history: () => op(0, 5, () => historyOf(requireData(host))),
    becomeCopyOf: (source, how) => becomesCopyOf(world, host, life, source, how),
  };
}

/** What is common it finds by numbers of timelines and where they begin; "no rewind required" where both are on one number. */
function rewound(mine: readonly WalRecord[], theirs: readonly WalRecord[]): WalRecord[] {
  if (mine.at(-1)?.timeline === theirs.at(-1)?.timeline) return mine.slice();
  let common = 0;
  const leaders = historyOf({ log: theirs.slice() });
  for (const [at, { timeline, end }] of historyOf({ log: mine.slice() }).entries()) {
    const other = leaders[at];
    if (other?.timeline !== timeline) break;
    common = Math.min(Number(end ?? mine.length), Number(other.end ?? theirs.length));
    if (other.end !== end) break;
  }
  return [...mine.slice(0, common), ...theirs.slice(common)];
}

async function becomesCopyOf(
  world: World,
  host: Host,
  life: Life,
  source: Host["member"],
  how: "rewind" | "copy",
): Promise<void> {
  const { pg } = host;
  const op = <T>(low: number, high: number, effect: () => T): Promise<T> =>
    operation(world, life, low, high * host.slowness, effect);
  await op(10, 100, () => {
    if (pg.state !== "down" || pg.orphan) throw new Error("it runs");
    pg.isHidden = true;
  });
  await op(100, 5000, () => {
    const from = hostOf(world, source);
    const theirs = from?.disk.data;
    const isThere =
      from?.power.isAlive &&
      theirs &&
      (from.pg.state === "primary" || from.pg.state === "stopping") &&
      !isCut(world.cutWal, from, host);
    const { data: mine } = host.disk;
    if (isThere && theirs) {
      const log = how === "rewind" && mine ? rewound(mine.log, theirs.log) : theirs.log.slice();
      if (log.some(({ tag }, at) => tag !== theirs.log[at]?.tag)) isMixed(world, host, from, log, theirs.log);
      host.disk.data = {
        ...theirs,
        log,
        signal: true,
        synced: log.length,
        state: "in archive recovery",
        begun: null,
        isByHand: false,
      };
      Object.assign(pg, noServer(), { upstream: pg.upstream, replayed: log.length });
    }
    if (host.disk.data) host.disk.data.signal = true;
    pg.isHidden = false;
    if (!isThere) throw new Error("the source went away");
  });
}
