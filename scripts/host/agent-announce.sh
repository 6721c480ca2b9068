# shellcheck shell=bash
# This node knows the update, and what was armed for an older one is not any more. A primary that has to get rid of what is open in the ledger claims.
#
# parameters: intent archive_id released (standbys that commits wait for and that are taken away, or have to be copied first; separated by spaces) request (of the agent's step, as JSON)
# outcome: {"node","intent","plan"}

require_volume
printf '%s\n' "$intent" | write_file "$state/intent" root:root 600 || true
printf '%s' "$archive_id" | write_file "$state/archive-known" root:root 600 || true
agent_step announce "$request"
# Before anything of this update waits for one of them.
if [[ -n $released ]] && leads_by_token && is_active; then release_standbys "$released"; fi
result node "$node" intent "$intent" 'plan#' "$agent_said"
