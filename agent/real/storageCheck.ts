/** Of provisioning: whether a store can arbitrate. It is tried, since a store that does not know the condition says "done" twice. */
import { randomBytes } from "node:crypto";
import { stat } from "node:fs/promises";
import type { LedgerStorage } from "../surroundings.ts";
import type { S3Send } from "./s3.ts";

export type StorageRule =
  /** An object is created at most once, one after the other and at the same time. */
  | "createsOnce"
  /** "No such key" can be told from "not allowed" and from silence. */
  | "tellsWhatIsMissing"
  /** The ledger's own credentials cannot delete, */
  | "refusesDelete"
  /** nor replace an object by a plain write. */
  | "refusesReplace"
  /** Of a directory: only root can write in it. */
  | "isRootsAlone";

export interface StorageFinding {
  readonly rule: StorageRule;
  readonly holds: boolean;
  /** What was seen, where the rule does not hold or could not be tried. */
  readonly said: string;
}

/** Without these nothing can be decided there. The others are what stands between a thief of the ledger's credentials and an entry. */
export const isNeeded = ({ rule }: StorageFinding): boolean => rule === "createsOnce" || rule === "tellsWhatIsMissing";

const well = (rule: StorageRule): StorageFinding => ({ rule, holds: true, said: "" });
const broken = (rule: StorageRule, said: string): StorageFinding => ({ rule, holds: false, said });

async function tried(rule: StorageRule, look: () => Promise<string | undefined>): Promise<StorageFinding> {
  try {
    const wrong = await look();
    return wrong === undefined ? well(rule) : broken(rule, wrong);
  } catch (error) {
    return broken(rule, error instanceof Error ? error.message : String(error));
  }
}

const newKey = (): string => `check/${randomBytes(12).toString("hex")}`;
const bytesOf = (text: string): Uint8Array => Buffer.from(text);
const textOf = (bytes: Uint8Array | undefined): string => (bytes ? Buffer.from(bytes).toString() : "nothing");

async function createsOnce(storage: LedgerStorage): Promise<string | undefined> {
  const key = newKey();
  const inTurn = [await storage.create(key, bytesOf("first")), await storage.create(key, bytesOf("second"))].join(", ");
  if (inTurn !== "created, exists") return `two creates of one object, one after the other: ${inTurn}`;
  const kept = textOf(await storage.get(key));
  if (kept !== "first") return `the object that was created first holds '${kept.slice(0, 40)}'`;
  return await createsOnceAtATime(storage);
}

/** A create of two at the same time may be refused with "try again": then it has not won. */
async function createsOnceAtATime(storage: LedgerStorage): Promise<string | undefined> {
  const key = newKey();
  const names = ["a", "b", "c", "d"];
  const outcomes = await Promise.allSettled(names.map((name) => storage.create(key, bytesOf(name))));
  const winners = names.filter((_, index) => {
    const outcome = outcomes[index];
    return outcome?.status === "fulfilled" && outcome.value === "created";
  });
  const kept = textOf(await storage.get(key));
  if (winners.length > 1) return `${winners.length} of ${names.length} creates at the same time made one object`;
  if (winners.length === 1 && kept !== winners[0]) return "the object is not the one of the create that made it";
  return undefined;
}

async function tellsWhatIsMissing(storage: LedgerStorage): Promise<string | undefined> {
  const found = await storage.get(newKey());
  return found === undefined ? undefined : "it has an object that nobody made";
}

const common = (storage: LedgerStorage): Promise<StorageFinding>[] => [
  tried("createsOnce", () => createsOnce(storage)),
  tried("tellsWhatIsMissing", () => tellsWhatIsMissing(storage)),
];

/** Leaves a few objects under `check/`, where the ledger's credentials cannot delete, as they should not. */
export async function checkS3(storage: LedgerStorage, send: S3Send): Promise<readonly StorageFinding[]> {
  const key = newKey();
  const refused = (what: string, ifRefused: () => ReturnType<S3Send>) => async () => {
    await storage.create(key, bytesOf("kept"));
    const answer = await ifRefused();
    if (answer.status < 300) return `the ledger's credentials can ${what}`;
    return answer.status === 403 && answer.code !== "" ? undefined : `the store says ${answer.said}`;
  };
  return [
    ...(await Promise.all(common(storage))),
    await tried(
      "refusesReplace",
      refused("replace an object", () => send("PUT", key, bytesOf("other"))),
    ),
    await tried(
      "refusesDelete",
      refused("delete an object", () => send("DELETE", key)),
    ),
  ];
}

/** The key of the ledger in a directory is who may write there: root's credentials are not to be told from the ledger's. */
export async function checkDirectory(storage: LedgerStorage, root: string): Promise<readonly StorageFinding[]> {
  const isRoots = async () => {
    const { uid, mode } = await stat(root);
    return uid === 0 && (mode & 0o022) === 0
      ? undefined
      : `${root} belongs to user ${uid}, with mode ${(mode & 0o777).toString(8)}`;
  };
  return await Promise.all([...common(storage), tried("isRootsAlone", isRoots)]);
}
