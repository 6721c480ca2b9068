/**
 * What the agent sees of the world: five small interfaces. The real ones lie beside this file; `test/simulation/` has simulated ones. Nothing
 * else in `agent/` reads a clock, a disk, a network, or an environment.
 *
 * One rule for all: **a rejection means "it is not known what became of it"**. It says what the system said, and is no answer: not "no", not
 * "nothing there". What an operation knows for sure is in its result. No operation may be left pending for ever: each has a bound of its own.
 */
import type { Member, Members, Origin, WalEnd } from "../model/leadership/index.ts";

export interface Surroundings {
  readonly store: Store;
  /** Where the ledger with this id lies, or is to lie. Empty: its id is not known yet. */
  ledger(id: string): LedgerStorage;
  readonly peers: Peers;
  readonly postgres: Postgres;
  readonly clock: Clock;
}

/** Small files of root's in one directory, a few kilobytes each. Names are those that the agent's code has, never from outside. */
export interface Store {
  /** Its text; undefined: there is no such file. Rejects where it cannot tell. */
  read(name: string): Promise<string | undefined>;
  /**
   * Durable when it resolves: a temporary file in the same directory, fsync, rename, fsync of the directory. After a crash, or a rejection, the
   * old text is there or the new one, whole; the agent then ends, and starts anew with what it reads.
   */
  write(name: string, text: string): Promise<void>;
}

/** An object store, or a shared directory. Keys are relative, of `[a-z0-9/.-]`. */
export interface LedgerStorage {
  /**
   * Makes the object at most once, whole and durable: `If-None-Match: *`, or `link()` of a complete file and fsync of both.
   *
   * "created": this very call made it. "exists": it was there; also where an earlier try of this call made it and the reply was lost (retries
   * of a client get 412), so the caller reads it back and compares. A rejection says nothing: it may be there, or **come to be there later**.
   */
  create(key: string, bytes: Uint8Array): Promise<"created" | "exists">;
  /**
   * The whole object as it is now (no cache). undefined: the store said "no such key", in so many words (404 NoSuchKey; ENOENT in a directory
   * that is there). Anything else rejects: 403, 5xx, a proxy's page, a delete marker of a versioned bucket, more than 64 kB, a time-out.
   */
  get(key: string): Promise<Uint8Array | undefined>;
}

/** A value of JSON. The reader checks it by a schema. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** One request, one reply, over mutual TLS. Requests may arrive twice, late, in any order, or never; so may replies be lost. */
export interface Peers {
  /**
   * The reply of exactly this member (its certificate's key has the fingerprint), to this very request. Rejects when it cannot be reached, has no
   * reply (see `serve`), or `deadlineMs` have passed; what it did then is not known. A reply that comes later is dropped.
   */
  ask(to: Member, request: Json, deadlineMs: number): Promise<Json>;
  /**
   * From now on `handler` replies to requests. `from` is what the certificate proves. Where the handler rejects, the asker gets no reply (it is
   * as if this node were silent). Requests of before are refused.
   */
  serve(handler: (from: Member, request: Json) => Promise<Json>): void;
}

/** The state that `pg_control` names. */
export type ControlState =
  | "starting up"
  | "shut down"
  | "shut down in recovery"
  | "shutting down"
  | "in crash recovery"
  | "in archive recovery"
  | "in production";

export interface Control {
  /** As a decimal number. */
  readonly systemIdentifier: string;
  readonly state: ControlState;
  /** Where the latest checkpoint's record begins, and its timeline. */
  readonly checkpoint: WalEnd;
}

/** A timeline of the data's history. The last one has not ended. */
export interface Timeline {
  readonly timeline: number;
  /** Where it was left for the next one. */
  readonly end: bigint | null;
}

/** Whom a standby receives from: this member, as long as it is a primary on this very timeline. */
export interface Upstream {
  readonly leader: Member;
  readonly begun: Origin;
}

/** Where a clean stop ended. `segmentStart`: of the segment, if its first record is the last one, the checkpoint. */
export type CleanEnd = WalEnd & { readonly segmentStart?: bigint };

/**
 * The one PostgreSQL server of this host. The agent alone starts and stops it, and calls one of these at a time, but for the ones marked
 * (any time).
 */
export interface Postgres {
  /** How WAL reaches it while it is a standby: from its upstream, or by the archive only. */
  readonly receives: "stream" | "archive";
  /** (any time) pg_control, read directly. undefined: there is no data directory. */
  control(): Promise<Control | undefined>;
  /**
   * (any time) "nothing": no process is left of any start (the unit's cgroup is empty but for what is known to be harmless, and nobody is attached to its
   * shared memory). "recovery": it was started with the signal, was not told to promote, and is in recovery. "writes": it takes writes.
   * "unclear": anything else, such as backends without a postmaster, a start or a stop that has not ended, a server that does not answer.
   */
  running(): Promise<"nothing" | "recovery" | "writes" | "unclear">;

  /** Makes an empty database cluster, with the signal; there is no data directory. Rejects: there is none, or a whole one. */
  createCluster(): Promise<void>;
  /** Puts `standby.signal` there; durable (file and directory) when it resolves. It may be there already. */
  putSignal(): Promise<void>;
  /** Takes it away; durable when it resolves. */
  removeSignal(): Promise<void>;
  hasBackupLabel(): Promise<boolean>;

  /**
   * Puts the signal there, whatever became of it since it was last put (a promotion by hand takes it away), and starts it; it receives from
   * `upstream`, or from nobody. Slots of ours are dropped. Resolves once it replays. Rejects: see `running`.
   */
  startStandby(upstream: Upstream | null): Promise<void>;
  /** Starts it where the signal was taken away. Resolves once it takes writes. Rejects: it may run, see `running`. */
  startPrimary(): Promise<void>;
  /**
   * Fetches the history files of all timelines that the archive knows, so that the next promotion picks a number above them, and asks the archive
   * nothing else: until `askArchive`, or a promotion has ended. Who receives by the archive goes on with that until the promotion. Rejects: the archive
   * cannot tell.
   */
  fetchHistories(): Promise<void>;
  /** (any time) A standby may ask the archive for WAL again. */
  askArchive(): Promise<void>;
  /** Of a running standby. Resolves once it takes writes; PostgreSQL has removed the signal then. Rejects: it may promote yet. */
  promote(): Promise<void>;
  /**
   * Of a primary that leads: it may archive its WAL, and has a physical slot for each of these, whose name carries `begun`; slots of ours with another one are dropped. So a standby gets WAL
   * only from a primary that is on the timeline which it was made to follow: numbers of timelines collide.
   */
  keepSlots(begun: Origin, followers: Members): Promise<void>;
  /** (any time) What a stop would have to write, while it still serves. */
  checkpoint(): Promise<void>;
  /**
   * Of a primary that is about to stop: the clients of poolers that attend to it wait from now on. false: those of one cannot be held back. Rejects: it is
   * not known whether they wait; they go on by themselves when nobody stops.
   */
  holdClients(): Promise<boolean>;
  /**
   * A fast stop of whatever runs. Resolves once `pg_control` says so, durably ("shut down", "shut down in recovery"); processes may be left, such
   * as a sender or the archiver's last cycle. Rejects when that does not come to be: it may run on, or have crashed.
   */
  stopCleanly(): Promise<void>;
  /** Kills what is left. Resolves when `running` is "nothing". */
  stopAtOnce(): Promise<void>;

  /** (any time) Of a standby that runs or was stopped cleanly: the end of the last record that was replayed, and its timeline. */
  replayEnd(): Promise<WalEnd>;
  /** The end of the last record of a server that is "shut down": the shutdown checkpoint's (its start is in pg_control, its length in its first four bytes). */
  lastRecordEnd(): Promise<CleanEnd>;
  /** (any time) How far WAL of this timeline is on this host (received or written). undefined: it has none of it. */
  walEnd(timeline: number): Promise<bigint | undefined>;
  /** (any time) WAL of this timeline on this host from here on, as it lies on the disk: at most so many bytes, and not beyond the segment. Empty: there is none. */
  readWal(from: WalEnd, most: number): Promise<Uint8Array>;
  /**
   * Of a standby that receives nothing: WAL of its timeline up to `end`, which the archive does not have, is put where replay finds it. `replayed`: where
   * its replay ends. `read`: what is there from a position on, one byte at least.
   */
  putWal(replayed: WalEnd, end: bigint, read: (from: WalEnd) => Promise<Uint8Array>): Promise<void>;
  /** How far the archive holds WAL of this timeline. undefined: it holds none. Rejects where the archive cannot tell. */
  archivedEnd(timeline: number): Promise<bigint | undefined>;
  /** All WAL that was received is on disk when it resolves: what was replayed can be replayed again after a loss of power. */
  syncWal(): Promise<void>;
  /** (any time) The timelines of this data, oldest first. */
  history(): Promise<readonly Timeline[]>;
  /**
   * Makes the data a prefix of `source`'s, by pg_rewind or a copy; PostgreSQL is down. No start can find the data meanwhile; the signal is put and synced
   * before it can. Rejects: whatever is there starts as a standby only, and is nobody's data.
   */
  becomeCopyOf(source: Member, how: "rewind" | "copy"): Promise<void>;
}

export interface Clock {
  /** Milliseconds, monotonic; from any beginning. It may stand still while the host sleeps. */
  now(): number;
  /** Resolves after so many milliseconds, or at once when `cancelled` is aborted. Never rejects. */
  sleep(ms: number, cancelled?: AbortSignal): Promise<void>;
  /** The wall's time, for people: "2026-11-27T05:52:36Z". Nothing is decided by it. */
  wallTime(): string;
  /** So many random bytes, from the system's generator: for secrets, nonces and waits. */
  randomBytes(count: number): Uint8Array;
}
