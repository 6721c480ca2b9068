/** A node follows the leader: it hears who leads, makes its data a beginning of that leader's, and receives from it. */
import {
  type Answer,
  adopted,
  changeOf,
  compare,
  followed,
  type History,
  isPrefix,
  type Member,
  mayFollow,
  mayRewind,
  stopped,
} from "../model/leadership/index.ts";
import { askHistory, askWhoLeads } from "./asking.ts";
import { because, Refused, refused } from "./errors.ts";
import { isServing, type Node } from "./node.ts";

export type Followed = "already" | "repointed" | "rewound" | "copied";

export async function follow(node: Node, leader: Member): Promise<Followed> {
  return node.turn(async () => followInTurn(node, leader, await leaderSays(node, leader)));
}

async function followInTurn(node: Node, leader: Member, answer: Answer): Promise<Followed> {
  await mayDoSo(node, leader, answer);
  if (await goesOn(node, leader, answer)) return "already";
  if (node.memory.phase === "standby") await comesDown(node);
  const how = await makePrefix(node, leader, answer);
  await startAsStandby(node);
  node.log("follows", { leader, how, token: changeOf(answer.token) });
  return how;
}

/** In a turn: as one that receives from its leader, where its data is that one's; else from nobody. */
export async function startAsStandby({ me, memory, world }: Node): Promise<void> {
  const { joined, token } = memory.my;
  const begun = memory.origins.at(-1);
  const leader = joined && token.leader !== me ? token.leader : null;
  await world.postgres.startStandby(leader && begun ? { leader, begun } : null);
  Object.assign(memory, { phase: "standby", source: leader });
}

async function leaderSays(node: Node, leader: Member): Promise<Answer> {
  const answer = await askWhoLeads(node, leader);
  if (answer) return answer;
  throw new Refused({
    message: `${leader} does not answer`,
    hint: "see that its agent runs and can be reached, then run the update again",
  });
}

/** It receives from this leader already, and from the same timeline: then it only has to hear of the leader's last change. */
async function goesOn(node: Node, leader: Member, answer: Answer): Promise<boolean> {
  const { memory, log } = node;
  if (memory.phase !== "standby" || memory.source !== leader || !memory.my.joined) return false;
  const mine = await myHistory(node);
  const theirs = await historyOf(node, leader);
  const isSame = theirs.origins.at(-1)?.timeline === memory.origins.at(-1)?.timeline;
  if (!isSame || !isPrefix(mine, theirs)) return false;
  if (!isUpToDate(node, leader, answer)) {
    await joins(node, leader, answer, theirs.origins);
    log("follows on", { leader, token: changeOf(answer.token) });
  }
  return true;
}

function isUpToDate({ memory }: Node, leader: Member, { token }: Answer): boolean {
  const { my } = memory;
  const isList = String(my.token.members) === String(token.members) && !my.token.promises.includes(leader);
  return compare(my.token, token) === 0 && my.token.leader === leader && isList;
}

/** A standby goes on with its leader, which has claimed over what was open, changed the members, or begun a timeline. Whoever else leads is for an update. */
export async function followsOn(node: Node): Promise<void> {
  const { me, memory } = node;
  await node.turn(async () => {
    const { leader } = memory.my.token;
    if (leader === null || leader === me || memory.phase !== "standby" || !memory.my.joined) return;
    if (memory.my.arming.kind !== "none") return;
    const answer = await askWhoLeads(node, leader);
    if (!answer?.serving || answer.token.leader !== leader) return;
    // Data is given up by an update only.
    if (isPrefix(await myHistory(node), await historyOf(node, leader))) await followInTurn(node, leader, answer);
    else
      node.log("does not follow on", {
        leader,
        why: "its data is no beginning of the leader's: an update lets it follow",
      });
  });
}

async function mayDoSo({ me, memory, hold }: Node, leader: Member, answer: Answer): Promise<void> {
  await hold(async () => {
    if (memory.otherMachine !== null)
      throw new Refused({
        message: "the data was last used on another machine",
        hint: "stop that machine for good, and adopt this one",
      });
    const decided = mayFollow(me, memory.my.token, memory.my.arming, isServing(memory), leader, answer);
    if (!decided.may) throw refused(decided.why);
  });
}

/** What it has is compared, and copied, while nothing runs. */
export async function comesDown({ memory, world, hold, change }: Node): Promise<void> {
  await world.postgres.stopCleanly().catch(() => undefined);
  await world.postgres.stopAtOnce();
  await hold(async () => {
    Object.assign(memory, { phase: "down", source: null });
    await change(stopped(memory.my));
  });
}

async function makePrefix(node: Node, leader: Member, answer: Answer): Promise<Followed> {
  const { world, log } = node;
  const { postgres } = world;
  const hasData = (await postgres.control()) !== undefined;
  if (hasData) log("compares", { leader });
  const theirs = await historyOf(node, leader);
  if (hasData) {
    const mine = await myHistory(node);
    if (isPrefix(mine, theirs)) {
      await joins(node, leader, answer, theirs.origins);
      return "repointed";
    }
    // From here on the data may be nobody's: it has heard, and not joined.
    await hears(node, leader, answer);
    if (mayRewind(mine, theirs)) {
      log("rewinds", { leader });
      try {
        await postgres.becomeCopyOf(leader, "rewind");
        if (await hasJoined(node, leader, answer)) return "rewound";
      } catch (error) {
        log("could not rewind", { why: because(error) });
      }
    }
  }
  log("copies", { leader, hasData });
  await postgres.becomeCopyOf(leader, "copy");
  if (await hasJoined(node, leader, answer)) return "copied";
  throw new Refused({ message: `${leader} has ceased to lead while it was copied`, hint: "run the update again" });
}

async function hears({ me, memory, hold, change }: Node, leader: Member, answer: Answer): Promise<void> {
  await hold(async () => {
    const decided = mayFollow(me, memory.my.token, memory.my.arming, isServing(memory), leader, answer);
    if (!decided.may) throw refused(decided.why);
    await change({ ...adopted(memory.my, answer.token), joined: false });
  });
}

/** What was made is the leader's only if it led by the same change all along. */
async function hasJoined(node: Node, leader: Member, before: Answer): Promise<boolean> {
  const theirs = await historyOf(node, leader);
  const after = await leaderSays(node, leader);
  if (!after.serving || compare(after.token, before.token) !== 0 || after.token.leader !== leader) return false;
  await joins(node, leader, after, theirs.origins);
  return true;
}

async function joins(
  { me, memory, hold, change }: Node,
  leader: Member,
  answer: Answer,
  origins: History["origins"],
): Promise<void> {
  await hold(async () => {
    const decided = mayFollow(me, memory.my.token, memory.my.arming, isServing(memory), leader, answer);
    if (!decided.may) throw refused(decided.why);
    await change(followed(memory.my, answer.token), origins);
  });
}

async function historyOf(node: Node, leader: Member): Promise<History> {
  const theirs = await askHistory(node, leader);
  if (theirs) return theirs;
  throw new Refused({ message: `${leader} does not say what its data is made of`, hint: "run the update again" });
}

/** This node's timelines, each with its end; the last one ends where its WAL does. */
export async function myHistory({ memory, world: { postgres } }: Node): Promise<History> {
  const timelines = await postgres.history();
  const ends = await Promise.all(
    timelines.map(async ({ timeline, end }) => ({ timeline, end: end ?? (await postgres.walEnd(timeline)) ?? 0n })),
  );
  return { timelines: ends, origins: memory.origins };
}
