import { Socket } from "node:net";
import pg from "pg";
import type { Endpoint } from "../../model/host.ts";
import type { Lsn } from "../../model/lsn.ts";
import { type StoredChange, storedChanges } from "../../model/receipt.ts";
import { sessionOptions } from "../../model/sessionSettings.ts";
import type { Reading, SqlFacts } from "../../model/status/observation.ts";
import { describeSqlError } from "./sqlError.ts";

/** How the role that monitors logs in. */
export interface SqlLogin {
  readonly user: string;
  readonly password: string;
  /** PEM of the CA that the servers' certificates are verified against, in full. */
  readonly ca: string;
  readonly postgresVersion: number;
}

// A stream that has just begun reports less than was replayed from elsewhere: what is replayed was received.
// Valid from 13 to 18, for a role that is a member of pg_monitor. Each looks at itself only: a standby answers too.

/** The timeline that WAL is written on or comes in on: the control file knows it only from the next checkpoint on. */
const SERVER = `
  SELECT pg_is_in_recovery() AS in_recovery,
         current_setting('server_version') AS server_version,
         current_setting('server_version_num')::int AS server_version_num,
         (SELECT system_identifier::text FROM pg_control_system()) AS system_identifier,
         CASE WHEN pg_is_in_recovery()
              THEN greatest((SELECT received_tli FROM pg_stat_wal_receiver),
                            (SELECT timeline_id FROM pg_control_checkpoint()),
                            (SELECT min_recovery_end_timeline FROM pg_control_recovery()))
              ELSE ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int
         END AS timeline,
         pg_size_bytes(current_setting('wal_segment_size')) AS wal_segment_bytes,
         CASE WHEN NOT pg_is_in_recovery() THEN pg_current_wal_lsn() END AS current_lsn,
         greatest((SELECT flushed_lsn FROM pg_stat_wal_receiver), pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) AS receive_lsn,
         pg_last_wal_replay_lsn() AS replay_lsn,
         extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())::float8 AS replay_age,
         CASE WHEN pg_is_in_recovery() THEN pg_is_wal_replay_paused() ELSE false END AS replay_paused,
         (SELECT setting::float8 / 1000 FROM pg_settings WHERE name = 'recovery_min_apply_delay') AS apply_delay,
         (SELECT status FROM pg_stat_wal_receiver) AS receiver_status,
         (SELECT setting::float8 * 1048576 FROM pg_settings WHERE name = 'max_slot_wal_keep_size') AS max_slot_wal_keep_bytes,
         current_setting('synchronous_standby_names') AS synchronous_standby_names,
         current_setting('archive_mode') AS archive_mode`;

const SENDERS = `
  SELECT s.slot_name, r.application_name, r.state, r.sync_state, r.replay_lsn,
         extract(epoch FROM r.replay_lag)::float8 AS replay_lag
    FROM pg_stat_replication r LEFT JOIN pg_replication_slots s ON s.active_pid = r.pid
   ORDER BY r.pid`;

const SLOTS = `
  SELECT slot_name, slot_type, active, wal_status, safe_wal_size::float8 AS safe_bytes,
         greatest(0, pg_wal_lsn_diff(
           CASE WHEN pg_is_in_recovery() THEN greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())
                ELSE pg_current_wal_lsn() END, restart_lsn))::float8 AS retained_bytes,
         restart_lsn
    FROM pg_replication_slots
   ORDER BY slot_name`;

const ARCHIVER = `
  SELECT last_archived_wal, last_archived_time, last_failed_wal, last_failed_time,
         archived_count::float8 AS archived_count, failed_count::float8 AS failed_count
    FROM pg_stat_archiver`;

const BACKLOG = `SELECT count(*)::float8 AS backlog FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready'`;

const CHANGES = `
  SELECT pg_is_in_recovery() AS in_recovery,
         (SELECT jsonb_agg(jsonb_build_object('epoch', epoch, 'from', from_node, 'to', to_node, 'timeline', timeline,
                   'at', to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), 'receipt', receipt))
            FROM understudy.handover) AS changes`;

interface ServerRow {
  in_recovery: boolean;
  server_version: string;
  server_version_num: number;
  system_identifier: string;
  timeline: number;
  wal_segment_bytes: string;
  current_lsn: Lsn | null;
  receive_lsn: Lsn | null;
  replay_lsn: Lsn | null;
  replay_age: number | null;
  replay_paused: boolean;
  apply_delay: number;
  receiver_status: string | null;
  max_slot_wal_keep_bytes: number;
  synchronous_standby_names: string;
  archive_mode: string;
}

interface SenderRow {
  slot_name: string | null;
  application_name: string;
  state: string;
  sync_state: string;
  replay_lsn: Lsn | null;
  replay_lag: number | null;
}

interface SlotRow {
  slot_name: string;
  slot_type: "physical" | "logical";
  active: boolean;
  wal_status: string | null;
  safe_bytes: number | null;
  retained_bytes: number | null;
  restart_lsn: string | null;
}

interface ArchiverRow {
  last_archived_wal: string | null;
  last_archived_time: Date | null;
  last_failed_wal: string | null;
  last_failed_time: Date | null;
  archived_count: number;
  failed_count: number;
}

/** Reads everything that one server says, over one short connection. Never takes longer than `timeoutSeconds`. */
export function readServer(endpoint: Endpoint, login: SqlLogin, timeoutSeconds: number): Promise<Reading<SqlFacts>> {
  return ask(endpoint, login, timeoutSeconds, readAll);
}

/** The changes of primary that a server's data know, as {@link readServer} reads. */
export function readChanges(
  endpoint: Endpoint,
  login: SqlLogin,
  timeoutSeconds: number,
): Promise<Reading<{ readonly inRecovery: boolean; readonly changes: readonly StoredChange[] }>> {
  return ask(endpoint, login, timeoutSeconds, async (client) => {
    const { rows } = await client.query<{ in_recovery: boolean; changes: unknown }>(CHANGES);
    return { inRecovery: rows[0]?.in_recovery ?? true, changes: storedChanges(rows[0]?.changes) };
  });
}

async function ask<T>(
  endpoint: Endpoint,
  login: SqlLogin,
  timeoutSeconds: number,
  read: (client: pg.Client) => Promise<T>,
): Promise<Reading<T>> {
  const { socket, client } = prepare(endpoint, login, timeoutSeconds);
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    socket.destroy();
  }, timeoutSeconds * 1000);
  try {
    await client.connect();
    return { kind: "read", value: await read(client) };
  } catch (error) {
    return { kind: "failed", ...describeSqlError(error, endpoint, login.user, late ? timeoutSeconds : undefined) };
  } finally {
    clearTimeout(timer);
    client.end().catch(() => {});
    // `end` says good-bye; a server that hangs must not keep us.
    setTimeout(() => socket.destroy(), 200).unref();
  }
}

function prepare(endpoint: Endpoint, login: SqlLogin, timeoutSeconds: number) {
  const socket = new Socket();
  const client = new pg.Client({
    host: endpoint.host,
    port: endpoint.port,
    user: login.user,
    password: login.password,
    database: "postgres",
    application_name: "understudy status",
    ssl: { ca: login.ca, rejectUnauthorized: true },
    stream: () => socket,
    options: sessionOptions(login.postgresVersion),
    statement_timeout: Math.ceil(timeoutSeconds * 1000),
  });
  client.on("error", () => {});
  return { socket, client };
}

async function readAll(client: pg.Client): Promise<SqlFacts> {
  try {
    return await readOnce(client);
  } catch (error) {
    // A promotion between two of the functions: the second look sees one role throughout.
    if ((error as { code?: string }).code !== "55000") throw error;
    return readOnce(client);
  }
}

async function readOnce(client: pg.Client): Promise<SqlFacts> {
  const server = (await client.query<ServerRow>(SERVER)).rows[0];
  const archiver = (await client.query<ArchiverRow>(ARCHIVER)).rows[0];
  if (server === undefined || archiver === undefined) throw new Error("no answer to a query");
  const senders = (await client.query<SenderRow>(SENDERS)).rows;
  const slots = (await client.query<SlotRow>(SLOTS)).rows;
  return {
    inRecovery: server.in_recovery,
    serverVersion: server.server_version.replace(/ .*/, ""),
    major: Math.floor(server.server_version_num / 10_000),
    systemIdentifier: server.system_identifier,
    timeline: server.timeline,
    walSegmentBytes: Number(server.wal_segment_bytes),
    currentLsn: server.current_lsn,
    receiveLsn: server.in_recovery ? server.receive_lsn : null,
    replayLsn: server.in_recovery ? server.replay_lsn : null,
    replayAgeSeconds: server.in_recovery ? server.replay_age : null,
    replayPaused: server.replay_paused,
    applyDelaySeconds: server.apply_delay,
    receiver: server.receiver_status === null ? null : { status: server.receiver_status },
    senders: senders.map((row) => ({
      slot: row.slot_name,
      applicationName: row.application_name,
      state: row.state,
      syncState: row.sync_state,
      replayLsn: row.replay_lsn,
      replayLagSeconds: row.replay_lag,
    })),
    slots: slots.map((row) => ({
      name: row.slot_name,
      type: row.slot_type,
      active: row.active,
      walStatus: row.wal_status,
      retainedBytes: row.restart_lsn === null ? null : row.retained_bytes,
      safeBytes: row.safe_bytes,
    })),
    archiver: {
      mode: server.archive_mode,
      lastArchivedWal: archiver.last_archived_wal,
      lastArchivedAt: archiver.last_archived_time,
      lastFailedWal: archiver.last_failed_wal,
      lastFailedAt: archiver.last_failed_time,
      archivedCount: archiver.archived_count,
      failedCount: archiver.failed_count,
      backlog: await readBacklog(client),
    },
    maxSlotWalKeepBytes: server.max_slot_wal_keep_bytes < 0 ? null : server.max_slot_wal_keep_bytes,
    synchronousStandbyNames: server.synchronous_standby_names,
  };
}

async function readBacklog(client: pg.Client): Promise<number | null> {
  try {
    return (await client.query<{ backlog: number }>(BACKLOG)).rows[0]?.backlog ?? null;
  } catch (error) {
    // Somebody revoked it: the host's own count does.
    if ((error as { code?: string }).code !== "42501") throw error;
    return null;
  }
}
