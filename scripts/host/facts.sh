# shellcheck shell=bash
# What is true on this host now. Reads only; preflight and status ask for it. Works on a stopped server and on a warm standby,
# too, which take no SQL. Positions in the WAL are bytes from its beginning.
#
# outcome: model/hostFacts.ts

data_state=empty system_identifier='' timeline=0 control_state=''
checkpoint=0 wal_timeline=0 end=null forked_at=null heard=null checksums=false hints=false
wal=$pgdata/pg_wal

# One call for everything that PostgreSQL is asked.
ask_postgres() {
  as_postgres env PGCONNECT_TIMEOUT=3 PGOPTIONS="$superuser_options -c statement_timeout=4s" \
    timeout 5 "$pgbin/psql" -XAtq -v ON_ERROR_STOP=1 -v capacity="$floor_names,'max_replication_slots'" -h /run/postgresql -p "$port" -d postgres <<'SQL'
\set awaited null
select to_regclass('understudy.handover') is not null as known \gset
\if :known
select coalesce((select json_build_object('epoch', epoch, 'id', line->>'synchronous') from understudy.handover h, to_jsonb(h) line
  where line->>'synchronous' is not null order by epoch desc limit 1)::text, 'null') as awaited \gset
\endif
select json_build_object(
  'major', current_setting('server_version_num')::int / 10000,
  'inRecovery', recovering,
  'settings', (select json_object_agg(name, setting::bigint) from pg_settings where name in (:capacity)),
  'slots', (select coalesce(json_agg(json_build_object(
      'name', slot_name, 'type', slot_type, 'database', database, 'temporary', temporary,
      'failover', coalesce((row->>'failover')::boolean, false),
      'synced', coalesce((row->>'synced')::boolean, false) and row->>'invalidation_reason' is null) order by slot_name), '[]')
    from pg_replication_slots s, to_jsonb(s) row),
  'senders', (select coalesce(json_agg(json_build_object(
      'name', application_name, 'state', state, 'sync', sync_state,
      'flushedBytes', pg_wal_lsn_diff(flush_lsn, '0/0'), 'replayedBytes', pg_wal_lsn_diff(replay_lsn, '0/0')) order by pid), '[]')
    from pg_stat_replication),
  'awaited', :'awaited'::json,
  'weakCommits', exists (select from pg_db_role_setting, unnest(setconfig) as line where line ~* '^synchronous_commit='
    and lower(split_part(line, '=', 2)) not in ('on', 'true', 'yes', '1', 'remote_apply')),
  'backups', (select count(*) from pg_stat_progress_basebackup)
    + (select count(distinct application_name) from pg_stat_activity where application_name like 'pgBackRest [backup]%'),
  'primary', case when not recovering then json_build_object(
    'currentBytes', pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0'),
    'synchronousStandbyNames', current_setting('synchronous_standby_names'),
    'failingWal', (select last_failed_wal from pg_stat_archiver
      where last_failed_time > coalesce(last_archived_time, '-infinity')),
    'oldestTransaction', (select json_build_object('seconds', round(extract(epoch from clock_timestamp() - xact_start)::numeric, 1),
        'pid', pid, 'user', usename)
      from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid() and xact_start is not null
      order by xact_start limit 1),
    'preparedTransactions', (select count(*) from pg_prepared_xacts)) end,
  'standby', case when recovering then json_build_object(
    'receivedBytes', pg_wal_lsn_diff(pg_last_wal_receive_lsn(), '0/0'),
    'replayedBytes', pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0'),
    'replayPaused', pg_is_wal_replay_paused(),
    'delaySeconds', (select setting::numeric / 1000 from pg_settings where name = 'recovery_min_apply_delay'),
    'receiver', (select json_build_object('status', status, 'host', sender_host, 'timeline', received_tli,
        'latestEndBytes', pg_wal_lsn_diff(latest_end_lsn, '0/0'),
        'heardSeconds', round(extract(epoch from clock_timestamp() - last_msg_receipt_time)::numeric, 1))
      from pg_stat_wal_receiver where status is not null)) end)
from (select pg_is_in_recovery() as recovering) as server;
SQL
}

segments() { find "$wal" -maxdepth 1 -type f -regextype posix-extended -regex '.*/[0-9A-F]{24}' "$@"; }

# The beginning of the segment that recovery reads, as its process says in its title; empty where it does not. What comes before is replayed.
recovering_from() {
  local segment
  segment=$(pgrep -u postgres -a -f '^postgres: .*startup +(recovering|waiting for) [0-9A-F]{24}' | grep -oE '(recovering|waiting for) [0-9A-F]{24}' | tail -n 1) || return 0
  begin_of "${segment: -24}"
}

# begin_of SEGMENT: the position at which the file of that name begins.
begin_of() {
  local size
  size=$(checked number "$(value 'Bytes per WAL segment')")
  printf '%d' "$((16#${1:8:8} * 0x100000000 + 16#${1:16:8} * size))"
}

# The last segment file of an unbroken row that begins with the one that holds position $1. Each begins with the address that its name says, which a
# recycled one does not; where two timelines have a file of one segment, the later one counts. Empty: there is none.
last_segment() {
  local -A newest=()
  local -a row=()
  local name number size per_log found='' timeline=0 address
  size=$(checked number "$(value 'Bytes per WAL segment')")
  per_log=$((0x100000000 / size))
  while IFS= read -r name; do newest[${name:8}]=$name; done < <(segments -printf '%f\n' | sort)
  for ((number = $1 / size; ; number++)); do
    printf -v name '%08X%08X' $((number / per_log)) $((number % per_log))
    name=${newest[$name]:-}
    if [[ -z $name ]] || ((16#${name:0:8} < timeline)); then break; fi
    timeline=$((16#${name:0:8}))
    row+=("$name")
  done
  number=$(($1 / size))
  # shellcheck disable=SC2016 # the inner shell expands them
  while read -r address; do
    [[ $address == $((number * size)) ]] || break
    found=${row[0]} row=("${row[@]:1}") number=$((number + 1))
  done < <(((${#row[@]} == 0)) || as_postgres timeout 5 bash -c 'for name; do od -An -tu8 -j8 -N8 "$0/$name" || exit; done' "$wal" "${row[@]}" 2>/dev/null)
  printf '%s' "$found"
}

# Finds where the WAL on disk ends, from position $1 on, which recovery has got to at least: sets `end` and `wal_timeline`.
read_on_from() {
  local segment begins found last
  end=$1
  segment=$(last_segment "$1")
  [[ -n $segment ]] || return 0
  wal_timeline=$((16#${segment:0:8}))
  begins=$(begin_of "$segment")
  if ((begins > end)); then end=$begins; fi
  # The last record, and what pg_waldump says where there is no other one. With the file's name it does not wait for the next segment.
  found=$(as_postgres timeout 5 "$pgbin/pg_waldump" --start="$(lsn "$end")" "$wal/$segment" 2>&1 |
    awk '/ lsn: / { record = $0; next } / at / { why = $0 } END { print record; print why }' || true)
  if [[ $found =~ len\ \(rec/tot\):\ +[0-9]+/\ *([0-9]{1,10}),.*\ lsn:\ ([0-9A-F]{1,8}/[0-9A-F]{1,8}), ]]; then
    last=$(($(bytes "${BASH_REMATCH[2]}") + (BASH_REMATCH[1] + 7) / 8 * 8))
    if ((last > end)); then end=$last; fi
  fi
  if [[ $found =~ at\ ([0-9A-F]{1,8}/[0-9A-F]{1,8})(:|,|$)[^/]*$ ]]; then
    last=$(bytes "${BASH_REMATCH[1]}")
    if ((last > end)); then end=$last; fi
  fi
}

lsn() { printf '%X/%X' $(($1 >> 32)) $(($1 & 0xFFFFFFFF)); }

# recovered [POSITION]: up to where recovery has got at least. Its control file knows that from the last restart point on only.
recovered() {
  local position replayed=${1:-0}
  position=$(value 'Minimum recovery ending location')
  [[ -n $position && $position != 0/0 ]] || position=$(value 'Latest checkpoint location')
  position=$(bytes "$position")
  printf '%d' "$((replayed > position ? replayed : position))"
}

# What a running server that takes no SQL runs with, as JSON. To ask for each takes a tenth of a second, so the answers are kept until it is
# started or configured anew.
readonly warm_settings=/run/understudy-warm-settings
settings_of_warm_server() {
  local name delay settings=''
  if [[ ! $warm_settings -nt $started_configuration || ! $warm_settings -nt $etc/standby.conf ]]; then
    for name in "${!floor_settings[@]}" max_replication_slots; do
      settings+=",\"$name\":$(setting_of_warm_server "$name")"
    done
    delay=$(setting_of_warm_server recovery_min_apply_delay)
    printf '"settings":{%s},"delaySeconds":%d' "${settings#,}" "$((delay / 1000))" >"$warm_settings.$BASHPID"
    mv -f "$warm_settings.$BASHPID" "$warm_settings"
  fi
  printf '%s' "$(<"$warm_settings")"
}

setting_of_warm_server() {
  checked number "$(as_postgres "$pgbin/postgres" --config-file="$started_configuration" -C "$1")"
}

# That, the slots that it holds, and how far it has replayed at least.
warm_server() {
  local name slots='' replayed
  for name in "$pgdata"/pg_replslot/*/; do
    name=$(basename "$name")
    [[ ! $name =~ ^[a-z0-9_]{1,63}$ ]] || slots+=",\"$name\""
  done
  replayed=$(bytes "$(value 'Minimum recovery ending location')")
  if ((${replays_from:-0} > replayed)); then replayed=$replays_from; fi
  printf '{%s,"slots":[%s],"replayedBytes":%d}' "$(settings_of_warm_server)" "${slots#,}" "$replayed"
}

# The position at which the timeline of this node left the one before.
fork_of() {
  local history
  history=$(printf '%s/%08X.history' "$wal" "$1")
  [[ -f $history ]] || return 0
  awk '$1 ~ /^[0-9]+$/ { at = $2 } END { print at }' "$history"
}

if [[ ! -f $marker ]]; then
  data_state=missing-volume
elif has_data; then
  data_state=cluster
  declare -A control=()
  while IFS= read -r line; do
    [[ $line != *:* ]] || control[${line%%:*}]=${line#*: }
  done < <(as_postgres "$pgbin/pg_controldata" -D "$pgdata")
  value() {
    local found=${control[$1]:-}
    printf '%s' "${found#"${found%%[! ]*}"}"
  }
  system_identifier=$(value 'Database system identifier')
  [[ $system_identifier =~ ^[0-9]{1,20}$ ]] || checked number "$system_identifier"
  timeline=$(checked number "$(value "Latest checkpoint's TimeLineID")")
  control_state=$(value 'Database cluster state')
  checkpoint=$(bytes "$(value 'Latest checkpoint location')")
  wal_timeline=$(checked number "$(value "Min recovery ending loc's timeline")")
  ((wal_timeline > timeline)) || wal_timeline=$timeline
  [[ $(value 'Data page checksum version') == 0 ]] || checksums=true
  [[ $(value 'wal_log_hints setting') != on ]] || hints=true
fi

mapfile -t units < <(systemctl is-active "$unit" understudy-handover.service || true)
answer='' in_recovery=null
if [[ ${units[0]:-} == active ]] && answer=$(ask_postgres); then
  [[ $answer =~ \"inRecovery\"\ :\ (true|false) ]] && in_recovery=${BASH_REMATCH[1]}
  if [[ $answer =~ \"timeline\"\ :\ ([1-9][0-9]{0,9}) ]] && ((BASH_REMATCH[1] > wal_timeline)); then wal_timeline=${BASH_REMATCH[1]}; fi
  # A standby that was started and has received nothing since: it may have more than it has replayed.
  if [[ $answer =~ \"receivedBytes\"\ :\ null.*\"replayedBytes\"\ :\ ([0-9]{1,18}) ]]; then read_on_from "$(recovered "${BASH_REMATCH[1]}")"; fi
else
  answer=''
fi
warm=null
if [[ $data_state == cluster ]]; then
  if [[ -z $answer ]]; then
    replays_from=$(recovering_from)
    if [[ ${units[0]:-} == active ]]; then warm=$(warm_server); fi
    read_on_from "$(recovered "$replays_from")"
    look_at_receiver "$(receiver_pid)"
    if [[ -n $received ]] && (($(bytes "$received") > end)); then end=$(bytes "$received"); fi
  fi
  fork=$(fork_of "$wal_timeline")
  [[ -z $fork ]] || forked_at=$(bytes "$fork")
  last_write=$(segments -printf '%T@\n' | sort -n | tail -n 1)
  last_write=${last_write%.*}
  ! is_number "$last_write" || heard=$((EPOCHSECONDS - last_write))
fi

read_token
token=null
[[ -n $token_to ]] && token=$(printf '{"epoch":%d,"from":"%s","to":"%s","state":"%s"}' \
  "$token_epoch" "${token_from#-}" "$token_to" "$token_state")

pooler=()
if [[ -d $etc/pooler ]]; then
  pooler_units=(understudy-pooler.service understudy-pooler-ro.service understudy-pooler-route.service)
  mapfile -t pooler_states < <(systemctl is-active "${pooler_units[@]}" || true)
  pooler_json=''
  for i in "${!pooler_units[@]}"; do pooler_json+=",\"${pooler_units[i]}\":\"${pooler_states[i]:-unknown}\""; done
  paused=false
  [[ -f /run/understudy-pooler-route/lease && ! -f /run/understudy-pooler-route/attending ]] && paused=true
  led=$(sed -n 's/^\* = host=\([^ ]*\) port=\(.*\)/\1 \2/p' "$etc/pooler/route.ini" 2>/dev/null || true)
  pooler=('pooler#' "{\"units\":{${pooler_json#,}},\"paused\":$paused,\"route\":\"$(awk -v led="$led" '$2 " " $3 == led {print $1}' "$etc/pooler/candidates")\"}")
fi

ready=$(find "$wal/archive_status" -name '*.ready' 2>/dev/null | wc -l || true)
backup=false
if pgrep -f '^[^ ]*pgbackrest .*[^-]\bbackup(:|$| )' >/dev/null; then backup=true; fi
# Scheduled backups whose last run on this host failed, and why.
failed_backups() {
  local json='' id='' result='' ended='' key value why
  while IFS='=' read -r key value; do
    case $key in
      Id) id=$value ;;
      Result) result=$value ;;
      ExecMainExitTimestamp) ended=$value ;;
      '')
        if [[ $id =~ ^understudy-backup-(full|diff|incr)\.service$ && -n $ended && $result != success ]] && ended=$(date -d "$ended" +%s); then
          why=$(journalctl --no-pager --quiet --output=cat --lines=20 --unit="$id" | sed -n 's/^understudy: [^:]*: //p' | tail -n 1 | tr -dc '[:alnum:] .,:;()/_-' || true)
          json+=",{\"type\":\"${BASH_REMATCH[1]}\",\"endedAt\":$ended,\"why\":\"${why:-$result}\"}"
        fi
        id='' result='' ended=''
        ;;
    esac
  done < <(systemctl show --property=Id,Result,ExecMainExitTimestamp understudy-backup-{full,diff,incr}.service && echo)
  printf '[%s]' "${json#,}"
}

# drill_in FILE: what came of a restore drill; null: there was none.
drill_in() {
  local line=''
  { IFS= read -r -n 4000 line <"$1"; } 2>/dev/null || true
  if is_json "$line"; then printf '%s' "$line"; else printf null; fi
}

# How much WAL comes in an hour: of the last hour, or of as much of it as there are segments of, but not less than ten minutes.
wal_per_hour() {
  local size oldest='' written=0 time earlier=0
  size=$(checked number "$(value 'Bytes per WAL segment')")
  while IFS=. read -r time _; do
    is_number "$time" || continue
    if ((time < EPOCHSECONDS - 3600)); then
      earlier=1
    else
      written=$((written + size))
      [[ -n $oldest ]] && ((oldest <= time)) || oldest=$time
    fi
  done < <(segments -printf '%T@\n')
  if ((earlier)) || [[ -z $oldest ]]; then oldest=$((EPOCHSECONDS - 3600)); fi
  if ((EPOCHSECONDS - oldest < 600)); then oldest=$((EPOCHSECONDS - 600)); fi
  printf '%d' $((written * 3600 / (EPOCHSECONDS - oldest)))
}
wal_rate=null
[[ $data_state != cluster ]] || wal_rate=$(wal_per_hour)

volume=''
[[ -f $marker ]] && volume=$(<"$marker")
last_intent=$(known_intent)
verdict=''
[[ -f $verdict_file ]] && verdict=$(<"$verdict_file")
joined=0
if [[ -f $state/joined ]]; then read -r joined <"$state/joined" || true; fi
is_epoch "$joined" || joined=0
if has_agent; then
  # An update that made the cluster was cut off before anybody was to lead it: the next one goes on with that.
  if [[ $data_state == cluster && -n $agent_phase && -z $token_to ]]; then data_state=empty system_identifier=''; fi
  joined=0 verdict=''
  if [[ $agent_joined == yes ]]; then joined=$token_epoch; elif [[ -n $token_to ]]; then verdict=stay; fi
fi
changed_epoch=0 changed_by=''
if [[ -f $state/changed ]]; then read -r changed_epoch changed_by <"$state/changed" || true; fi
if ! is_leaders_token || [[ $changed_epoch != "$token_epoch" ]] || ! is_intent "$changed_by"; then changed_by=''; fi
# What former primaries have left.
kept=''
for directory in "$data_directory"/kept/* "$pgdata".aside-*; do
  [[ -d $directory && ${directory##*/} =~ ^[A-Za-z0-9._-]{1,100}$ ]] || continue
  size=$(timeout 1 du -sb "$directory" | cut -f1) || size=null
  kept+=",{\"path\":\"$directory\",\"bytes\":${size:-null}}"
done
read -r total free < <(df --output=size,avail -B1 "$data_directory" | tail -n 1)

result node "$node" clusterId "$volume" intent "$last_intent" handover "${units[1]:-inactive}" \
  'data#' "{\"state\":\"$data_state\",\"systemIdentifier\":\"$system_identifier\",\"timeline\":$timeline,\"controlState\":\"$control_state\"}" \
  'postgres#' "{\"unit\":\"${units[0]:-inactive}\",\"inRecovery\":$in_recovery}" \
  'token#' "$token" \
  verdict "$verdict" 'joined#' "$joined" changedBy "$changed_by" 'kept#' "[${kept#,}]" \
  'disk#' "{\"totalBytes\":$total,\"freeBytes\":$free}" \
  'archive#' "{\"ready\":$ready}" archiveKnown "$(cat "$state/archive-known" 2>/dev/null || true)" \
  'wal#' "{\"timeline\":$wal_timeline,\"checkpointBytes\":$checkpoint,\"endBytes\":$end,\"forkedAtBytes\":$forked_at,\"heardSeconds\":$heard,\"bytesPerHour\":$wal_rate}" \
  'rewindable#' "$([[ $checksums == true || $hints == true ]] && echo true || echo false)" \
  'backup#' "$backup" 'failedBackups#' "$(failed_backups)" \
  'drills#' "{\"last\":$(drill_in "$state/drill"),\"proven\":$(drill_in "$state/drill-proven")}" \
  'warm#' "$warm" \
  "${pooler[@]}" \
  sql "$answer"
