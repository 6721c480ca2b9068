#!/usr/bin/env bash
# The Docker engine that the docker target and the tests run on: whatever needs it starts it. Sourced, it gives ensure_docker and
# stop_docker_if_ours; called, `docker.sh start` and `docker.sh stop` run them.
set -euo pipefail
# shellcheck source=scripts/setup/common.sh
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/common.sh"

# One engine serves the whole machine, whichever checkout has started it.
DOCKER_RUN=/run/understudy
DOCKER_PID=$DOCKER_RUN/dockerd.pid
DOCKER_LOG=/var/log/understudy-dockerd.log
DOCKER_READY_SECONDS=60

docker_answers() { timeout 10 docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }

ensure_docker() {
  if ! { command -v docker >/dev/null && docker_answers; }; then provide_docker; fi
  # Whoever uses the engine says so: a build that runs in another checkout shows in no list of containers.
  if [[ -d $DOCKER_RUN/users ]]; then
    began $$ >"$DOCKER_RUN/users/$$"
    docker_has_other_users || true
  fi
}

provide_docker() {
  if [[ -n ${DOCKER_HOST:-} ]]; then
    fail "the Docker engine at DOCKER_HOST ($DOCKER_HOST) does not answer" "start it, or unset DOCKER_HOST"
  fi
  if ! command -v dockerd >/dev/null || ! command -v docker >/dev/null; then
    apt_install docker.io iptables || fail "Docker is not installed" "install Docker Engine and start it"
  fi
  can_be_root || fail "the Docker engine does not run, or this user may not use it" \
    "start it, and add the user to the group docker"
  with_lock "$UNDERSTUDY_CACHE/docker.lock" start_docker
}

start_docker() {
  if docker_answers; then return; fi
  # An engine that the system looks after is left to the system.
  if [[ -d /run/systemd/system ]] && as_root systemctl start docker 2>/dev/null; then
    wait_for_docker || fail "the Docker engine was started and does not answer" "see: journalctl -u docker"
    return
  fi
  say "starting the Docker engine ..."
  as_root install -d -m 1777 "$DOCKER_RUN/users"
  forget_stale_pid "$DOCKER_PID" dockerd
  forget_stale_pid /run/docker/containerd/containerd.pid containerd
  # shellcheck disable=SC2016 # the inner shell expands them
  as_root sh -c 'setsid dockerd --pidfile "$1" >>"$2" 2>&1 </dev/null &' sh "$DOCKER_PID" "$DOCKER_LOG"
  wait_for_docker || {
    as_root tail -n 15 "$DOCKER_LOG" >&2 || true
    fail "the Docker engine did not become ready in $DOCKER_READY_SECONDS s" "its log is $DOCKER_LOG"
  }
}

# An engine that was killed leaves files with process ids, and takes whoever has the number now for itself.
forget_stale_pid() {
  local pid
  pid=$(as_root cat "$1" 2>/dev/null || true)
  if [[ -n $pid && $(cat "/proc/$pid/comm" 2>/dev/null) != "$2" ]]; then as_root rm -f "$1"; fi
}

wait_for_docker() {
  local deadline=$((SECONDS + DOCKER_READY_SECONDS))
  until docker_answers; do
    if ((SECONDS >= deadline)); then return 1; fi
    sleep 0.3
  done
}

# began PID: when a process began, in ticks since the boot. Another one may have its number later.
began() { cut -d ' ' -f 22 "/proc/$1/stat" 2>/dev/null; }

# Whether another run of our scripts that has asked for the engine goes on. Files of runs that are gone are removed.
docker_has_other_users() {
  local file pid known others=1
  for file in "$DOCKER_RUN"/users/*; do
    pid=${file##*/}
    known=$(cat "$file" 2>/dev/null || true)
    # Empty: it is being written.
    if [[ ! -d /proc/$pid || (-n $known && $known != "$(began "$pid")") ]]; then
      rm -f "$file" 2>/dev/null || true
    elif [[ $pid != "$$" ]]; then
      others=0
    fi
  done
  return $others
}

# Only the engine that ensure_docker has started, and only when it runs nothing for anybody.
stop_docker_if_ours() {
  local pid deadline=$((SECONDS + 30))
  rm -f "$DOCKER_RUN/users/$$"
  if docker_has_other_users; then return; fi
  pid=$(cat "$DOCKER_PID" 2>/dev/null || true)
  if [[ -z $pid || $(cat "/proc/$pid/comm" 2>/dev/null) != dockerd ]]; then return; fi
  if [[ -n $(docker ps --quiet 2>/dev/null) ]]; then return; fi
  say "stopping the Docker engine that was started for this"
  as_root kill "$pid"
  while [[ -d /proc/$pid ]] && ((SECONDS < deadline)); do sleep 0.2; done
  as_root rm -f "$DOCKER_PID"
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
  case ${1:-} in
    start) ensure_docker ;;
    stop) stop_docker_if_ours ;;
    *) fail "usage: docker.sh start | stop" ;;
  esac
fi
