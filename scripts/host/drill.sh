# shellcheck shell=bash
# Restore drills: the last backup and all WAL after it are restored from this cluster's archive into a directory of their own, recovered by a server that only `postgres`
# on this host reaches, checked, and thrown away. docs/decisions/restore.md
#
# drill <node>        makes one, or waits for the one that runs. Outcome: a Drill of model/hostFacts.ts
# drill <node> due    what the timer runs on every node: makes one, if this is the node that should
# drill <node> run    what understudy-drill.service runs: with little of the CPU and the disk, and all of its processes end with it
# drill <node> end    what that service runs behind it, however it ended

root=$data_directory/drill work=$root/data run_directory=/run/understudy-drill
# Of root alone: `last` and `proven` are the drills that `facts` tells of, `began` is there while one runs.
last=$state/drill proven=$state/drill-proven began=$state/drill-began
drill_unit=understudy-drill.service
# What the outcome tells.
label='' reached='' reached_at='' checks=''
# shellcheck source=lib-restore.sh
. "$here/lib-restore.sh"

# What an earlier drill has left, if it was cut off.
clean() {
  stop_work immediate
  rm -rf "$root" "$run_directory"
}

# The share of the disk that the node's own server keeps.
kept_free() {
  local size
  size=$(df --output=size -B1 "$data_directory" | tail -n 1 | tr -d ' ')
  printf '%d' $((size / 10))
}

# A drill must not fill the disk of the node's server, however much its WAL makes of the backup.
watch_disk() {
  local keep free
  keep=$(kept_free)
  while nap 1 && kill -0 $$ 2>/dev/null; do
    free=$(df --output=avail -B1 "$data_directory" | tail -n 1 | tr -d ' ')
    ((free >= keep)) || refuse "the restored data grow too large for $data_directory: $((free / 1048576)) MB free, $((keep / 1048576)) MB have to stay free for the node's server" \
      "Make the data volume larger or free space on it, then make another drill: npm run drill."
  done
}

# Sets `label` and `size` to those of the last backup in the archive.
last_backup() {
  local held found
  held=$(require_archive info --output=json | tr -d '\n')
  found=$(grep -oE '"info":\{"delta":[0-9]+,"repository":\{[^{}]*\},"size":[0-9]{1,18}\},"label":"[0-9]{8}-[0-9]{6}F(_[0-9]{8}-[0-9]{6}[DI])?"' <<<"$held" | tail -n 1) ||
    refuse "the archive has no backup to restore" "Take one on the primary, as root: understudy backup <node> full </dev/null."
  label=${found##*:\"} label=${label%\"}
  size=${found%\},*} size=${size##*:}
}

# Sets `timeline` to the newest one in the archive, and `until` to the last WAL file that the archive has of it; empty: none.
last_wal() {
  local listed id
  listed=$(require_archive repo-ls "archive/$stanza" --recurse)
  id=$(sed -nE 's#^([0-9]{1,4}-[0-9]{1,4})/.*#\1#p' <<<"$listed" | sort -uV | tail -n 1)
  timeline=$(sed -nE "s#^$id/([0-9A-F]{8})(\.history\$|[0-9A-F]{8}/.*)#\1#p" <<<"$listed" | sort | tail -n 1)
  is_timeline "$timeline" || refuse "the archive has no WAL" "See 'npm run status': the primary has to archive it."
  until=$(sed -nE "s#^$id/${timeline}[0-9A-F]{8}/(${timeline}[0-9A-F]{16})-.*#\1#p" <<<"$listed" | sort | tail -n 1)
}

check_relations() {
  # 13 has none.
  [[ -x $pgbin/pg_amcheck ]] || return 0
  say "checking tables and indexes"
  attempt "pg_amcheck found damage in the restored data" "Look whether the primary's data have it, too: pg_amcheck --all there. Then take a full backup." \
    as_postgres env PGOPTIONS="$superuser_options" "$pgbin/pg_amcheck" --all --install-missing -h "$run_directory" -p "$port"
  checks+='pg_amcheck, '
}

# The statements are of config, the functions that they reach may be anybody's: so they run as the owner of the database, and for a bounded time.
check_queries() {
  local word name query owner answer asked=0
  while read -r word name query; do
    [[ $word == query ]] || continue
    name=$(base64 -d <<<"$name") query=$(base64 -d <<<"$query")
    owner=$(work_sql -v name="$name" <<<"select pg_get_userbyid(datdba) from pg_database where datname = :'name'")
    [[ -n $owner ]] || refuse "there is no database $name in the restored data, and drill.query.$name asks it" \
      "Correct drill.query, then 'pulumi up'; or look why the database is gone."
    say "asking the database $name"
    answer=$(PGOPTIONS='-c statement_timeout=10min' PGUSER=$owner user_sql "$name" <<<"$query" 2>&1) || refuse "drill.query.$name failed on the restored data
$(tail -n 6 <<<"$answer" | indented)" "Correct the query, then 'pulumi up'; or look what the data lack."
    [[ $answer == t ]] || refuse "drill.query.$name does not hold on the restored data
$(head -n 3 <<<"$answer" | indented)" "It has to answer true, and nothing else. Correct the query, then 'pulumi up'; or look what the data lack."
    asked=$((asked + 1))
  done <"$etc/drill"
  ((asked == 0)) || checks+="$asked of drill.query, "
}

check_checksums() {
  [[ $(as_postgres "$pgbin/pg_controldata" -D "$work" | sed -n 's/^Data page checksum version: *//p') != 0 ]] || return 0
  say "verifying checksums"
  attempt "pg_checksums found damaged pages in the restored data" "Look whether the primary's data have them, too. Then take a full backup." \
    as_postgres "$pgbin/pg_checksums" --check -D "$work"
  checks+='pg_checksums, '
}

# record OK WHY
record() {
  local start
  start=$(<"$began")
  is_number "$start" || start=$EPOCHSECONDS
  result 'ok#' "$1" 'endedAt#' "$EPOCHSECONDS" 'seconds#' $((EPOCHSECONDS - start)) backup "$label" lsn "$reached" recoveredTo "$reached_at" \
    checks "${checks%, }" why "$2" 3>&1 | write_file "$last" root:root 600 || true
  if [[ $1 == true ]]; then write_file "$proven" root:root 600 <"$last" || true; fi
  rm -f "$began"
}

take_drill_lock() {
  exec 9>/run/understudy-drill.lock
  flock -n 9
}

run_drill() {
  local size timeline until keep watcher
  take_drill_lock || refuse "another drill runs on this host" "Wait until it has ended: systemctl status $drill_unit."
  printf '%s\n' "$EPOCHSECONDS" | write_file "$began" root:root 600 || true
  require_volume
  clean
  install -d -o postgres -g postgres -m 700 "$root" "$run_directory"
  # As this node reads its archive, but for what two at once must not share, and for time that only a standby lacks.
  begin_work "$(sed -E "s#^lock-path=.*#lock-path=$run_directory/lock#; s#^spool-path=.*#spool-path=$root/spool#; s#^pg1-path=.*#pg1-path=$work#
    s/^process-max=.*/process-max=1/; /^pg1-(port|socket-path|user)=/d; /^(archive|io)-timeout=/d" "$etc/pgbackrest.conf")"$'\n' "$stanza"
  last_backup
  last_wal
  keep=$(kept_free)
  require_free_space $((size + wal_room + keep)) "for the backup, its WAL, and what has to stay free for the node's server" \
    "Make the data volume larger or free space on it, then make another drill: npm run drill."
  watch_disk &
  watcher=$!
  restore_backup "$label" "$size" "$root/tablespaces"
  forget_source
  printf 'local all all trust\n' | as_postgres tee "$run_directory/hba.conf" >/dev/null
  recover "$(<"$etc/drill.conf")
recovery_target_timeline = '$((16#$timeline))'"
  read_reached
  require_reached "$until"
  checks='WAL to its end, '
  say "recovered to $reached${reached_at:+ (last transaction: $reached_at)}"
  check_relations
  check_queries
  stop_work fast
  check_checksums
  kill "$watcher"
  record true ''
}

# Why the drill ended that has no outcome: the last refusal in the log, with the first line below it that is no news of a server that is well.
why_it_ended() {
  awk '/^== [^ ]+ drill [^ ]+ run$/ { why = ""; more = 0 }
    !/^  \| / { more = 0 }
    more && !/ (LOG|DETAIL|WARNING): / { why = why ": " substr($0, 5); more = 0 }
    /^refused: / { why = substr($0, 10); more = 1 }
    END { print substr(why, 1, 300) }' /var/log/understudy/drill.log | printable
}

# The one that makes the drills of the schedule: the first by name that does not lead.
is_due_here() {
  local name due='' names
  read_token
  read -r -a names < <(sed -n 's/^nodes //p' "$etc/drill")
  for name in "${names[@]}"; do
    due=$name
    [[ $name == "$token_to" ]] || break
  done
  [[ $due == "$node" ]]
}

case ${1:-} in
  run) run_drill ;;
  end)
    take_drill_lock || return 0
    if [[ -f $began ]]; then
      why=$(why_it_ended)
      record false "${why:-it was cut off}"
    fi
    clean
    ;;
  due) ! is_due_here || systemctl start --no-block "$drill_unit" ;;
  '')
    started=$EPOCHSECONDS
    [[ -f $etc/drill ]] || refuse "this node does not know of drills yet" "Run 'pulumi up' with this version first."
    journalctl --quiet --follow --lines=0 --output=cat --unit="$drill_unit" >&4 2>/dev/null &
    follower=$!
    systemctl start "$drill_unit" || true
    # What is behind it records a failure, and cleans up.
    until [[ $(systemctl show --property=ActiveState --value "$drill_unit") =~ ^(inactive|failed)$ ]]; do nap 0.2; done
    nap 0.5
    kill "$follower" || true
    [[ -f $last && $(stat -c %Y "$last") -ge $started ]] ||
      refuse "the drill left no outcome" "See 'journalctl -u $drill_unit' on the host."
    cat "$last" >&3
    ;;
  *) refuse "there is no drill '$1'" "Say run, due or end; or nothing, to make one." ;;
esac
