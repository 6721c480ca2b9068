/** An event loop with a clock of its own. One event at a time, by time; what happens "at the same time" happens in an order that the seed decides. */
import type { Random } from "./random.ts";

export interface Loop {
  /** Milliseconds since the beginning. */
  readonly now: () => number;
  /** `what` returns false where nothing was left to be done: that was no step. */
  readonly after: (ms: number, what: () => unknown) => void;
  /** Runs the next event, and all that follows from it without waiting. Whether anything happened. */
  readonly step: () => Promise<boolean>;
}

interface Event {
  readonly at: number;
  readonly order: number;
  readonly what: () => unknown;
}

const isBefore = (a: Event, b: Event): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

/** Promises that are resolved go on in an order that Node fixes; a turn of its own loop ends when none is left. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export function makeLoop(random: Random): Loop {
  const heap: Event[] = [];
  let time = 0;

  function push(event: Event): void {
    let at = heap.push(event) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(event, heap[parent] as Event)) break;
      heap[at] = heap[parent] as Event;
      at = parent;
    }
    heap[at] = event;
  }

  function pop(): Event | undefined {
    const first = heap[0];
    const moved = heap.pop();
    if (!first || !moved || heap.length === 0) return first;
    let at = 0;
    while (true) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Event, heap[child] as Event)) child++;
      if (!isBefore(heap[child] as Event, moved)) break;
      heap[at] = heap[child] as Event;
      at = child;
    }
    heap[at] = moved;
    return first;
  }

  return {
    now: () => time,
    after: (ms, what) => push({ at: time + Math.max(0, ms), order: random.fraction(), what }),
    step: async () => {
      const event = pop();
      if (!event) throw new Error("nothing will ever happen again");
      time = event.at;
      if (event.what() === false) return false;
      await settled();
      return true;
    },
  };
}
