# shellcheck shell=bash
# What root reads and writes below the data directory is root's. Sourced by `install`, which takes along what an earlier version left to user postgres.

readonly peer_user=understudy-peer

# Whoever may change a directory above may put another one in the place of the data directory.
require_roots_above() {
  local above owner mode
  above=$(realpath -m "$data_directory")
  while [[ $above != / ]]; do
    above=${above%/*} above=${above:-/}
    [[ -e $above ]] || continue
    read -r owner mode < <(stat -c '%U %a' "$above")
    if [[ $owner != root ]] || ((8#$mode & 8#22 && !(8#$mode & 8#1000))); then
      refuse "the data directory $data_directory is below $above, which others than root may change" \
        "Give that directory to root (chown root $above; chmod go-w $above), or move the data directory. Nothing was changed."
    fi
  done
}

# The user as which another node asks this one who leads: it can do nothing else (see `peer`). What lets it in is root's.
make_peer_user() {
  getent passwd "$peer_user" >/dev/null ||
    attempt "user $peer_user cannot be made" "Make it on the host: useradd --system --user-group --password '*' --home-dir $etc/peer --shell /bin/sh $peer_user" \
      useradd --system --user-group --password '*' --no-create-home --home-dir "$etc/peer" --shell /bin/sh "$peer_user"
  install -d -m 755 "$etc/peer" "$etc/peer/.ssh"
  write_file "$etc/peer/.ssh/authorized_keys" root:root 644 <<<"restrict,command=\"$here/peer\" $peer_public_key" || true
  # Earlier versions let peers in as postgres.
  # shellcheck disable=SC2016  # the inner shell's
  as_postgres sh -c 'sed -i "/ understudy-peer\$/d" ~/.ssh/authorized_keys' 2>/dev/null || true
}

# The directory is closed first; from then on nobody changes what is in it. Files are made anew: somebody may hold the old ones open.
own_state() {
  local file
  if [[ -L $state || (-e $state && ! -d $state) ]]; then rm -f "$state"; fi
  [[ -d $state ]] || install -d -m 700 "$state"
  if [[ $(stat -c '%U:%G %a' "$state") != "root:$peer_user 2775" ]]; then
    chown root:root "$state"
    chmod 00755 "$state"
    while IFS= read -r -d '' file; do
      case ${file##*/} in
        archive-known | intent | joined | changed | needs | resumes | rewinding | journal | token)
          if [[ -f $file && ! -L $file ]]; then
            cat "$file" >"$file.own"
            mv -f "$file.own" "$file"
            continue
          fi
          ;;
      esac
      rm -rf "$file"
    done < <(find "$state" -mindepth 1 -maxdepth 1 -print0)
    [[ ! -f $state/token ]] || chmod 644 "$state/token"
  fi
  [[ -f $state/token.lock ]] || install -m 660 -g "$peer_user" /dev/null "$state/token.lock"
  [[ -f $state/push.lock ]] || install -m 644 /dev/null "$state/push.lock"
  chgrp "$peer_user" "$state"
  chmod 02775 "$state"
}

# own_directory PATH: of files that root writes and postgres reads.
own_directory() {
  if [[ $(stat -c '%U %a' "$1") != 'root 755' ]]; then
    chown root:root "$1"
    chmod 755 "$1"
    find "$1" -mindepth 1 -maxdepth 1 ! -type f -exec rm -rf {} +
  fi
}
