# shellcheck shell=bash
# How a postgresql.conf that only a start of PostgreSQL can try comes into force, or is taken back (docs/decisions/configure.md).
# Sourced by `configure`, `restart` and `guard`.

readonly conf=$etc/postgresql.conf
# What waits for `restart`.
readonly candidate=$conf.candidate
# What was in force before the file that is tried now; there until a start with that one has succeeded.
readonly conf_before=$conf.before
# There once a start with the tried file has begun. After a reboot it is gone, and the file is tried once more.
readonly trial=/run/understudy-trial

digest_of() {
  sha256sum <"$1" | cut -d' ' -f1
}

# Prints the names of the settings of `conf` that the candidate changes and only a start puts in force. A warm standby takes no SQL:
# there, it is every one that changes.
needs_start() {
  local names
  names=$({ diff "$conf" "$candidate" || true; } | sed -nE 's/^[<>] ([A-Za-z_][A-Za-z0-9_.$]*) *=.*/\1/p' | sort -u | paste -sd,)
  [[ -n $names ]] || return 0
  if takes_sql; then
    sql -v names="$names" <<<"select string_agg(name, ' ' order by name) from pg_settings
      where context = 'postmaster' and name = any (string_to_array(:'names', ','))"
  else
    printf '%s\n' "${names//,/ }"
  fi
}

# The candidate takes the place of the file in force, which is kept.
begin_trial() {
  local kept=$conf
  # Put there past us: then what the server was started with is known to start.
  if cmp -s "$conf" "$candidate" && [[ -f $started_configuration ]]; then kept=$started_configuration; fi
  if [[ -f $kept && ! -f $conf_before ]]; then
    install -o root -g postgres -m 640 "$kept" "$conf_before.new"
    sync "$conf_before.new"
    mv -f "$conf_before.new" "$conf_before"
  fi
  rm -f "$trial"
  mv -f "$candidate" "$conf"
  sync "$etc"
}

end_trial() {
  rm -f "$conf_before" "$trial"
}

# Before each start: one with the tried file has been begun already and has not succeeded, so the file before is back.
settle_trial() {
  [[ -f $conf_before ]] || return 0
  if [[ -f $trial ]]; then
    echo "understudy: PostgreSQL did not start with the new postgresql.conf: the one before is back" >&2
    mv -f "$conf_before" "$conf"
    sync "$etc"
    rm -f "$trial"
  else
    : >"$trial"
  fi
}

# log_since SECONDS PATTERN: the first lines of PostgreSQL's log since then, or since its stop after that, that match, as far as a terminal may have them.
log_since() {
  journalctl --sync 2>/dev/null || true
  journalctl --no-pager --quiet --output=cat --since="@$1" --unit="$unit" |
    awk -v pattern="$2" '!stopped && /database system is shut down/ { stopped = 1; n = 0; next }
      $0 ~ pattern && !/the database system is / && n < 6 { lines[n++] = $0 }
      END { for (i = 0; i < n; i++) print lines[i] }' |
    tr -cd '\11\12\40-\176\200-\377' | cut -c 1-300 | indented
}
