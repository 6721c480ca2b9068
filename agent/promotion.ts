/** From the decision that this node leads to the moment when PostgreSQL takes writes. All of it in the caller's turn. */
import {
  changeOf,
  compare,
  type LastRun,
  type Member,
  type Origin,
  startBy,
  startsWriting,
  type Token,
  takesWrites,
} from "../model/leadership/index.ts";
import { because } from "./errors.ts";
import { leads, type Node } from "./node.ts";
import type { ControlState, Timeline } from "./surroundings.ts";

/** Of a node that has just taken a change, as a standby. Nothing happens where it stood down meanwhile. */
export async function promote(node: Node): Promise<void> {
  const { memory, hold, change, world, log } = node;
  const goesAhead = await hold(async () => {
    if (!memory.my.mayPromote || !leads(node) || memory.phase !== "standby") return false;
    await change(startsWriting(memory.my));
    // From here on it answers that it serves, whatever PostgreSQL says.
    memory.phase = "starting";
    return true;
  });
  if (!goesAhead) return;
  log("promotes", { token: changeOf(memory.my.token) });
  await world.postgres.promote();
  await nowTakesWrites(node);
}

/** Of a node that the guard lets go ahead: `starting` already, by the hold that decided it. */
export async function startWriting(node: Node, by: "start" | "promotion"): Promise<void> {
  const { memory, world, log } = node;
  const { postgres } = world;
  log("starts as the primary", { by, token: changeOf(memory.my.token) });
  if (by === "start") await postgres.startPrimary();
  else {
    await postgres.startStandby(null);
    // What was fetched for the arming is there still; nobody waits for an archive that does not answer.
    await postgres.fetchHistories().catch((error) => log("has not fetched histories", { why: because(error) }));
    await postgres.promote();
  }
  await nowTakesWrites(node);
}

/** Also what an agent finds that was restarted in the middle. */
export async function nowTakesWrites(node: Node): Promise<void> {
  const { memory, hold, change, world, log, me } = node;
  const history = await hold(async () => {
    memory.source = null;
    const { my, origins } = memory;
    const history = await world.postgres.history();
    const goesOn = my.promoted !== null && compare(my.promoted, my.token) === 0;
    await change(takesWrites(my), owned(me, my.token, goesOn ? origins : origins.filter(isBefore(history)), history));
    memory.phase = "serving";
    return history;
  });
  log("takes writes", {
    token: changeOf(memory.my.token),
    timeline: history.at(-1)?.timeline,
    begins: history.at(-2)?.end ?? null,
  });
  await keepSlots(node);
  // Before 16, whoever rewinds by this server does not see the new timeline until then. PostgreSQL takes minutes for it by itself.
  void world.postgres.checkpoint().catch((error) => log("has no checkpoint yet", { why: because(error) }));
}

const isBefore =
  (history: readonly Timeline[]) =>
  ({ timeline }: Origin): boolean =>
    timeline !== history.at(-1)?.timeline;

/**
 * A timeline without an origin is this node's, by its present change: the last one, that it has begun, perhaps by a second promotion for one change; and
 * one before of which nothing is known, such as one that was begun by hand. Else no follower's data would ever be a beginning of this node's. Of others than its own this data has none, whatever
 * its leaders had.
 */
function owned(me: Member, token: Token, origins: readonly Origin[], history: readonly Timeline[]): readonly Origin[] {
  const found = history.map(
    ({ timeline }) =>
      origins.find((each) => each.timeline === timeline) ?? { timeline, change: changeOf(token), by: me },
  );
  return found.length === origins.length && found.every((each, at) => each === origins[at]) ? origins : found;
}

/** WAL is kept for those that are to receive it, and for nobody else: who is gone would fill the disk. */
export async function keepSlots({ me, memory, world, log }: Node): Promise<void> {
  const begun = memory.origins.at(-1);
  const { members } = memory.my.token;
  const followers = members.filter((each) => each !== me && (memory.receivers?.includes(each) ?? true));
  if (begun)
    await world.postgres.keepSlots(begun, followers).catch((error) => log("has no slots", { why: because(error) }));
}

/** Whether `pg_control` names the state of a primary. A crash leaves "in production". */
export const asPrimary = (state: ControlState): boolean =>
  state === "in production" || state === "shut down" || state === "shutting down" || state === "in crash recovery";

/** How it comes up, by the last run. */
export async function howToStart({ memory, world: { postgres } }: Node): Promise<"start" | "promotion"> {
  const control = await postgres.control();
  if (!control) throw new Error("there is no data to start");
  const lastRun: LastRun = { asPrimary: asPrimary(control.state), hasBackupLabel: await postgres.hasBackupLabel() };
  return startBy(memory.my, lastRun);
}
