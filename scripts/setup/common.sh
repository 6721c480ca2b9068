# shellcheck shell=bash
# What all scripts of the project share. Sourced; sets UNDERSTUDY_ROOT.

UNDERSTUDY_ROOT=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.." && pwd)
if [[ -z ${HOME:-} ]]; then
  HOME=$(getent passwd "$(id -u)" | cut -d: -f6)
  export HOME
fi
# shellcheck disable=SC2034 # for those who source this
UNDERSTUDY_CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/understudy
# shellcheck disable=SC2034
UNDERSTUDY_LOCAL=$UNDERSTUDY_ROOT/.understudy

# Progress goes to stderr: stdout belongs to what a command prints for others.
say() { printf '%s\n' "$*" >&2; }

# fail <what is wrong> <what to do>
fail() {
  say "error: $1"
  if [[ $# -gt 1 ]]; then say "HINT: $2"; fi
  exit 1
}

# run_long [--of <lines>] <what> <command...>: runs a command that takes a while and says so every few seconds: the last line that it
# has printed, or, where it is known how many lines it prints, the share of them. What the command prints is kept back, and shown only
# when it fails.
run_long() {
  local what log pid last lines=0 status=0 started=$SECONDS said=$SECONDS interval=10
  if [[ $1 == --of ]]; then
    lines=$2
    shift 2
  fi
  what=$1
  shift
  if [[ -t 2 ]]; then interval=1; fi
  log=$(mktemp "${TMPDIR:-/tmp}/understudy.XXXXXX")
  say "$what ..."
  "$@" >"$log" 2>&1 </dev/null &
  pid=$!
  # A background job of a script ignores the interrupt key, so it is passed on.
  trap 'kill "$pid" 2>/dev/null; rm -f "$log"; exit 130' INT TERM
  while kill -0 "$pid" 2>/dev/null; do
    sleep 0.2
    if ((SECONDS - said >= interval)); then
      said=$SECONDS
      if ((lines > 0)); then
        last="$(($(wc -l <"$log") * 100 / lines)) %"
      else
        last=$(tail -n 1 "$log" | tr -d '\r' | cut -c 1-70)
      fi
      if [[ -t 2 ]]; then printf '\r\033[K' >&2; fi
      printf '  %3d s  %s' "$((SECONDS - started))" "$last" >&2
      if [[ ! -t 2 ]]; then printf '\n' >&2; fi
    fi
  done
  wait "$pid" || status=$?
  trap - INT TERM
  if [[ -t 2 ]] && ((SECONDS - started >= interval)); then printf '\r\033[K' >&2; fi
  if ((status == 0)); then
    say "$what: done in $((SECONDS - started)) s"
  else
    say "$what: failed after $((SECONDS - started)) s with exit code $status"
    # What went wrong stands first with some tools (npm), last with others.
    if (($(wc -l <"$log") > 40)); then
      head -n 12 "$log" >&2
      say "..."
      tail -n 25 "$log" >&2
    else
      cat "$log" >&2
    fi
  fi
  rm -f "$log"
  return "$status"
}

# with_lock <file> <command...>: one at a time, so that two checkouts do not build the same thing twice. What the command
# starts does not inherit the lock: a server would hold it for as long as it runs.
with_lock() {
  local file=$1 status=0
  shift
  mkdir -p "$(dirname "$file")"
  if ! command -v flock >/dev/null; then
    "$@"
    return
  fi
  exec 9>"$file"
  if ! flock --nonblock 9; then
    say "waiting for another run that is doing the same set-up ..."
    flock 9
  fi
  "$@" 9>&- || status=$?
  exec 9>&-
  return "$status"
}

as_root() {
  if ((EUID == 0)); then "$@"; else sudo -n "$@"; fi
}

can_be_root() { ((EUID == 0)) || sudo -n true 2>/dev/null; }

# apt_install <package...>: false where there is no apt or no root. One at a time: two images are made side by side, and apt refuses the
# second one. For somebody else's apt it waits.
apt_install() {
  command -v apt-get >/dev/null && can_be_root || return 1
  with_lock "$UNDERSTUDY_CACHE/apt.lock" apt_install_locked "$@"
}

apt_install_locked() {
  local -a install=(env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "$@")
  run_long "installing $*" as_root "${install[@]}" 2>/dev/null && return
  run_long "reading the package lists" as_root apt-get -o DPkg::Lock::Timeout=300 update &&
    run_long "installing $*" as_root "${install[@]}"
}
