# shellcheck shell=bash
# Rendered files in place, and in force where no start of PostgreSQL is needed for that. Knows nothing of roles: the same on a primary and on
# a standby.
#
# parameters: postgresql_conf pg_hba_conf pg_ident_conf pgbackrest_conf pgpass ca_crt server_crt server_key archive_id archive_ca_crt
#             archive_key (what the archive is encrypted with; empty: nothing)
#             peers ("name address ssh-port" a line: all members, this one too) peer_known_hosts retired (names) peer_private_key
#             drill_schedule (empty: none) drill_nodes (names) drill_conf drill_queries ("query database SQL" a line, the latter two as base64)
#             backup_schedules ("full=Sun *-*-* 02:00" a line) backup_from (standby, primary) backup_private_key backup_public_key metrics_conf (empty: no figures are sent)
# outcome: {"node","waiting"}: digest of the postgresql.conf that waits for `restart`; empty: none does

# shellcheck source=lib-trial.sh
. "$library/lib-trial.sh"
require_volume

# What an archive holds stays as it was written: with another key, or none, nobody could read both. An earlier version of the program may have taken
# the key out of pgbackrest.conf: it is still the one of that archive.
archive_keys=$data_directory/archive-key
# Whether this host has had that key for that archive. No key stands in a process's arguments.
has_had_key() { [[ -f $archive_keys ]] && grep -qxFf /dev/stdin "$archive_keys" <<<"$archive_id $archive_key"; }
if [[ -f $etc/archive && $(<"$etc/archive") == "$archive_id" && -f $etc/pgbackrest.conf ]]; then
  present_key=$(sed -n 's/^repo1-cipher-pass=//p' "$etc/pgbackrest.conf")
  if [[ $present_key != "$archive_key" ]] && ! has_had_key; then
    refuse "another key is declared than the one that this archive was written with" \
      "Set archive.encrypted back, and the key (one that was replaced is in an earlier state: 'pulumi stack history'; and in $archive_keys on this host). Or declare another archive.prefix: that is a new archive. Nothing was changed."
  fi
fi

# put PATH CONTENT OWNER MODE
put() {
  if printf '%s' "$2" | write_file "$1" "$3" "$4"; then
    echo "changed: $1"
  fi
}

put "$etc/tls/ca.crt" "$ca_crt" root:postgres 644
put "$etc/tls/server.crt" "$server_crt" root:postgres 644
put "$etc/tls/server.key" "$server_key" postgres:postgres 600
put "$etc/pgpass" "$pgpass" postgres:postgres 600
put "$etc/pg_hba.conf" "$pg_hba_conf" root:postgres 640
put "$etc/pg_ident.conf" "$pg_ident_conf" root:postgres 640

# How the nodes ask one another who leads: with a key that can do nothing else.
# Whom another checkout has made a member is one, too; and where that one has reached it, if this one never has.
peers=$(awk -v file="$etc/peers" '
  BEGIN { while ((getline line <file) > 0) { split(line, words); kept[words[1]] = line } }
  $2 == "-" && $1 in kept { print kept[$1]; next } { print }' <<<"$peers")
with_others() {
  local reached
  reached=$(awk '{print $1}' <<<"$2" | paste -sd' ')
  printf '%s\n' "$2"
  [[ ! -f $1 ]] || awk -v known="$reached $retired" '
    BEGIN { split(known, names); for (i in names) skip[names[i]] = 1 } !($1 in skip)' "$1"
}
put "$etc/peers" "$(with_others "$etc/peers" "$peers")"$'\n' root:root 644
put "$etc/peer_known_hosts" "$(with_others "$etc/peer_known_hosts" "$peer_known_hosts")"$'\n' root:root 644
# With the highest change that this node knew when it heard of it: what the node leaves in the archive later counts again.
retired_lines() {
  local name number
  read_token
  for name in $retired; do
    number=$(awk -v name="$name" '$1 == name {print $2}' "$etc/retired" 2>/dev/null || true)
    printf '%s %s\n' "$name" "${number:-$token_epoch}"
  done
}
put "$etc/retired" "$(retired_lines)"$'\n' root:root 644
put "$etc/peer_key" "$peer_private_key" root:root 600

printf '%s' "$postgresql_conf" | write_file "$candidate" root:postgres 640 || true
if has_data; then
  attempt "PostgreSQL refuses the new postgresql.conf; the old one stays in force" \
    "Correct 'settings' in the stack's config, then run 'pulumi up' again." \
    as_postgres "$pgbin/postgres" --config-file="$candidate" -C data_directory
fi

if [[ -n $archive_ca_crt ]]; then
  put "$etc/tls/archive-ca.crt" "$archive_ca_crt" root:postgres 644
fi
put "$etc/pgbackrest.conf" "$pgbackrest_conf" postgres:postgres 600
# A volume that outlives its stack has what opens each archive that outlives it too: "<archive> <key>" a line. No line ever goes.
if [[ -n $archive_key ]] && ! has_had_key; then
  kept_keys=$(cat "$archive_keys" 2>/dev/null || true)
  put "$archive_keys" "${kept_keys:+$kept_keys$'\n'}$archive_id $archive_key"$'\n' root:root 600
fi
put "$etc/archive" "$archive_id" root:root 644

# Who leads reads a backup's data from a standby, as postgres there: it may run nothing but `backup-source`.
put "$etc/backup_from" "$backup_from"$'\n' root:root 644
put "$etc/backup_key" "$backup_private_key" root:postgres 640
# The directory is of postgres. Lines of others stay.
# shellcheck disable=SC2016  # the inner shell's
as_postgres bash -c 'umask 077; cd && mkdir -p .ssh && cd .ssh || exit
  { grep -v " understudy-backup\$" authorized_keys 2>/dev/null || true; printf "%s\n" "$1"; } >authorized_keys.new || exit
  if cmp -s authorized_keys.new authorized_keys; then rm -f authorized_keys.new; else mv -f authorized_keys.new authorized_keys; fi' \
  bash "restrict,command=\"$library/backup-source\" $backup_public_key understudy-backup" ||
  say "the primary cannot be let in to read a backup's data here: ~postgres/.ssh/authorized_keys cannot be written. It reads its own"

schedule_backups() {
  local type=$1 calendar=$2 timer=understudy-backup-$1.timer
  attempt "archive.schedule.$type is not a calendar expression that systemd knows: '$calendar'" \
    "See 'man systemd.time', section CALENDAR EVENTS." systemd-analyze calendar "$calendar"
  write_file "/etc/systemd/system/understudy-backup-$type.service" root:root 644 <<UNIT || true
# Written by Understudy.
[Unit]
Description=pgBackRest $type backup, if this node is the primary (Understudy)
[Service]
Type=oneshot
ExecStart=$library/understudy backup $node $type
StandardInput=null
UNIT
  write_file "/etc/systemd/system/$timer" root:root 644 <<UNIT || true
# Written by Understudy.
[Timer]
OnCalendar=$calendar
RandomizedDelaySec=60
[Install]
WantedBy=timers.target
UNIT
  systemctl daemon-reload
  systemctl enable --quiet "$timer"
  systemctl restart "$timer"
}

scheduled=' '
while IFS='=' read -r type calendar; do
  [[ -n $type ]] || continue
  scheduled+="$type "
  [[ -f /etc/systemd/system/understudy-backup-$type.timer ]] &&
    grep -qFx "OnCalendar=$calendar" "/etc/systemd/system/understudy-backup-$type.timer" && continue
  schedule_backups "$type" "$calendar"
done <<<"$backup_schedules"
for type in full diff incr; do
  if [[ $scheduled != *" $type "* && -f /etc/systemd/system/understudy-backup-$type.timer ]]; then
    systemctl disable --quiet --now "understudy-backup-$type.timer"
    rm -f "/etc/systemd/system/understudy-backup-$type".{timer,service}
    systemctl daemon-reload
  fi
done

# Restore drills: what to do, by whom, when.
put "$etc/drill.conf" "$drill_conf" root:postgres 640
put "$etc/drill" "nodes $drill_nodes"$'\n'"$drill_queries" root:root 600
write_file /etc/systemd/system/understudy-drill.service root:root 644 <<UNIT && systemctl daemon-reload
# Written by Understudy.
[Unit]
Description=Restore drill: whether the archive can be restored from (Understudy)
[Service]
Type=oneshot
ExecStart=$library/understudy drill $node run
ExecStopPost=$library/understudy drill $node end
StandardInput=null
Nice=19
IOSchedulingClass=idle
PrivateTmp=yes
OOMScoreAdjust=500
TimeoutStopSec=30
UNIT
drill_timer=understudy-drill.timer
if [[ -n $drill_schedule ]]; then
  attempt "drill.schedule is not a calendar expression that systemd knows: '$drill_schedule'" \
    "See 'man systemd.time', section CALENDAR EVENTS." systemd-analyze calendar "$drill_schedule"
  write_file /etc/systemd/system/understudy-drill-due.service root:root 644 <<UNIT || true
# Written by Understudy.
[Unit]
Description=Restore drill, if this node is the one that makes them (Understudy)
[Service]
Type=oneshot
ExecStart=$library/understudy drill $node due
StandardInput=null
UNIT
  if write_file "/etc/systemd/system/$drill_timer" root:root 644 <<UNIT || ! systemctl is-active --quiet "$drill_timer"; then
# Written by Understudy.
[Timer]
OnCalendar=$drill_schedule
RandomizedDelaySec=60
Unit=understudy-drill-due.service
[Install]
WantedBy=timers.target
UNIT
    systemctl daemon-reload
    systemctl enable --quiet "$drill_timer"
    systemctl restart "$drill_timer"
  fi
elif [[ -f /etc/systemd/system/$drill_timer ]]; then
  systemctl disable --quiet --now "$drill_timer"
  rm -f "/etc/systemd/system/$drill_timer" /etc/systemd/system/understudy-drill-due.service
  systemctl daemon-reload
fi

# shellcheck source=lib-metrics.sh
. "$library/lib-metrics.sh"
if [[ -n $metrics_conf ]]; then schedule_metrics "$metrics_conf"; else unschedule_metrics; fi

# reload_candidate: puts the candidate in force by a reload. What PostgreSQL does not take then, it would refuse at its next start.
reload_candidate() {
  local began=$EPOCHSECONDS said
  if cmp -s "$conf" "$candidate"; then
    rm -f "$candidate"
    reload_postgres
    return 0
  fi
  begin_trial
  reload_postgres
  if [[ -n $(log_since "$began" 'was not reloaded|contains errors') ]]; then
    said=$(log_since "$began" 'not reloaded|contains errors|could not|invalid|(DETAIL|HINT): ')
    mv -f "$conf_before" "$conf"
    reload_postgres
    refuse "PostgreSQL does not take the new settings: those before are in force again
$said" "Correct 'settings' in the stack's config, then run 'pulumi up' again."
  fi
  [[ -n $pending ]] || end_trial
}

# A step that was cut off after it had written the files would find nothing changed: so this is done each time.
waiting='' pending=''
if ! has_data; then
  mv -f "$candidate" "$conf"
elif ! is_active; then
  # It is tried when `promote` or `follow` start it.
  if cmp -s "$conf" "$candidate"; then rm -f "$candidate"; else begin_trial; fi
else
  changed=$(needs_start)
  if [[ -z $changed ]]; then
    reload_candidate
    changed=$pending
    [[ -z $changed ]] || printf '%s' "$postgresql_conf" | write_file "$candidate" root:postgres 640 || true
  fi
  if [[ -n $changed ]]; then
    say "PostgreSQL has to restart, because this changed: $changed"
    waiting=$(digest_of "$candidate")
  fi
fi
result node "$node" waiting "$waiting"
