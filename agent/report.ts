/** What an engineer on call asks first: who leads, by which entry, and why this node would or would not take writes. Nothing is changed by it. */
import { z } from "zod";
import {
  type Answers,
  type Arming,
  changeOf,
  describeEnd,
  type Entry,
  explainStart,
  floorOf,
  hear,
  type Inquiry,
  ledgerRead,
  type Member,
  membersOf,
  noInquiry,
  ownLedger,
  type Reading,
  roundEnded,
  type Start,
  sorted,
  whomToAsk,
} from "../model/leadership/index.ts";
import { changeSchema, consentSchema, count, memberSchema, membersSchema } from "../model/leadership/schema.ts";
import { askAll } from "./asking.ts";
import { because } from "./errors.ts";
import { verdict } from "./guard.ts";
import { leads, type Node } from "./node.ts";

const text = z.string().max(4000);
const phases = ["down", "standby", "starting", "serving", "stopping", "byHand", "unclear"] as const;

const takenSchema = z.strictObject({
  change: changeSchema,
  /** Entries of the ledger alone have these. */
  kind: z.enum(["initial", "planned", "claim", "closed"]).nullable(),
  at: text.nullable(),
  by: memberSchema.nullable(),
  consent: consentSchema.nullable(),
});

const peerSchema = z.strictObject({
  member: memberSchema,
  /** null: it does not answer. */
  answer: z
    .strictObject({
      leader: memberSchema.nullable(),
      change: changeSchema,
      joined: z.boolean(),
      serving: z.boolean(),
      isArmed: z.boolean(),
    })
    .nullable(),
});

export const reportSchema = z.strictObject({
  version: z.literal(1),
  at: text,
  node: memberSchema,
  /** False: the agent still brings PostgreSQL to what this node stands for, and answers nobody. What comes below is from its files. */
  isReady: z.boolean(),
  phase: z.enum(phases),
  /** What `pg_control` says; null: there is no data directory. */
  control: text.nullable(),
  timeline: count.nullable(),
  leader: memberSchema.nullable(),
  taken: takenSchema.nullable(),
  /** This node has the leader's data, and has not only heard of it. */
  joined: z.boolean(),
  /** From whom a running standby receives. */
  source: memberSchema.nullable(),
  members: membersSchema,
  promises: membersSchema,
  arming: text,
  start: z.strictObject({ verdict: z.enum(["lead", "ask", "stay"]), message: text, hint: text }),
  ledger: z.strictObject({ isInReach: z.boolean(), end: text }),
  peers: z.array(peerSchema).max(200),
  /** What went wrong last, if PostgreSQL is not what this node stands for. */
  trouble: text.nullable(),
});
export type Report = z.output<typeof reportSchema>;

/** @param isLocal nobody is asked, and the ledger is not read. So it is also before the agent is ready */
export async function report(node: Node, isReady: boolean, isLocal = !isReady): Promise<Report> {
  const { me, memory, world } = node;
  const { token, arming, joined } = memory.my;
  const found = isLocal ? nothingAsked : await ask(node);
  const start = verdict(node, found.inquiry);
  const control = await world.postgres.control().catch((error) => because(error));
  return {
    version: 1,
    at: world.clock.wallTime(),
    node: me,
    isReady,
    phase: memory.phase,
    control: control === undefined ? null : typeof control === "string" ? control : control.state,
    timeline: memory.origins.at(-1)?.timeline ?? null,
    leader: token.leader,
    taken: takenBy(node, found.reading),
    joined,
    source: memory.source,
    members: token.members,
    promises: token.promises,
    arming: describeArming(arming),
    start: { verdict: start.kind, ...explainStart(inItsWords(start, found.reading), found.reading) },
    ledger: { isInReach: found.reading.kind === "read", end: describeEnd(found.reading) },
    peers: found.peers.map((member) => peerOf(member, found.answers)),
    trouble: isAsItShouldBe(node) ? null : memory.trouble,
  };
}

interface Found {
  readonly reading: Reading;
  readonly peers: readonly Member[];
  readonly answers: Answers;
  readonly inquiry: Inquiry;
}

const nothingAsked: Found = { reading: noInquiry.reading, peers: [], answers: new Map(), inquiry: noInquiry };

/** As the guard asks, by plain questions alone: what it finds out stays here. */
async function ask(node: Node): Promise<Found> {
  const { me, memory, ledger } = node;
  const { token } = memory.my;
  let inquiry = ledgerRead(token, noInquiry, await ledger.read(token.entry));
  const end = inquiry.reading.kind === "read" ? inquiry.reading.entries.at(-1) : undefined;
  const peers = sorted([...whomToAsk(me, token, inquiry), ...(end ? membersOf(end) : [])]).filter(
    (each) => each !== me,
  );
  const answers = await askAll(node, peers);
  // What every member knows counts without the ledger only when all have said it twice.
  for (const round of [answers, await askAll(node, [...answers.keys()])])
    inquiry = roundEnded(me, token, inquiry, whoKnowNothingLater(node, inquiry, round));
  const reading = await ledger.read(token.entry);
  return { reading, peers, answers, inquiry: ledgerRead(token, inquiry, reading) };
}

function whoKnowNothingLater({ me, memory }: Node, inquiry: Inquiry, answers: Answers): readonly Member[] {
  const { token } = memory.my;
  return [...answers].flatMap(([peer, answer]) => {
    const heard = hear(me, token, answer, floorOf(peer, token, inquiry));
    return heard.kind === "nothing" && answer.arming.kind === "none" ? [peer] : [];
  });
}

/** Why the ledger cannot be read, as the store has just said. */
function inItsWords(start: Start, reading: Reading): Start {
  if (start.kind === "stay" || start.basis.kind === "ledger" || reading.kind === "read") return start;
  return start.basis.ledger.kind === "unread" ? { ...start, basis: { ...start.basis, ledger: reading } } : start;
}

function takenBy({ memory }: Node, reading: Reading): Report["taken"] {
  const { token } = memory.my;
  if (token.leader === null) return null;
  const own = ownLedger(token, reading);
  const entry: Entry | undefined =
    own.kind === "own" && token.overrides === 0 ? own.entries.find(({ number }) => number === token.entry) : undefined;
  const { kind = null, at = null, by = null, consent = null } = entry ?? {};
  return { change: changeOf(token), kind, at, by, consent };
}

function peerOf(member: Member, answers: Answers): Report["peers"][number] {
  const answer = answers.get(member);
  if (!answer) return { member, answer: null };
  const { token, joined, serving, arming } = answer;
  return {
    member,
    answer: { leader: token.leader, change: changeOf(token), joined, serving, isArmed: arming.kind !== "none" },
  };
}

function describeArming(arming: Arming): string {
  switch (arming.kind) {
    case "none":
      return "no";
    case "open":
      return "yes, for a change that is not written yet";
    case "entry":
      return `yes, for change ${arming.entry}`;
    case "override":
      return "yes, for an override without the ledger";
    default:
      return arming satisfies never;
  }
}

/** Whether this node does what its token says. */
const isAsItShouldBe = (node: Node): boolean => node.memory.phase === (leads(node) ? "serving" : "standby");
