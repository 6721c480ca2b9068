# shellcheck shell=bash
# What the steps share. Sourced by `understudy` and by `guard`; never run by itself.

readonly etc=/etc/understudy
readonly host_file=$etc/host.conf

# node, major, cluster, data_directory, port, stanza: what `install` recorded about this host.
load_host() {
  [[ -f $host_file ]] || return 1
  # shellcheck source=/dev/null
  . "$host_file"
  derive_paths
}

# recorded_value NAME: one of these; empty on a host that was never installed.
recorded_value() {
  # shellcheck source=/dev/null
  [[ ! -f $host_file ]] || (. "$host_file" && printf '%s' "${!1}")
}

here=${BASH_SOURCE[0]%/*}
# shellcheck source=lib-check.sh
. "$here/lib-check.sh"
# shellcheck source=lib-session.sh
. "$here/lib-session.sh"
# shellcheck source=lib-token.sh
. "$here/lib-token.sh"
# shellcheck source=lib-agent.sh
. "$here/lib-agent.sh"
# shellcheck source=lib-archive.sh
. "$here/lib-archive.sh"
# shellcheck source=lib-handover.sh
. "$here/lib-handover.sh"

derive_paths() {
  pgdata=$data_directory/$major/data
  pgbin=/usr/lib/postgresql/$major/bin
  state=$data_directory/state
  marker=$data_directory/.understudy-volume
  synchronous_conf=$data_directory/synchronous.conf
  session_options "$major"
}

# --- talking to the engine -------------------------------------------------------------------------------------------

say() {
  printf '%s: %s\n' "$node" "$*" | printable >&4
  printf '%s\n' "$*"
}

# Lines without what could move a terminal's cursor, or forge lines.
printable() {
  local LC_ALL=C line
  while IFS= read -r line; do
    line=${line//[[:cntrl:]]/ }
    printf '%s\n' "${line//$'\xc2'[$'\x80'-$'\x9f']/ }"
  done
}

# refuse WHAT HINT: ends the step. What was already done is found again by the next run.
refuse() {
  trap - ERR EXIT
  printf 'understudy: %s: %s\nHINT: %s\n' "$node" "$1" "$2" | redact | printable >&4
  printf 'refused: %s\n' "$1"
  if ((BASH_SUBSHELL > 0)); then
    kill -s USR1 $$
    exit "$already_said"
  fi
  journal_end failed
  exit 1
}

# A subshell that has refused (one side of a pipe, a command substitution) ends the step, also where it stands in a condition:
# there its exit code would be one more answer. Nothing is said twice.
readonly already_said=97
trap 'trap - ERR EXIT; journal_end failed; exit 1' USR1

# result KEY VALUE …: the outcome as one line of JSON. A key that ends in '#' has as its value a number, a literal or JSON that was checked.
result() {
  local json='' key value
  while (($#)); do
    key=$1 value=$2
    shift 2
    if [[ $key == *'#' ]]; then
      json+=",\"${key%#}\":$value"
    else
      value=${value//\\/\\\\}
      value=${value//\"/\\\"}
      value=${value//[[:cntrl:]]/ }
      json+=",\"$key\":\"$value\""
    fi
  done
  json="{${json#,}}"
  is_json "$json" || refuse "step '$step' has found something that cannot be reported
$(indented <<<"$json")" "A program on this host said something unexpected: /var/log/understudy/$step.log on the host has more. Please report it."
  printf '%s\n' "$json" >&3
}

# is_json TEXT: strings and other values are made equal, then what holds nothing but values becomes one, until all of it is one.
is_json() {
  [[ $1 != *$'\n'* && $(LC_ALL=C sed -E -e 's/"([^"\\[:cntrl:]]|\\["\\/bfnrt]|\\u[0-9A-Fa-f]{4})*"/""/g' \
    -e 's/-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?|true|false|null/0/g; s/ //g' \
    -e ':again; s/\[((0|"")(,(0|""))*)?\]/0/g; s/\{("":(0|"")(,"":(0|""))*)?\}/0/g; t again' <<<"$1") =~ ^(0|\"\")$ ]]
}

on_error() {
  if (($1 == already_said)); then
    ((BASH_SUBSHELL == 0)) || exit "$already_said"
    trap - EXIT
    journal_end failed
    exit 1
  fi
  refuse "step '$step' failed unexpectedly (line $2)" \
    "Look at the end of /var/log/understudy/$step.log on the host, then run 'pulumi up' again: it continues from here."
}
trap 'on_error $? $LINENO' ERR
# A variable that is not set ends the shell without an error.
trap '(($? == 0 || BASH_SUBSHELL > 0)) || on_error 1 $LINENO' EXIT
set -E

# Names of parameters whose values must never be shown.
readonly secret_parameters='password|verifier|key|pgpass|pgbackrest_conf|credentials'

redact() {
  local line name value
  while IFS= read -r line; do
    for name in $(compgen -v | grep -E "($secret_parameters)" || true); do
      value=${!name}
      ((${#value} >= 6)) && line=${line//"$value"/[secret]}
    done
    printf '%s\n' "$line"
  done
}

# What a program printed, set off from our own words.
indented() {
  sed 's/^/  | /'
}

# checked KIND TEXT: prints TEXT, where it is of that kind (see lib-check.sh).
checked() {
  "is_$1" "$2" || refuse "what was read on this host is no $1: '${2:0:80}'" \
    "Somebody may have changed what PostgreSQL or the data say; see /var/log/understudy/$step.log on the host."
  printf '%s' "$2"
}

# attempt WHAT HINT COMMAND…: runs the command; if it fails, refuses with the last lines that it printed.
attempt() {
  local what=$1 hint=$2 output
  shift 2
  if output=$("$@" 2>&1 </dev/null); then
    printf '%s\n' "$output"
    return 0
  fi
  printf '%s\n' "$output"
  refuse "$what
$(tail -n 6 <<<"$output" | indented)" "$hint"
}

# --- parameters, lock, journal ---------------------------------------------------------------------------------------

read_parameters() {
  local text
  # A person at a terminal (understudy facts node-a) gives none.
  if [[ ! -t 0 ]]; then
    IFS= read -r -d '' text || true
    eval "$text"
  fi
  [[ $step != install ]] || return 0
  local asked=$node
  load_host || refuse "this host was never installed" "Run 'pulumi up'; if it does not install this node, change 'reconcile'."
  if [[ $node != "$asked" ]]; then
    node=$asked
    refuse "this host is node $(recorded_value node)" "Two nodes lead to one host: see their 'host' and 'port' in config."
  fi
}

# One step at a time. Steps that change roles share one lock, so that a command which outlived its killed `pulumi up` is
# waited for instead of raced. Reading takes no lock.
take_lock() {
  local name=roles
  case $step in
    # A drill has a lock of its own: it takes hours, and stands in nobody's way.
    facts | backups | journal | witnesses | drill) return 0 ;;
    archive | backup) name=archive ;;
    databases) name=databases ;;
    pause | resume | pooler) name=pooler ;;
  esac
  exec 9>"/run/understudy-$name.lock"
  if ! flock -w 2 9; then
    say "waiting for an earlier step that still runs on this host"
    flock -w 900 9 ||
      refuse "an earlier step has been running on this host for 15 minutes" "See 'fuser -v /run/understudy-$name.lock' on the host."
  fi
}

# The journal: what was done here, for which intent, how long it took. `receipt` collects it.
journal_begin() {
  journal_start=$EPOCHREALTIME
}

journal_end() {
  journal "$step" "$1" "$journal_start"
}

# journal STEP OUTCOME BEGIN [DETAIL]: BEGIN as EPOCHREALTIME gives it, DETAIL as JSON. A full disk costs the line, not what it tells of.
journal() {
  [[ -n ${intent:-} && -d ${state:-} ]] || return 0
  local end=$EPOCHREALTIME
  printf '{"intent":"%s","step":"%s","node":"%s","outcome":"%s","startedMs":%d,"tookMs":%d%s}\n' \
    "$intent" "$1" "$node" "$2" "$((${3/./} / 1000))" "$(((${end/./} - ${3/./}) / 1000))" "${4:+,\"detail\":$4}" \
    >>"$state/journal" || true
}

# --- files that must survive a power cut -----------------------------------------------------------------------------

# write_file PATH OWNER:GROUP MODE: stdin, which is text, becomes the file, whole or not at all. Status 0: changed, 1: it was like that already.
# Its status is an answer, so it stands in conditions; there a command that fails would not end the step by itself.
write_file() {
  local path=$1 owner=$2 mode=$3 temporary=$1.$BASHPID wanted present=''
  IFS= read -r -d '' wanted || true
  if [[ -f $path ]]; then
    IFS= read -r -d '' present <"$path" || true
    [[ $present != "$wanted" || $(stat -c '%U:%G %a' "$path") != "$owner $mode" ]] || return 1
  fi
  { printf '%s' "$wanted" | install -o "${owner%:*}" -g "${owner#*:}" -m "$mode" /dev/stdin "$temporary" &&
    sync "$temporary" && mv -f "$temporary" "$path" && sync "${path%/*}"; } || cannot_write "$path"
}

cannot_write() {
  refuse "cannot write $1" "Look for a full disk, a read-only file system or a missing directory on the host, then run 'pulumi up' again."
}

# Lines of the unit of a service that needs nothing of its host but the network.
# shellcheck disable=SC2034  # the units'
readonly sandbox='NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
RestrictSUIDSGID=yes
MemoryDenyWriteExecute=yes
CapabilityBoundingSet='

# --- intent ---------------------------------------------------------------------------------------------------------

require_intent() {
  local known=''
  [[ -f $state/intent ]] && known=$(<"$state/intent")
  [[ $known == "$intent" ]] && return 0
  [[ -n $known ]] || refuse "this node has not been told of the present intent" \
    "Run 'pulumi up' without --target; if that changes nothing: pulumi config set reconcile \"\$(date +%s)\" && pulumi up"
  refuse "a newer 'pulumi up' has taken over (this one: $intent, known: $known)" \
    "Look at what the newer update did, then run 'pulumi up' again if it is still needed."
}

# --- PostgreSQL ------------------------------------------------------------------------------------------------------

readonly unit=understudy-postgresql.service

# as_postgres COMMAND…: without what only root holds: the lines to the engine, and locks.
as_postgres() {
  HOME=/var/lib/postgresql setpriv --reuid=postgres --regid=postgres --init-groups -- "$@" 3>&- 4>&- 7>&- 8>&- 9>&-
}

# sql [psql options] : statements from stdin or -c, on the local server, as the superuser. Never waits for a synchronous standby, nor for
# a server that hangs.
sql() {
  as_postgres env PGCONNECT_TIMEOUT=10 PGOPTIONS="$superuser_options" \
    "$pgbin/psql" -XAtq -v ON_ERROR_STOP=1 -h /run/postgresql -p "$port" -d postgres "$@"
}

# psql_variable NAME VERIFIER: the line by which psql gets what must not stand in its arguments.
psql_variable() {
  [[ $2 =~ ^SCRAM-SHA-256\$[0-9]+:[A-Za-z0-9+/=]+\$[A-Za-z0-9+/=]+:[A-Za-z0-9+/=]+$ ]] ||
    refuse "parameter $1 is no verifier of SCRAM-SHA-256" "This is a fault of the program itself; please report it."
  printf "\\\\set %s '%s'\n" "$1" "$2"
}

has_data() {
  [[ -f $pgdata/PG_VERSION ]]
}

control_value() {
  as_postgres "$pgbin/pg_controldata" -D "$pgdata" | sed -n "s/^$1: *//p"
}

# bytes LSN: a position in the WAL, counted from its beginning.
bytes() {
  is_lsn "$1" || checked lsn "$1"
  printf '%d' "$(((16#${1%/*} << 32) + 16#${1#*/}))"
}

is_active() {
  systemctl is-active --quiet "$unit"
}

in_recovery() {
  [[ $(sql -c 'select pg_is_in_recovery()') == t ]]
}

# What the running server was started with; the guard keeps it.
readonly started_configuration=/run/understudy-started.conf
# What the guard let the running server start as. The file of a boot.
# shellcheck disable=SC2034  # the guard's, and for whoever asks
readonly verdict_file=/run/understudy-verdict

# Of these a hot standby refuses to run with less than its primary. With PostgreSQL's defaults, the same in all majors from 13 to 18.
# https://www.postgresql.org/docs/current/hot-standby.html#HOT-STANDBY-ADMIN
declare -rA floor_settings=([max_connections]=100 [max_worker_processes]=8 [max_wal_senders]=10 [max_prepared_transactions]=0
  [max_locks_per_transaction]=64)
floor_names=$(printf ",'%s'" "${!floor_settings[@]}")
# shellcheck disable=SC2034  # in statements
readonly floor_names=${floor_names#,}

# reload_postgres: sets `pending` to what only a restart puts in force. A warm standby takes no SQL: there the files are compared.
reload_postgres() {
  local before=$EPOCHREALTIME
  pending=''
  # A server that is stopping (a handover goes on by itself) reads its files at its next start.
  if ! systemctl reload "$unit"; then
    is_active || return 0
    systemctl reload "$unit"
  fi
  if takes_sql; then
    await 10 "PostgreSQL to read its configuration" has_reloaded_since "$before"
  else
    pending=$(cmp -s "$etc/postgresql.conf" "$started_configuration" || echo postgresql.conf)
  fi
}

# put_in_force: reloads, and restarts where a reload is not enough.
put_in_force() {
  local pending=''
  reload_postgres
  if [[ -n $pending ]]; then
    say "restarting PostgreSQL, because this changed: $pending"
    systemctl restart "$unit" || refuse "PostgreSQL does not start again
$(recent_log)" "Mend what the lines above name, then run 'pulumi up' again."
  fi
}

is_writable() {
  [[ $(sql -c 'select pg_is_in_recovery()') == f ]]
}

takes_sql() {
  sql -c 'select 1' >/dev/null 2>&1
}

# Sets `pending`: the settings that only a restart puts in force.
has_reloaded_since() {
  local seen
  if ! seen=$(sql -c "select pg_conf_load_time() >= to_timestamp($1), (select string_agg(name, ' ') from pg_settings where pending_restart)"); then
    ! is_active
    return
  fi
  pending=${seen#*|}
  [[ $seen == 't|'* ]]
}

recent_log() {
  journalctl --no-pager --quiet --output=cat --lines=8 --unit="$unit" | indented
}

# A server that somebody has started past the unit came up read-only (standby.signal), and keeps ours from starting.
end_stray_server() {
  local postmaster
  { read -r postmaster <"$pgdata/postmaster.pid"; } 2>/dev/null || return 0
  is_pid "$postmaster" || return 0
  [[ $(cat "/proc/$postmaster/comm" 2>/dev/null) == postgres ]] || return 0
  [[ $(systemctl show --property=MainPID --value "$unit") != "$postmaster" ]] || return 0
  ! is_writable || refuse "PostgreSQL was started past its service ($unit) on this node, and takes writes" \
    "Decide whether what it has is right; to stop it: pg_ctl stop -D $pgdata, as user postgres. Then run 'pulumi up' again."
  say "stopping PostgreSQL, which somebody has started past its service"
  attempt "PostgreSQL, which was started past its service ($unit), does not stop" "Stop it (pg_ctl stop -D $pgdata, as user postgres), then run 'pulumi up' again." \
    as_postgres "$pgbin/pg_ctl" stop -w -t 600 -m fast -D "$pgdata"
}

# start_postgres: starts the unit and waits until the server takes connections (a warm standby: until it recovers).
start_postgres() {
  # Enabling it makes systemd read all units again, which takes longer than all the rest.
  [[ -L /etc/systemd/system/multi-user.target.wants/$unit ]] || systemctl enable --quiet "$unit"
  ! is_active || return 0
  end_stray_server
  systemctl reset-failed "$unit" 2>/dev/null || true
  # Mostly that is all; what takes longer is looked at while it does.
  timeout 10 systemctl start "$unit" || true
  await 600 "PostgreSQL to start" is_started
}

# A server that systemd has started again and again is as failed as one that it has given up on.
is_started() {
  local seen restarts
  seen=$(systemctl show --property=ActiveState,Result,NRestarts "$unit")
  [[ $seen != *ActiveState=active* ]] || return 0
  if [[ $seen == *Result=exec-condition* ]]; then
    refuse "this node may not start PostgreSQL
$(recent_log)" "Run 'pulumi up' with the node that leads declared as the primary: this one then follows it."
  fi
  restarts=${seen#*NRestarts=}
  if [[ $seen == *ActiveState=failed* ]] || ((${restarts%%$'\n'*} >= 3)); then
    refuse "PostgreSQL does not start
$(recent_log)" "Mend what the lines above name, then run 'pulumi up' again."
  fi
  return 1
}

# connects SECONDS ADDRESS PORT: whether somebody takes a TCP connection there within that time. Prints why not.
connects() {
  # shellcheck disable=SC2016  # the inner shell's
  timeout "$1" bash -c 'exec 3<>"/dev/tcp/$1/$2"' "$step" "${@:2}" 2>&1
}

# A sleep that starts no process.
exec {nap_fd}<> <(:)
nap() {
  read -r -t "$1" -u "$nap_fd" _ || true
}

# await SECONDS WHAT CONDITION…: polls until the condition holds, says what it waits for, refuses when time is up.
await() {
  local seconds=$1 what=$2 waited=0
  shift 2
  local begin=$SECONDS
  until "$@"; do
    ((SECONDS - begin < seconds)) || refuse "gave up waiting for $what after $seconds s
$(recent_log)" "Look at /var/log/understudy/$step.log and 'journalctl -u $unit' on the host, then run 'pulumi up' again."
    if ((SECONDS - begin >= waited + 10)); then
      waited=$((SECONDS - begin))
      say "waiting for $what ($waited s)"
    fi
    nap 0.02
  done
}

# require_free_space BYTES WHY [HINT]
require_free_space() {
  local free there=$data_directory
  while [[ ! -e $there ]]; do there=$(dirname "$there"); done
  free=$(df --output=avail -B1 "$there" | tail -n 1 | tr -d ' ')
  ((free >= $1)) || refuse "not enough free disk in $data_directory: $((free / 1048576)) MB free, $(($1 / 1048576)) MB needed $2" \
    "${3:-Make the data volume larger or free space on it, then run 'pulumi up' again.}"
}

require_volume() {
  [[ -f $marker ]] || refuse "the data volume is not mounted: $marker is missing" \
    "Mount the data volume at $data_directory. Nothing was written into the empty mount point."
  [[ $(<"$marker") == "$cluster" ]] || refuse "the volume at $data_directory belongs to another cluster ($(<"$marker"))" \
    "Give this node a volume of its own. Nothing on it was changed."
}

# A data directory that holds it comes up read-only whoever starts it.
put_signal() {
  [[ -f $pgdata/standby.signal && ! -L $pgdata/standby.signal ]] && return 0
  # shellcheck disable=SC2016  # the inner shell's
  as_postgres sh -c 'rm -f "$1/standby.signal" && touch "$1/standby.signal" && sync "$1/standby.signal" "$1"' sh "$pgdata"
}
