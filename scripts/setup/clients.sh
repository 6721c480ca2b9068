#!/usr/bin/env bash
# The clients that the tests connect with (test/clients/), installed and built once, into the user's cache. Prints how each is started:
# `<client> TAB <word> TAB <word> ...`.
set -euo pipefail
# shellcheck source=scripts/setup/tools.sh
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/tools.sh"

CLIENTS=$UNDERSTUDY_ROOT/test/clients

# client_home <folder> <what it is made with...>: where what is made of a folder of clients is kept.
client_home() {
  local hash
  hash=$({ printf '%s\n' "${@:2}" && cat "$CLIENTS/$1"/*; } | sha256sum)
  printf '%s/tools/client-%s-%s\n' "$UNDERSTUDY_CACHE" "$1" "${hash:0:16}"
}

# make_once <home> <command...>: the command makes it, in the folder that is its last argument.
make_once() {
  local home=$1
  shift
  if [[ -d $home ]]; then return; fi
  with_lock "$home.lock" make_locked "$home" "$@"
}

make_locked() {
  local home=$1 partial=$1.partial
  shift
  if [[ -d $home ]]; then return; fi
  rm -rf "$partial"
  mkdir -p "$partial"
  "$@" "$partial"
  mv -T "$partial" "$home"
}

# needs <what it is for> <packages> <command that succeeds where they are there>
needs() {
  if "${@:3}" >/dev/null 2>&1; then return; fi
  # shellcheck disable=SC2086 # several packages
  apt_install $2 || fail "$1 cannot be tested here" "install what Debian has as: $2"
}

make_python() {
  # shellcheck disable=SC2016 # the inner shell expands them
  run_long "installing Python's clients" sh -c \
    'python3 -m venv "$2" && "$2/bin/pip" install --quiet --disable-pip-version-check --no-deps -r "$1/requirements.txt"' \
    sh "$CLIENTS/python" "$1/venv"
}

make_go() {
  ensure_go
  run_long "building Go's client" env CGO_ENABLED=0 GOFLAGS= "$GO" build -C "$CLIENTS/go" "${BUILD_FLAGS[@]}" -o "$1/client" .
}

make_java() {
  run_long "installing Java's client" mvn --batch-mode --quiet --file "$CLIENTS/java/pom.xml" \
    dependency:copy-dependencies "-DoutputDirectory=$1/lib"
  run_long "compiling Java's client" javac -d "$1/classes" "$CLIENTS/java/Client.java"
}

ensure_node_modules
needs "psql" postgresql-client psql --version
needs "Python" "python3 python3-venv" python3 -c 'import ensurepip'
needs "Java" "default-jdk-headless maven" sh -c 'javac -version && mvn --version'
python=$(client_home python "$(python3 --version)")
go=$(client_home go)
java=$(client_home java)
make_once "$python" make_python
make_once "$go" make_go
make_once "$java" make_java

line() { (IFS=$'\t' && printf '%s\n' "$*"); }
line python "$python/venv/bin/python" "$CLIENTS/python/client.py"
line go "$go/client"
line java java -cp "$java/classes:$java/lib/*" Client
line node "$(command -v node)" "$CLIENTS/node/client.mjs"
