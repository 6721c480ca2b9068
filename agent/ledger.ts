/**
 * The ledger over its storage. Entry n is the object `entry-<n>`, its companion `entry-<n>.taken`; the object `first` says which is the first one, where
 * that is not 1. An object is the MAC of its body in hex, a line
 * feed, and the body: one line of JSON. The digest of an entry is the SHA-256 of its body, and each entry names the digest of the one before.
 *
 * Nothing is skipped and nothing is guessed: a wrong MAC, a version that is not known, a broken chain, or an error of the store is "not read". Only
 * "no such key" ends the ledger.
 */
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import {
  type Draft,
  type Entries,
  type Entry,
  entryAfter,
  initialEntry,
  type Member,
  type Members,
  type Reading,
  unread,
} from "../model/leadership/index.ts";
import { encodeEntry, entrySchema, firstSchema, takenSchema } from "../model/leadership/schema.ts";
import { because } from "./errors.ts";
import type { Clock, LedgerStorage } from "./surroundings.ts";

/** What became of an entry that this node wanted to write. */
export type Creation =
  | { readonly kind: "made"; readonly entry: Entry }
  /** Somebody else's entry has that number. */
  | { readonly kind: "other"; readonly entry: Entry }
  /** It may be there, or come to be there later. */
  | { readonly kind: "unknown"; readonly why: string };

export type Stamp = Pick<Entry, "nonce" | "at">;
/** What is written of an entry. */
export type Written = Omit<Entry, "digest" | "taken">;

export interface Ledger {
  /**
   * From entry `from` (the node's own; 0: from the first one) to the end. Whether each entry above `from` was taken is looked up; of the first one it
   * is not. Never rejects.
   */
  read(from: number): Promise<Reading>;
  /** Entry 1 of a new cluster. */
  begin(id: string, leader: Member, members: Members): Promise<Creation>;
  /** The first entry of a ledger that is in the place of another one. */
  beginAnew(first: (stamp: Stamp) => Written): Promise<Creation>;
  append(previous: Entry, draft: Draft): Promise<Creation>;
  /** Leaves the companion of an entry that this node took. Rejects: not known. */
  noteTaken(entry: Entry): Promise<void>;
  /** Somebody knows that this entry is there: a reading that ends below it has not reached the end. */
  heardOf(number: number): void;
}

const FIRST = 1;
const firstKey = "first";
const keyOf = (number: number): string => `entry-${String(number).padStart(9, "0")}`;
const takenKeyOf = (number: number): string => `${keyOf(number)}.taken`;
const utf8 = new TextDecoder("utf-8", { fatal: true });
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** Sorted keys at every depth: one value has one form. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    part !== null && typeof part === "object" && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}

const digestOf = (body: string): string => createHash("sha256").update(body).digest("hex");

/** What is signed says what it is and under which key it lies: no object can stand for another. */
const macOf = (secret: Uint8Array, key: string, body: string): Buffer =>
  createHmac("sha256", secret).update(`understudy ledger\n${key}\n${body}`).digest();

export function sealed(secret: Uint8Array, key: string, value: object): Uint8Array {
  const body = canonical(value);
  return Buffer.from(`${macOf(secret, key, body).toString("hex")}\n${body}`);
}

/** The body of an object. Throws where it is not what somebody with the key wrote under this name. */
export function opened(secret: Uint8Array, key: string, bytes: Uint8Array): string {
  const text = utf8.decode(bytes);
  const mac = text.slice(0, 64);
  const body = text.slice(65);
  if (
    !/^[0-9a-f]{64}$/.test(mac) ||
    text[64] !== "\n" ||
    !timingSafeEqual(Buffer.from(mac, "hex"), macOf(secret, key, body))
  )
    throw new Error(`object ${key} was not written by a member of this cluster`);
  return body;
}

function verify(secret: Uint8Array, number: number, bytes: Uint8Array): Entry {
  const body = opened(secret, keyOf(number), bytes);
  const parsed = entrySchema.safeParse(JSON.parse(body));
  if (!parsed.success) throw new Error(`entry ${number} is not of a form that this version knows`);
  if (parsed.data.number !== number) throw new Error(`entry ${number} says that it is entry ${parsed.data.number}`);
  return { ...parsed.data, digest: digestOf(body), taken: false };
}

function chained(entry: Entry, before: Entry | undefined): Entry {
  if (before && (entry.previous !== before.digest || entry.ledger !== before.ledger))
    throw new Error(`entry ${entry.number} does not come after the entry ${before.number} that is there`);
  return entry;
}

export function openLedger(storage: LedgerStorage, secret: Uint8Array, clock: Clock): Ledger {
  const entries = entriesOf(storage, secret);
  const companions = companionsOf(storage, secret);
  let highest = 0;

  async function chainFrom(from: number): Promise<Entry[]> {
    const found: Entry[] = [];
    for (let number = Math.max(from, FIRST); ; number++) {
      const entry = await entries.read(number, found.at(-1));
      if (!entry) return found;
      found.push(number > from ? { ...entry, taken: await companions.isTaken(entry) } : entry);
    }
  }

  /** A reader who knows the ledger that was there before this one has an earlier number. */
  async function chainFromFirst(from: number): Promise<Entry[]> {
    const first = await readFirst(storage, secret);
    const found = first && first.number > from ? await chainFrom(first.number) : [];
    if (found[0] && found[0].ledger !== first?.ledger) throw new Error("its first entry is of another ledger");
    return found[0] ? [{ ...found[0], taken: await companions.isTaken(found[0]) }, ...found.slice(1)] : [];
  }

  async function readFrom(from: number): Promise<Entries> {
    const there = await chainFrom(from);
    const found = there.length > 0 ? there : await chainFromFirst(from);
    const end = found.at(-1)?.number ?? 0;
    if (end < highest && end >= from) throw new Error(`it ends at entry ${end}, and somebody knows entry ${highest}`);
    highest = Math.max(highest, end);
    return found;
  }

  const stamp = () => ({ nonce: hex(clock.randomBytes(16)), at: clock.wallTime() });

  return {
    read: async (from) => {
      try {
        return { kind: "read", entries: await readFrom(from) };
      } catch (error) {
        return unread(because(error));
      }
    },
    begin: (id, leader, members) =>
      entries.write(initialEntry(leader, members, { ledger: id, number: FIRST, epoch: 1, previous: "", ...stamp() })),
    beginAnew: async (first) => {
      const entry = first(stamp());
      try {
        await namesFirst(storage, secret, entry);
      } catch (error) {
        return { kind: "unknown", why: because(error) };
      }
      return await entries.write(entry);
    },
    append: (previous, draft) => entries.write(entryAfter(previous, draft, stamp())),
    noteTaken: (entry) => companions.note(entry),
    heardOf: (number) => {
      highest = Math.max(highest, number);
    },
  };
}

async function readFirst(
  storage: LedgerStorage,
  secret: Uint8Array,
): Promise<{ readonly ledger: string; readonly number: number } | undefined> {
  const bytes = await storage.get(firstKey);
  if (bytes === undefined) return undefined;
  const { data } = firstSchema.safeParse(JSON.parse(opened(secret, firstKey, bytes)));
  if (!data) throw new Error(`object ${firstKey} is not of a form that this version knows`);
  return data;
}

/** Before the entry is there: whoever reads it finds it. */
async function namesFirst(storage: LedgerStorage, secret: Uint8Array, { ledger, number }: Written): Promise<void> {
  await storage.create(firstKey, sealed(secret, firstKey, { version: 1, ledger, number }));
  const there = await readFirst(storage, secret);
  if (there?.ledger !== ledger || there.number !== number)
    throw new Error(`in this place another ledger was begun (${there?.ledger}, by entry ${there?.number})`);
}

function entriesOf(storage: LedgerStorage, secret: Uint8Array) {
  /** They never change. The last one that is known is read again each time: so it is noticed if the archive was replaced or cut. */
  const verified = new Map<number, Entry>();

  async function read(number: number, before: Entry | undefined): Promise<Entry | undefined> {
    const known = verified.get(number);
    if (known && verified.has(number + 1)) return chained(known, before);
    const bytes = await storage.get(keyOf(number));
    if (bytes === undefined) return undefined;
    const entry = chained(verify(secret, number, bytes), before);
    if (known && known.digest !== entry.digest) throw new Error(`entry ${number} is another one than it was`);
    verified.set(number, entry);
    return entry;
  }

  async function write(entry: Written): Promise<Creation> {
    const key = keyOf(entry.number);
    const written = sealed(secret, key, encodeEntry(entry));
    let said = "the store has not said what became of it";
    try {
      if ((await storage.create(key, written)) === "created")
        return { kind: "made", entry: verify(secret, entry.number, written) };
    } catch (error) {
      said = because(error);
    }
    // A client that tries again after a lost reply is told that it exists.
    try {
      const bytes = await storage.get(key);
      if (bytes === undefined) return { kind: "unknown", why: said };
      const found = verify(secret, entry.number, bytes);
      return { kind: found.nonce === entry.nonce ? "made" : "other", entry: found };
    } catch (error) {
      return { kind: "unknown", why: `${said}; ${because(error)}` };
    }
  }

  return { read, write };
}

function companionsOf(storage: LedgerStorage, secret: Uint8Array) {
  /** By digest. Once seen, it stays. */
  const taken = new Set<string>();
  return {
    isTaken: async ({ number, ledger, digest }: Entry): Promise<boolean> => {
      if (taken.has(digest)) return true;
      const key = takenKeyOf(number);
      const bytes = await storage.get(key);
      if (bytes === undefined) return false;
      const { data } = takenSchema.safeParse(JSON.parse(opened(secret, key, bytes)));
      if (data?.number !== number || data.ledger !== ledger || data.digest !== digest)
        throw new Error(`object ${key} does not belong to entry ${number}`);
      taken.add(digest);
      return true;
    },
    note: async ({ number, ledger, digest }: Entry): Promise<void> => {
      const key = takenKeyOf(number);
      await storage.create(key, sealed(secret, key, { version: 1, ledger, number, digest }));
    },
  };
}
