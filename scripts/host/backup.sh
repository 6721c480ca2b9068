# shellcheck shell=bash
# backup <node> full|diff|incr: what the timers run on every node; only the primary acts.
# outcome: {"backup"}

type=${1:?full, diff or incr}
if ! is_active || in_recovery; then
  result backup none
  return 0
fi
require_archive backup --type="$type"
result backup "$type"
