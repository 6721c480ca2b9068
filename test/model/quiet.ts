/** What becomes of a state when nothing goes wrong any more. */
import { type Handover, handover, isWritable, type Kind, nameOf, type Scenario, type State } from "./protocol.ts";

/** Takes the steps of these kinds until there is none, earlier kinds first. */
function settle(machine: Handover, state: State, kinds: readonly Kind[]): State {
  let current = state;
  for (let left = 200; left > 0; left--) {
    const steps = machine.actions(current);
    const step = kinds.map((wanted) => steps.find(({ kind }) => kind === wanted)).find((found) => found);
    if (!step) return current;
    const broken = machine.violation(current, step.next);
    if (broken) throw new Error(broken);
    current = step.next;
  }
  throw new Error(`does not come to rest: ${JSON.stringify(current)}`);
}

const AFTERWARDS = 9;

/** All hosts come up, nothing is lost, and one more `pulumi up` with this primary runs to its end. */
export function untroubledUpdate(scenario: Scenario, target: number): (state: State) => string | undefined {
  const updates = [...scenario.updates, { target, fenced: [] }];
  const intent = updates.length;
  const machine = handover({ ...scenario, updates, commits: 0, faults: 0, epochs: AFTERWARDS, staleReads: false });
  const answers = new Map<string, string | undefined>();

  const byItself = (state: State) => settle(machine, state, ["host", "stopped", "archive"]);
  const finish = (claimed: State): string | undefined => {
    let current = claimed;
    for (const step of ["arm", "yield", "lead", "follow"] as const) {
      current = byItself(settle(machine, current, [`${step} ${intent}`]));
      if (step === "lead") current = byItself(settle(machine, current, ["deadline"]));
    }
    return hasPrimary(current, target) ?? hasFollowers(current, target);
  };
  return (state) => {
    const waited = settle(machine, byItself({ ...state, proof: [...state.proof, 0] }), ["deadline"]);
    const claimed = byItself(settle(machine, byItself(waited), [`claim ${intent}`]));
    const key = machine.key(claimed);
    if (!answers.has(key)) answers.set(key, finish(claimed));
    return answers.get(key);
  };
}

/** Power returns on all hosts at once, the archive stays away, nobody runs an update. */
export function reboot(scenario: Scenario): (state: State) => string | undefined {
  const machine = handover({ ...scenario, commits: 0, faults: 0 });
  return (state) => {
    const nodes = state.nodes.map((node) => ({
      ...node,
      on: false,
      postgres: "down" as const,
      waiting: "no" as const,
      allowed: false,
      asking: false,
      heard: 0,
      highest: 0,
      giving: undefined,
    }));
    return hasPrimary(settle(machine, { ...state, nodes }, ["host", "stopped"]));
  };
}

function hasPrimary({ nodes }: State, expected?: number): string | undefined {
  const writable = nodes.flatMap((node, self) => (isWritable(node) ? [self] : []));
  const names = writable.map(nameOf).join(" and ") || "nobody";
  if (writable.length !== 1) return `${names} is writable in the end`;
  if (expected !== undefined && writable[0] !== expected)
    return `${names} is writable in the end, ${nameOf(expected)} is declared`;
  return undefined;
}

function hasFollowers({ nodes }: State, primary: number): string | undefined {
  const { log } = nodes[primary] as State["nodes"][number];
  const behind = nodes.findIndex((node) => node.log !== log);
  return behind < 0 ? undefined : `${nameOf(behind)} does not follow in the end`;
}
