/** What agents say to one another. Each message carries its version, and is checked where it comes in. */
import { z } from "zod";
import type { Change, History, Stopped, WalEnd } from "../model/leadership/index.ts";
import {
  answerSchema,
  changeSchema,
  count,
  digestSchema,
  encodeAnswer,
  ledgerIdSchema,
  lsnSchema,
  originsSchema,
  secretSchema,
  walEndSchema,
} from "../model/leadership/schema.ts";
import type { Json } from "./surroundings.ts";

const version = z.literal(1);
const timeline = count.min(1);

export const requestSchema = z.discriminatedUnion("kind", [
  /** Who leads, as far as it knows. `endArming`: and it is not armed any more when it answers. */
  z.strictObject({ version, kind: z.literal("question"), endArming: z.boolean() }),
  /** A primary: its entry hands over to this arming. */
  z.strictObject({
    version,
    kind: z.literal("offer"),
    entry: count,
    digest: digestSchema,
    secret: secretSchema,
    base: changeSchema,
  }),
  /** A primary: it has stopped for good, cleanly. */
  z.strictObject({
    version,
    kind: z.literal("stopped"),
    entry: count,
    secret: secretSchema,
    end: walEndSchema,
    segmentStart: lsnSchema.exactOptional(),
  }),
  /** The target of an offer, which no stream reaches, to the primary that has stopped for it: what the archive does not have. */
  z.strictObject({ version, kind: z.literal("wal"), entry: count, secret: secretSchema, from: walEndSchema }),
  /** A target that has made a claim over this node. */
  z.strictObject({ version, kind: z.literal("standDown"), entry: count, base: changeSchema }),
  /** A target that takes over without the ledger; `ledger`: and has this one in the place of the one that is lost. */
  z.strictObject({
    version,
    kind: z.literal("promise"),
    change: changeSchema,
    ledger: ledgerIdSchema.exactOptional(),
  }),
  /** What the leader's data is made of. */
  z.strictObject({ version, kind: z.literal("history") }),
  /** How far WAL of this timeline is there. */
  z.strictObject({ version, kind: z.literal("walEnd"), timeline }),
]);
export type Request = z.infer<typeof requestSchema>;

const historySchema = z.strictObject({
  timelines: z
    .array(z.strictObject({ timeline, end: lsnSchema }))
    .max(10_000)
    .readonly(),
  origins: originsSchema,
});

export const replySchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("answer"), answer: answerSchema }),
  z.strictObject({ kind: z.literal("done") }),
  z.strictObject({ kind: z.literal("refused"), message: z.string().max(2000), hint: z.string().max(2000) }),
  z.strictObject({ kind: z.literal("history"), history: historySchema }),
  z.strictObject({ kind: z.literal("walEnd"), end: lsnSchema.nullable() }),
  z.strictObject({ kind: z.literal("wal"), bytes: z.base64().max(100_000) }),
]);
export type Reply = z.infer<typeof replySchema>;

const lsn = (value: bigint): string => value.toString();
const text = (of: string): string => of.slice(0, 2000);

const end = ({ timeline, lsn: at }: WalEnd) => ({ timeline, lsn: lsn(at) });

/** As they go over the wire: LSNs are decimal text. */
export const encodeRequest = (request: Request): Json => encodedRequest(request) as Json;

function encodedRequest(request: Request): object {
  if (request.kind === "wal") return { ...request, from: end(request.from) };
  if (request.kind !== "stopped") return request;
  const { segmentStart, ...rest } = request;
  return { ...rest, end: end(rest.end), ...(segmentStart === undefined ? {} : { segmentStart: lsn(segmentStart) }) };
}

export const encodeReply = (reply: Reply): Json => encoded(reply) as Json;

function encoded(reply: Reply): object {
  switch (reply.kind) {
    case "answer":
      return { kind: "answer", answer: encodeAnswer(reply.answer) };
    case "refused":
      return { kind: "refused", message: text(reply.message), hint: text(reply.hint) };
    case "history":
      return { kind: "history", history: encodeHistory(reply.history) };
    case "walEnd":
      return { kind: "walEnd", end: reply.end === null ? null : lsn(reply.end) };
    case "wal":
    case "done":
      return reply;
    default:
      return reply satisfies never;
  }
}

const encodeHistory = ({ timelines, origins }: History): object => ({
  timelines: timelines.map(({ timeline, end }) => ({ timeline, end: lsn(end) })),
  origins,
});

export const question = (endArming: boolean) => ({ version: 1, kind: "question", endArming }) as const;
export const offer = (entry: number, digest: string, secret: string, base: Change) =>
  ({ version: 1, kind: "offer", entry, digest, secret, base }) as const;
export const stopped = (by: Stopped) => ({ version: 1, kind: "stopped", ...by }) as const;
export const wal = (entry: number, secret: string, from: WalEnd) =>
  ({ version: 1, kind: "wal", entry, secret, from }) as const;
export const standDown = (entry: number, base: Change) => ({ version: 1, kind: "standDown", entry, base }) as const;
export const promise = (change: Change, ledger?: string) =>
  ({ version: 1, kind: "promise", change, ...(ledger === undefined ? {} : { ledger }) }) as const;
export const history = { version: 1, kind: "history" } as const;
export const walEnd = (timelineNumber: number) => ({ version: 1, kind: "walEnd", timeline: timelineNumber }) as const;
