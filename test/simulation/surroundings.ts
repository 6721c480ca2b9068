/** The five interfaces of one agent in the simulated world, for as long as that agent lives. */
import type { Clock, Json, LedgerStorage, Peers, Store, Surroundings } from "../../agent/surroundings.ts";
import { checksReply } from "./invariants.ts";
import { postgresOf } from "./postgres.ts";
import { type Host, hostOf, isArchiveAway, isCut, type Life, operation, type World } from "./world.ts";

export const surroundingsOf = (world: World, host: Host, life: Life): Surroundings => ({
  store: storeOf(world, host, life),
  ledger: () => storageOf(world, host, life),
  peers: peersOf(world, host, life),
  postgres: postgresOf(world, host, life),
  clock: clockOf(world, host, life),
});

/** A rename that was not synced is there or not, and a crash falls before it or behind it: the file is the old one or the new one. */
const storeOf = (world: World, host: Host, life: Life): Store => ({
  read: (name) => operation(world, life, 0, 3, () => host.disk.files.get(name)),
  write: (name, text) => {
    const isFull = !world.isCalm && world.random.chance(0.001);
    return operation(
      world,
      life,
      1,
      20 * host.slowDisk,
      () => {
        if (isFull && world.random.chance(0.5)) throw new Error("no space left on device");
        host.disk.files.set(name, text);
        if (isFull) throw new Error("the directory could not be synced");
      },
      { host, moment: name === "standing.json" ? "token" : "intent" },
    );
  },
});

/** A lost reply, a client that tries again, a create that lands later, an archive that is away. */
function storageOf(world: World, host: Host, life: Life): LedgerStorage {
  const { archive, random, loop } = world;
  const ms = (before = 0): [number, number] =>
    archive.isSlow || host.archive === "slow" ? [before + 500, before + 6000] : [before + 5, before + 80];
  const late = async <T>(reply: Promise<T>, behind = 0): Promise<T> => {
    const waits = () =>
      new Promise<void>((resolve) => {
        loop.after(behind, () => (life.isAlive ? resolve() : false));
      });
    return reply.finally(() => (behind > 0 ? waits() : undefined));
  };
  const requireStore = (): void => {
    if (isArchiveAway(world, host)) throw new Error("the store does not answer");
  };
  const make = (key: string, bytes: Uint8Array): "created" | "exists" => {
    if (archive.objects.has(key)) return "exists";
    archive.objects.set(key, bytes.slice());
    return "created";
  };
  return {
    create: (key, bytes) => {
      const { before, behind, timesOut } = world.archiveDoes?.(host, "create", key) ?? {};
      const fate = world.isCalm ? 9 : random.fraction() / world.chances.store;
      if (fate < 1 || timesOut) {
        if (timesOut !== "never") loop.after(random.between(10, 60_000), () => void make(key, bytes));
        return operation(world, life, ...ms(before), () => {
          throw new Error("time-out");
        });
      }
      const reply = operation(
        world,
        life,
        ...ms(before),
        () => {
          requireStore();
          const made = make(key, bytes);
          if (fate < 2) throw new Error("the connection was reset");
          return fate < 3 ? "exists" : made;
        },
        { host, moment: "entry" },
      );
      return late(reply, behind);
    },
    get: (key) => {
      const { before, behind, fails = false } = world.archiveDoes?.(host, "get", key) ?? {};
      const isLost = fails || (!world.isCalm && random.chance(world.chances.store));
      const reply = operation(world, life, ...ms(before), () => {
        requireStore();
        if (isLost) throw new Error("503 SlowDown");
        return archive.objects.get(key)?.slice();
      });
      return late(reply, behind);
    },
  };
}

/** Messages are lost, come twice, late, in any order; so do replies. */
function peersOf(world: World, host: Host, life: Life): Peers {
  const { random, loop } = world;
  const latency = (from: Host, to: Host, kind: string): number => {
    const late = world.late?.(from, to, kind) ?? null;
    if (late !== null) return late;
    if (world.isCalm) return random.between(1, 5);
    return random.chance(world.chances.late) ? random.between(200, 20_000) : random.between(1, 40);
  };
  const isLost = (from: Host, to: Host): boolean =>
    isCut(world.cutAgents, from, to) || (!world.isCalm && random.chance(world.chances.loss));
  return {
    ask: (to, request, deadlineMs) =>
      new Promise((resolve, reject) => {
        let isOver = false;
        const end = (how: () => void): boolean => {
          if (isOver || !life.isAlive) return false;
          isOver = true;
          how();
          return true;
        };
        loop.after(deadlineMs, () => end(() => reject(new Error("no reply in time"))));
        const target = hostOf(world, to);
        if (!target || isLost(host, target)) return;
        const sent = JSON.stringify(request);
        const { kind } = request as { kind: string };
        const arrives = (): boolean => {
          const { handler, agentLife, power } = target;
          if (!power.isAlive || !agentLife.isAlive || !handler || target.member !== to) return false;
          const checks = checksReply(world, target);
          handler(host.member, JSON.parse(sent) as never).then(
            (reply) => {
              if (!agentLife.isAlive) return;
              checks(kind, reply);
              if (isLost(target, host)) return;
              const said = JSON.stringify(reply);
              loop.after(latency(target, host, kind), () => end(() => resolve(JSON.parse(said) as Json)));
            },
            () => undefined,
          );
          return true;
        };
        loop.after(latency(host, target, kind), arrives);
        if (!world.isCalm && random.chance(world.chances.loss)) loop.after(latency(host, target, kind) * 3, arrives);
      }),
    serve: (handler) => {
      host.handler = handler as Host["handler"];
    },
  };
}

const clockOf = ({ loop, random }: World, host: Host, life: Life): Clock => ({
  now: () => loop.now() + host.clock.offset,
  sleep: (ms, cancelled) =>
    new Promise((resolve) => {
      let isOver = false;
      const end = (): boolean => {
        if (isOver || !life.isAlive) return false;
        isOver = true;
        resolve();
        return true;
      };
      loop.after(ms, end);
      cancelled?.addEventListener("abort", () => loop.after(0, end));
    }),
  wallTime: () => new Date(1.8e12 + Math.floor(random.fraction() * 1e12)).toISOString().replace(/\.\d+Z$/, "Z"),
  randomBytes: (count) => random.bytes(count),
});
