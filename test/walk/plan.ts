/** What a walk does, as data. It depends on the seed only: who leads at that moment, and what the cluster answers, is found out when it is done. */
import { type Random, randomOf } from "../simulation/random.ts";
import { type Moment, showMoment } from "../support/faults.ts";

export const nodes = ["node-a", "node-b", "node-c"] as const;
export type Node = (typeof nodes)[number];

/** A node by its name, or by its role when the action begins: who leads, or the first or second of the others by name. */
export type Whom = Node | "the leader" | "a standby" | "another standby";
export type Declarable = "active" | "fenced" | "absent";

export const victims = ["postmaster", "backend", "WAL receiver", "checkpointer", "host programs", "pooler"] as const;

export type Action =
  | { readonly kind: "declare primary"; readonly whom: Whom }
  | { readonly kind: "declare state"; readonly whom: Whom; readonly state: Declarable }
  /** A consent that is given without a look: to a loss by the change that is `off` after the last one known. */
  | { readonly kind: "accept"; readonly off: -1 | 0 | 1; readonly behind: boolean }
  | { readonly kind: "withdraw consent" }
  /** null: no guard. */
  | { readonly kind: "guard epoch"; readonly off: -1 | 0 | null }
  | { readonly kind: "reconcile" }
  | {
      readonly kind: "update";
      /** `other`: another checkout of the stack, which knows nothing of what this one does; both may run at once. */
      readonly checkout: "own" | "other";
      readonly args: readonly string[];
      readonly interrupted: { readonly how: "SIGKILL" | "Ctrl-C"; readonly moment: Moment } | null;
      /** Whether what comes next waits for its end. */
      readonly isAwaited: boolean;
    }
  | { readonly kind: "kill"; readonly whom: Whom; readonly what: (typeof victims)[number] }
  | { readonly kind: "power off"; readonly whom: Whom }
  | { readonly kind: "power on"; readonly whom: Whom }
  | { readonly kind: "reboot"; readonly whom: Whom }
  /** The whole host, for a while. */
  | { readonly kind: "hang"; readonly whom: Whom; readonly forMs: number }
  | { readonly kind: "cut"; readonly one: Whom; readonly other: Whom | "the archive" | "the operator" }
  | { readonly kind: "mend networks" }
  | { readonly kind: "archive"; readonly state: "on" | "off" | "hangs" }
  | { readonly kind: "snapshot"; readonly whom: Node }
  | { readonly kind: "disk goes back"; readonly whom: Node };

/** An action, so long after the one before it; where an update runs, perhaps at a moment of it, if that comes. */
export interface Step {
  readonly afterMs: number;
  readonly moment: Moment | null;
  readonly action: Action;
}

/** Steps of an update in which a change of primary can be disturbed. `<old>` leads when the update begins, `<new>` is declared to. */
const disturbed = [
  ...["preflight", "announce-<new>", "announce-<old>", "prepare", "pause-<old>", "demote-<old>", "demote-<new>"],
  ...["promote", "resume-<new>", "follow-<old>", "slots", "archive", "receipt"],
];

/** How the operator puts things right when nothing fails any more. */
export interface Ending {
  /** A host that stays off, and how it is declared; null: all run. */
  readonly off: { readonly whom: Whom; readonly state: "fenced" | "absent" } | null;
  /** `declared`: the primary stays as it was declared last. `real`: whoever leads is declared. */
  readonly primary: "declared" | "real";
  /** Whether the first update runs every step again in any case. */
  readonly reconciles: boolean;
}

export interface Round {
  readonly steps: readonly Step[];
  readonly ending: Ending;
}

/** The updates of a hurry: a part of the steps, or one step at a time. */
const partial: readonly (readonly string[])[] = [
  ["--target", "**promote"],
  ["--target", "**demote-*"],
  ["--target", "**preflight"],
  ["--target", "**announce-*"],
  ["--target", "**follow-*"],
  ["--target", "**configure-*"],
  ["--exclude", "**demote-*"],
  ["--exclude", "**follow-*"],
  ["--exclude", "**announce-*"],
  ["--parallel", "1"],
];

/** The rounds of a walk, without an end. */
export function* roundsOf(seed: number): Generator<Round, never> {
  const random = randomOf(seed);
  const disk = { node: random.pick(nodes), savedIn: random.between(0, 1), backIn: random.between(2, 3) };
  for (let round = 0; ; round++) {
    const steps = stepsOf(random);
    const at = random.between(0, steps.length);
    const step = { afterMs: 1000, moment: null };
    if (round === disk.savedIn) steps.unshift({ ...step, action: { kind: "snapshot", whom: disk.node } });
    if (round === disk.backIn) steps.splice(at, 0, { ...step, action: { kind: "disk goes back", whom: disk.node } });
    yield { steps, ending: endingOf(random) };
  }
}

function endingOf(random: Random): Ending {
  const off = random.chance(0.3)
    ? { whom: anybody(random), state: random.chance(0.7) ? ("fenced" as const) : ("absent" as const) }
    : null;
  return { off, primary: random.chance(0.7) ? "declared" : "real", reconciles: random.chance(0.5) };
}

/** One or two things that people do, with what goes wrong before and meanwhile. */
function stepsOf(random: Random): Step[] {
  const intentions = Array.from({ length: random.between(1, 2) }, () => intentionOf(random));
  return intentions.flatMap((actions) => {
    const before = faults(random, random.between(0, 1)).map((action) => soon(random, action));
    const declared = actions.map((action) => soon(random, action));
    const during = faults(random, random.between(1, 3)).map((action) => ({
      ...soon(random, action),
      moment: random.chance(0.6) ? momentOf(random) : null,
    }));
    return [...before, ...declared, ...during];
  });
}

/** Declarations cost no time. */
function soon(random: Random, action: Action): Step {
  const free = ["declare primary", "declare state", "accept", "withdraw consent", "guard epoch", "reconcile"];
  const isDeclared = free.includes(action.kind);
  return { afterMs: isDeclared || random.chance(0.2) ? 0 : random.between(200, 5000), moment: null, action };
}

function momentOf(random: Random): Moment {
  return { step: random.pick(disturbed), when: random.pick(["starts", "ends"] as const) };
}

function intentionOf(random: Random): Action[] {
  const last = () => updateOf(random);
  const what = random.between(1, 10);
  if (what <= 4) return [{ kind: "declare primary", whom: random.pick(["a standby", "another standby"]) }, last()];
  if (what <= 7) {
    const troubles: readonly Action[][] = [
      [],
      [{ kind: "power off", whom: "the leader" }],
      [{ kind: "hang", whom: "the leader", forMs: random.between(5000, 30_000) }],
      [{ kind: "cut", one: "the leader", other: "the operator" }],
      [{ kind: "kill", whom: "the leader", what: "postmaster" }],
    ];
    const consent: Action[] = random.chance(0.7) ? [{ kind: "accept", off: 0, behind: random.chance(0.5) }] : [];
    return [
      ...random.pick(troubles),
      // By the role that it has before the trouble: whoever leads is the last one that was seen to.
      { kind: "declare state", whom: "the leader", state: random.chance(0.85) ? "fenced" : "absent" },
      { kind: "declare primary", whom: random.pick(["a standby", "another standby"]) },
      ...consent,
      last(),
    ];
  }
  const count = random.between(1, 3);
  return [...Array.from({ length: count }, () => declarationOf(random)), last()];
}

function declarationOf(random: Random): Action {
  switch (random.between(1, 6)) {
    case 1:
      return { kind: "declare primary", whom: anybody(random) };
    case 2:
    case 3:
      return { kind: "declare state", whom: anybody(random), state: random.pick(["active", "fenced", "absent"]) };
    case 4:
      return random.chance(0.7)
        ? { kind: "accept", off: random.pick([-1, 0, 1]), behind: random.chance(0.5) }
        : { kind: "withdraw consent" };
    case 5:
      return { kind: "guard epoch", off: random.pick([0, 0, 0, -1, null]) };
    default:
      return { kind: "reconcile" };
  }
}

function updateOf(random: Random): Action {
  return {
    kind: "update",
    checkout: random.chance(0.15) ? "other" : "own",
    args: random.chance(0.2) ? random.pick(partial) : [],
    interrupted: random.chance(0.3)
      ? { how: random.chance(0.7) ? "SIGKILL" : "Ctrl-C", moment: momentOf(random) }
      : null,
    isAwaited: random.chance(0.4),
  };
}

function faults(random: Random, count: number): Action[] {
  return Array.from({ length: count }, () => faultOf(random));
}

function faultOf(random: Random): Action {
  const whom = anybody(random);
  switch (random.between(1, 12)) {
    case 1:
    case 2:
      return { kind: "kill", whom, what: random.pick(victims) };
    case 3:
      return { kind: "power off", whom };
    case 4:
    case 5:
      return { kind: "power on", whom: random.pick(nodes) };
    case 6:
      return { kind: "reboot", whom };
    case 7:
      return { kind: "hang", whom, forMs: random.between(2000, 20_000) };
    case 8:
    case 9:
      return cutOf(random);
    case 10:
      return { kind: "mend networks" };
    case 11:
      return { kind: "archive", state: random.pick(["off", "hangs", "on"]) };
    default:
      return updateOf(random);
  }
}

function cutOf(random: Random): Action {
  const [one, other, third] = random.pick([
    ["node-a", "node-b", "node-c"],
    ["node-b", "node-c", "node-a"],
    ["node-c", "node-a", "node-b"],
    ["the leader", "a standby", "another standby"],
  ] as const);
  return { kind: "cut", one, other: random.pick([other, third, "the archive", "the operator"] as const) };
}

function anybody(random: Random): Whom {
  return random.chance(0.5) ? random.pick(nodes) : random.pick(["the leader", "a standby", "another standby"] as const);
}

/** As it stands in the log. */
export function showStep({ moment, action }: Step): string {
  return `${showAction(action)}${moment ? `, when ${showMoment(moment)}` : ""}`;
}

function showAction(action: Action): string {
  switch (action.kind) {
    case "declare primary":
      return `declare ${action.whom} the primary`;
    case "declare state":
      return `declare ${action.whom} ${action.state}`;
    case "accept":
      return `accept a loss by change ${["one before the last", "the last", "one after the last"][action.off + 1]}${action.behind ? ", and a target that is behind" : ""}`;
    case "withdraw consent":
      return "withdraw consent";
    case "guard epoch":
      return action.off === null
        ? "no guard of the epoch"
        : `guard the epoch ${action.off === 0 ? "of now" : "of before"}`;
    case "reconcile":
      return "set reconcile";
    case "update": {
      const { checkout, args, interrupted, isAwaited } = action;
      const words = ["pulumi up", ...args, ...(checkout === "other" ? ["in another checkout"] : [])].join(" ");
      const cut = interrupted ? `, ${interrupted.how} when ${showMoment(interrupted.moment)}` : "";
      return `${words}${cut}${isAwaited ? "" : ", and meanwhile"}`;
    }
    case "kill":
      return `kill the ${action.what} of ${action.whom}`;
    case "power off":
    case "power on":
    case "reboot":
      return `${action.kind} ${action.whom}`;
    case "hang":
      return `${action.whom} hangs for ${action.forMs} ms`;
    case "cut":
      return `cut ${action.one} from ${action.other}`;
    case "mend networks":
      return action.kind;
    case "archive":
      return `the archive ${action.state === "hangs" ? "hangs" : `is ${action.state}`}`;
    case "snapshot":
      return `snapshot of the disk of ${action.whom}`;
    case "disk goes back":
      return `the disk of ${action.whom} goes back to its snapshot`;
    default:
      return action satisfies never;
  }
}
