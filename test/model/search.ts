/** Breadth-first search over the states of a machine: every state that can be reached, or the shortest way to a violation. */

export interface Action<S> {
  readonly label: string;
  readonly next: S;
}

export interface Machine<S> {
  readonly initial: S;
  /** Every step that may be taken, in an order that depends on the state only. */
  actions(state: S): readonly Action<S>[];
  /** Two states with one key have the same future. */
  key(state: S): string;
  /** What this step broke. */
  violation(before: S, after: S): string | undefined;
}

export interface Result<S> {
  readonly states: number;
  readonly steps: number;
  /** Whether nothing was left to visit. */
  readonly complete: boolean;
  readonly violation?: { readonly message: string; readonly trace: readonly string[]; readonly state: S };
}

export function search<S>(
  machine: Machine<S>,
  { limit = Number.POSITIVE_INFINITY, visit = (_state: S, _trace: () => readonly string[]): void => {} } = {},
): Result<S> {
  const seen = new Set([machine.key(machine.initial)]);
  const parents = [-1];
  const choices = [-1];
  const waiting: (S | undefined)[] = [machine.initial];
  let steps = 0;

  // Labels are not kept: the way to a state is walked again.
  const trace = (state: number): string[] => {
    const path: number[] = [];
    for (let at = state; at > 0; at = parents[at] as number) path.unshift(choices[at] as number);
    let current = machine.initial;
    return path.map((choice) => {
      const action = machine.actions(current)[choice] as Action<S>;
      current = action.next;
      return action.label;
    });
  };

  for (let at = 0; at < waiting.length && seen.size < limit; at++) {
    const state = waiting[at] as S;
    waiting[at] = undefined;
    visit(state, () => trace(at));
    for (const [choice, { label, next }] of machine.actions(state).entries()) {
      steps++;
      const message = machine.violation(state, next);
      if (message) {
        return {
          states: seen.size,
          steps,
          complete: false,
          violation: { message, trace: [...trace(at), label], state: next },
        };
      }
      const key = machine.key(next);
      if (seen.has(key)) continue;
      seen.add(key);
      parents.push(at);
      choices.push(choice);
      waiting.push(next);
    }
  }
  return { states: seen.size, steps, complete: seen.size < limit };
}
