/** People and CI: updates with what is declared, each a sequence of steps that may be cut off anywhere. */
import type { Prepared } from "../../agent/steps.ts";
import type { Consent, Member } from "../../model/leadership/index.ts";
import { membersOf as membersBy } from "../../model/leadership/index.ts";
import type { Hosts } from "./hosts.ts";
import { entriesOf, type Host, trace, type World } from "./world.ts";

export interface Declared {
  readonly primary: string;
  readonly fenced: readonly string[];
  /** Left alone. */
  readonly absent: readonly string[];
  readonly retired: readonly string[];
  readonly consent: Consent | null;
}

type Step = "announce" | "prepare" | "demote" | "promote" | "follow" | "members" | "override" | "initialize";

const membersOf = (hosts: readonly Host[]): Member[] => hosts.map(({ member }) => member).sort();

/** Some time, up to this. */
async function waits({ loop, random }: World, most: number): Promise<void> {
  if (most > 0)
    await new Promise<void>((resolve) => {
      loop.after(random.between(0, most), resolve);
    });
}

/** One step on one host. What is thrown says nothing of what it did, unless the host itself says so. */
export async function call<T>(world: World, host: Host, step: Step, request: object): Promise<T> {
  const { loop, random } = world;
  const wait = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      loop.after(ms, resolve);
    });
  await wait(random.between(5, 100));
  const { agent, agentLife } = host;
  if (!host.power.isAlive || !agent) {
    await wait(2000);
    throw new Error(`${host.name} cannot be reached`);
  }
  trace(world, "operator:", step, host.name, request);
  return new Promise((resolve, reject) => {
    let isOver = false;
    const end = (how: () => void): boolean => {
      if (isOver) return false;
      isOver = true;
      how();
      return true;
    };
    loop.after(150_000, () => end(() => reject(new Error(`${step} on ${host.name} takes too long`))));
    // Whoever waits for an agent that ends hears of that, sooner or later.
    const looks = (): boolean => {
      if (isOver) return false;
      if (!agentLife.isAlive) return end(() => reject(new Error(`the agent of ${host.name} has ended during ${step}`)));
      loop.after(random.between(200, 4000), looks);
      return false;
    };
    looks();
    const isLost = !world.isCalm && random.chance(0.02);
    const says = (how: () => void): void => {
      if (agentLife.isAlive && !isLost) loop.after(random.between(5, 50), () => end(how));
    };
    (agent[step](request) as Promise<T>).then(
      (result) => says(() => resolve(result)),
      (error: Error) => says(() => reject(new Error(`${step} on ${host.name}: ${error.message}`))),
    );
  });
}

/** How an operator works: looked at between two steps. */
export interface Manner {
  readonly isKilled?: () => boolean;
  /** Milliseconds, at most: between two steps, and once the target is prepared. */
  readonly pause?: number;
  readonly thinks?: number;
}

/** Throws where a step fails. */
export async function update(
  world: World,
  hosts: Hosts,
  declared: Declared,
  { isKilled = () => false, pause = 0, thinks = pause }: Manner = {},
): Promise<void> {
  const intent = Buffer.from(world.random.bytes(8)).toString("hex");
  const named = (name: string): Host => world.hosts.find((host) => host.name === name) as Host;
  const target = named(declared.primary);
  const isLeft = ({ name }: Host): boolean =>
    [...declared.fenced, ...declared.absent, ...declared.retired].includes(name);
  const active = world.hosts.filter((host) => !isLeft(host));
  const others = active.filter((host) => host !== target);
  const go = async <T>(host: Host, step: Step, request: object): Promise<T> => {
    await waits(world, pause);
    if (isKilled()) throw new Error("the update was killed");
    return call(world, host, step, { intent, ...request });
  };
  trace(world, "operator: update", { intent, ...declared });
  // Somebody switches hosts off before the claim is there: what that proves is out of date by then.
  const isEarly = !world.isCalm && world.random.chance(0.3);
  const early = isEarly ? fence(world, hosts, declared.fenced.map(named), entriesOf(world).length) : [];
  const announced = await Promise.all(active.map((host) => go<Prepared | null>(host, "announce", {})));
  const plan = await go<Prepared>(target, "prepare", {
    consent: declared.consent,
    fenced: membersOf(declared.fenced.map(named)),
    off: membersOf(declared.fenced.map(named).filter(({ power }) => !power.isAlive)),
  });
  await waits(world, thinks);
  if (isKilled()) throw new Error("the update was killed");
  const proofs = () =>
    [plan, ...announced].flatMap((each) =>
      each?.plan === "claim" ? fence(world, hosts, declared.fenced.map(named), each.entry) : [],
    );
  const fenced = isEarly ? early : proofs();
  for (const host of others) await go(host, "demote", { to: target.member, fenced });
  await go(target, "promote", { fenced });
  const follow = () => Promise.all(others.map((host) => go(host, "follow", { leader: target.member })));
  await follow();
  await setMembers(world, hosts, declared, target, go);
  await follow();
  trace(world, "operator: update ends", intent);
}

/** Proven to be off behind this entry; who was destroyed is so for good. */
function fence(world: World, hosts: Hosts, fenced: readonly Host[], entry: number): { node: Member; entry: number }[] {
  const off = fenced.map((host) => {
    hosts.powerOff(host);
    world.fencedSince.set(host.member, Math.max(entry, world.fencedSince.get(host.member) ?? 0));
    return { node: host.member, entry };
  });
  return [...off, ...world.destroyed.map((node) => ({ node, entry }))];
}

async function setMembers(
  world: World,
  hosts: Hosts,
  { retired }: Declared,
  target: Host,
  go: (host: Host, step: Step, request: object) => Promise<unknown>,
): Promise<void> {
  const gone = world.hosts.filter(({ name }) => retired.includes(name));
  // It cannot come back as what it was.
  for (const host of gone) hosts.powerOff(host);
  const list = world.hosts.filter((host) => !gone.includes(host)).map(({ member }) => member);
  const end = entriesOf(world).at(-1);
  if (end && String(membersBy(end)) === String([...list].sort())) return;
  const proven = new Set([...gone.map(({ member }) => member), ...world.destroyed]);
  await go(target, "members", { list: [...list].sort(), gone: [...proven].sort() });
}
