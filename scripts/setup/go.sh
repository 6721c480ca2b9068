# shellcheck shell=bash
# Finds a Go that can build the modules under offline/, or gets one. Sourced by tools.sh; sets GO.

# From this version on Go fetches the toolchain that a go.mod asks for by itself.
GO_SWITCHES_FROM=21

# Prints the minor version: 26 for go1.26.8.
go_minor() { "$1" env GOVERSION 2>/dev/null | sed -n 's/^go1\.\([0-9]*\).*/\1/p'; }

# Prints the toolchain that the modules ask for, as in "go1.26.0".
go_wanted() {
  local wanted
  wanted=$(sed -n 's/^go \(.*\)/\1/p' "$UNDERSTUDY_ROOT/scripts/s3-server/go.mod")
  if [[ $wanted =~ ^[0-9]+\.[0-9]+$ ]]; then wanted=$wanted.0; fi
  printf 'go%s\n' "$wanted"
}

find_go() {
  local candidate minor
  for candidate in "$(command -v go || true)" /usr/local/go/bin/go /usr/lib/go-*/bin/go; do
    if [[ ! -x $candidate ]]; then continue; fi
    minor=$(go_minor "$candidate")
    if [[ -n $minor ]]; then
      GO=$candidate
      if ((minor >= GO_SWITCHES_FROM)); then return; fi
    fi
  done
  return 1
}

ensure_go() {
  GO=
  if ! find_go && [[ -z $GO ]]; then
    say "No Go is installed."
    apt_install golang-go ca-certificates || true
    find_go || true
  fi
  [[ -n $GO ]] || fail "Go is needed to build tools and is not installed" \
    "install Go 1.$GO_SWITCHES_FROM or newer, or install the Pulumi CLI itself"
  if (($(go_minor "$GO") < GO_SWITCHES_FROM)); then fetch_toolchain; fi
  # Go fetches the toolchain that go.mod asks for where this one is older.
  export GOTOOLCHAIN=auto
}

# An old Go cannot switch toolchains by itself, but it can download the module that a toolchain is.
fetch_toolchain() {
  local system home zip partial
  system=$("$GO" env GOOS)-$("$GO" env GOARCH)
  home=$UNDERSTUDY_CACHE/tools/$(go_wanted).$system
  if [[ ! -x $home/bin/go ]]; then
    partial=$home.partial.$$
    mkdir -p "$partial"
    printf 'module toolchain\n' >"$partial/go.mod"
    (cd "$partial" && run_long "downloading $(go_wanted), because $GO is too old" \
      "$GO" mod download -modcacherw "golang.org/toolchain@v0.0.1-$(go_wanted).$system") ||
      fail "$GO is too old to build the tools, and a newer one cannot be downloaded" \
        "install Go 1.$GO_SWITCHES_FROM or newer"
    zip=$("$GO" env GOMODCACHE)/golang.org/toolchain@v0.0.1-$(go_wanted).$system
    rm -rf "$partial"
    cp -r "$zip" "$partial"
    chmod -R u+w "$partial"
    chmod +x "$partial"/bin/* "$partial"/pkg/tool/*/*
    mv -T "$partial" "$home"
  fi
  GO=$home/bin/go
}
