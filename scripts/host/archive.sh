# shellcheck shell=bash
# WAL reaches the bucket, without a hole from the last backup on to the present timeline, and a base backup is there.
#
# parameters: intent
# outcome: {"stanza"}

require_intent
leads_by_token || refuse "this node does not lead" "Run 'pulumi up' again."

# The WAL files that the archive has to hold: from the beginning of the last backup along the present timeline's history, up to the
# last one that is complete; one a line.
expected_segments() {
  local first=$1 current=$2 size per number final timeline until
  size=$(checked number "$(sql -c "select setting from pg_settings where name = 'wal_segment_size'")")
  per=$((0x100000000 / size))
  number=$((16#${first:8:8} * per + 16#${first:16:8})) timeline=$((16#${first:0:8}))
  while read -r timeline until _; do
    is_number "$timeline" || continue
    is_lsn "$until" || continue
    ((timeline >= 16#${first:0:8})) || continue
    # The segment in which a timeline ends is complete on the next one only.
    final=$((16#${until%/*} * per + 16#${until#*/} / size))
    for (( ; number < final; number++)); do
      printf '%08X%08X%08X\n' "$timeline" $((number / per)) $((number % per))
    done
  done < <(grep -E '^[0-9]' "$pgdata/pg_wal/${current:0:8}.history" 2>/dev/null || true)
  final=$((16#${current:8:8} * per + 16#${current:16:8}))
  for (( ; number < final; number++)); do
    printf '%s%08X%08X\n' "${current:0:8}" $((number / per)) $((number % per))
  done
}

# A standby that was promoted takes what it had received for archived; its old primary may not have got that far.
prove_continuity() {
  local first current name missing='' present
  first=$(grep -oE '"archive":\{"start":"[0-9A-F]{24}"' <<<"$held" | tail -n 1 | grep -oE '[0-9A-F]{24}') || return 0
  current=$(checked segment "$(sql -c 'select pg_walfile_name(pg_current_wal_lsn())')")
  present=$(require_archive repo-ls "archive/$stanza" --recurse | grep -oE '/[0-9A-F]{24}-' | tr -d '/-' | sort)
  for name in $(comm -23 <(expected_segments "$first" "$current" | sort) <(printf '%s\n' "$present")); do
    if [[ -f $pgdata/pg_wal/$name ]]; then
      say "pushing $name, which the former primary had not archived"
      require_archive archive-push --no-archive-async "$pgdata/pg_wal/$name"
    elif [[ ! -f $pgdata/pg_wal/archive_status/$name.ready ]]; then
      missing+="$name "
    fi
  done
  [[ -z $missing ]] || say "WARNING: the archive has a hole: $(wc -w <<<"$missing") WAL files from ${missing%% *} on are missing; recovery from the last backup can't pass it. A new backup is made."
  [[ -z $missing ]]
}

held=$(require_archive info --output=json)
if ! grep -q '"system-id"' <<<"$held"; then
  create_stanza
fi
say "checking that WAL reaches the archive"
require_archive check --archive-timeout=15
if ! grep -q '"backup":\[{' <<<"$held"; then
  say "first full backup"
  require_archive backup --type=full
elif ! prove_continuity; then
  require_archive backup --type=full
fi
result stanza "$stanza"
