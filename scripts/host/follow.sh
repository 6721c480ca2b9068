# shellcheck shell=bash
# A standby that receives WAL from the primary. Nothing on the primary itself.
#
# parameters: intent primary primary_address primary_port system_identifier standby_conf slot source (streaming|archive)
# outcome: {"node","role","upstream"}

require_claim
require_volume

if [[ $node == "$primary" ]]; then
  result node "$node" role primary upstream ''
  return 0
fi
if has_data && leads_by_token; then
  refuse_change_of_primary
fi

conninfo="host=$primary_address port=$primary_port user=understudy_replication passfile=$etc/pgpass sslmode=verify-full"
conninfo+=" sslrootcert=$etc/tls/ca.crt connect_timeout=5 application_name=$node"

# Killed half-way, the base backup leaves a directory of its own name; it becomes PGDATA only when it is whole.
copy_primary() {
  local unfinished=$pgdata.basebackup size slot_option=()
  [[ $source == streaming ]] && slot_option=(--slot="$slot")
  rm -rf "$unfinished"
  if ! size=$(as_postgres "$pgbin/psql" -XAtq -d "$conninfo dbname=postgres" \
    -c 'select sum(pg_database_size(oid)) from pg_database' 2>&1 </dev/null); then
    refuse "the primary $primary lets nobody in at $primary_address:$primary_port
$(indented <<<"$size")" "Check the network between the nodes (port $primary_port), then run 'pulumi up' again."
  fi
  require_free_space $((size + 256 * 1024 * 1024)) "for a copy of $primary"
  say "base backup of $primary ($((size / 1048576)) MB)"
  as_postgres "$pgbin/pg_basebackup" --pgdata="$unfinished" --dbname="$conninfo" --wal-method=stream --checkpoint=fast \
    --progress "${slot_option[@]}" 2>&1 </dev/null | show_progress ||
    refuse "the base backup of $primary failed
$(tail -n 4 "/var/log/understudy/follow.log" | indented)" "Mend what the lines above name, then run 'pulumi up' again: it starts a new copy."
  # A token from before (a first initdb that was cut off) must not make a primary of the copy.
  rm -f "$state/token"
  sync "$state"
  as_postgres touch "$unfinished/standby.signal"
  sync "$unfinished/standby.signal" "$unfinished"
  mv "$unfinished" "$pgdata"
  sync "$(dirname "$pgdata")"
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

has_data || copy_primary

found=$(control_value 'Database system identifier')
[[ $found == "$system_identifier" ]] || refuse "the data of this node belongs to another cluster (system identifier $found, the primary's is $system_identifier)" \
  "Move $pgdata aside on $node, then run 'pulumi up' again: it makes a new copy."

printf '%s' "$standby_conf" | write_file "$etc/standby.conf" root:postgres 640 || true
if is_active; then
  put_in_force
fi
start_postgres
if takes_sql && ! in_recovery; then
  refuse "this node takes writes, but $primary is declared the primary" \
    "Decide which one is right. If it is this node: pulumi config set primary $node"
fi

# A warm standby takes no SQL: there, a wal receiver that lives on is one that receives (one that can't connect ends at once).
receives_wal() {
  is_started
  if [[ $source == archive ]]; then
    pgrep -u postgres -f 'postgres: .*startup' >/dev/null
  elif takes_sql; then
    [[ $(sql -c "select count(*) from pg_stat_wal_receiver where status = 'streaming'") == 1 ]]
  else
    receiver=$(pgrep -u postgres -f 'postgres: .*walreceiver') && sleep 1 &&
      [[ $(pgrep -u postgres -f 'postgres: .*walreceiver') == "$receiver" ]]
  fi
}
await 600 "WAL from $primary" receives_wal
result node "$node" role standby upstream "$primary"
