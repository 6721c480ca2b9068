# shellcheck shell=bash
# This node knows the intent; whatever still runs for an older one stops at its next look, and whoever was armed for one is not
# any more.
#
# parameters: intent kind released (standbys that commits wait for and that are taken away, or have to be copied first; separated by spaces)
# outcome: {"node","intent"}

require_volume
printf '%s\n' "$intent" | write_file "$state/intent" root:root 600 || true
write_file "$state/archive-known" root:root 600 <"$etc/archive" || true
if revoke_token; then
  say "was to take over by change $token_epoch, and is not any more"
fi
# Before anything of this update waits for one of them.
if [[ -n $released ]] && leads_by_token && is_active; then release_standbys "$released"; fi
# The first of the two checkpoints before a planned stop: here, because later clients may have to wait.
if [[ $kind == switchover ]] && leads_by_token && is_active; then
  sql -c checkpoint
fi
result node "$node" intent "$intent"
