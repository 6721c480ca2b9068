# shellcheck shell=bash
# Shared by the scripts that make Docker hosts. Sourced, never run. What a script gives goes to stdout; progress and failures
# go to stderr. Exit code 1: it failed; 2: wrong use.

# shellcheck source=scripts/setup/docker.sh
source "$(dirname "${BASH_SOURCE[0]}")/../setup/docker.sh"

# shellcheck disable=SC2034  # used by those who source this
LABEL="understudy" # label key: its value is the prefix of the stack that the object belongs to

# usage TEXT: wrong use of a script.
usage() {
  printf 'usage: %s\n' "$1" >&2
  exit 2
}

# lock NAME [SECONDS]: holds the machine-wide lock NAME until this script ends. The lock lies on an open file, so it goes with
# the process, however that ends. Children that outlive the script must not inherit it: start them with {LOCK_FD}>&-.
lock() {
  local file wait="${2:-600}"
  mkdir -p "$UNDERSTUDY_CACHE/locks"
  file="$UNDERSTUDY_CACHE/locks/$1"
  exec {LOCK_FD}>"$file"
  if ! flock --nonblock "$LOCK_FD"; then
    flock --wait "$wait" "$LOCK_FD" || fail "lock $file was not free within $wait s" "another run of Understudy holds it: see 'fuser $file'"
  fi
}

unlock() { exec {LOCK_FD}>&-; }

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
    fail "$1 $2 is there and does not belong to $3 (its label $LABEL is '$owner')" "remove it, or choose another stack name"
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
