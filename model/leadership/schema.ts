/** The durable and wire forms. Text from a disk, a peer or the archive is data until one of these has let it in. */
import { z } from "zod";
import type { Answer, Arming } from "./answer.ts";
import type { Change } from "./change.ts";
import type { Origin } from "./follow.ts";
import type { Consent, Entry } from "./ledger.ts";
import type { Member, Members } from "./member.ts";
import type { Token } from "./token.ts";
import type { WalEnd } from "./verdict.ts";

/** At most nine digits: no number of ours ever overflows, in whatever reads it. */
export const count = z.int().min(0).max(999_999_999);
const positive = count.min(1);
const version = z.literal(1);

/** A node's name as the config allows it, and the SHA-256 of its public key. */
export const memberSchema = z
  .string()
  .regex(/^[a-z0-9](?:[a-z0-9.-]{0,61}[a-z0-9])?@[0-9a-f]{64}$/, "must be a node's name and the fingerprint of its key")
  .transform((text) => text as Member);

/** More nodes than a cluster can have; a list that is longer is no list of ours. */
const MOST_MEMBERS = 100;
export const membersSchema: z.ZodType<Members, string[]> = z
  .array(memberSchema)
  .max(MOST_MEMBERS)
  .refine(
    (list) => list.every((each, at) => at === 0 || (list[at - 1] as Member) < each),
    "must be sorted, each member once",
  );

export const digestSchema = z.string().regex(/^[0-9a-f]{64}$/, "must be a SHA-256");
export const ledgerIdSchema = z.uuid();
const nonceSchema = z.string().regex(/^[0-9a-f]{32}$/, "must be 16 random bytes");
const atSchema = z.iso.datetime({ precision: 0 });

/** As decimal text, which JSON has no number for. */
export const lsnSchema: z.ZodType<bigint, unknown> = z
  .string()
  .regex(/^[0-9]{1,20}$/, "must be a position in WAL")
  .transform(BigInt);
export const walEndSchema: z.ZodType<WalEnd, unknown> = z.strictObject({ timeline: positive, lsn: lsnSchema });

export const changeSchema: z.ZodType<Change> = z.strictObject({ entry: count, overrides: count });

/** Bytes of WAL, which may be more than a number of ours: whole, and exact in JSON. */
const bytes = z.int().min(0);
export const consentSchema: z.ZodType<Consent> = z
  .strictObject({ lossBytes: bytes.exactOptional(), lossUnknown: z.literal(true).exactOptional() })
  .refine(({ lossBytes, lossUnknown }) => lossBytes !== undefined || lossUnknown, "must accept something");

const memberNumbers = z
  .record(memberSchema, positive)
  .refine((members) => Object.keys(members).length <= MOST_MEMBERS, "must list fewer members");

const entryShape = z.strictObject({
  version,
  ledger: ledgerIdSchema,
  number: positive,
  epoch: positive,
  kind: z.enum(["initial", "planned", "claim", "closed"]),
  by: memberSchema,
  to: memberSchema,
  over: membersSchema,
  base: changeSchema,
  held: changeSchema,
  consent: consentSchema.nullable(),
  members: memberNumbers,
  named: membersSchema,
  nonce: nonceSchema,
  at: atSchema,
  /** Empty: it is the first of all ledgers. */
  previous: digestSchema.or(z.literal("")),
  replaces: ledgerIdSchema.exactOptional(),
  replacedBy: ledgerIdSchema.exactOptional(),
});

/** An entry as it lies in the archive. Its MAC lies around it; its digest and companion are found by the reader. */
export const entrySchema: z.ZodType<Omit<Entry, "digest" | "taken">, unknown> = entryShape
  .refine(
    ({ kind, by, to }) => kind === "planned" || by === to,
    "only a planned change is made by another than its target",
  )
  .refine(({ kind, over }) => kind === "claim" || over.length === 0, "only a claim is over anybody")
  .refine(({ over, to }) => !over.includes(to), "nobody claims over itself")
  .refine(({ named, to }) => named.includes(to), "must name its target")
  .refine(
    ({ members, number }) => Object.values(members).every((since) => since <= number),
    "nobody is a member since a later entry",
  )
  .refine(({ base, number }) => base.entry < number, "must be above its base")
  .refine(
    ({ kind, replacedBy }) => (kind === "closed") === (replacedBy !== undefined),
    "only a closed ledger is replaced",
  )
  .refine(({ kind, replaces }) => kind === "initial" || replaces === undefined, "only a new ledger replaces another")
  .transform(({ version: _, ...entry }) => entry);

export const encodeEntry = (entry: Omit<Entry, "digest" | "taken">): object => {
  const { digest: _, taken: __, ...written } = entry as Entry;
  return { version: 1, ...written };
};

/** What lies beside an entry that was taken. */
export const takenSchema = z.strictObject({ version, ledger: ledgerIdSchema, number: positive, digest: digestSchema });

/** Which entry a ledger begins with that is in the place of another one. */
export const firstSchema = z.strictObject({ version, ledger: ledgerIdSchema, number: positive });

/**
 * What a node keeps that has replaced the ledger: what the first entry of the new one says, and where the old one is to be closed.
 */
export const replacementSchema = z.strictObject({
  version,
  /** The new one. */
  ledger: ledgerIdSchema,
  replaces: ledgerIdSchema,
  /** The last entry of the old one that this node knows. */
  known: count,
  /** Of the new one's first entry. */
  first: positive,
  epoch: positive,
  /** Members by the old ledger that were kept off. */
  others: membersSchema,
});
export type Replacement = z.infer<typeof replacementSchema>;

const tokenShape = z.strictObject({
  ledger: ledgerIdSchema.or(z.literal("")),
  digest: digestSchema.or(z.literal("")),
  entry: count,
  overrides: count,
  leader: memberSchema.nullable(),
  members: membersSchema,
  promises: membersSchema,
  successor: ledgerIdSchema.exactOptional(),
});

/** A token as peers tell it. */
export const tokenSchema: z.ZodType<Token, unknown> = tokenShape
  .refine(
    ({ entry, leader, ledger }) => (entry === 0) === (leader === null) && (entry === 0) === (ledger === ""),
    "a change has a leader and a ledger, and no change has neither",
  )
  .refine(
    ({ ledger, promises, successor }) => successor === undefined || (successor !== ledger && promises.length > 0),
    "another ledger is agreed to by a promise",
  );

/** What a node keeps on its disk. */
export interface Kept {
  readonly token: Token;
  readonly joined: boolean;
  readonly promoted: Change | null;
  /** Of the timelines of the data, as far as it is known. */
  readonly origins: readonly Origin[];
  /** The machine that wrote it: a clone finds another one. */
  readonly machine: string;
  readonly systemIdentifier: string;
  /** The last checkpoint that the agent saw: data that is older than it has gone back. */
  readonly checkpoint: WalEnd;
}

const MOST_TIMELINES = 10_000;
export const originsSchema: z.ZodType<readonly Origin[], unknown> = z
  .array(z.strictObject({ timeline: positive, change: changeSchema, by: memberSchema }))
  .max(MOST_TIMELINES);

export const keptSchema: z.ZodType<Kept, unknown> = z
  .strictObject({
    version,
    token: tokenSchema,
    joined: z.boolean(),
    promoted: changeSchema.nullable(),
    origins: originsSchema,
    machine: z.string().min(1).max(200),
    systemIdentifier: z.string().regex(/^[1-9][0-9]{0,19}$/),
    checkpoint: walEndSchema,
  })
  .transform(({ version: _, ...kept }) => kept);

export const encodeKept = ({ checkpoint, ...kept }: Kept): object => ({
  version: 1,
  ...kept,
  checkpoint: { timeline: checkpoint.timeline, lsn: checkpoint.lsn.toString() },
});

export const secretSchema = z.string().regex(/^[0-9a-f]{32}$/);
const armingSchema: z.ZodType<Arming, unknown> = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("none") }),
  z.strictObject({ kind: z.literal("open"), secret: secretSchema }),
  z.strictObject({ kind: z.literal("entry"), entry: positive, secret: secretSchema }),
  z.strictObject({
    kind: z.literal("override"),
    change: changeSchema,
    secret: secretSchema,
    ledger: ledgerIdSchema.exactOptional(),
  }),
]);

/** What a peer answers. */
export const answerSchema: z.ZodType<Answer, unknown> = z
  .strictObject({ version, token: tokenSchema, joined: z.boolean(), arming: armingSchema, serving: z.boolean() })
  .transform(({ version: _, ...answer }) => answer);

export const encodeAnswer = (answer: Answer): object => ({ version: 1, ...answer });
