/** Asking peers. Who does not answer, or not in a form that is known, is silent. */
import type { Answer, Answers, Explanation, History, Member, Members } from "../model/leadership/index.ts";
import { because, Refused } from "./errors.ts";
import { encodeRequest, history, question, type Reply, type Request, replySchema, walEnd } from "./messages.ts";
import type { Node } from "./node.ts";
import { times } from "./times.ts";

/** The peer's reply; undefined: it is silent. */
export async function ask(
  node: Node,
  to: Member,
  request: Request,
  deadlineMs: number = times.question,
): Promise<Reply | undefined> {
  try {
    const reply = replySchema.parse(await node.world.peers.ask(to, encodeRequest(request), deadlineMs));
    if (reply.kind === "answer") heardOf(node, reply.answer);
    return reply;
  } catch (error) {
    node.log("is silent", { peer: to, asked: request.kind, why: because(error) });
    return undefined;
  }
}

/** A ledger that ends below what somebody knows to be taken has not been read to its end. */
function heardOf({ ledgerOf, memory }: Node, { token }: Answer): void {
  if (token.ledger === memory.my.token.ledger) ledgerOf(token.ledger).heardOf(token.entry);
}

export async function askWhoLeads(node: Node, to: Member, endArming = false): Promise<Answer | undefined> {
  const reply = await ask(node, to, question(endArming));
  return reply?.kind === "answer" ? reply.answer : undefined;
}

/** All at once. */
export async function askAll(node: Node, peers: Members, endArming = false): Promise<Answers> {
  const others = peers.filter((peer) => peer !== node.me);
  const answers = await Promise.all(others.map((peer) => askWhoLeads(node, peer, endArming)));
  return new Map(others.flatMap((peer, at) => (answers[at] ? [[peer, answers[at]]] : [])));
}

export async function askHistory(node: Node, leader: Member): Promise<History | undefined> {
  const reply = await ask(node, leader, history);
  return reply?.kind === "history" ? reply.history : undefined;
}

/** How far they hold WAL of this timeline, those who answer. */
export async function askWalEnds(node: Node, peers: Members, timeline: number): Promise<ReadonlyMap<Member, bigint>> {
  const replies = await Promise.all(peers.map((peer) => ask(node, peer, walEnd(timeline))));
  return new Map(
    peers.flatMap((peer, at) => {
      const reply = replies[at];
      return reply?.kind === "walEnd" && reply.end !== null ? [[peer, reply.end]] : [];
    }),
  );
}

/** Asks again until the peer replies, at most so long. Throws what it refuses with. undefined: it was silent all the time. */
export async function insist(node: Node, to: Member, request: Request, ms: number): Promise<Reply | undefined> {
  const { clock } = node.world;
  const end = clock.now() + ms;
  do {
    const reply = await ask(node, to, request);
    if (reply?.kind === "refused") throw new Refused(reply satisfies Explanation);
    if (reply) return reply;
    await clock.sleep(times.again);
  } while (clock.now() < end);
  return undefined;
}
