# shellcheck shell=bash
# A standby that receives WAL from the primary. Sourced by the steps `follow` and `prepare`, and by `handover give`.

conninfo="host=$primary_address port=$primary_port user=understudy_replication passfile=$etc/pgpass sslmode=verify-full"
conninfo+=" sslrootcert=$etc/tls/ca.crt connect_timeout=5 application_name=$node"

# join_primary PRIMARY EPOCH FROM: this node follows PRIMARY, which leads by change EPOCH: copied, rewound or repointed, as its data need it.
# Goes by the parameters of `follow` that tell how, by their names.
join_primary() {
  local primary=$1 epoch=$2 from=$3 fork=everything timeline='' theirs=${theirs:-} history=${history:-} found server='' writable='' reached='' runs_with=''

  adopt_token "$epoch" "$from" "$primary" leads || true
  # A change that was to take it from PRIMARY and was called off has a higher number, and says the same.
  [[ "$token_epoch $token_to" == "$epoch $primary" || ($token_epoch -gt $epoch && "$token_state $token_from" == "revoked $primary") ]] ||
    refuse "this node knows of another change of primary ($token_epoch: ${token_to:-nobody}, $token_state)" \
      "Run 'pulumi up' again."
  await 120 "PostgreSQL to have stopped" has_stopped
  rm -f "$synchronous_conf"
  if ! follows_already; then
    follow_anew
    await 600 "WAL from $primary" receives_wal_of_primary
  fi
  rm -f "$handover_flag"
  # As a primary it had slots for its followers.
  if compgen -G "$pgdata/pg_replslot/*" >/dev/null; then drop_slots "" || ! takes_sql; fi
}

# As it does where its unit has let it follow, or an update is run again.
follows_already() {
  [[ $server == active && $(cat "$state/joined" 2>/dev/null) == "$epoch" ]] &&
    [[ $(<"$etc/standby.conf") == "$(printf '%s' "$standby_conf")" ]] && ask_primary && ask_server && ! runs_with_less && is_streaming 1
}

follow_anew() {
  [[ $server == active ]] || end_stray_server
  [[ $server != active ]] || server_answers || refuse "PostgreSQL on this node does not answer" \
    "See 'systemctl status $unit' on it; a server that hangs is helped by 'systemctl restart $unit'. Then run 'pulumi up' again."
  [[ $server != active ]] || ask_server
  [[ -n $theirs ]] || ask_primary || true
  if ! has_data; then
    copy_primary
  elif [[ $(cat "$state/joined" 2>/dev/null) != "$epoch" ]]; then
    [[ $writable != t ]] || refuse_writer
    find_fork
    if [[ -f $state/rewinding ]] || has_diverged; then
      rejoin
      server=inactive
    else
      save_unarchived false
    fi
  fi

  found=$(control_value 'Database system identifier')
  [[ $found == "$system_identifier" ]] || refuse "the data of this node belongs to another cluster (system identifier $found, the primary's is $system_identifier)" \
    "Move $pgdata aside on $node, then run 'pulumi up' again: it makes a new copy."

  # A server that starts, or gets another primary, looks into the archive for all that it may be missing before it asks that one.
  if [[ $source == streaming ]]; then hold_archive 5; else rm -f "$handover_flag"; fi
  printf '%s' "$standby_conf" | write_file "$etc/standby.conf" root:postgres 640 || true
  printf '%s\n' "$epoch" | write_file "$state/joined" root:root 600 || true
  if [[ $server == active ]] && runs_with_less; then
    say "restarting PostgreSQL, because $primary runs with more (max_connections and its kin)"
    systemctl restart "$unit"
  elif [[ $server == active ]] && grep -qs '^recovery_target_timeline' "$etc/floor.conf"; then
    say "restarting PostgreSQL, which has stayed on its own timeline until it knew who leads"
    systemctl restart "$unit"
  elif [[ $server == active ]]; then
    put_in_force
  else
    start_postgres
  fi
  ! is_writable || refuse_writer
}

refuse_writer() {
  refuse "this node takes writes, but $primary is declared the primary" \
    "Decide which one is right. If it is this node: pulumi config set primary $node"
}

# Sets `server`, to what systemd says of it. One that is stopping has handed over, and archives the last of what it wrote.
has_stopped() {
  server=$(systemctl is-active "$unit") || true
  [[ $server != deactivating ]]
}

# A server that starts, or takes no SQL, says so; one that hangs says nothing.
server_answers() {
  local status=0
  as_postgres "$pgbin/pg_isready" -q -h /run/postgresql -p "$port" -t 10 || status=$?
  ((status != 2))
}

# Sets `writable` (t or f), `reached` (how far it has WAL) and `runs_with` of the server that runs; empty where it takes no SQL.
ask_server() {
  local answer
  answer=$(sql -c "select not pg_is_in_recovery(), greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()),
    (select string_agg(name || ' ' || setting, ',') from pg_settings where $needed_settings)") || answer=''
  IFS='|' read -r writable reached runs_with <<<"$answer" || true
  [[ -z $reached ]] || checked lsn "$reached" >/dev/null
}

# The slot on the primary by which this node will follow it, where the step `slots` has not made it yet.
reserve_slot() {
  [[ $(primary_sql "select count(*) from pg_replication_slots where slot_name = '$slot'") == 0 ]] || return 0
  as_postgres "$pgbin/psql" -XAtq -d "$conninfo dbname=postgres replication=true" -c "CREATE_REPLICATION_SLOT \"$slot\" PHYSICAL RESERVE_WAL" </dev/null
}

# Sets `size`, in bytes.
require_room_for_copy() {
  size=$(primary_sql 'select sum(pg_database_size(oid)) from pg_database' 2>&1) || lets_nobody_in "$size"
  size=$(checked number "$size")
  require_free_space $((size + 256 * 1024 * 1024)) "for a copy of $primary"
}

# Killed half-way, the base backup leaves a directory of its own name; it becomes PGDATA only when it is whole.
copy_primary() {
  local unfinished=$pgdata.basebackup size slot_option=()
  [[ $source == streaming ]] && slot_option=(--slot="$slot")
  as_postgres rm -rf "$unfinished"
  require_room_for_copy
  say "base backup of $primary ($((size / 1048576)) MB)"
  as_postgres "$pgbin/pg_basebackup" --pgdata="$unfinished" --dbname="$conninfo" --wal-method=stream --checkpoint=fast \
    --progress "${slot_option[@]}" 2>&1 </dev/null | show_progress ||
    refuse "the base backup of $primary failed
$(tail -n 4 "/var/log/understudy/$step.log" | indented)" "Mend what the lines above name, then run 'pulumi up' again: it starts a new copy."
  # shellcheck disable=SC2016  # the inner shell's
  as_postgres sh -c 'touch "$1/standby.signal" && sync "$1/standby.signal" "$1" && mv "$1" "$2" && sync "${2%/*}"' sh "$unfinished" "$pgdata"
}

show_progress() {
  local line last=$SECONDS
  while IFS= read -r line; do
    printf '%s\n' "$line"
    if [[ $line == *'%'* ]] && ((SECONDS - last >= 5)); then
      last=$SECONDS
      say "base backup: ${line#"${line%%[! ]*}"}"
    fi
  done
}

# --- a data directory from before the primary led --------------------------------------------------------------------

primary_sql() {
  as_postgres env PGOPTIONS="$session_options" "$pgbin/psql" -XAtq -d "$conninfo dbname=postgres" -c "$1" </dev/null
}

# lets_nobody_in [WHAT]: what psql said.
lets_nobody_in() {
  refuse "the primary $primary lets nobody in at $primary_address:$primary_port${1:+
$(indented <<<"$1")}" "Check the network between the nodes (port $primary_port), then run 'pulumi up' again."
}

# Sets `theirs` (the primary's timeline) and `history` (of that), and notes what it runs with. Status 1: it lets nobody in.
# A hot standby needs at least what its primary runs with. Its own control file learns of that by replay only, which stops there.
ask_primary() {
  local answer
  answer=$(primary_sql "select timeline, needs, convert_from(pg_read_binary_file('pg_wal/' || timeline || '.history', 0, 1048576, true), 'UTF8')
    from (select substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)) as wal (timeline),
      (select string_agg(name || ' ' || setting, ',') from pg_settings where $needed_settings) as settings (needs)") || return 1
  theirs=${answer%%|*} answer=${answer#*|}
  history=${answer#*|}
  checked timeline "$theirs" >/dev/null
  checked capacity "${answer%%|*}" >/dev/null
  tr ',' '\n' <<<"${answer%%|*}" | write_file "$state/needs" root:root 600 || true
}

# Sets `fork`: up to where this node's timeline and the primary's history are the same; `everything`: they do not part.
find_fork() {
  [[ -n $theirs ]] || lets_nobody_in
  timeline=$(local_timeline)
  if [[ $timeline == "$theirs" ]]; then
    fork=everything
    # Two that were both promoted to a timeline of this number have nothing in common but the number.
    if [[ -f $pgdata/pg_wal/$timeline.history && $history != "$(<"$pgdata/pg_wal/$timeline.history")" ]]; then
      fork=unknown
    fi
    return 0
  fi
  fork=$(awk -v own=$((16#$timeline)) '$1 == own {print $2}' <<<"$history")
  is_lsn "$fork" || fork=unknown
}

# Prints how far this node's own WAL reaches: for a running hot standby the end of what it received, else where the last record begins.
last_position() {
  if [[ $server == active && -n $reached ]]; then
    printf '%s\n' "$reached"
  else
    as_postgres "$pgbin/pg_waldump" --path="$pgdata/pg_wal" --timeline=$((16#$timeline)) --start="$(control_value 'Latest checkpoint location')" 2>/dev/null |
      grep -oE 'lsn: [0-9A-F]+/[0-9A-F]+' | tail -n 1 | cut -c6- || true
  fi
}

has_diverged() {
  local position
  [[ $fork != everything ]] || return 1
  [[ $fork != unknown ]] || return 0
  position=$(last_position)
  [[ -n $position ]] || return 0
  if [[ $server == active ]]; then
    (($(bytes "$position") > $(bytes "$fork")))
  else
    (($(bytes "$position") >= $(bytes "$fork")))
  fi
}

# What the server had not archived while it led: nobody else will. What can't be, or does not belong to the common history, is kept aside.
save_unarchived() {
  local ready name kept=$data_directory/kept/change-$epoch pushed=0 put=0 aside=$1 endpoint message
  for ready in "$pgdata"/pg_wal/archive_status/*.ready; do
    [[ -f $ready ]] || continue
    name=$(basename "$ready" .ready)
    [[ $name =~ ^[0-9A-F]{8}([0-9A-F]{16}(\.partial|\.[0-9A-F]{8}\.backup)?|\.history)$ ]] || continue
    $aside || archive_answers || aside=true
    if ! $aside && as_archiver 60 archive-push --no-archive-async "$pgdata/pg_wal/$name"; then
      as_postgres mv "$ready" "${ready%.ready}.done"
      pushed=$((pushed + 1))
    else
      install -d -m 755 "$data_directory/kept"
      install -d -o postgres -g postgres -m 700 "$kept"
      as_postgres cp -p "$pgdata/pg_wal/$name" "$kept/"
      put=$((put + 1))
      # What does not take one takes none.
      aside=true
    fi
  done
  ((pushed == 0)) || say "pushed $pushed WAL files to the archive that this node had not archived"
  ((put == 0)) || say "kept $put WAL files that are not in the archive in $kept"
}

# What this node had written and the primary never got: counted before it goes.
count_loss() {
  local end commits
  [[ $fork != unknown ]] || return 0
  read -r end commits < <(as_postgres "$pgbin/pg_waldump" --path="$pgdata/pg_wal" --timeline=$((16#$timeline)) --start="$fork" 2>/dev/null |
    awk 'match($0, /lsn: [0-9A-F]+\/[0-9A-F]+/) {last = substr($0, RSTART + 5, RLENGTH - 5)} /rmgr: Transaction/ && /desc: COMMIT/ {n++} END {print last, n + 0}' || true) || true
  is_lsn "${end:-}" || return 0
  commits=$(checked number "$commits")
  lost="{\"from\":\"$fork\",\"to\":\"$end\",\"bytes\":$(($(bytes "$end") - $(bytes "$fork"))),\"transactions\":$commits}"
  say "its last $commits committed transactions (WAL from $fork to $end) are not on $primary"
}

# The former primary's history parts from the primary's: it goes back to where they part. Killed half-way, only a copy helps.
rejoin() {
  local began=$EPOCHREALTIME lost=null how=rewind
  if [[ ! -f $state/rewinding ]]; then
    systemctl stop "$unit"
    save_unarchived true
    count_loss
  else
    lost=$(<"$state/rewinding")
    lost=${lost:-null}
  fi
  if [[ $fork == unknown || -f $state/rewinding ]] || ! rewind; then
    how=copy
    set_aside
    copy_primary
  fi
  rm -f "$state/rewinding"
  journal rejoin finished "$began" "{\"how\":\"$how\",\"lost\":$lost}"
}

# Until then its control file names the timeline before, and pg_rewind (up to 16) believes that.
has_checkpointed() {
  [[ $(primary_sql "select timeline_id = ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int from pg_control_checkpoint()") == t ]]
}

rewind() {
  local state_of output
  state_of=$(control_value 'Database cluster state')
  if [[ $state_of != 'shut down'* ]]; then
    say "recovering from its crash, read-only"
    recover_read_only || return 1
  fi
  await 600 "a checkpoint of $primary on its timeline" has_checkpointed
  say "rewinding to $fork"
  printf '%s\n' "$lost" >"$state/rewinding"
  sync "$state/rewinding" "$state"
  if ! output=$(as_postgres env PGOPTIONS="$session_options" "$pgbin/pg_rewind" --target-pgdata="$pgdata" --source-server="$conninfo dbname=postgres" 2>&1 </dev/null); then
    printf '%s\n' "$output"
    say "it cannot be rewound: $(tail -n 1 <<<"$output")"
    return 1
  fi
  printf '%s\n' "$output"
  as_postgres rm -f "$pgdata/standby.signal"
  put_signal
}

# pg_rewind wants a server that was shut down. With standby.signal in place this one takes no writes, and it has nobody to follow.
recover_read_only() {
  put_signal
  local -a options=(--config-file="$etc/postgresql.conf" -c primary_conninfo= -c restore_command= -c listen_addresses= -c hot_standby=on -c recovery_min_apply_delay=0)
  as_postgres "$pgbin/pg_ctl" start -s -w -t 3600 -D "$pgdata" -l "/var/log/postgresql/understudy-rejoin.log" -o "${options[*]}" || return 1
  as_postgres "$pgbin/pg_ctl" stop -s -w -t 600 -m fast -D "$pgdata"
}

# Data is never overwritten on a guess.
set_aside() {
  local aside
  [[ -d $pgdata ]] || return 0
  aside=$pgdata.aside-$epoch-$(date +%s)
  say "keeping its data directory as $aside, and copying $primary"
  as_postgres mv "$pgdata" "$aside"
  as_postgres sync "${pgdata%/*}"
}

# --- what it runs with -----------------------------------------------------------------------------------------------

readonly needed_settings="name in ($floor_names)"

runs_with_less() {
  tr ',' '\n' <<<"$runs_with" | awk -v file="$state/needs" '
    BEGIN { while ((getline line <file) > 0) { split(line, words, " "); need[words[1]] = words[2] } }
    need[$1] + 0 > $2 + 0 { less = 1 }
    END { exit !less }'
}

# is_streaming LOOKS: on the primary's own timeline: the receiver ends once more where the one before does. Looks so often, every 20 ms, over one
# connection: to start psql for each look takes more of the processor than all else that a follower does.
is_streaming() {
  local receiving="status = 'streaming' and sender_host = '$primary_address' ${theirs:+and received_tli = $((16#${theirs:-0}))}" found
  found=$(
    sql <<SQL
do \$\$
begin
  for look in 2..$1 loop
    exit when exists (select from pg_stat_wal_receiver where $receiving);
    perform pg_sleep(0.02);
  end loop;
end \$\$;
select count(*) from pg_stat_wal_receiver where $receiving;
SQL
  ) && [[ $found == 1 ]]
}

# A primary that lets nobody in, twice in a row, is not waited for.
asked_at=$SECONDS unanswered=0
receives_wal_of_primary() {
  local said
  ! receives_wal || return 0
  if [[ $source != archive ]] && ((SECONDS - asked_at >= 8)); then
    if said=$(primary_sql 'select 1' 2>&1); then unanswered=0; else ((++unanswered < 2)) || lets_nobody_in "$said"; fi
    asked_at=$SECONDS
  fi
  return 1
}

# A warm standby takes no SQL: there, a wal receiver that lives on is one that receives (one that can't connect ends at once).
receives_wal() {
  local receiver
  is_started
  if [[ $source == archive ]]; then
    # A restore drill has one, too.
    pgrep -P "$(systemctl show --property=MainPID --value "$unit")" -f 'postgres: .*startup' >/dev/null
  elif ! grep -q "^hot_standby = 'off'" "$etc/standby.conf"; then
    is_streaming 50
  else
    receiver=$(receiver_pid)
    [[ -n $receiver ]] && sleep 1 && [[ $(receiver_pid) == "$receiver" ]]
  fi
}
