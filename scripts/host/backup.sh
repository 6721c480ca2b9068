# shellcheck shell=bash
# backup <node> full|diff|incr: what the timers run on every node; only the primary acts. It reads the data from a standby where one can give
# them, and is the one that keeps two backups from running at once.
#
# outcome: {"backup","from"}: "from" is the node that the data were read from

type=${1:?full, diff or incr}
[[ $type =~ ^(full|diff|incr)$ ]] || refuse "there is no backup of the type '$type'" "Say full, diff or incr."
if ! is_active || in_recovery; then
  result backup none
  return 0
fi

readonly nearly=67108864 # bytes: a standby that is further behind would keep the backup waiting
# Standbys that may give the data: they stream, and are not far behind. The nearest first.
near_standbys() {
  sql -c "select application_name from pg_stat_replication where state = 'streaming'
    and pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn) < $nearly order by pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn), 1"
}

# Sets `from`, and `source` to the options by which pgBackRest reads from it.
choose_source() {
  local name answer own directory
  from=$node source=()
  [[ -f $etc/backup_from && $(<"$etc/backup_from") == standby ]] || return 0
  own=$(pgbackrest version)
  while IFS= read -r name; do
    [[ $name =~ ^$node_pattern$ && $name != "$node" ]] || continue
    # It says: ready, its pgBackRest, the port of its PostgreSQL, its data directory.
    answer=$(as_postgres timeout 20 "$library/backup-reach" "postgres@$name" probe </dev/null) || {
      say "$name gives no data for a backup"
      continue
    }
    if [[ $answer =~ ^ready\ ([^ ]+\ [0-9.]+(dev)?)\ ([0-9]{1,5})\ (/[A-Za-z0-9._/-]{1,200})$ && ${BASH_REMATCH[1]} == "$own" ]]; then
      from=$name directory=${BASH_REMATCH[4]}
      source=(--backup-standby --cmd-ssh="$library/backup-reach" --pg2-host="$name" --pg2-host-user=postgres --pg2-path="$directory"
        --pg2-port="${BASH_REMATCH[3]}" --pg2-socket-path=/run/postgresql)
      return 0
    fi
    say "$name gives no data for a backup: ${answer:0:100}"
  done < <(near_standbys)
}

choose_source
[[ $from == "$node" ]] || say "reading from $from"
require_archive backup --type="$type" "${source[@]}"
result backup "$type" from "$from"
