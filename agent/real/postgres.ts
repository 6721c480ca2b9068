/** The server of this host: its files, its processes, its sessions, put together. */
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Member, Members } from "../../model/leadership/index.ts";
import { ownPrefix } from "../../model/names.ts";
import { type ServerMajorName, serverMajors } from "../../model/serverMajors.ts";
import type { Postgres, Upstream } from "../surroundings.ts";
import { holdClients } from "./clients.ts";
import { type ControlFile, readControl } from "./control.ts";
import { inDirectory, type OpenDirectory } from "./dataDirectory.ts";
import { hasCode } from "./files.ts";
import { runAs, type ServerUser } from "./programs.ts";
import { becomeCopy, createCluster } from "./rejoin.ts";
import { runningServer } from "./server.ts";
import type { Service } from "./service.ts";
import { queryOnce, type Session, standingSession } from "./session.ts";
import { renderSettings, signalText, slotOf } from "./standbySettings.ts";
import type { WalArchive } from "./walArchive.ts";
import { walPlaces } from "./walPlaces.ts";

export interface ServerOptions {
  readonly major: ServerMajorName;
  readonly me: Member;
  /** PostgreSQL's programs. */
  readonly binaries: string;
  /** PGDATA. */
  readonly dataDirectory: string;
  readonly socketDirectory: string;
  readonly port: number;
  readonly user: ServerUser;
  readonly service: Service;
  readonly archive: WalArchive;
  /** Members that receive WAL by the archive only, this one perhaps among them. */
  readonly archiveFed: Members;
  /** libpq's words for a replication connection to a member's server. */
  readonly conninfo: (source: Member) => string;
  /** Settings of a standby besides those that follow from its upstream, such as `restore_command`. */
  readonly standbySettings: Readonly<Record<string, string>>;
  /** Removed before it receives from somebody. */
  readonly primaryFiles: readonly string[];
  /** From 12 on: writes the file with a standby's settings, which `postgresql.conf` includes. */
  readonly writeStandbyFile: (text: string) => Promise<void>;
}

/** Milliseconds. */
const deadlines = { query: 3_000, checkpoint: 600_000, removal: 10_000 } as const;
/** Bytes. */
const longestSignal = 16 * 1024;

export interface RealPostgres extends Postgres {
  close(): Promise<void>;
}

export function realPostgres(options: ServerOptions): RealPostgres {
  const { dataDirectory, major, user, archive } = options;
  const { signal, controlVersion } = serverMajors[major];
  const receives = options.archiveFed.includes(options.me) ? "archive" : "stream";
  const run = runAs(user);
  const where = { socketDirectory: options.socketDirectory, port: options.port, major: Number(major) };
  const sql = standingSession(where, "sql");
  const walsender = standingSession(where, "walsender");

  const inData = <T>(use: (directory: OpenDirectory) => Promise<T>): Promise<T> =>
    inDirectory(dataDirectory, user, use);

  async function known(): Promise<ControlFile> {
    const control = await readControl(dataDirectory);
    if (!control) throw new Error(`${dataDirectory} has no pg_control`);
    if (control.controlVersion !== controlVersion)
      throw new Error(`${dataDirectory} is of another major than ${major}`);
    return control;
  }

  async function control(): Promise<ControlFile | undefined> {
    try {
      if ((await readdir(dataDirectory)).length === 0) return undefined;
    } catch (error) {
      if (hasCode(error, "ENOENT")) return undefined;
      throw error;
    }
    return await known();
  }

  const server = runningServer({ ...options, sql, control: known });
  const { keepHistories, lastTimeline, ...wal } = walPlaces({
    ...options,
    sql,
    walsender,
    control: known,
    isNothing: server.isNothing,
  });

  /**
   * Settings, as they stand in a file: to 11 an empty name of a slot is refused. Who follows nobody stays on its own timeline, and asks the archive for
   * nothing: that may have WAL of another one, which was begun before the end of what this data has.
   */
  function settingsFor(upstream: Upstream | null, timeline?: number): Readonly<Record<string, string>> {
    const own = { recovery_target_timeline: "latest", ...options.standbySettings };
    if (upstream && receives === "stream") {
      const slot = slotOf(upstream.begun, options.me);
      return { ...own, primary_conninfo: options.conninfo(upstream.leader), primary_slot_name: slot };
    }
    // Set, not left out: postgresql.auto.conf of a copy may have others.
    const noSource = signal === "standby.signal" ? { primary_conninfo: "", primary_slot_name: "" } : {};
    const alone = { restore_command: "", recovery_target_timeline: String(timeline ?? "latest") };
    return { ...own, ...noSource, ...(upstream ? {} : alone) };
  }

  /** One that is there may not be durable: whoever put it may not have come to that. */
  const putSignal = () =>
    inData(async (data) => {
      const there = await data.read(signal, longestSignal);
      await data.put(signal, there?.toString("utf8") ?? signalText(major, settingsFor(null)));
    });

  async function setUpstream(upstream: Upstream | null): Promise<void> {
    const settings = settingsFor(upstream, upstream ? undefined : await lastTimeline());
    if (signal === "standby.signal") await options.writeStandbyFile(renderSettings(settings));
    await inData((data) => data.put(signal, signalText(major, settings)));
  }

  /** While nothing runs, by their owner: root would go where a link leads. */
  async function removeSlots(): Promise<void> {
    const slots = join(dataDirectory, "pg_replslot");
    const ours = (await readdir(slots)).filter((name) => name.startsWith(ownPrefix));
    if (ours.length > 0) await run("rm", ["-rf", "--", ...ours.map((name) => join(slots, name))], deadlines.removal);
  }

  return {
    receives,
    control,
    running: server.running,
    putSignal,
    removeSignal: () => inData((data) => data.remove(signal)),
    hasBackupLabel: () => inData((data) => data.has("backup_label")),
    async startStandby(upstream) {
      if (!(await server.isNothing())) throw new Error("PostgreSQL runs already");
      // The archiver of the run before has ended.
      await archive.allowPush(false);
      if (upstream) for (const file of options.primaryFiles) await rm(file, { force: true });
      await setUpstream(upstream);
      await removeSlots();
      await server.start("recovery");
    },
    async startPrimary() {
      if (await inData((data) => data.has(signal))) throw new Error(`${signal} is there`);
      await archive.allowPush(true);
      await server.start("writes");
    },
    async fetchHistories() {
      await keepHistories(archive);
      if (receives === "stream") await archive.hush(true);
    },
    askArchive: () => archive.hush(false),
    async promote() {
      await archive.hush(true);
      await archive.allowPush(true);
      await server.promote();
      await archive.hush(false);
    },
    async keepSlots(begun, followers) {
      // Also one that an agent before this one has started.
      await archive.allowPush(true);
      await keepSlots(
        sql,
        followers.filter((each) => !options.archiveFed.includes(each)).map((each) => slotOf(begun, each)),
      );
    },
    async checkpoint() {
      await queryOnce(where, "checkpoint", deadlines.checkpoint);
    },
    async holdClients() {
      const session = standingSession(where, "sql");
      try {
        return await holdClients(session);
      } finally {
        await session.close();
      }
    },
    stopCleanly: server.stopCleanly,
    async stopAtOnce() {
      await archive.allowPush(false);
      await server.stopAtOnce();
    },
    ...wal,
    archivedEnd: archive.end,
    async becomeCopyOf(source, how) {
      if (!(await server.isNothing())) throw new Error("PostgreSQL runs");
      const text = signalText(major, settingsFor(null));
      const { restore_command: restoreCommand } = options.standbySettings;
      const { isNothing } = server;
      await becomeCopy({ ...options, run, signal: { name: signal, text }, restoreCommand, isNothing }, source, how);
    },
    async createCluster() {
      if ((await control()) !== undefined) throw new Error(`${dataDirectory} holds a database cluster already`);
      const text = signalText(major, settingsFor(null));
      await createCluster({ ...options, run, signal: { name: signal, text } });
    },
    async close() {
      await Promise.all([sql.close(), walsender.close()]);
    },
  };
}

/** Of our slots these are there, and no others. */
async function keepSlots(sql: Session, wanted: readonly string[]): Promise<void> {
  const ours = `slot_type = 'physical' and slot_name ~ '^${ownPrefix}[a-z0-9_]+$'`;
  const rows = await sql.query(
    `select slot_name::text as name from pg_replication_slots where ${ours}`,
    deadlines.query,
  );
  const there = rows.map(({ name }) => String(name));
  if (!there.every((name) => /^[a-z0-9_]{1,63}$/.test(name)))
    throw new Error("PostgreSQL names a slot as none can be named");
  for (const name of there.filter((each) => !wanted.includes(each))) await dropSlot(sql, name);
  for (const name of wanted.filter((each) => !there.includes(each))) {
    await sql.query(`select pg_create_physical_replication_slot('${name}', true)`, deadlines.query);
  }
}

/** One that is in use is taken from its user, which is of another timeline, and may come again meanwhile. */
async function dropSlot(sql: Session, name: string): Promise<void> {
  const end = performance.now() + deadlines.removal;
  const slot = `from pg_replication_slots where slot_name = '${name}'`;
  for (;;) {
    await sql.query(`select pg_terminate_backend(active_pid) ${slot} and active_pid is not null`, deadlines.query);
    await sql
      .query(`select pg_drop_replication_slot(slot_name) ${slot} and active_pid is null`, deadlines.query)
      .catch(() => {});
    if ((await sql.query(`select 1 ${slot}`, deadlines.query)).length === 0) return;
    if (performance.now() > end) throw new Error(`the slot ${name} does not get free`);
    await sleep(20);
  }
}
