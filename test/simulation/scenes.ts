/**
 * Runs that are steered to where a bug would show, and left to chance from there: who, when, how slow, and what breaks in between. What takes three
 * things within some milliseconds does not come by itself. Each scene is one that the search or a real system has had.
 */
import {
  beginsCrashes,
  changesMembers,
  diskGoesBack,
  type Faults,
  faultsStop,
  overrideBy,
  startsByHand,
  stopsByHand,
} from "./faults.ts";
import type { Hosts } from "./hosts.ts";
import { isWritable } from "./invariants.ts";
import { type Declared, update } from "./operator.ts";
import { crashes, promotesByHand } from "./postgres.ts";
import { entriesOf, type Host, moments, noChances, tokenOf, trace, type World } from "./world.ts";

/** The primary, and the two others in any order. */
interface Cast {
  readonly world: World;
  readonly hosts: Hosts;
  readonly primary: Host;
  readonly one: Host;
  readonly other: Host;
  /** What goes wrong from here on, as long as the scene lasts. */
  readonly breaks: {
    readonly power: (host: Host) => void;
    readonly agent: (host: Host) => void;
    readonly postgres: (host: Host, leavesBackend?: boolean) => void;
    readonly byHand: (host: Host) => void;
    readonly disk: (host: Host) => void;
  };
  /** What comes of it is looked at now, and no other scene is played. */
  readonly isEnough: () => void;
  readonly isOver: () => boolean;
}

const wait = ({ loop }: World, ms: number): Promise<void> =>
  new Promise((resolve) => {
    loop.after(ms, resolve);
  });

async function until(world: World, ms: number, isSo: () => boolean): Promise<boolean> {
  const end = world.loop.now() + ms;
  while (!isSo()) {
    if (world.loop.now() >= end) return false;
    await wait(world, world.random.between(2, 20));
  }
  return true;
}

const leadsByToken = (host: Host): boolean => tokenOf(host).leader === host.member;
const names = (...hosts: readonly Host[]): string[] => hosts.map(({ name }) => name);

async function updates(
  { world, hosts, isOver }: Pick<Cast, "world" | "hosts" | "isOver">,
  primary: Host,
  { fenced = [], absent = [], pause = 0, thinks = pause }: Partial<Operator> = {},
): Promise<boolean> {
  const declared: Declared = {
    primary: primary.name,
    fenced: names(...fenced),
    absent: names(...absent),
    retired: world.hosts.filter(({ isRetired }) => isRetired).map(({ name }) => name),
    consent: { lossUnknown: true },
  };
  try {
    await update(world, hosts, declared, { pause, thinks, isKilled: isOver });
    return true;
  } catch (error) {
    trace(world, "operator: update fails:", (error as Error).message);
    return false;
  }
}

interface Operator {
  readonly fenced: readonly Host[];
  readonly absent: readonly Host[];
  readonly pause: number;
  readonly thinks: number;
}

/** Hosts that go come back a little later, as long as the scene lasts. */
function comeBack({ world, hosts, isOver }: Cast, most: number): void {
  const looks = (): boolean => {
    if (isOver()) return false;
    for (const host of world.hosts)
      if (!host.power.isAlive)
        world.loop.after(world.random.between(50, most), () => {
          if (!isOver()) hosts.powerOn(host);
        });
    world.loop.after(most, looks);
    return true;
  };
  looks();
}

/** A crash at one moment of a change, of one who takes part. */
function appoints({ world }: Cast, ...hosts: readonly Host[]): void {
  const { random } = world;
  world.appointed = {
    host: random.pick(hosts),
    moment: random.chance(0.7)
      ? random.pick(["token", "promotion", "promotion", "promotion", "stop"])
      : random.pick(moments),
    when: random.chance(0.7) ? "behind" : "before",
    who: random.chance(0.5) ? "power" : "agent",
  };
}

function isSlow({ random }: World, host: Host): void {
  host.slowness = random.pick([1, 1, 5, 20, 100]);
  host.slowDisk = random.pick([1, 5, 50]);
}

type Scene = (cast: Cast) => Promise<void>;

const scenes = {
  /** A planned change, or a failover; somebody goes in the middle. */
  crashInAChange: async (cast) => {
    const { world, primary, one } = cast;
    const { random } = world;
    one.slowness = random.pick([1, 1, 5]);
    one.slowDisk = random.pick([1, 5, 100]);
    comeBack(cast, random.pick([1000, 10_000]));
    appoints(cast, one, one, one, primary);
    const isPlanned = random.chance(0.4);
    if (!isPlanned && random.chance(0.5)) {
      // It lags behind.
      world.cutWal.add(`${primary.name}>${one.name}`);
      await wait(world, random.between(0, 3000));
    }
    await updates(cast, one, { fenced: isPlanned ? [] : [primary] });
    await wait(world, random.between(0, random.pick([4000, 20_000])));
  },

  /** Two operators who do not know of one another, with two targets. */
  rivals: async (cast) => {
    const { world, breaks, primary, one, other } = cast;
    const { random, archive } = world;
    comeBack(cast, random.pick([300, 3000, 20_000]));
    if (random.chance(0.3)) breaks.power(primary);
    archive.isSlow = random.chance(0.2);
    for (const host of world.hosts) if (random.chance(0.3)) isSlow(world, host);
    const pause = random.pick([200, 1500, 8000, 25_000]);
    const operator = async (target: Host, rival: Host): Promise<void> => {
      const fenced = random.chance(0.5) ? [primary] : [];
      const isFenced = random.chance(0.4);
      const isAbsent = random.chance(0.7);
      if (isFenced) fenced.push(rival);
      await wait(world, random.between(0, 5000));
      await updates(cast, target, { fenced, absent: isAbsent && !isFenced ? [rival] : [], pause });
    };
    const breakSome = async (): Promise<void> => {
      for (let times = random.between(0, 3); times > 0; times--) {
        await wait(world, random.between(0, 10_000));
        const host = random.pick(world.hosts);
        if (random.chance(0.6)) breaks.postgres(host, random.chance(0.2));
        else breaks.power(host);
      }
    };
    await Promise.all([operator(one, other), operator(other, one), breakSome()]);
  },

  /** A leader that is down asks, from afar and late, while another one takes over. */
  lateGuard: async (cast) => {
    const { world, breaks, primary, one, other } = cast;
    const { random } = world;
    primary.archive = random.pick(["slow", "away", "near"]);
    one.slowDisk = random.pick([1, 50, 100]);
    const latest = primary.archive === "away" ? 1900 : random.pick([100, 1900]);
    let isAnswered = 0;
    world.late = (_, to, kind) => {
      if (to !== primary || kind !== "question") return null;
      isAnswered++;
      return random.between(0, latest);
    };
    let hasRead = false;
    if (primary.archive === "near")
      // That the ledger ends there is said late.
      world.archiveDoes = (host, what, key) => {
        if (host !== primary || what !== "get" || world.archive.objects.has(key)) return null;
        hasRead = true;
        return { behind: random.between(0, 6000) };
      };
    breaks.postgres(primary);
    // It asks once where it has read the ledger, and twice where it has not.
    if (primary.archive === "near") await until(world, 5000, () => hasRead);
    else if (primary.archive === "away") await until(world, 10_000, () => isAnswered >= 3);
    else await wait(world, random.between(0, 12_000));
    await updates(cast, one, { absent: random.chance(0.3) ? [other] : [] });
    await wait(world, random.between(0, 8000));
  },

  /** A former leader comes back, and the archive answers it every other time. */
  formerLeader: async (cast) => {
    const { world, hosts, breaks, primary, one, other } = cast;
    const { random } = world;
    breaks.power(primary);
    await updates(cast, one, { fenced: [primary], absent: random.chance(0.5) ? [other] : [] });
    if (cast.isOver()) return;
    world.archiveDoes = (host, what) => (host === primary && what === "get" ? { fails: random.chance(0.5) } : null);
    hosts.powerOn(primary);
    await wait(world, random.between(5000, 20_000));
  },

  /** The word that it has stopped comes when it counts for nothing any more. */
  lateStop: async (cast) => {
    const { world, breaks, primary, one } = cast;
    const { random } = world;
    const late = random.between(3000, 45_000);
    let isSent = false;
    world.late = (from, to, kind) => {
      if (kind !== "stopped" || from !== primary || to !== one) return null;
      isSent = true;
      return random.between(late, 2 * late);
    };
    const goesOn = updates(cast, one);
    if (await until(world, 20_000, () => isSent)) {
      await wait(world, random.between(0, 300));
      world.cutWal.add(`${primary.name}>${one.name}`);
      breaks.agent(primary);
    }
    world.late = null;
    for (let times = 0; times < 4 && !isWritable(one); times++) {
      await wait(world, random.between(500, 15_000));
      await updates(cast, one);
    }
    await goesOn;
  },

  /** Somebody promotes a standby by hand, and another one takes over. */
  byHand: async (cast) => {
    const { world, breaks, primary } = cast;
    const { random } = world;
    // Only whom the ledger has named is asked to stand down.
    const isNamed = (host: Host): boolean => entriesOf(world).some(({ to }) => to === host.member);
    const [one, other] = isNamed(cast.other) ? [cast.one, cast.other] : [cast.other, cast.one];
    const first = random.pick(["power", "postgres", "none"]);
    if (first === "power") breaks.power(primary);
    if (first === "postgres") breaks.postgres(primary, random.chance(0.3));
    const entries = entriesOf(world).length;
    const goesOn = updates(cast, one, { fenced: random.chance(0.8) ? [primary] : [], thinks: 500 });
    await until(world, 10_000, () => entriesOf(world).length > entries);
    breaks.byHand(other);
    await goesOn;
    await wait(world, random.between(0, 5000));
    stopsByHand(world, other);
  },

  /** Who has just taken a change is slow, or starts anew, and the next one takes over. */
  twiceInARow: async (cast) => {
    const { world, breaks, primary, one, other } = cast;
    const { random } = world;
    comeBack(cast, random.pick([300, 2000]));
    const isClaim = random.chance(0.5);
    isSlow(world, one);
    if (isClaim) breaks.power(primary);
    if (random.chance(0.7)) appoints(cast, one);
    const first = updates(cast, one, { fenced: isClaim ? [primary] : [], absent: [other] });
    await until(world, 30_000, () => leadsByToken(one));
    await until(world, 5000, () => one.agent !== null);
    if (random.chance(0.3) && (await until(world, 5000, () => isWritable(one)))) {
      await wait(world, random.between(0, 1000));
      breaks.postgres(one);
    }
    await wait(world, random.between(0, random.pick([300, 3000])));
    const absent = random.chance(0.5) ? [primary] : [primary, one];
    const second = updates(cast, other, { absent, pause: random.pick([0, 300]) });
    await Promise.all([first, second]);
  },

  /** Who has claimed is fenced by the next one, and comes back before it is told to take. */
  comesBackArmed: async (cast) => {
    const { world, breaks, primary, one, other } = cast;
    const { random } = world;
    comeBack(cast, random.pick([300, 2000]));
    breaks.power(primary);
    const entries = entriesOf(world).length;
    const first = updates(cast, one, { fenced: [primary], absent: [other], thinks: random.pick([8000, 15_000]) });
    await until(world, 10_000, () => entriesOf(world).length > entries);
    await Promise.all([first, updates(cast, other, { fenced: [primary, one] })]);
  },

  /**
   * A planned change, and beside it somebody claims, who does not know: before its entry is there, behind it, or both write at once. Both come to
   * their end.
   */
  claimBesideAnOffer: async (cast) => {
    const { world, breaks, primary, one, other } = cast;
    const { random, archive } = world;
    const entries = entriesOf(world).length;
    const begins = random.pick(["at any time", "before the offer", "behind the offer", "both write at once"]);
    archive.isSlow = begins === "at any time" && random.chance(0.5);
    const spread = archive.isSlow ? 12_000 : 1200;
    primary.slowness = random.pick(begins === "behind the offer" ? [5, 20] : [1, 1, 5, 20]);
    if (begins === "both write at once")
      world.archiveDoes = (host, what) =>
        what === "create" ? { before: random.between(host === primary ? 1000 : 0, 4000) } : null;
    const planned = async (): Promise<void> => {
      if (begins === "at any time") await wait(world, random.between(0, spread));
      await updates(cast, one, { absent: [other], thinks: begins === "before the offer" ? 4000 : 0 });
    };
    const claims = async (): Promise<void> => {
      if (begins === "at any time") await wait(world, random.between(0, spread));
      if (begins === "behind the offer") await until(world, 40_000, () => entriesOf(world).length > entries);
      // Who has stopped stands down by itself.
      const isFenced = begins !== "behind the offer" || random.chance(0.8);
      const areBoth = begins === "before the offer" && random.chance(0.5);
      const fenced = isFenced ? (areBoth ? [primary, one] : [primary]) : [];
      const absent = [primary, one].filter((host) => !fenced.includes(host));
      const thinks = begins === "before the offer" ? 30_000 : random.pick([4000, 10_000, 30_000]);
      await updates(cast, other, { fenced, absent, thinks });
    };
    const dies = async (): Promise<void> => {
      if (random.chance(0.3) || !(await until(world, 40_000, () => isWritable(one)))) return;
      await wait(world, random.between(0, 3000));
      breaks.postgres(one);
    };
    await Promise.all([planned(), claims(), dies()]);
  },

  /** Who takes over is cut off from the others, and the archive does not say what became of the entry. */
  cutOff: async (cast) => {
    const { world, breaks, primary, one, other } = cast;
    const { random } = world;
    const isClaim = random.chance(0.5);
    const author = isClaim ? one : primary;
    const timesOut = random.pick(["late", "never"] as const);
    world.archiveDoes = (host, what) => (host === author && what === "create" ? { timesOut } : null);
    if (isClaim) breaks.power(primary);
    for (const cut of [world.cutAgents, world.cutWal])
      if (cut === world.cutAgents || random.chance(0.5)) {
        cut.add(`${one.name}>${other.name}`);
        cut.add(`${other.name}>${one.name}`);
      }
    await updates(cast, one, { fenced: isClaim ? [primary] : [], absent: [other] });
    await wait(world, random.between(0, 3000));
    await updates(cast, other, { fenced: [primary], absent: [one] });
    await wait(world, random.between(0, 3000));
  },

  /** The archive is away, and who is to take over without it dies once it was promised. */
  comesToNothing: async (cast) => {
    const { world, breaks, primary, one, other } = cast;
    const { random, archive } = world;
    archive.isAway = true;
    breaks.postgres(primary);
    await until(world, 5000, () => primary.agent?.status().phase === "down");
    one.slowDisk = 50;
    void overrideBy(world, one, []);
    await until(world, 5000, () => [primary, other].every((host) => tokenOf(host).promises.includes(one.member)));
    breaks.power(one);
    archive.isAway = false;
    await wait(world, random.between(0, 5000));
    await updates(cast, other, { fenced: [one] });
    cast.isEnough();
  },

  /** The primary's disk goes back within one change. */
  goesBack: async (cast) => {
    const { world, breaks, primary } = cast;
    const { random } = world;
    breaks.disk(primary);
    await wait(world, random.between(1000, 20_000));
    breaks.disk(primary);
    await wait(world, random.between(0, 30_000));
    cast.isEnough();
  },

  /** The primary's host boots, and somebody starts PostgreSQL before the agent does. */
  startedByHand: async (cast) => {
    const { world, hosts, breaks, primary } = cast;
    const { random } = world;
    breaks.power(primary);
    await wait(world, random.between(0, 10_000));
    if (cast.isOver()) return;
    hosts.powerOn(primary);
    startsByHand(world, primary);
    await wait(world, random.between(0, 15_000));
    cast.isEnough();
  },

  /**
   * Nobody sees the timeline that a new primary has begun, since its WAL reaches neither the archive nor a standby; that one takes over, or is promoted
   * by hand, and begins one of the same number.
   */
  sameNumber: async (cast) => {
    const { world, breaks, primary, one, other } = cast;
    const { random } = world;
    const goesOn = updates(cast, one);
    if (!(await until(world, 30_000, () => leadsByToken(one))) || cast.isOver()) return void (await goesOn);
    one.archive = "away";
    for (const host of random.chance(0.5) ? [other] : [primary, other]) world.cutWal.add(`${one.name}>${host.name}`);
    await goesOn;
    await wait(world, random.between(0, 3000));
    if (random.chance(0.5)) {
      breaks.byHand(other);
      await wait(world, random.between(1000, 10_000));
      stopsByHand(world, other);
    } else await updates(cast, other, { fenced: [one], absent: random.chance(0.5) ? [primary] : [] });
    await wait(world, random.between(0, 5000));
  },

  /** While a standby is off, another one is retired and made anew, and leads: whoever was off has never heard of it. */
  madeAnew: async (cast) => {
    const { world, hosts, breaks, one, other } = cast;
    const third = world.hosts.at(-1) as Host;
    if (cast.primary === third) await updates(cast, one);
    const primary = cast.primary === third ? one : cast.primary;
    const off = [cast.primary, one, other].find((host) => host !== third && host !== primary) as Host;
    breaks.power(off);
    for (const to of ["gone", "anew"]) {
      changesMembers(world, hosts, cast.isOver);
      if (to === "anew") await until(world, 10_000, () => third.agent !== null);
      await updates(cast, primary, { absent: [off] });
    }
    await updates(cast, third, { absent: [off] });
    cast.isEnough();
  },

  /** Two claims: the second one asks the first one's author to stand down while that one takes. */
  overlapping: async (cast) => {
    const { world, breaks, primary, one, other } = cast;
    const { random } = world;
    breaks.power(primary);
    isSlow(world, one);
    one.slowDisk = random.pick([1, 20, 100]);
    const entries = entriesOf(world).length;
    const first = updates(cast, one, { fenced: [primary], absent: [other], pause: 500, thinks: 8000 });
    await until(world, 10_000, () => entriesOf(world).length > entries);
    await wait(world, random.between(0, 1500));
    const second = updates(cast, other, { fenced: [primary], absent: [one], pause: random.pick([0, 500, 5000]) });
    if (random.chance(0.3)) {
      await until(world, 20_000, () => isWritable(one));
      await wait(world, random.between(0, 2000));
      breaks.postgres(one);
    }
    await Promise.all([first, second]);
  },
} satisfies Record<string, Scene>;

export type SceneName = keyof typeof scenes;
export const sceneNames = Object.keys(scenes) as readonly SceneName[];

const often: readonly SceneName[] = ["crashInAChange", "crashInAChange", "lateGuard"];
const firstOften: readonly SceneName[] = ["claimBesideAnOffer"];
const first: readonly SceneName[] = [
  "claimBesideAnOffer",
  "comesBackArmed",
  "rivals",
  "crashInAChange",
  "lateGuard",
  "lateStop",
];

/** All are there, one of them leads and two follow: by themselves, or by updates. */
async function allIsWell(world: World, hosts: Hosts, isOver: () => boolean): Promise<Cast | null> {
  const { random } = world;
  for (const host of world.hosts) hosts.powerOn(host);
  while (!isOver()) {
    const follows = (host: Host, primary: Host): boolean =>
      host.agent !== null &&
      host.pg.state === "recovery" &&
      host.pg.upstream?.leader === primary.member &&
      tokenOf(host).entry === tokenOf(primary).entry;
    const isSo = (): boolean => {
      const primary = world.hosts.find((host) => isWritable(host) && leadsByToken(host));
      if (primary === undefined || entriesOf(world).at(-1)?.number !== tokenOf(primary).entry) return false;
      return world.hosts.every((host) => host === primary || follows(host, primary));
    };
    if (await until(world, 15_000, isSo)) {
      const primary = world.hosts.find((host) => isWritable(host)) as Host;
      const standbys = world.hosts.filter((host) => host !== primary);
      const one = random.pick(standbys);
      const other = standbys.find((host) => host !== one) as Host;
      const isEnough = (): void => {
        world.isEnough = !isOver();
      };
      return { world, hosts, primary, one, other, breaks: breaksOf(world, hosts, isOver), isEnough, isOver };
    }
    await updates({ world, hosts, isOver }, random.pick(world.hosts));
  }
  return null;
}

function breaksOf(world: World, hosts: Hosts, isOver: () => boolean): Cast["breaks"] {
  const breaks =
    <A extends unknown[]>(what: string, how: (host: Host, ...rest: A) => void) =>
    (host: Host, ...rest: A): void => {
      if (isOver()) return;
      trace(world, host.name, what);
      how(host, ...rest);
    };
  return {
    power: breaks("its power fails", hosts.powerOff),
    agent: breaks("its agent dies", (host) => {
      hosts.killsAgent(host);
      world.loop.after(world.random.between(100, 1000), () => hosts.startsAgent(host));
    }),
    postgres: breaks("PostgreSQL dies", (host, leavesBackend = false) => crashes(host, leavesBackend)),
    byHand: breaks("pg_ctl promote, by hand", (host) => promotesByHand(world, host)),
    disk: breaks("a disk", (host) => diskGoesBack(world, hosts, host)),
  };
}

/** Scene after scene, each from a cluster that is well, until it is told to end. */
export function playScenes(world: World, hosts: Hosts, only?: SceneName): Faults {
  const { random } = world;
  let isOver = false;
  let played = 0;
  const goesOn = async (): Promise<void> => {
    while (true) {
      let isPlayed = false;
      const cast = await allIsWell(world, hosts, () => isOver || isPlayed);
      if (!cast || isOver) return;
      // Whom the ledger has never named has to be asked by nobody: that is so only in the beginning.
      const [some, all] = played === 0 ? [firstOften, first] : [often, sceneNames];
      const name = only ?? random.pick(random.chance(0.5) ? some : all);
      trace(world, "--- scene:", name, ...names(cast.primary, cast.one, cast.other));
      world.isCalm = false;
      world.chances = { ...noChances, store: random.pick([0, 0, 0.03, 0.2]) };
      if (random.chance(0.3)) world.chances = { ...world.chances, loss: 0.03, late: 0.05, crash: 0.005 };
      beginsCrashes(world, hosts);
      played++;
      await scenes[name](cast);
      isPlayed = true;
      if (isOver) return;
      faultsStop(world);
    }
  };
  void goesOn();
  return {
    updates: () => played,
    end: () => {
      isOver = true;
      faultsStop(world);
    },
  };
}
