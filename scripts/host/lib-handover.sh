# shellcheck shell=bash
# What the steps of a change of primary share, with the units and the guard. Sourced by lib.sh.

# While it is there, restore_command gives nothing: it is asked for file after file, by a promotion, a start, and a standby whose primary stops.
# postgresql.conf includes it.
readonly handover_flag=/run/understudy-handover
readonly handover_unit=understudy-handover.service

# By advisory locks of this class, in its database postgres, the primary and the poolers agree on the moment of its stop. 1: held by each
# router that attends to it, until its clients wait. 2: by the primary, which is about to stop. 3: by a router whose clients can't be held back.
readonly stop_locks=1970168947

# What `demote` leaves for the unit that it starts: by which parameters this node will follow the target.
# shellcheck disable=SC2034  # handover's and yield's
readonly join_file=/run/understudy-join

# put_flag [SETTINGS]: PostgreSQL has to be able to read it.
put_flag() {
  (umask 022 && printf '%s\n' "${1:-}" >"$handover_flag.new")
  mv -f "$handover_flag.new" "$handover_flag"
}

# hold_archive SECONDS: for so long, whatever becomes of the step. Ends no other one's, such as that of a promotion that waits.
hold_archive() {
  local held=no
  ! is_held || held=yes
  put_flag '# held'
  [[ $held == yes ]] || release_flag_in "$1"
}

is_held() {
  grep -qsx '# held' "$handover_flag"
}

release_flag_in() {
  systemd-run --quiet --collect --on-active="$1" --timer-property=AccuracySec=100ms \
    sh -c "! grep -qsx '# held' $handover_flag || { rm -f $handover_flag; systemctl reload $unit; }"
}

# hold_still SECONDS: for so long this follower, whose primary stops, rarely looks for another one: each look is a connection that is refused, ten
# times a second by all followers, while the target needs the processor. A reload with a new primary ends the wait.
hold_still() {
  put_flag "# held
wal_retrieve_retry_interval = '2s'"
  systemctl reload "$unit"
  release_flag_in "$1"
}

# ask_peer NODE QUESTION [SECONDS]: that node's token, by a way that does not depend on PostgreSQL. Status not 0: no answer.
ask_peer() {
  local name address port
  while read -r name address port; do
    [[ $name == "$1" ]] || continue
    timeout "${3:-6}" ssh -n -q -F none -i "$etc/peer_key" -p "$port" -o BatchMode=yes -o IdentitiesOnly=yes -o ConnectTimeout=3 \
      -o PreferredAuthentications=publickey -o HostKeyAlias="$name" -o UserKnownHostsFile="$etc/peer_known_hosts" \
      -o GlobalKnownHostsFile=none -o StrictHostKeyChecking=yes "understudy-peer@$address" "$2" | only_tokens "$name"
    return
  done <"$etc/peers"
  return 1
}

# note FILE TEXT: of a node that leads. It goes without, where the disk is full.
note() {
  { printf '%s\n' "$2" >"$state/$1.new" && mv -f "$state/$1.new" "$state/$1"; } || true
}

# The target has said that it did not take over: this node serves again.
take_role_back() {
  lock_token
  read_token
  put_token "$token_epoch" "$node" "$node" leads
  unlock_token
  read_token
  note joined "$token_epoch"
}

# The one that this node knows; empty: none.
known_intent() {
  local known=''
  { read -r known <"$state/intent"; } 2>/dev/null || true
  ! is_intent "$known" || printf '%s' "$known"
}

# in_background VERB…: `handover VERB`, on its own.
in_background() {
  ! systemctl is-active --quiet "understudy-$1.service" || return 0
  systemctl reset-failed "understudy-$1.service" 2>/dev/null || true
  systemd-run --quiet --collect --no-block --unit="understudy-$1" "$here/handover" "$1" "${intent:-$(known_intent)}"
}

# Empty where no WAL is being received.
receiver_pid() {
  pgrep -u postgres -f '^postgres: .*walreceiver' | head -n 1 || true
}

# look_at_receiver PID: sets `received`, up to where it says that it has got; empty without one, and with update_process_title off. Starts no process.
look_at_receiver() {
  local title=''
  received=''
  if [[ -n $1 ]]; then IFS= read -r -d '' title <"/proc/$1/cmdline" || true; fi 2>/dev/null
  if [[ $title =~ streaming\ ([0-9A-F]{1,8}/[0-9A-F]{1,8}) ]]; then received=${BASH_REMATCH[1]}; fi
}

# The highest timeline that this node has WAL of, eight hexadecimal digits. A history may be that of a timeline which it does not follow.
local_timeline() {
  local found
  found=$(find "$pgdata/pg_wal" -maxdepth 1 -type f -regextype posix-extended -regex '.*/[0-9A-F]{24}(\.partial)?' -printf '%.8f\n' | sort | tail -n 1)
  checked timeline "$found"
}

# drop_statement CONDITION: drops those slots of ours for which it holds. The wal sender of a standby that is gone, that has not turned to its
# new primary yet, or whose slot is lost, holds the slot: it is ended first.
drop_statement() {
  cat <<SQL
do \$\$
declare
  slot name;
begin
  for slot in select slot_name from pg_replication_slots where slot_type = 'physical' and starts_with(slot_name, 'understudy_') and ($1) loop
    for attempt in 1..200 loop
      perform pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = slot and active;
      begin
        perform pg_drop_replication_slot(slot);
        exit;
      exception when object_in_use then
        if attempt = 200 then raise; end if;
        perform pg_sleep(0.02);
      when undefined_object then
        exit;
      end;
    end loop;
  end loop;
end \$\$;
SQL
}

# make_slots NAMES: those that are missing, and anew those that no longer keep what their follower needs. A slot on a standby keeps WAL too.
make_slots() {
  sql -v wanted="$1" <<SQL
$(drop_statement "wal_status = 'lost'")
select pg_create_physical_replication_slot(name, true) from unnest(string_to_array(nullif(:'wanted', ''), ' ')) as name
  where name not in (select slot_name from pg_replication_slots);
SQL
}

# drop_slots NAMES: all others.
drop_slots() {
  sql <<<"$(drop_statement "slot_name <> all (string_to_array('$1', ' '))")"
}

# --- whom commits wait for -------------------------------------------------------------------------------------------

# The names of the standbys that the commits of this primary wait for, separated by spaces.
awaited_standbys() {
  [[ ! -f $synchronous_conf ]] || grep -oE '"[^"]+"' "$synchronous_conf" | tr -d '"' | paste -sd' '
}

# wait_for_standbys NAMES: commits wait for any one of them from now on, and for nobody else; without a name for nobody. Does not look whether
# they are there.
wait_for_standbys() {
  local before names
  local -a standbys
  read -ra standbys <<<"$1"
  if ((${#standbys[@]})); then
    names=$(printf ', "%s"' "${standbys[@]}")
    printf "# Written by Understudy.\nsynchronous_standby_names = 'ANY 1 (%s)'\n" "${names#, }" |
      write_file "$synchronous_conf" root:postgres 640 || true
  else
    rm -f "$synchronous_conf"
    sync "$data_directory"
  fi
  before=$EPOCHREALTIME
  systemctl reload "$unit"
  await 10 "PostgreSQL to read its configuration" has_reloaded_since "$before"
}

# release_standbys NAMES: commits wait for these no more.
release_standbys() {
  local name kept=''
  for name in $(awaited_standbys); do
    if [[ " $1 " != *" $name "* ]]; then kept+="$name "; fi
  done
  say "commits do not wait for ${1// / or } any more"
  wait_for_standbys "$kept"
}

# stays_on_own_timeline: this node is made the primary again although another one, which is lost, took over after it, and it has not joined that one.
stays_on_own_timeline() {
  read_token
  [[ $(cat "$state/resumes" 2>/dev/null) == "$token_epoch" ]] && leads_by_token
}

# resume_own_timeline: a promotion takes the first number for its timeline that it finds no history of, and the history of the one that is lost may
# have never reached the archive. A timeline has at most the number of its change; all below this one are taken.
resume_own_timeline() {
  local number history
  stays_on_own_timeline || return 0
  for ((number = 16#$(local_timeline) + 1; number < token_epoch; number++)); do
    history=$pgdata/pg_wal/$(printf '%08X' "$number").history
    [[ -f $history ]] || as_postgres sh -c "echo '# of a primary that is lost' >'$history'"
  done
}

# What pg_ctl promote does, without its start and its polling.
promote() {
  # shellcheck disable=SC2016  # the inner shell's
  as_postgres sh -c 'read -r postmaster <"$1/postmaster.pid" && : >"$1/promote" && kill -USR1 "$postmaster"' sh "$pgdata"
}

# Looks every 20 ms, over one connection, each time in a transaction of its own: one that lasted could hold up what is still replayed. A warm
# standby lets nobody in before.
has_become_writable() {
  local answer
  while read -r answer; do
    [[ $answer != writable ]] || return 0
  done < <(sql <<<"select 'writable' where not pg_is_in_recovery() \\watch 0.02" 2>/dev/null || true)
  return 1
}

# The promotion that was decided (token `taken`) is under way: waits for its end and writes down that it is done.
finish_promotion() {
  local began=$EPOCHREALTIME epoch from writable
  await 600 "the promotion to end" has_become_writable
  writable=$((${EPOCHREALTIME/./} / 1000))
  put_signal
  read_token
  epoch=$token_epoch from=$token_from
  move_token "$epoch" "$from" "$node" taken leads || true
  note joined "$epoch"
  # By which update, for `preflight` of the next one.
  note changed "$epoch ${intent:-}"
  rm -f "$handover_flag" "$state/resumes"
  record_change
  sql -c checkpoint
  journal writable finished "$began" "{\"timeline\":$(timeline_now),\"promotedLsn\":\"$(switch_lsn)\",\"writableMs\":$writable}"
}

timeline_now() {
  checked number "$(sql -c "select ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int")"
}

# Where the present timeline begins; empty on the first one.
switch_lsn() {
  local history found
  history=$pgdata/pg_wal/$(printf '%08X' "$(timeline_now)").history
  [[ -f $history ]] || return 0
  found=$(awk 'NF {lsn = $2} END {print lsn}' "$history")
  checked lsn "$found"
}

# The epoch stands in the database as well: it goes where the data go.
record_change() {
  read_token
  sql -v epoch="$token_epoch" -v from="$token_from" -v to="$token_to" -v intent="${intent:-}" <<'SQL'
set client_min_messages = warning;
create schema if not exists understudy;
create table if not exists understudy.handover (
  epoch integer primary key, from_node text, to_node text not null, timeline integer not null, began_at pg_lsn not null,
  at timestamptz not null default now(), intent text not null, receipt jsonb);
insert into understudy.handover (epoch, from_node, to_node, timeline, began_at, intent)
  values (:'epoch', nullif(:'from', '-'), :'to', ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int, pg_current_wal_lsn(), :'intent')
  on conflict do nothing;
grant usage on schema understudy to understudy_monitor;
grant select on understudy.handover to understudy_monitor;
SQL
}
