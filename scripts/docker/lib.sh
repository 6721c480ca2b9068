# shellcheck shell=bash
# Shared by the scripts that make Docker hosts. Sourced, never run.
#
# Output: a script's result goes to stdout, all else (progress, failures) to stderr. A failure reads "what, where", then
# "HINT: what to do", and ends with exit code 1; wrong use ends with 2.

# shellcheck disable=SC2034  # used by those who source this
LABEL="understudy" # label key: its value is the prefix of the stack that the object belongs to

# say TEXT…: one line of progress.
say() { printf '%s\n' "$*" >&2; }

# die WHAT [HINT]: ends the script.
die() {
  printf 'error: %s\n' "$1" >&2
  if [[ $# -gt 1 ]]; then printf 'HINT: %s\n' "$2" >&2; fi
  exit 1
}

# usage TEXT: wrong use of a script.
usage() {
  printf 'usage: %s\n' "$1" >&2
  exit 2
}

# elapsed SINCE: seconds since $SECONDS was SINCE, for progress lines.
elapsed() { printf '%d s' "$((SECONDS - $1))"; }

# Where locks and logs of these scripts live: per user, never in the project.
cache_dir() {
  local dir="${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/understudy"
  mkdir -p "$dir/locks" "$dir/logs"
  printf '%s' "$dir"
}

# lock NAME [SECONDS]: holds the machine-wide lock NAME until this script ends. The lock lies on an open file, so it goes with
# the process, however that ends. Children that outlive the script must not inherit it: start them with {LOCK_FD}>&-.
lock() {
  local file wait="${2:-600}"
  file="$(cache_dir)/locks/$1"
  exec {LOCK_FD}>"$file"
  if ! flock --nonblock "$LOCK_FD"; then
    flock --wait "$wait" "$LOCK_FD" || die "lock $file was not free within $wait s" "another run of Understudy holds it: see 'fuser $file'"
  fi
}

unlock() { exec {LOCK_FD}>&-; }

need_docker() {
  command -v docker >/dev/null || die "docker is not installed" "install Docker's engine (Debian, Ubuntu: apt-get install docker.io)"
  docker version --format '{{.Server.Version}}' >/dev/null 2>&1 ||
    die "Docker's engine does not answer" "start it (systemctl start docker), or add yourself to the group docker"
}

# run_logged TITLE LOG COMMAND…: runs a long command with its output in LOG and a line of progress every few seconds; shows
# the log's end if it fails.
run_logged() {
  local title="$1" log="$2" since=$SECONDS pid status=0 shown=0
  shift 2
  say "$title …"
  "$@" >"$log" 2>&1 &
  pid=$!
  while kill -0 "$pid" 2>/dev/null; do
    sleep 0.2
    if ((SECONDS - since - shown >= 5)); then
      shown=$((SECONDS - since))
      say "$title … $(elapsed "$since")"
    fi
  done
  wait "$pid" || status=$?
  if [[ $status -ne 0 ]]; then
    tail -n 20 "$log" | sed 's/^/  | /' >&2
    return "$status"
  fi
  say "$title: done in $(elapsed "$since")"
}

# name_ok TEXT: what may be part of the name of a container, volume or network.
name_ok() { [[ $1 =~ ^[A-Za-z0-9][A-Za-z0-9_.-]*$ ]]; }

# label_of KIND NAME KEY: value of a label of a container, volume or network; nothing if the object is not there.
label_of() {
  local path='.Labels'
  if [[ $1 == container ]]; then path='.Config.Labels'; fi
  docker "$1" inspect --format "{{index ($path) \"$3\"}}" "$2" 2>/dev/null || true
}

exists() { docker "$1" inspect "$2" >/dev/null 2>&1; }

# ours KIND NAME PREFIX: ends the script if an object of that name is there and is not this stack's.
ours() {
  local owner
  if ! exists "$1" "$2"; then return 0; fi
  owner="$(label_of "$1" "$2" "$LABEL")"
  [[ $owner == "$3" ]] ||
    die "$1 $2 is there and does not belong to $3 (its label $LABEL is '$owner')" "remove it, or choose another stack name"
}

# retry SECONDS COMMAND…: runs it until it succeeds, for a bounded time; its last message is shown if it never does.
retry() {
  local limit=$((SECONDS + $1)) message
  shift
  while ! message="$("$@" 2>&1)"; do
    if ((SECONDS >= limit)); then
      say "$message"
      return 1
    fi
    sleep 0.3
  done
}
