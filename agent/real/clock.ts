import { randomBytes } from "node:crypto";
import { setTimeout as after } from "node:timers/promises";
import type { Clock } from "../surroundings.ts";

/** The host's. */
export const systemClock: Clock = {
  now: () => performance.now(),
  async sleep(ms, cancelled) {
    await after(ms, undefined, cancelled ? { signal: cancelled } : {}).catch(() => {});
  },
  wallTime: () => new Date().toISOString().replace(/\.\d+Z$/, "Z"),
  randomBytes: (count) => randomBytes(count),
};
