# shellcheck shell=bash
# WAL reaches the bucket, and a base backup is there.
#
# parameters: intent
# outcome: {"stanza"}

require_claim
leads_by_token || refuse_change_of_primary

held=$(require_archive info --output=json)
if ! grep -q '"system-id"' <<<"$held"; then
  create_stanza
fi
say "checking that WAL reaches the archive"
require_archive check
if ! grep -q '"backup":\[{' <<<"$held"; then
  say "first full backup"
  require_archive backup --type=full
fi
result stanza "$stanza"
