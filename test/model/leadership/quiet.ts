/** What becomes of a state when nothing goes wrong any more: by itself, or by one or two updates with what has to be declared. */
import { Canonical, Codec } from "./canonical.ts";
import { ledgersOf, Machine } from "./machine.ts";
import { bit, has, isWritable, type Kind, letter, nameAt, type Scenario, type State, type Step } from "./state.ts";

/** Which steps are taken, the earlier ones first. */
type Wanted = readonly ((step: Step) => boolean)[];

const kinds = (...wanted: readonly Kind[]) => {
  const set = new Set<Kind>(wanted);
  return (step: Step): boolean => set.has(step.kind);
};
const only =
  (kind: Kind, node: number, other = -1) =>
  (step: Step): boolean =>
    step.kind === kind && step.node === node && step.other === other;

/** A stop ends only when the WAL has been sent. */
const quick = kinds("Ready", "Promote", "Receive", "Tell", "Take");
const natural = kinds(
  "Stopped",
  "Ready",
  "StartStandby",
  "Promote",
  "Receive",
  "Give",
  "Tell",
  "Take",
  "Note",
  "Abandon",
  "Begin",
  "Close",
);
const guard = kinds("Read", "Ask", "Adopt", "Lead", "Restart", "Release");
const guardUnread = kinds("Ask", "Adopt", "Lead", "Restart", "Release", "AskLetGo");
const late = kinds("AskLetGo", "LetGo");

const everybody = 15;

export type End =
  | { readonly kind: "impossible" }
  | { readonly kind: "byItself" }
  | { readonly kind: "updates"; readonly count: number }
  | { readonly kind: "wrong"; readonly why: string };

class Wrong extends Error {}

export class Quiet {
  readonly #machine: Machine;
  /** Entries that the ledger may get in the end. */
  readonly #room: number;
  readonly #canonical: Canonical;
  readonly #codec: Codec;
  readonly #settled = new Map<string, State>();
  readonly #updated = new Map<string, State | string>();
  readonly #key: Uint32Array;

  constructor({ scenario, ledgers, dropped }: Machine, room = 8) {
    this.#room = room;
    const quiet: Scenario = {
      ...scenario,
      entries: room,
      faults: 0,
      commits: 0,
      byHand: 0,
      targets: everybody,
      fence: everybody,
      consent: everybody,
      addable: 0,
      retirable: 0,
      overrides: 3,
      unlisted: scenario.unlisted === 0 ? 0 : everybody,
      replacers: scenario.replacers === 0 ? 0 : everybody,
      begins: scenario.begins === 0 ? 0 : everybody,
    };
    this.#machine = new Machine(quiet, [...dropped], ledgers);
    this.#canonical = new Canonical(this.#machine);
    this.#codec = new Codec(this.#machine, { symmetry: false });
    this.#key = new Uint32Array(this.#codec.width);
  }

  #keyOf(state: State): string {
    this.#codec.encode(state, this.#key);
    return this.#key.join();
  }

  /** One step of the first kind that there is. */
  #step(state: State, wanted: Wanted): State | undefined {
    const steps = this.#machine.steps(state);
    for (const wants of wanted) {
      const step = steps.find(wants);
      if (!step) continue;
      const message = this.#machine.violation(step.next);
      if (message) throw new Wrong(message);
      return this.#canonical.of(step.next, state);
    }
    return undefined;
  }

  #settle(from: State, name: string, wanted: Wanted): State {
    const passed: string[] = [];
    let state = from;
    for (let left = 400; left > 0; left--) {
      const key = `${name} ${this.#keyOf(state)}`;
      const known = this.#settled.get(key);
      const next = known ?? this.#step(state, wanted);
      passed.push(key);
      if (known || !next) {
        const end = known ?? state;
        for (const each of passed) this.#settled.set(each, end);
        return end;
      }
      state = next;
    }
    throw new Wrong("does not come to rest");
  }

  /** Hosts come up but for the dead, and nobody runs an update. */
  #rest(from: State, dead: number, withLedger: boolean): State {
    const on = (step: Step): boolean => step.kind === "PowerOn" && !has(dead, step.node);
    const asks = withLedger ? guard : guardUnread;
    const name = `${dead} ${withLedger}`;
    const first = this.#settle(from, `on ${name}`, [on, quick, natural]);
    const second = this.#settle(first, `asks ${name}`, [on, quick, natural, asks]);
    return this.#settle(second, `late ${name}`, [on, quick, natural, asks, late]);
  }

  #server({ nodes }: State): number | undefined {
    const found = nodes.findIndex(({ on, pg, byHand }) => on && pg === "primary" && !byHand);
    return found < 0 ? undefined : found;
  }

  #off(state: State, dead: number): State {
    const nodes = state.nodes.map((node, x) => (has(dead, x) ? this.#machine.powerOff(node) : node));
    return this.#canonical.of({ ...state, nodes });
  }

  /** A node that was promoted by hand is stopped, as status and preflight ask. */
  #stopByHand(state: State): State {
    const nodes = state.nodes.map((node) =>
      node.byHand ? { ...node, pg: "down" as const, byHand: false, log: node.log } : node,
    );
    return this.#canonical.of({ ...state, nodes });
  }

  #claims(from: State, x: number, dead: number): State {
    let state = this.#step(from, [only("Arm", x)]) ?? from;
    state = this.#step(state, [only("Claim", x)]) ?? state;
    state = this.#settle(state, `claims ${x} ${dead}`, [
      (step) => step.kind === "Fence" && has(dead, step.node),
      (step) => step.kind === "StandDown" && step.other === x,
    ]);
    // A leader that is down goes on asking, and disarms nobody who is to replace it.
    state = this.#settle(state, `asks beside a claim`, [guard, kinds("AskLetGo")]);
    const taken = this.#step(state, [only("TakeOver", x)]);
    if (!taken) throw new Wrong(`${letter(x)} may not take over`);
    return this.#settle(taken, "", [quick, natural]);
  }

  /** One update: `target` is the primary, the dead are fenced. */
  #update(from: State, target: number, dead: number, hasConsent: boolean): State {
    const key = `${target} ${dead} ${hasConsent} ${this.#keyOf(from)}`;
    let known = this.#updated.get(key);
    if (known === undefined) {
      try {
        known = this.#updates(from, target, dead, hasConsent);
      } catch (error) {
        if (!(error instanceof Wrong)) throw error;
        known = error.message;
      }
      this.#updated.set(key, known);
    }
    if (typeof known === "string") throw new Wrong(known);
    return known;
  }

  #updates(from: State, target: number, dead: number, hasConsent: boolean): State {
    const { decide: d } = this.#machine;
    let state = this.#rest(from, dead, true);
    if (isNew(state)) {
      state = this.#settle(state, `begin ${target}`, [only("BeginFirst", target), only("TakeFirst", target)]);
      state = this.#rest(state, dead, true);
    }
    const leader = this.#server(state);
    if (leader !== undefined) {
      const { standing } = state.nodes[leader] as State["nodes"][number];
      const { end } = this.#machine.book(state.world, standing.token);
      if (end && d.hasToClaim(standing, end)) state = this.#claims(state, leader, dead);
      if (leader !== target) {
        state = this.#step(state, [only("Follow", target, leader)]) ?? state;
        state = this.#settle(state, `release ${target}`, [
          quick,
          natural,
          (step) => step.kind === "Release" && step.node === target,
        ]);
        state = this.#step(state, [only("Arm", target)]) ?? state;
        const offered = this.#step(state, [only("Offer", leader, target)]);
        if (!offered) throw new Wrong("no offer");
        state = this.#settle(offered, "", [quick, natural]);
      }
    } else if (hasConsent) state = this.#claims(state, target, dead);
    state = this.#rest(state, dead, true);
    const server = this.#server(state);
    if (server === undefined) throw new Wrong("nobody serves");
    if (server !== target) throw new Wrong("another one serves");
    state = this.#settle(state, `follow ${target} ${dead}`, [
      quick,
      natural,
      (step) => step.kind === "Follow" && step.node !== target,
      (step) => step.kind === "ToldLate" && !has(dead, step.node),
      (step) => step.kind === "PowerOn" && !has(dead, step.node),
    ]);
    this.#requireFollowers(state, target, dead);
    return state;
  }

  #requireFollowers({ nodes }: State, target: number, dead: number): void {
    const { decide: d } = this.#machine;
    const primary = nodes[target] as State["nodes"][number];
    for (const [x, { standing, log, pg }] of nodes.entries()) {
      if (x === target || has(dead, x) || !primary.standing.token.members.includes(nameAt(x))) continue;
      const { token } = standing;
      const follows =
        token.leader === nameAt(target) && d.compare(token, primary.standing.token) === 0 && log === primary.log;
      if (!follows || pg !== "standby") throw new Wrong(`${letter(x)} does not follow`);
    }
  }

  /** A target has to be a member that has followed a leader as one; where somebody serves, that can be made up for. */
  #isPossible(state: State, target: number): boolean {
    const { decide: d } = this.#machine;
    if (isNew(state)) {
      const [first] = state.world.ledger;
      return !first || (first.to === nameAt(target) && !first.taken);
    }
    const { token } = (state.nodes[target] as State["nodes"][number]).standing;
    const server = this.#server(state);
    const heeds = server === undefined ? token : (state.nodes[server] as State["nodes"][number]).standing.token;
    const { end } = this.#machine.book(state.world, heeds);
    if (!end || !d.isMember(end, nameAt(target)) || this.#isFull(state)) return false;
    return (
      server !== undefined || (token.members.includes(nameAt(target)) && !d.notEligible(nameAt(target), token, end))
    );
  }

  #isFull({ world }: State): boolean {
    return ledgersOf(world).reduce((sum, { length }) => sum + length, 0) + 4 > this.#room;
  }

  /** The dead are fenced and `target` is declared the primary; at last the dead come back, and follow. */
  ends(from: State, target: number, dead: number): End {
    return judged(() => {
      const state = this.#rest(this.#stopByHand(this.#off(from, dead)), dead, true);
      // Who is kept off for an override stays declared fenced until the ledger knows.
      const { keptOff, untold } = state.world;
      if (has(keptOff | untold, target) || !this.#isPossible(state, target)) return { kind: "impossible" };
      const off = dead | keptOff | untold;
      let count = 1;
      let end: State;
      try {
        end = this.#update(state, target, off, false);
      } catch (error) {
        if (!(error instanceof Wrong) || /primaries|lost/.test(error.message)) throw error;
        count = 2;
        end = this.#update(state, target, off, true);
      }
      if (off !== 0) this.#update(end, target, 0, false);
      return { kind: "updates", count };
    });
  }

  /** The ledger is gone: an override. Then it is back. */
  endsWithoutLedger(from: State, target: number, dead: number): End {
    const { scenario } = this.#machine;
    return judged(() => {
      let state = this.#rest(this.#off(from, dead), dead, false);
      const { keptOff, untold } = state.world;
      const { members } = (state.nodes[target] as State["nodes"][number]).standing.token;
      if (has(keptOff | untold, target) || !members.includes(nameAt(target)) || this.#isFull(state))
        return { kind: "impossible" };
      const server = this.#server(state);
      if (server !== undefined) return { kind: server === target ? "byItself" : "impossible" };
      // Who was kept off for a new ledger, and was not told of it, is off still.
      const off = dead | keptOff | untold;
      const armed = this.#step(state, [only("ArmOverride", target)]);
      // Somebody in reach has agreed to another ledger: it has to be replaced.
      if (!armed && scenario.replacers !== 0) return { kind: "impossible" };
      if (!armed) throw new Wrong("may not be armed for an override");
      state = this.#settle(armed, `yield ${target} ${off}`, [
        (step) => step.kind === "FenceForOverride" && has(off, step.node) && step.other === target,
        (step) => step.kind === "Promise" && step.other === target,
      ]);
      const taken = this.#step(state, [only("TakeOverride", target)]);
      if (!taken) throw new Wrong("may not take over by an override");
      state = this.#settle(taken, "", [quick, natural]);
      state = this.#rest(state, off, false);
      state = this.#settle(state, `follows ${target}`, [
        quick,
        natural,
        (step) => step.kind === "Follow" && step.node !== target,
      ]);
      if (this.#server(state) !== target) throw new Wrong("does not serve by the override");
      for (const [x, { log }] of state.nodes.entries())
        if (!has(off, x) && log !== state.nodes[target]?.log)
          throw new Wrong(`${letter(x)} does not follow without the ledger`);
      // It reboots, and the ledger is still away.
      if (this.#server(this.#rest(this.#off(state, bit(target)), off, false)) !== target)
        throw new Wrong("does not come back without the ledger");
      state = this.#update(state, target, off, false);
      this.#update(state, target, 0, false);
      return { kind: "updates", count: 1 };
    });
  }

  /** The ledger is gone for good, and `target` (the primary, where one serves) begins another one; then the dead come back. */
  endsReplaced(from: State, target: number, dead: number): End {
    return judged(() => {
      let state = this.#rest(this.#off(from, dead), dead, false);
      const { keptOff, untold } = state.world;
      const { members } = (state.nodes[target] as State["nodes"][number]).standing.token;
      const server = this.#server(state);
      if (has(keptOff | untold, target) || !members.includes(nameAt(target)) || this.#isFull(state))
        return { kind: "impossible" };
      if (server !== undefined && server !== target) return { kind: "impossible" };
      const off = dead | keptOff | untold;
      const armed = this.#step(state, [only("ArmToReplace", target)]);
      if (!armed) throw new Wrong("may not replace the ledger");
      state = this.#settle(armed, `yield ${target} ${off}`, [
        (step) => step.kind === "FenceForOverride" && has(off, step.node) && step.other === target,
        (step) => step.kind === "Promise" && step.other === target,
      ]);
      const taken = this.#step(state, [only("TakeOverride", target)]);
      if (!taken) throw new Wrong("may not take over for a new ledger");
      state = this.#settle(taken, "", [quick, natural]);
      state = this.#rest(state, off, false);
      if (this.#server(state) !== target) throw new Wrong("does not serve with a new ledger");
      state = this.#update(state, target, off, false);
      this.#update(state, target, 0, false);
      return { kind: "updates", count: 1 };
    });
  }

  /** All hosts reboot at once, and nobody runs an update: who serves then. */
  reboot(from: State, withLedger: boolean): End {
    return judged(() => {
      const state = this.#rest(this.#off(from, everybody), 0, withLedger);
      return { kind: this.#server(state) === undefined ? "impossible" : "byItself" };
    });
  }

  /** Everything that is wrong with how a state ends. */
  problem(state: State, tally: Map<string, number>): string | undefined {
    const { scenario } = this.#machine;
    const count = (what: string): void => {
      tally.set(what, (tally.get(what) ?? 0) + 1);
    };
    const hasByHand = state.nodes.some((node) => node.byHand && isWritable(node));
    for (let target = 0; target < scenario.nodes; target++)
      for (const dead of [0, ...Array.from({ length: scenario.nodes }, (_, x) => bit(x))]) {
        if (has(dead, target)) continue;
        const what = `${letter(target)} as the primary, ${dead === 0 ? "nobody" : letter(Math.log2(dead))} dead`;
        if (scenario.unlisted !== 0) {
          const end = this.endsWithoutLedger(state, target, dead);
          if (end.kind === "wrong") return `without the ledger, ${what}: ${end.why}`;
          count(`override: ${end.kind}`);
        }
        if (scenario.replacers !== 0) {
          const end = this.endsReplaced(state, target, dead);
          if (end.kind === "wrong") return `with a new ledger, ${what}: ${end.why}`;
          count(`new ledger: ${end.kind}`);
        }
        const end = this.ends(state, target, dead);
        if (end.kind === "wrong") return `${what}: ${end.why}`;
        count(end.kind === "updates" ? `updates: ${end.count}` : end.kind);
      }
    for (const withLedger of [false, true]) {
      const end = this.reboot(state, withLedger);
      if (end.kind === "wrong") return `a reboot of all: ${end.why}`;
      const mayFail =
        state.world.wentBack > 0 || (scenario.unlisted | scenario.replacers) !== 0 || hasByHand || isNew(state);
      if (end.kind === "impossible" && !mayFail)
        return `nobody serves after a reboot of all, with${withLedger ? "" : "out"} the ledger`;
      count(end.kind === "impossible" ? "reboot: read-only" : "reboot: serves");
    }
    return undefined;
  }
}

/** No node has heard of a leader. */
const isNew = ({ nodes }: State): boolean => nodes.every(({ standing }) => standing.token.leader === null);

function judged(run: () => End): End {
  try {
    return run();
  } catch (error) {
    if (error instanceof Wrong) return { kind: "wrong", why: error.message };
    throw error;
  }
}
