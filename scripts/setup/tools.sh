#!/usr/bin/env bash
# The tools that the project runs on. Sourced, it gives the functions ensure_*; called, `tools.sh s3-server`, `tools.sh pgbackrest`, `tools.sh node x86_64` and
# `tools.sh pulumi` print the path of the program. What is installed is used; what is missing is installed, or built once, into the user's cache and
# named by its content, so that all checkouts share it and a new version never meets an old one.
set -euo pipefail
# shellcheck source=scripts/setup/common.sh
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/common.sh"
# shellcheck source=scripts/setup/node.sh
. "$UNDERSTUDY_ROOT/scripts/setup/node.sh"
# shellcheck source=scripts/setup/go.sh
. "$UNDERSTUDY_ROOT/scripts/setup/go.sh"

COMMAND_PLUGIN=pulumi-resource-command
LANGUAGE_HOST=pulumi-language-nodejs
INSTALLER=https://get.pulumi.com
INSTALLER_PROBE_SECONDS=5

# The version of a module that a go.mod names: <folder> <module>
module_version() { sed -n "s|^[[:space:]]*$2 \(v[^ ]*\).*|\1|p" "$UNDERSTUDY_ROOT/$1/go.mod" | head -n 1; }

npm_version() { sed -n "s|^ *\"$1\": \"\([^\"]*\)\".*|\1|p" "$UNDERSTUDY_ROOT/package.json"; }

# --- npm packages -----------------------------------------------------------------------------------------------------

# Whether what lies in node_modules is what the lock file names; npm keeps its own list of what it has put there.
node_modules_match() {
  node - "$UNDERSTUDY_ROOT" <<'JS'
const { readFileSync } = require("node:fs");
const root = process.argv[2];
const packages = (file) => JSON.parse(readFileSync(`${root}/${file}`, "utf8")).packages;
try {
  const installed = packages("node_modules/.package-lock.json");
  const missing = Object.entries(packages("package-lock.json")).some(
    ([path, wanted]) => path !== "" && !wanted.optional && !wanted.devOptional && installed[path]?.version !== wanted.version,
  );
  process.exit(missing ? 1 : 0);
} catch {
  process.exit(1);
}
JS
}

ensure_node_modules() {
  local stamp=$UNDERSTUDY_ROOT/node_modules/.understudy-stamp wanted
  ensure_node
  wanted=$(sha256sum "$UNDERSTUDY_ROOT/package-lock.json")
  wanted=${wanted%% *}
  if [[ -f $stamp && $(<"$stamp") == "$wanted" ]]; then return; fi
  with_lock "$UNDERSTUDY_LOCAL/npm.lock" install_node_modules "$stamp" "$wanted"
}

install_node_modules() {
  local stamp=$1 wanted=$2
  if [[ -f $stamp && $(<"$stamp") == "$wanted" ]]; then return; fi
  if ! node_modules_match; then
    command -v npm >/dev/null || fail "npm is not installed" "install npm, which comes with Node"
    # A registry that lacks the packages of some platform makes `ci` refuse; what is installed is as the lock file says either way.
    run_long "installing npm packages" npm --prefix "$UNDERSTUDY_ROOT" ci --no-audit --no-fund ||
      run_long "installing npm packages in another way" npm --prefix "$UNDERSTUDY_ROOT" install --no-save --no-audit --no-fund ||
      fail "the npm packages could not be installed" "see npm's message above"
  fi
  printf '%s\n' "$wanted" >"$stamp"
}

# --- Go programs ------------------------------------------------------------------------------------------------------

BUILD_FLAGS=(-trimpath -buildvcs=false -mod=readonly)

# Prints where the program of a module folder lies once it is built: <folder> <program>
built_path() {
  local hash
  hash=$({ printf '%s\n' "$2" "${BUILD_FLAGS[@]}" && cat "$UNDERSTUDY_ROOT/$1/go.mod" "$UNDERSTUDY_ROOT/$1/go.sum"; } | sha256sum)
  printf '%s/tools/%s/bin/%s\n' "$UNDERSTUDY_CACHE" "${hash:0:16}" "$2"
}

# build_once <folder> <program> <package> <what> [linker flags]
build_once() {
  local target
  target=$(built_path "$1" "$2")
  if [[ -x $target ]]; then return; fi
  with_lock "$(dirname "$(dirname "$target")").lock" build_locked "$target" "$@"
}

build_locked() {
  local target=$1 folder=$2 program=$3 package=$4 what=$5 flags=${6:-} partial=$1.partial.$$ packages
  local -a hint=("$program could not be built" "the Go modules have to be reachable; or install $program and put it on PATH")
  if [[ -x $target ]]; then return; fi
  ensure_go
  mkdir -p "$(dirname "$target")"
  local -a list=(env CGO_ENABLED=0 GOFLAGS= "$GO" list -C "$UNDERSTUDY_ROOT/$folder" -mod=readonly -deps "$package")
  run_long "downloading the modules of $program" "${list[@]}" || fail "${hint[@]}"
  packages=$("${list[@]}" | wc -l)
  # With -v it names each package that it compiles.
  run_long --of "$packages" "building $what" env CGO_ENABLED=0 GOFLAGS= \
    "$GO" build -C "$UNDERSTUDY_ROOT/$folder" -v "${BUILD_FLAGS[@]}" -ldflags "-s -w $flags" -o "$partial" "$package" ||
    fail "${hint[@]}"
  mv -f "$partial" "$target"
}

# --- the S3 server ----------------------------------------------------------------------------------------------------

# Prints the path of the S3 server that the docker target runs.
ensure_s3_server() {
  if command -v versitygw; then return; fi
  build_once scripts/s3-server versitygw github.com/versity/versitygw/cmd/versitygw "the S3 server (about a minute)" \
    "-X main.Version=$(module_version scripts/s3-server github.com/versity/versitygw)"
  built_path scripts/s3-server versitygw
}

# --- pgBackRest -------------------------------------------------------------------------------------------------------

# Prints the path of the one that the agent is tested with.
ensure_pgbackrest() {
  if command -v pgbackrest; then return; fi
  apt_install pgbackrest || fail "pgBackRest is not installed" "install what Debian has as: pgbackrest"
  command -v pgbackrest
}

# --- the Pulumi CLI ---------------------------------------------------------------------------------------------------

pulumi_version() { module_version offline/pulumi github.com/pulumi/pulumi/pkg/v3; }

build_pulumi() {
  build_once offline/pulumi pulumi github.com/pulumi/pulumi/pkg/v3/cmd/pulumi "the Pulumi CLI from source (once, 4 to 6 minutes)" \
    "-X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=$(pulumi_version)"
}

# Where Pulumi's own installer puts its CLI when we run it.
official_home() { printf '%s/tools/pulumi-%s\n' "$UNDERSTUDY_CACHE" "$(pulumi_version)"; }

# Asked once in a set-up and never again when it does not answer: most machines without it are without it for good.
installer_reachable() {
  [[ -z ${UNDERSTUDY_OFFLINE:-} ]] && command -v curl >/dev/null &&
    curl -fsSL --connect-timeout 3 --max-time "$INSTALLER_PROBE_SECONDS" -o /dev/null "$INSTALLER" 2>/dev/null
}

install_official_pulumi() {
  local version home partial status=0
  version=$(pulumi_version)
  home=$(official_home)
  partial=$home.partial.$$
  rm -rf "$partial"
  mkdir -p "$partial"
  curl -fsSL --max-time 30 -o "$partial/install.sh" "$INSTALLER" &&
    run_long "installing Pulumi $version with its own installer" \
      timeout 600 sh "$partial/install.sh" --version "${version#v}" --install-root "$partial" --no-edit-path || status=$?
  rm -f "$partial/install.sh"
  if ((status == 0)) && [[ -x $partial/bin/pulumi ]]; then
    mv -T "$partial" "$home" || status=$?
  else
    status=1
  fi
  rm -rf "$partial"
  return "$status"
}

# Sets PULUMI to the CLI that is used.
find_pulumi() {
  local candidate
  for candidate in "$(command -v pulumi || true)" "${PULUMI_HOME:-$HOME/.pulumi}/bin/pulumi" \
    "$(official_home)/bin/pulumi" "$(built_path offline/pulumi pulumi)"; do
    if [[ -n $candidate && -x $candidate ]]; then
      PULUMI=$candidate
      return
    fi
  done
  return 1
}

# Puts the CLI, and our stand-ins for those of its plugins that are not there, on PATH.
ensure_pulumi() {
  if ! find_pulumi; then
    say "No Pulumi CLI is installed."
    if ! { installer_reachable && install_official_pulumi; }; then
      say "Pulumi's installer cannot be used here: building from the module sources that offline/pulumi/go.mod names."
      build_pulumi
    fi
    find_pulumi || fail "no Pulumi CLI after the set-up" "install it by hand: see offline/README.md"
  fi
  if [[ $PULUMI == "$(built_path offline/pulumi pulumi)" ]]; then
    use_own_pulumi_home
  elif [[ ! -x $(dirname "$(readlink -f "$PULUMI")")/$LANGUAGE_HOST ]] && ! command -v "$LANGUAGE_HOST" >/dev/null; then
    PATH=$UNDERSTUDY_ROOT/offline/language-host:$PATH
  fi
  ensure_command_plugin
  export PATH
}

# A CLI that we have built looks for plugins in a home of the checkout's own: one that is found there, and not on PATH,
# is used without a warning on every run.
use_own_pulumi_home() {
  export PULUMI_HOME=${PULUMI_HOME:-$UNDERSTUDY_LOCAL/pulumi}
  # Plugins cannot be downloaded where the CLI could not.
  export PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION=true
  command -v "$LANGUAGE_HOST" >/dev/null || place_plugin "language-nodejs-$(pulumi_version)" language-host "$LANGUAGE_HOST"
  command -v "$COMMAND_PLUGIN" >/dev/null ||
    place_plugin "resource-command-v$(npm_version @pulumi/command)" command-plugin "$COMMAND_PLUGIN"
}

# place_plugin <folder of the plugin> <folder in offline/> <program>
place_plugin() {
  local folder=$PULUMI_HOME/plugins/$1 source=$UNDERSTUDY_ROOT/offline/$2/$3
  if [[ $(readlink "$folder/$3") == "$source" ]]; then return; fi
  mkdir -p "$folder"
  ln -sfn "$source" "$folder/$3"
}

command_plugin_installed() {
  command -v "$COMMAND_PLUGIN" >/dev/null ||
    [[ -x ${PULUMI_HOME:-$HOME/.pulumi}/plugins/resource-command-v$1/$COMMAND_PLUGIN ]]
}

ensure_command_plugin() {
  local version
  version=$(npm_version @pulumi/command)
  if command_plugin_installed "$version"; then return; fi
  if ! offline_plugin_decided && installer_reachable; then
    run_long "installing the plugin of @pulumi/command $version" \
      timeout 120 "$PULUMI" plugin install resource command "$version" && return
  fi
  decide_offline_plugin
  PATH=$UNDERSTUDY_ROOT/offline/command-plugin:$PATH
  export PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION=true
}

offline_plugin_decided() { [[ -n $(find "$UNDERSTUDY_CACHE/command-plugin-offline" -mtime -1 2>/dev/null) ]]; }

decide_offline_plugin() {
  if offline_plugin_decided; then return; fi
  mkdir -p "$UNDERSTUDY_CACHE"
  touch "$UNDERSTUDY_CACHE/command-plugin-offline"
}

# `metadata=skip`: no file of attributes beside each file of the state. It is written in place, so a CLI that is killed at it leaves
# it empty, and every command from then on says "failed to load checkpoint: EOF" (gocloud.dev/blob/fileblob, writerWithSidecar).
OUR_BACKEND="file://$UNDERSTUDY_LOCAL/state?metadata=skip"

# State and passphrase are the project's own, except where the user has chosen.
pulumi_environment() {
  export PULUMI_SKIP_UPDATE_CHECK=${PULUMI_SKIP_UPDATE_CHECK:-true}
  if [[ -n ${PULUMI_ACCESS_TOKEN:-} ]]; then return; fi
  if [[ -z ${PULUMI_BACKEND_URL:-} ]]; then
    (umask 077 && mkdir -p "$UNDERSTUDY_LOCAL/state")
    export PULUMI_BACKEND_URL=$OUR_BACKEND
  fi
  if [[ -z ${PULUMI_CONFIG_PASSPHRASE+set} && -z ${PULUMI_CONFIG_PASSPHRASE_FILE:-} ]]; then
    ensure_passphrase "$UNDERSTUDY_LOCAL/passphrase"
    export PULUMI_CONFIG_PASSPHRASE_FILE=$UNDERSTUDY_LOCAL/passphrase
  fi
}

# Made once; `ln` lets only one of two runs at a time make it.
ensure_passphrase() {
  local file=$1 partial=$1.partial.$$
  if [[ -s $file ]]; then return; fi
  mkdir -p "$(dirname "$file")"
  (umask 077 && od -An -N32 -tx1 /dev/urandom | tr -d ' \n' >"$partial")
  ln "$partial" "$file" 2>/dev/null || true
  rm -f "$partial"
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
  case ${1:-} in
    s3-server) ensure_s3_server ;;
    pgbackrest) ensure_pgbackrest ;;
    pulumi) ensure_node_modules && ensure_pulumi && printf '%s\n' "$PULUMI" ;;
    node-modules) ensure_node_modules ;;
    node) node_for_host "${2:?}" ;;
    *) fail "usage: tools.sh s3-server | pgbackrest | pulumi | node-modules | node <processor>" ;;
  esac
fi
