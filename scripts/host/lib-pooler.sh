# shellcheck shell=bash
# The node's two PgBouncers and where they lead. Sourced by the steps about them and by `pooler-router`, after lib.sh.

readonly pooler_user=understudy-pooler
readonly pooler_etc=$etc/pooler
readonly pooler_unit=understudy-pooler.service
readonly pooler_ro_unit=understudy-pooler-ro.service
readonly router_unit=understudy-pooler-route.service
# Of a change of primary that clients are to wait for: "<uptime at its end> <node> <address> <port> <address> <port> <ms>", of who is about to
# lead, of who leads, and how long open transactions are waited for. Gone once the pooler has resumed.
readonly lease=/run/understudy-pooler-route/lease
# There while the router waits for the primary to say that it stops.
readonly attending=/run/understudy-pooler-route/attending
readonly router_bell=/run/understudy-pooler-route/bell
readonly router_answers=/run/understudy-pooler-route/answers
readonly router_said=/run/understudy-pooler-route/said
readonly route=$pooler_etc/route.ini
readonly ro_route=$pooler_etc/route-ro.ini

export PGPASSFILE=$pooler_etc/pgpass PGCONNECT_TIMEOUT=2 PGAPPNAME=understudy-pooler-route

# pooler_port, ro_port, pool_mode, several_hosts: what `pooler` recorded.
load_pooler() {
  [[ -f $pooler_etc/pooler.conf ]] || return 1
  # shellcheck source=/dev/null
  . "$pooler_etc/pooler.conf"
}

# as_pooler SECONDS COMMAND…: nothing that is asked of a pooler, or as it, may hang.
as_pooler() {
  local seconds=$1
  shift
  timeout --signal=INT --kill-after=0.3 "$seconds" setpriv --reuid="$pooler_user" --regid="$pooler_user" --clear-groups -- "$@"
}

# console SECONDS COMMAND…: on the console of the pooler that leads to the primary; PgBouncer lets its own user in.
console() {
  console_of /run/understudy-pooler "$pooler_port" "$@"
}

ro_console() {
  console_of /run/understudy-pooler-ro "$ro_port" "$@"
}

console_of() {
  local directory=$1 at=$2 seconds=$3 command
  local -a commands=()
  shift 3
  for command; do commands+=(-c "$command"); done
  as_pooler "$seconds" "$pgbin/psql" -XA -h "$directory" -p "$at" -U pgbouncer -d pgbouncer "${commands[@]}" 2>&1 </dev/null
}

# console_session SECONDS: the same, with commands from stdin.
console_session() {
  as_pooler "$1" "$pgbin/psql" -XA -h /run/understudy-pooler -p "$pooler_port" -U pgbouncer -d pgbouncer
}

# seconds_of MILLISECONDS: as `timeout` and `read -t` take them.
seconds_of() {
  printf '%d.%03d' "$(($1 / 1000))" "$(($1 % 1000))"
}

# pause_pooler MILLISECONDS [COMMAND…]: waits so long for open transactions. Prints what the pooler says.
pause_pooler() {
  console "$(seconds_of "$1")" PAUSE "${@:2}"
}

# leads_to FILE HOSTS PORT: the route in FILE leads there from the next RELOAD on. Status 1: it did so already.
# It is made durable after the reload: until then nobody waits for a disk.
leads_to() {
  local file=$1 content
  printf -v content '; Written by Understudy: where clients are led to.\n[databases]\n* = host=%s port=%s' "$2" "$3"
  [[ ! -f $file || $(<"$file") != "$content" ]] || return 1
  (umask 027 && printf '%s\n' "$content" >"$file.new")
  mv -f "$file.new" "$file"
}

# resume_pooler: takes its route anew, and its clients go on. Status 1: it does not answer.
resume_pooler() {
  local said
  said=$(console 3 RELOAD RECONNECT RESUME) || true
  [[ $said == *RESUME* || $said == *'not paused'* ]]
}

uptime_seconds() {
  local seconds
  read -r seconds _ </proc/uptime
  printf '%d' "${seconds%.*}"
}

# The router looks at once, instead of at its next turn.
ring_router() {
  [[ ! -p $router_bell ]] || echo 1<>"$router_bell"
}

# target_says NODE token|revoke: the state of the promise of NODE to take over (armed, revoked, taken, leads, …), after it was asked to end it;
# nothing where it does not answer.
target_says() {
  local target=$1 token=()
  # An agent lets go by itself where the primary does not stop; where it has stopped, the two decide without the poolers.
  ! has_agent || return 0
  if [[ $target == "$node" ]]; then
    [[ $2 == token ]] || revoke_token || true
    read_token
    printf '%s\n' "$token_state"
    return 0
  fi
  read -ra token <<<"$(ask_peer "$target" token)" || true
  if [[ $2 == revoke && ${token[3]:-} == armed ]]; then
    read -ra token <<<"$(ask_peer "$target" "revoke ${token[0]} ${token[1]} ${token[2]}")" || true
  fi
  printf '%s\n' "${token[3]:-}"
}
