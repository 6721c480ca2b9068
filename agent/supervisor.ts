/** Looks at PostgreSQL again and again, and brings about what this node stands for: leads, asks, or is a standby. */
import { changeOf, letGo, stopped } from "../model/leadership/index.ts";
import { because } from "./errors.ts";
import { makeSure } from "./failover.ts";
import { followsOn, startAsStandby } from "./follow.ts";
import { askAboutPromises, guardRound } from "./guard.ts";
import { hasAnswer, leads, type Node } from "./node.ts";
import { asPrimary, nowTakesWrites, promote } from "./promotion.ts";
import { takeOffer } from "./switchover.ts";

/** One look. Whatever goes wrong is looked at again the next time. */
export async function look(node: Node, isTimeForLedger: boolean): Promise<void> {
  const { memory } = node;
  await step(node, "look", () => node.turn(() => settle(node)));
  if (memory.isQuiet) await step(node, "archive", () => node.turn(() => asksArchiveAgain(node)));
  if (memory.told !== null) await step(node, "take", () => takeOffer(node));
  if (memory.phase === "down" && leads(node) && memory.my.arming.kind === "none" && memory.otherMachine === null)
    await step(node, "guard", () => guardRound(node));
  if (memory.phase === "serving" && leads(node) && isTimeForLedger) await step(node, "make sure", () => makeSure(node));
  if (isTimeForLedger) await step(node, "follow on", () => followsOn(node));
  if (isTimeForLedger) await step(node, "promises", () => askAboutPromises(node));
}

async function step(node: Node, what: string, work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (node.memory.failed) throw node.memory.failed;
    node.memory.trouble = `${node.world.clock.wallTime()} ${what}: ${because(error)}`;
    node.log("failed", { what, why: because(error) });
  }
}

/** Nobody waits to take over here any more. A promotion ends it by itself. */
async function asksArchiveAgain({ memory, world }: Node): Promise<void> {
  if (memory.my.arming.kind !== "none" || memory.my.mayPromote || memory.phase === "starting") return;
  await world.postgres.askArchive();
  memory.isQuiet = false;
}

/** What PostgreSQL does, and what it should. */
export async function settle(node: Node): Promise<void> {
  const { memory, world } = node;
  const { postgres } = world;
  const seen = await postgres.running();
  switch (seen) {
    case "writes":
      if (!leads(node)) await isByHand(node);
      else if (memory.phase !== "serving") await nowTakesWrites(node);
      return;
    case "recovery":
      return standbyRuns(node);
    case "unclear":
      await postgres.putSignal();
      await postgres.stopAtOnce();
      return isDown(node);
    case "nothing":
      return isDown(node);
    default:
      seen satisfies never;
  }
}

async function standbyRuns(node: Node): Promise<void> {
  const { memory, world, log } = node;
  if (leads(node) && memory.my.mayPromote && memory.phase === "standby") return promote(node);
  if (leads(node) || memory.phase === "starting" || memory.phase === "serving") {
    // Only the guard lets a leader go on; a promotion that was forgotten may end at any moment.
    log("stops a standby that leads by its token", { token: changeOf(memory.my.token) });
    await world.postgres.putSignal();
    await world.postgres.stopAtOnce();
    return isDown(node);
  }
  memory.phase = "standby";
}

async function isByHand(node: Node): Promise<void> {
  const { memory, hold } = node;
  if (memory.phase === "byHand") return;
  await hold(async () => {
    memory.phase = "byHand";
    await disown(node);
  });
}

/**
 * Its last run was as a primary. Where it did not begin the last timeline by a change of its own, somebody promoted it: then this timeline has no origin,
 * also where a leader's of the same number is kept for the time when its WAL comes; and the data is nobody's.
 */
async function disown({ me, memory, change, world, log }: Node): Promise<void> {
  const { my, origins } = memory;
  const timeline = (await world.postgres.history()).at(-1)?.timeline;
  const origin = origins.find((each) => each.timeline === timeline);
  const leads = my.token.leader === me;
  if (origin?.by === me || !(origin || (my.joined && !leads))) return;
  await change(
    { ...my, joined: my.joined && leads },
    origins.filter((each) => each !== origin),
  );
  log("was promoted by hand", { timeline });
}

async function isDown(node: Node): Promise<void> {
  const { memory, hold, change, world } = node;
  const control = await world.postgres.control();
  if (control === undefined) {
    memory.phase = "down";
    return;
  }
  await hold(async () => {
    if (asPrimary(control.state)) await disown(node);
    const { phase } = memory;
    memory.phase = "down";
    memory.source = null;
    const my = stopped({ ...memory.my, signal: true });
    // A claim of a primary ends with it: it goes through the guard.
    const wasPrimary = phase !== "down" && phase !== "standby";
    await change(wasPrimary && leads(node) ? letGo(my) : my);
  });
  if (!leads(node) && hasAnswer(memory)) await startAsStandby(node);
}
