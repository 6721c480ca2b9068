/** What a node says to its peers. */
import type { Member } from "../model/leadership/index.ts";
import { questioned } from "../model/leadership/index.ts";
import { Refused } from "./errors.ts";
import { onStandDown } from "./failover.ts";
import { myHistory } from "./follow.ts";
import { encodeReply, type Reply, type Request, requestSchema } from "./messages.ts";
import { answerOf, hasAnswer, leads, type Node } from "./node.ts";
import { onPromise } from "./override.ts";
import type { Json } from "./surroundings.ts";
import { onOffer, onStopped, readOwnWal } from "./switchover.ts";

/** `wake`: there is something to be done about PostgreSQL. Rejects, so that it is silent, where it has no answer. */
export async function reply(node: Node, wake: () => void, from: Member, request: Json): Promise<Json> {
  const parsed = requestSchema.parse(request);
  if (node.memory.failed) throw node.memory.failed;
  if (!hasAnswer(node.memory)) throw new Error("it has no token, or one of another machine: it has no answer");
  try {
    const said = await replyTo(node, from, parsed);
    if (parsed.kind === "stopped") wake();
    return encodeReply(said);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    node.log("refuses", { peer: from, asked: parsed.kind, message: error.message });
    return encodeReply({ kind: "refused", message: error.message, hint: error.hint });
  }
}

async function replyTo(node: Node, from: Member, request: Request): Promise<Reply> {
  switch (request.kind) {
    case "question":
      return { kind: "answer", answer: request.endArming ? await answersUnarmed(node) : answerOf(node) };
    case "offer":
      await onOffer(node, from, request);
      return { kind: "done" };
    case "stopped":
      await onStopped(node, request);
      return { kind: "done" };
    case "standDown":
      await onStandDown(node, request, from);
      return { kind: "done" };
    case "promise":
      await onPromise(node, from, request);
      return { kind: "done" };
    case "history":
      if (node.memory.phase !== "serving" || !leads(node)) throw new Error("it does not lead");
      return { kind: "history", history: await myHistory(node) };
    case "wal":
      return { kind: "wal", bytes: Buffer.from(await readOwnWal(node, from, request)).toString("base64") };
    case "walEnd":
      return { kind: "walEnd", end: (await node.world.postgres.walEnd(request.timeline)) ?? null };
    default:
      return request satisfies never;
  }
}

async function answersUnarmed(node: Node) {
  const { memory, hold, change } = node;
  return hold(async () => {
    if (memory.my.arming.kind !== "none") await change(questioned(memory.my));
    return answerOf(node);
  });
}
