# shellcheck shell=bash
# A backup restored into a directory of its own (`work`), and recovered by a server that only `postgres` on this host reaches. `run_directory` is in memory: how
# the archive is read (pgbackrest.conf, stanza), that server's socket and log. Sourced by the steps that restore.

# begin_work PGBACKREST_CONF STANZA: the archive that this is about. Commands that write are never given this configuration.
begin_work() {
  install -d -o postgres -g postgres -m 700 "$run_directory"
  printf '%s' "$1" | write_file "$run_directory/pgbackrest.conf" postgres:postgres 600 || true
  printf '%s\n' "$2" | write_file "$run_directory/stanza" postgres:postgres 600 || true
  archive_conf=$run_directory/pgbackrest.conf
  archive_stanza=$2
}

# Prints the process of the server that runs on `work`. Status 1: none does.
work_server() {
  local postmaster=''
  { read -r postmaster <"$work/postmaster.pid"; } 2>/dev/null || return 1
  is_pid "$postmaster" && [[ $(as_postgres readlink "/proc/$postmaster/cwd") == "$work" ]] && printf '%s' "$postmaster"
}

# stop_work fast|immediate
stop_work() {
  work_server >/dev/null || return 0
  attempt "the server that recovers the restored data does not stop" "See $run_directory/log on the host; then run it again." \
    as_postgres "$pgbin/pg_ctl" stop -s -w -t 3600 -m "$1" -D "$work"
}

# work_sql [psql options]: as `sql`, on that server.
work_sql() {
  as_postgres env PGCONNECT_TIMEOUT=10 PGOPTIONS="$superuser_options" \
    "$pgbin/psql" -XAtq -v ON_ERROR_STOP=1 -h "$run_directory" -p "$port" -d postgres "$@"
}

readonly wal_room=1073741824 # bytes: for WAL that is recovered, and what comes of it

# restore_backup LABEL BYTES TABLESPACES: into `work`. What an earlier try has left there is gone on with. Tablespaces get directories of their own below TABLESPACES.
restore_backup() {
  local how=--no-delta present=0 output printed status=0 restoring last=$SECONDS
  stop_work immediate
  if [[ -f $work/backup.manifest || -f $work/PG_VERSION ]]; then
    how=--delta
    present=$(du -sb "$work" | cut -f1)
  else
    as_postgres rm -rf "$work"
    as_postgres mkdir -m 700 "$work"
  fi
  require_free_space $(($2 > present ? $2 - present + wal_room : wal_room)) "for the backup and its WAL"
  say "restoring backup $1 ($(($2 / 1048576)) MB)"
  output=$(mktemp)
  { as_archiver 0 restore "$how" --set="$1" --type=none --tablespace-map-all="$3" || exit $?; } >"$output" 2>&1 </dev/null &
  restoring=$!
  while kill -0 "$restoring" 2>/dev/null; do
    if ((SECONDS - last >= 30)); then
      last=$SECONDS
      say "restored $(($(du -sb "$work" 2>/dev/null | cut -f1 || echo 0) / 1048576)) MB of $(($2 / 1048576)) MB"
    fi
    nap 0.1
  done
  wait "$restoring" || status=$?
  printed=$(<"$output")
  rm -f "$output"
  ((status == 0)) || refuse_archive restore "$printed"
}

# What the source left in its data directory for itself: settings that would win over this cluster's, slots, whom it followed.
forget_source() {
  # shellcheck disable=SC2016  # the inner shell's
  as_postgres bash -c 'cd "$1" && rm -rf standby.signal postmaster.pid postmaster.opts current_logfiles pg_replslot/* &&
    : >postgresql.auto.conf && : >recovery.signal' bash "$work"
}

# recover CONF: the restored backup, up to where CONF says; it takes writes then.
recover() {
  local last=$SECONDS at
  printf '%s' "$1" | write_file "$run_directory/recovery.conf" postgres:postgres 600 || true
  as_postgres rm -f "$run_directory/log"
  say "recovering"
  as_postgres "$pgbin/pg_ctl" start -s -w -t 600 -D "$work" -l "$run_directory/log" -o "--config-file=$run_directory/recovery.conf" </dev/null ||
    recovery_failed
  until [[ $(work_sql -c 'select pg_is_in_recovery()' 2>/dev/null || true) == f ]]; do
    work_server >/dev/null || recovery_failed
    if ((SECONDS - last >= 10)); then
      last=$SECONDS
      at=$(pgrep -u postgres -P "$(work_server || echo 1)" -af 'startup' | grep -oE '[0-9A-F]{24}' | head -n 1 || true)
      say "recovering${at:+: $at}"
    fi
    nap 0.1
  done
}

recovery_log() {
  grep -vE 'restored log file|P00 +INFO' "$run_directory/log" | tail -n "${1:-6}" | cut -c1-300 | indented || true
}

recovery_failed() {
  local log at
  log=$(tail -n 2000 "$run_directory/log")
  at=$(grep -oE 'last completed transaction was at log time [-0-9:.+ ]+' <<<"$log" | tail -n 1 | sed 's/.*log time //' || true)
  case $log in
    *'recovery ended before configured recovery target was reached'*)
      refuse "the archive's WAL ends before the target${at:+; the last transaction in it is of $at}" \
        "Choose latest, or a target that is not after that; WAL that the source has not archived yet comes with 'select pg_switch_wal()' there. Nothing was lost." ;;
    *'requested recovery stop point is before consistent recovery point'*)
      refuse "the target is before the end of the backup" "Choose an earlier backup, or a later target. Nothing was lost." ;;
    *'could not restore file'*)
      refuse "WAL cannot be read from the archive
$(recovery_log)" "Where the archive is out of reach, run it again once it answers: it goes on from here. Where a WAL file is damaged, choose a target before it." ;;
    *)
      refuse "the restored data cannot be recovered
$(recovery_log 10)" "See the lines above, and $run_directory/log on the host." ;;
  esac
}

# Where the recovery ended: sets `reached` (LSN) and `reached_at` (of the last transaction; empty: there was none).
read_reached() {
  local newest
  newest=$(find "$work/pg_wal" -maxdepth 1 -name '*.history' -printf '%f\n' | grep -xE '[0-9A-F]{8}\.history' | sort | tail -n 1)
  # shellcheck disable=SC2016  # awk's
  reached=$(as_postgres awk 'NF > 1 { at = $2 } END { print at }' "$work/pg_wal/$newest")
  checked lsn "$reached" >/dev/null
  reached_at=$(grep -oE 'last completed transaction was at log time [-0-9:.+ ]+' "$run_directory/log" | tail -n 1 | sed 's/.*log time //' || true)
}

# require_reached SEGMENT: PostgreSQL takes a WAL file that is damaged or missing for the end of all WAL.
require_reached() {
  local size
  [[ -n $1 ]] || return 0
  size=$(checked number "$(as_postgres "$pgbin/pg_controldata" -D "$work" | sed -n 's/^Bytes per WAL segment: *//p')")
  (($(bytes "$reached") / size >= 16#${1:8:8} * (0x100000000 / size) + 16#${1:16:8})) ||
    refuse "recovery ended at $reached, although the archive has WAL up to $1
$(recovery_log)" "A WAL file after that is damaged. Choose a target up to there; nothing was lost."
}

# user_sql DATABASE [psql options]: on that server, in a session as a user's would be: with the search_path that the database has.
user_sql() {
  local name=${1//\\/\\\\}
  as_postgres env PGCONNECT_TIMEOUT=10 "$pgbin/psql" -XAtq -v ON_ERROR_STOP=1 -h "$run_directory" -p "$port" -d "dbname='${name//\'/\\\'}'" "${@:2}"
}
